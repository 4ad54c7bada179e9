"""Mosaics of real Spitzer/IRAC frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from truthkit.dither import Comparison, compare, measure_frames
from truthkit.runs import make_mosaic

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("real")]


@pytest.fixture(scope="module")
def comparisons(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Comparison]:
    folder = real_data / "irac-dither"
    frames = sorted((folder / "r17577216-ch1").glob("*_clean.fits"))
    out = tmp_path_factory.mktemp("dither")
    result = {}
    for rule in ("weighted", "median-exptime"):
        mosaic = make_mosaic(folder / "r17577216-ch1", out / rule, filetype="clean", combine=rule)
        field = measure_frames(frames, folder / "gaia" / "gaia_2mass0415.csv", mosaic)
        result[rule] = compare(mosaic, field)
    return result


def test_fluxes_are_those_of_the_frames(comparisons: dict[str, Comparison]) -> None:
    weighted = comparisons["weighted"]
    assert weighted.n >= 8
    assert abs(weighted.flux_ratio - 1) <= max(0.01, 2 * weighted.flux_ratio_error)
    assert weighted.flux_ratio_error < 0.01


def test_the_median_loses_flux(comparisons: dict[str, Comparison]) -> None:
    median = comparisons["median-exptime"]
    assert 0.95 < median.flux_ratio < 1.0


def test_positions_are_as_good_as_those_of_the_frames(comparisons: dict[str, Comparison]) -> None:
    weighted = comparisons["weighted"]
    assert weighted.mosaic_offset_mas < 1.2 * weighted.frame_offset_mas
    error = weighted.frame_offset_mas / np.sqrt(weighted.n)
    assert abs(weighted.mosaic_shift_mas - weighted.frame_shift_mas) < 2 * error


@pytest.mark.parametrize(
    ("channel", "folder", "filetype"),
    [
        (1, "wise1828-ch1-r47157760", "cbcd"),
        (2, "wise1828-ch2-r46987776", "cbcd"),
        (2, "wise1828-ch2-r46987776", "bcd"),
    ],
)
def test_a_single_exposure_with_its_uncertainty(
    real_data: Path, tmp_path: Path, channel: int, folder: str, filetype: str
) -> None:
    mosaic = make_mosaic(real_data / "irac-bcd" / folder, tmp_path, channel=channel, filetype=filetype)
    row = mosaic.inputs[0]
    assert list(mosaic.inputs["status"]) == ["used"]
    assert row["unc_source"] == "file"
    assert row["imask_source"] == "absent"
    assert mosaic.coverage.max() == 1
    covered = mosaic.coverage > 0
    # Interpolation averages neighbours: the pixel uncertainty falls to 0.88 of the frame's on average.
    assert np.median(mosaic.unc[covered]) == pytest.approx(0.88 * row["unc_median"], rel=0.06)
    assert np.median(mosaic.sci[covered]) == pytest.approx(0, abs=0.005)
