"""Mosaics of simulated fields against the simulator's truth (reduced variants of ``make truth``)."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from truthkit.measures import blank_sky, constant_sky_error, star_errors
from truthkit.runs import BLANK_FIELD, CLEAN_FIELD, CONSTANT_FIELD, make_mosaic, simulate

SMALL = {"n_aors": 2, "dithers_per_aor": 6, "field_size_arcmin": 1.0}

pytestmark = pytest.mark.xdist_group("truth")


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clean")
    return simulate(folder / "frames", seed=11, sip="cryo", mission="cryo", **SMALL, **CLEAN_FIELD)


@pytest.mark.parametrize(("sip", "mission"), [("cryo", "cryo"), ("warm", "warm")])
@pytest.mark.parametrize("combine", ["weighted", "median-exptime"])
def test_constant_sky_is_conserved(tmp_path: Path, sip: str, mission: str, combine: str) -> None:
    frames = simulate(
        tmp_path / "frames",
        sip=sip,
        mission=mission,
        n_aors=1,
        dithers_per_aor=3,
        truth_image=False,
        **CONSTANT_FIELD,
    )
    levels = Table.read(frames / "truth" / "truth_frames.ecsv")["background"]
    mosaic = make_mosaic(frames, tmp_path / "out", background="none", combine=combine)
    assert np.ptp(np.array(levels)) == 0
    assert constant_sky_error(mosaic, float(levels[0])) < 1e-6
    assert mosaic.coverage.max() == 3


def test_star_fluxes_and_positions_are_unbiased(clean: Path, tmp_path: Path) -> None:
    errors = star_errors(make_mosaic(clean, tmp_path), clean / "truth")
    assert errors.n >= 60
    assert abs(errors.flux_bias) < 0.003 + 2 * errors.flux_bias_error
    assert errors.flux_bias_error < 0.002
    assert errors.position_bias_mas < 10
    assert errors.position_rms_mas < 25


def test_exposure_weights_are_as_unbiased(clean: Path, tmp_path: Path) -> None:
    mosaic = make_mosaic(clean, tmp_path, weights="exposure")
    assert set(np.round(np.array(mosaic.inputs["weight"]), 3)) == {26.8, 93.6}
    errors = star_errors(mosaic, clean / "truth")
    assert abs(errors.flux_bias) < 0.003 + 2 * errors.flux_bias_error


def test_the_median_biases_star_fluxes_by_less_than_a_per_cent(clean: Path, tmp_path: Path) -> None:
    mosaic = make_mosaic(clean, tmp_path, combine="median-exptime")
    errors = star_errors(mosaic, clean / "truth", rule="median-exptime")
    # The sign depends on the number of frames per class.
    assert abs(errors.flux_bias) < 0.01


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("blank")
    return simulate(folder / "frames", seed=5, sip="warm", mission="warm", **SMALL, **BLANK_FIELD)


@pytest.mark.parametrize(
    ("combine", "missing"), [("weighted", False), ("weighted", True), ("median-exptime", False)]
)
def test_blank_apertures_scatter_as_stated(blank: Path, tmp_path: Path, combine: str, missing: bool) -> None:
    """The stated sigma is within 10 % of the true scatter, with uncertainty frames and without."""
    left_out = shutil.ignore_patterns("*_cbunc.fits" if missing else "")
    frames = Path(shutil.copytree(blank, tmp_path / "frames", ignore=left_out))
    mosaic = make_mosaic(frames, tmp_path / "out", combine=combine)
    sky = blank_sky(mosaic, frames / "truth", n=2000, min_frames=4)
    assert sky.n > 1000
    assert sky.sigma_ratio == pytest.approx(1.0, abs=0.10)
    assert set(mosaic.inputs["unc_source"]) == ({"estimated"} if missing else {"file"})


def test_background_of_each_frame_is_recovered(tmp_path: Path) -> None:
    frames = simulate(tmp_path / "frames", seed=6, **SMALL, **BLANK_FIELD)
    inputs = make_mosaic(frames, tmp_path / "out").inputs
    truth = Table.read(frames / "truth" / "truth_frames.ecsv")
    by_name = {Path(row["file"]).name: row for row in truth}
    pulls = [(r["sky"] - by_name[Path(r["file"]).name]["background"]) / r["sky_error"] for r in inputs]
    assert len(pulls) == 12
    assert np.max(np.abs(pulls)) < 5
    assert np.mean(pulls) == pytest.approx(0, abs=1.2)


def test_the_same_seed_gives_the_same_mosaic(clean: Path, tmp_path: Path) -> None:
    again = simulate(tmp_path / "again", seed=11, sip="cryo", mission="cryo", **SMALL, **CLEAN_FIELD)
    one = make_mosaic(clean, tmp_path / "one")
    two = make_mosaic(again, tmp_path / "two")
    np.testing.assert_array_equal(one.sci, two.sci)
    np.testing.assert_array_equal(one.unc, two.unc)
