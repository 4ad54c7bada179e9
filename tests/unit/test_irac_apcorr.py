"""Aperture corrections, flux units and calibration versions."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.irac.apcorr import CRYO, WARM, calibration_factor, lookup, magnitude, mjy_per_sum
from photomitrus_cli.irac.responses import Aperture


@pytest.mark.parametrize(
    ("mission", "channel", "aperture", "factor"),
    [
        ("cryo", 1, (10, 12, 20), 1.0),
        ("cryo", 4, (2, 2, 6), 1.568),
        ("cryo", 2, (3.0, 3.0, 7.0), 1.120),
        ("warm", 2, (3, 3, 7), 1.1336),
        ("warm", 1, (12, 12, 20), 0.9931),
        ("warm", 1, (10, 12, 20), 1.0),
    ],
)
def test_published_factors(
    mission: str, channel: int, aperture: tuple[float, float, float], factor: float
) -> None:
    assert lookup(mission, channel, *aperture) == factor  # type: ignore[arg-type]


@pytest.mark.parametrize(("mission", "table"), [("cryo", CRYO), ("warm", WARM)])
def test_larger_apertures_lose_less(mission: str, table: Mapping[Aperture, tuple[float, ...]]) -> None:
    for channel in range(len(table[10, 12, 20])):
        wide = {radii[0]: factors[channel] for radii, factors in table.items() if radii[1:] == (12, 20)}
        values = [wide[radius] for radius in sorted(wide)]
        assert sorted(wide)[:7] == [2, 3, 4, 5, 6, 8, 10]
        assert values == sorted(values, reverse=True)
        # Annuli close to the star take some of its light: a few times 0.001 to 0.02 more.
        for near in ((2, 2, 6), (3, 3, 7), (5, 5, 10)):
            assert 0.005 < lookup(mission, channel + 1, *near) - wide[near[0]] < 0.025, (near, channel)  # type: ignore[arg-type]
        assert max(abs(value - 1.0) for value in values) < 0.6


def test_unknown_combinations_name_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"aperture 3 12 21 in the cryo mission .*3 12 20, .*--ap-corr"):
        lookup("cryo", 1, 3, 12, 21)
    with pytest.raises(ConfigError, match=r"channel 3 of the warm mission .*--ap-corr"):
        lookup("warm", 3, 3, 3, 7)
    # A set of the other mission is no substitute.
    with pytest.raises(ConfigError, match="12 12 20"):
        lookup("cryo", 1, 12, 12, 20)


def test_units_of_a_sum() -> None:
    # IRAC Instrument Handbook: 8.461595 uJy per MJy/sr in a mosaic pixel of 0.6 arcsec.
    assert mjy_per_sum(1, 0.6) == pytest.approx(8.461595e-3, rel=5e-6)
    assert mjy_per_sum(1) == pytest.approx(1.221**2 / 206265**2 * 1e9, rel=1e-15)
    for channel, length in ((5, None), (1, 0.0), (1, math.nan)):
        with pytest.raises(ConfigError):
            mjy_per_sum(channel, length)


def test_magnitudes() -> None:
    assert magnitude(280.9e3, 1) == pytest.approx(0.0, abs=1e-12)
    assert magnitude(0.649e3, 4) == pytest.approx(5.0, abs=1e-12)
    assert math.isnan(magnitude(-1.0, 2))


@pytest.mark.parametrize(
    ("creator", "factors"),
    [("S18.18.0", (1.0, 1.0, 0.968, 0.973)), ("S18.18", (1.0, 1.0, 0.968, 0.973))]
    + [(version, (1.0,) * 4) for version in ("S18.25.0", "S19.2.0", "S18.180.0", "", "S18.1.0")],
)
def test_fluxes_of_pipeline_18_18_are_wrong(creator: str, factors: tuple[float, ...]) -> None:
    assert tuple(calibration_factor(creator, channel) for channel in (1, 2, 3, 4)) == factors
