"""Response corrections against the original IDL program, archive images, real stars and measured PRFs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from truthkit.idltables import (
    FULL_APERTURE,
    NO_CORRECTION,
    SUBARRAY_APERTURE,
    frame_differences,
    grid_differences,
    hd165459_scatters,
    image_differences,
    numbers,
    read_columns,
    subarray_scatters,
    warm_image_differences,
)
from truthkit.prfphase import phase_scatters

from photomitrus_cli.irac.choice import Chosen, Mission, choose, factors
from photomitrus_cli.irac.corrections import Coefficients, array_location
from photomitrus_cli.irac.responses import WARM2011_PHASE

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("real")]


@pytest.fixture(scope="module")
def tables(real_data: Path) -> Path:
    return real_data / "irac-tables"


@pytest.mark.parametrize(("coefficients", "tolerance"), [("decimal", 1e-7), ("idl", 1e-12)])
@pytest.mark.parametrize("mission", ["cryo", "warm", "hora", "reach"])
def test_the_grid_of_the_idl_program(
    tables: Path, mission: Mission, coefficients: Coefficients, tolerance: float
) -> None:
    found = grid_differences(tables, mission, coefficients)
    assert found.size >= 100
    assert found.max() <= tolerance


def test_the_idl_program_left_warm_channels_3_and_4_alone(tables: Path) -> None:
    grid = read_columns(tables / "aphot_corr_grid.csv")
    rows = (grid["mode"] == "warm") & np.isin(grid["channel"], ["3", "4"])
    assert rows.any()
    np.testing.assert_array_equal(numbers(grid["corrected"][rows]), 1000.0)
    r_al, r_pp = factors([10.0], [20.0], 3, choose("warm", 3, functions="none"))
    assert (r_al[0], r_pp[0]) == (1.0, 1.0)


@pytest.mark.parametrize("name", ["full", "sub"])
def test_fluxes_corrected_by_idl_frame_by_frame(tables: Path, name: str) -> None:
    found = frame_differences(tables, name, "idl")
    assert len(found) == (2 if name == "full" else 4)
    for column, differences in found.items():
        assert differences.max() <= 2e-11, column


@pytest.mark.parametrize("channel", [1, 2, 3, 4])
def test_images_of_the_array_location(tables: Path, channel: int) -> None:
    assert image_differences(tables, channel).max() <= 1e-13
    image = fits.getdata(tables / "corrections" / f"ch{channel}_photcorr_rj.fits")
    y, x = np.mgrid[0:256, 0:256]
    # Neither transposed nor shifted by a pixel is it the same.
    assert np.abs(image.T / image - 1).max() > 3e-3
    assert np.abs(image / (1.0 / array_location(x + 1, y, channel, "cryo")) - 1).max() > 3e-4


@pytest.mark.parametrize("channel", [1, 2])
def test_images_of_the_warm_array_location(tables: Path, channel: int) -> None:
    y, x = np.mgrid[0:256, 0:256]
    assert array_location(x, y, channel, "warm2010").mean() == pytest.approx(1.0, abs=1e-12)
    assert warm_image_differences(tables, channel).max() <= 3e-6


def test_the_fits_of_2011_are_those_published(tables: Path) -> None:
    table = read_columns(tables / "pixel_phase_warm2011_by_aperture.csv")
    names = ("dFx", "dFy", "x0", "y0", "sigx", "sigy", "F0")
    seen = 0
    for row in range(table["aperture"].size):
        mode = table["readmode"][row]
        radius, inner, outer = map(float, table["aperture"][row].split("_"))
        aperture = (radius, inner, outer)
        known = WARM2011_PHASE[int(table["channel"][row]), mode == "sub"]
        if (mode, aperture) == ("full", (15, 15, 25)):
            assert aperture not in known
            continue
        assert known[aperture] == tuple(float(table[name][row]) for name in names)
        seen += 1
    assert seen == 54


def hd165459(tables: Path, mission: Mission, channel: int, chosen: Chosen) -> float:
    found = hd165459_scatters(tables, mission, channel, chosen)
    assert found.size > 100
    return float(np.median(found))


@pytest.mark.parametrize(
    ("mission", "channel", "limit"),
    [("cryo", 1, 0.70), ("warm", 1, 1.25), ("cryo", 2, 1.11), ("warm", 2, 1.585)],
)
def test_scatter_of_a_star_with_the_functions_of_the_idl_program(
    tables: Path, mission: Mission, channel: int, limit: float
) -> None:
    assert hd165459(tables, mission, channel, choose(mission, channel)) <= limit
    assert hd165459(tables, mission, channel, NO_CORRECTION) > 1.1 * limit


@pytest.mark.parametrize(("channel", "seed", "limit"), [(1, 1.249, 1.165), (2, 1.582, 1.285)])
def test_scatter_of_a_star_with_matched_functions(
    tables: Path, channel: int, seed: float, limit: float
) -> None:
    assert hd165459(tables, "warm", channel, choose("warm", channel)) == pytest.approx(seed, abs=0.002)
    chosen = choose("warm", channel, aperture=FULL_APERTURE, functions="matched")
    assert hd165459(tables, "warm", channel, chosen) <= limit


def test_fits_to_full_frames_of_channel_1_are_worse_than_those_to_subarrays(tables: Path) -> None:
    full = Chosen("warm2010", "warm2011", FULL_APERTURE, phase_subarray=False)
    assert hd165459(tables, "warm", 1, full) > 1.3


def test_scatter_of_subarray_stars(tables: Path) -> None:
    def measured(chosen: Chosen) -> float:
        found = subarray_scatters(tables, chosen)
        assert found.size > 100
        return float(np.median(found))

    matched = choose("warm", 1, subarray=True, aperture=SUBARRAY_APERTURE, functions="matched")
    raw, seed, best = map(measured, (NO_CORRECTION, choose("warm", 1, subarray=True), matched))
    assert best < 0.87
    assert best < 0.75 * seed
    assert seed < 0.75 * raw
    # Why matched keeps the warm array location here, and takes fits to subarrays.
    assert measured(Chosen("warm2010", "warm2011", (5, 5, 10), phase_subarray=True)) > best
    assert measured(Chosen("warm", "warm2011", (5, 5, 10), phase_subarray=False)) > 1.2 * best


@pytest.mark.filterwarnings("ignore::astropy.io.fits.verify.VerifyWarning")
@pytest.mark.parametrize(("channel", "raw", "limit"), [(1, 1.40, 0.45), (2, 0.43, 0.20)])
def test_pixel_phase_of_measured_prfs(tables: Path, channel: int, raw: float, limit: float) -> None:
    before, after, wrong = phase_scatters(tables, channel)
    assert before > raw
    assert after <= limit
    assert wrong > 1.5 * raw
