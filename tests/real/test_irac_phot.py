"""Photometry of real Spitzer/IRAC frames: scatter between exposures, and the archive's own images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from truthkit.photometry import robust_sigma
from truthkit.realphot import LARGE, SMALL, XO3, dithered, frame_deviations, scatter_percent, xo3

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.irac.phot import photometer

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("real")]


@pytest.mark.parametrize("aperture", [SMALL, LARGE])
def test_subarray_exposures_agree_to_a_tenth_of_a_per_cent(
    real_data: Path, aperture: tuple[int, int, int]
) -> None:
    table = xo3(real_data, aperture)
    assert len(table) == 5
    corrected, raw = scatter_percent(table), scatter_percent(table, "Flux_uncorrected (mJy)")
    assert corrected <= 0.10
    assert corrected < raw
    # The errors of the exposures are of the size of their scatter or above it, not below.
    assert np.median(table["Error (mJy)"]) > 0.5 * np.std(table["Flux (mJy)"], ddof=1)


def test_the_matched_functions_are_no_worse_than_those_of_the_original(real_data: Path) -> None:
    matched, seed = (scatter_percent(xo3(real_data, SMALL, functions=name)) for name in ("matched", "seed"))
    assert matched <= 1.05 * seed


def test_apertures_agree_after_their_corrections(real_data: Path) -> None:
    folder = real_data / "irac-subarray-xo3"
    aors, _, problems = photometer([folder], XO3, apertures=[SMALL, (5, 5, 10)])
    assert problems == []
    assert aors["Flux (mJy)"][1] == pytest.approx(aors["Flux (mJy)"][0], rel=0.01)
    assert set(aors["Mission"]) == {"WARM"}
    assert set(aors["Read Mode"]) == {"SUB"}
    assert set(aors["Workable/Total Files in AOR"]) == {"5/5"}


@pytest.mark.parametrize("aperture", [SMALL, LARGE])
def test_cubes_combined_as_the_archive_does_are_its_images(
    real_data: Path, aperture: tuple[int, int, int]
) -> None:
    cubes = xo3(real_data, aperture, subarray="archive")
    images = xo3(real_data, aperture, filetype="sub2d")
    assert [name.replace("_bcd", "_sub2d") for name in cubes["File"]] == list(images["File"])
    for name in ("Xc", "Yc", "Res_Flux", "Flux (mJy)", "Background"):
        np.testing.assert_allclose(cubes[name], images[name], rtol=1e-6, err_msg=name)


def test_planes_average_to_the_cube(real_data: Path) -> None:
    planes, cubes = xo3(real_data, SMALL, subarray="planes"), xo3(real_data, SMALL)
    assert len(planes) == 5 * 64
    means = [np.median(planes["Flux (mJy)"][planes["EXPID"] == expid]) for expid in cubes["EXPID"]]
    np.testing.assert_allclose(means, cubes["Flux (mJy)"], rtol=3e-3)
    # Each is as noisy as its error says.
    sigma = robust_sigma(np.array(planes["Flux (mJy)"]))
    assert np.median(planes["Error (mJy)"]) == pytest.approx(sigma, rel=0.25)


@pytest.fixture(scope="module")
def images(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Table:
    """Stars on dithered frames."""
    return dithered(real_data, tmp_path_factory.mktemp("pairs"))


def test_stars_of_dithered_frames_agree_to_one_and_a_half_per_cent(images: Table) -> None:
    corrected, raw = (frame_deviations(images, name) for name in ("Flux (mJy)", "Flux_uncorrected (mJy)"))
    assert corrected.size >= 60
    mad = np.median(np.abs(corrected))
    assert mad <= 0.015
    assert mad < 0.9 * np.median(np.abs(raw))


def test_stars_off_some_frames_are_told(images: Table) -> None:
    off = images[images["Not In FOV"] == "Y"]
    assert 0 < len(off) < len(images)
    assert np.isnan(off["Flux (mJy)"]).all()
    assert set(off["Used"]) == {"N"}
    used = images[images["Used"] == "Y"]
    assert np.median(used["Offset"]) < 0.3
    assert set(images["Mission"]) == {"CRYO"}


@pytest.mark.parametrize("functions", ["hora", "reach"])
def test_the_older_functions_are_of_the_cryogenic_mission(real_data: Path, functions: str) -> None:
    with pytest.raises(ConfigError, match="cryogenic"):
        xo3(real_data, SMALL, functions=functions)
