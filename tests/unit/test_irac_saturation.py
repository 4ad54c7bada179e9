"""Saturation by flux."""

from __future__ import annotations

import numpy as np
import pytest

from photomitrus_cli.errors import ConfigError, InputError
from photomitrus_cli.irac.saturation import (
    WELL_DN,
    Mission,
    is_saturated,
    saturation_flux_mjy,
)


@pytest.mark.parametrize(
    ("channel", "mission", "gain", "fluxconv", "area_sr", "share", "well"),
    [
        (1, "cryo", 3.3, 0.1088, 3.504e-11, 0.296, 145e3),
        (2, "cryo", 3.71, 0.1388, 3.458e-11, 0.286, 163e3),
        (3, "cryo", 3.8, 0.5952, 3.510e-11, 0.212, 209e3),
        (1, "warm", 3.7, 0.1257, 3.504e-11, 0.296, 111e3),
        (2, "warm", 3.71, 0.1447, 3.458e-11, 0.286, 111e3),
        (4, "cryo", 3.8, 0.2021, 3.498e-11, 0.171, 209e3),
    ],
)
def test_the_limit_fills_the_well(
    channel: int, mission: Mission, gain: float, fluxconv: float, area_sr: float, share: float, well: float
) -> None:
    """Electrons in the brightest pixel of a source at the limit, from the flux down."""
    limit = saturation_flux_mjy(channel, 12.0, mission)
    surface = limit * 1e-9 * share / area_sr
    assert surface / fluxconv * gain * 12.0 == pytest.approx(well, rel=0.01)


def test_the_limit_goes_with_the_frame_time() -> None:
    assert saturation_flux_mjy(1, 0.4, "cryo") == pytest.approx(75.0 * saturation_flux_mjy(1, 30.0, "cryo"))
    assert saturation_flux_mjy(1, 2.0, "warm") < saturation_flux_mjy(1, 2.0, "cryo")


def test_a_saturated_star_reads_low_and_is_told() -> None:
    """HD 165459 in warm frames, 648 and 416 mJy: what frames of each time measured."""
    times = [0.4, 0.6, 2.0, 6.0, 12.0, 30.0]
    told = is_saturated([648.0, 652.0, 537.0, 343.0, 250.0, 147.0], 1, times, "warm")
    assert told.tolist() == [False, False, True, True, True, True]
    told = is_saturated([416.0, 417.0, 404.0, 291.0, 235.0, 147.0], 2, times, "warm")
    assert told.tolist() == [False, False, True, True, True, True]


def test_no_flux_is_not_saturated() -> None:
    assert is_saturated([np.nan, 1e6], 3, 0.6, "cryo").tolist() == [False, True]


@pytest.mark.parametrize(("channel", "mission"), [(3, "warm"), (0, "cryo"), (5, "cryo"), (1, "hot")])
def test_unknown_detectors_are_refused(channel: int, mission: Mission) -> None:
    with pytest.raises(ConfigError, match="no channel"):
        saturation_flux_mjy(channel, 2.0, mission)


@pytest.mark.parametrize("time", [0.0, -1.0, np.nan, np.inf])
def test_frame_times_must_be_positive(time: float) -> None:
    with pytest.raises(InputError, match="frame time"):
        saturation_flux_mjy(1, time, "cryo")
    with pytest.raises(InputError, match="frame time"):
        is_saturated([1.0, 2.0], 1, [0.4, time], "cryo")


def test_every_channel_has_a_well() -> None:
    assert {mission: sorted(wells) for mission, wells in WELL_DN.items()} == {
        "cryo": [1, 2, 3, 4],
        "warm": [1, 2],
    }
