"""What photutils measures on simulated stars is their true flux times the response, in every mode."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Row
from truthkit.photfield import (
    PhotometryField,
    aperture_correction,
    flux_of_snr,
    net_flux,
    photometry_field,
)

from photomitrus_cli.simulate.iracfacts import MEAN_PIXEL_ARCSEC, Mission, ReadMode

MODES: list[tuple[int, Mission, ReadMode]] = [
    (1, "warm", "full"),
    (2, "cryo", "full"),
    (3, "cryo", "full"),
    (4, "cryo", "full"),
    (1, "warm", "sub"),
    (2, "warm", "sub"),
    (3, "cryo", "sub"),
    (4, "cryo", "sub"),
]
CALIBRATION = (10.0, 12.0, 20.0)
SMALL = (3.0, 3.0, 7.0)


def image(field: PhotometryField, row: Row) -> Any:
    data = fits.getdata(field.folder / str(row["file"])).astype(np.float64)
    return data if data.ndim == 2 else data.mean(axis=0)


def ratios(field: PhotometryField, radii: tuple[float, float, float]) -> Any:
    """Measured over true flux on every frame, the responses divided out."""
    per_mjy_sr = (MEAN_PIXEL_ARCSEC[field.channel] * np.pi / 648_000.0) ** 2 * 1e12
    target = field.targets[0]
    rows = field.of(int(target["id"]))
    sums = [net_flux(image(field, row), row["x"], row["y"], *radii) for row in rows]
    return np.array(sums) * per_mjy_sr / (rows["r_al"] * rows["r_pp"]) / target["flux"]


@pytest.mark.parametrize(("channel", "mission", "readmode"), MODES)
def test_aperture_photometry_gives_the_true_flux(
    channel: int, mission: Mission, readmode: ReadMode, tmp_path: Path
) -> None:
    field = photometry_field(
        tmp_path, channel=channel, mission=mission, readmode=readmode, noise=False, n_aors=1, dithers=10
    )
    assert len(field.targets) == 1
    assert len(field.of(0)) == 10
    assert np.ptp(field.of(0)["x"]) > 1.0
    plain = ratios(field, CALIBRATION)
    # The annulus of 20 px is wider than a subarray: the wings in what is left of it take 0.3 %.
    assert plain.mean() == pytest.approx(1.0 if readmode == "full" else 0.997, abs=3e-4)
    for radii in (CALIBRATION, SMALL):
        own = ratios(field, radii) * aperture_correction(channel, *radii, readmode=readmode)
        assert own.mean() == pytest.approx(1.0, abs=5e-4)


@pytest.mark.parametrize("readmode", ["full", "sub"])
def test_noise_leaves_the_mean_flux_alone(readmode: ReadMode, tmp_path: Path) -> None:
    field = photometry_field(tmp_path, readmode=readmode, n_aors=1, dithers=30, seed=3)
    own = ratios(field, CALIBRATION) * aperture_correction(1, *CALIBRATION, readmode=readmode)
    assert own.mean() == pytest.approx(1.0, abs=0.003)
    # The annulus of a subarray has half the pixels that the ratio counts on.
    assert own.std() == pytest.approx(1.0 / 300.0, rel=0.5)


@pytest.mark.parametrize("brightness", ["bright", "faint"])
def test_a_grid_of_stars_has_several_targets(brightness: Literal["bright", "faint"], tmp_path: Path) -> None:
    field = photometry_field(
        tmp_path, stars="grid", brightness=brightness, n_aors=1, dithers=2, accidents=True
    )
    assert 4 <= len(field.targets) <= 12
    flux = flux_of_snr(300.0 if brightness == "bright" else 20.0, 1, "warm", "full", 30.0)
    assert np.asarray(field.targets["flux"]) == pytest.approx(np.full(len(field.targets), flux))
    for target in field.targets:
        rows = field.of(int(target["id"]))
        assert len(rows) == 2
        assert rows["x"].min() > 20.0
        assert rows["y"].max() < 235.0
