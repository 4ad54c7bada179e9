"""Response corrections against the original IDL program, archive images, real stars and measured PRFs."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from photomitrus_cli.irac.choice import Chosen, Mission, choose, factors
from photomitrus_cli.irac.corrections import Coefficients, array_location, pixel_phase
from photomitrus_cli.irac.responses import WARM2011_PHASE

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("real")]

APERTURE = (10.0, 12.0, 20.0)
Columns = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def tables(real_data: Path) -> Path:
    return real_data / "irac-tables"


@cache
def read(path: Path) -> Columns:
    with path.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def numbers(column: np.ndarray) -> np.ndarray:
    return np.array([float(cell) if cell else np.nan for cell in column])


@pytest.mark.parametrize(("coefficients", "tolerance"), [("decimal", 1e-7), ("idl", 1e-12)])
@pytest.mark.parametrize("mission", ["cryo", "warm", "hora", "reach"])
def test_the_grid_of_the_idl_program(
    tables: Path, mission: Mission, coefficients: Coefficients, tolerance: float
) -> None:
    grid = read(tables / "aphot_corr_grid.csv")
    n_checked = 0
    for channel in (1, 2, 3, 4) if mission != "warm" else (1, 2):
        for subarray in (False, True):
            rows = (grid["mode"] == mission) & (grid["channel"] == str(channel))
            rows &= grid["subarray"] == str(int(subarray))
            x, y, flux, truth = (numbers(grid[name][rows]) for name in ("x", "y", "flux", "corrected"))
            chosen = choose(mission, channel, subarray=subarray)
            r_al, r_pp = factors(x, y, channel, chosen, subarray=subarray, coefficients=coefficients)
            np.testing.assert_allclose(flux / (r_al * r_pp), truth, rtol=tolerance, atol=0)
            n_checked += x.size
    assert n_checked >= 100


def test_the_idl_program_left_warm_channels_3_and_4_alone(tables: Path) -> None:
    grid = read(tables / "aphot_corr_grid.csv")
    rows = (grid["mode"] == "warm") & np.isin(grid["channel"], ["3", "4"])
    assert rows.any()
    np.testing.assert_array_equal(numbers(grid["corrected"][rows]), 1000.0)
    r_al, r_pp = factors([10.0], [20.0], 3, choose("warm", 3, functions="none"))
    assert (r_al[0], r_pp[0]) == (1.0, 1.0)


@pytest.mark.parametrize("name", ["full", "sub"])
def test_fluxes_corrected_by_idl_frame_by_frame(tables: Path, name: str) -> None:
    table = read(tables / f"idl_perframe_{name}.csv")
    x, y, flux = (numbers(table[column]) for column in ("Xc", "Yc", "Res_Flux"))
    checked = [column for column in table if column.startswith("idl_")]
    assert len(checked) == (2 if name == "full" else 4)
    for column in checked:
        subarray = column.endswith("_sub")
        chosen = choose("warm" if "warm" in column else "cryo", 1, subarray=subarray)
        r_al, r_pp = factors(x, y, 1, chosen, subarray=subarray, coefficients="idl")
        np.testing.assert_allclose(flux / (r_al * r_pp), numbers(table[column]), rtol=2e-11, atol=0)


@pytest.mark.parametrize("channel", [1, 2, 3, 4])
def test_images_of_the_array_location(tables: Path, channel: int) -> None:
    image = fits.getdata(tables / "corrections" / f"ch{channel}_photcorr_rj.fits")
    y, x = np.mgrid[0:256, 0:256]
    inverse = 1.0 / array_location(x, y, channel, "cryo", coefficients="idl")
    np.testing.assert_allclose(image, inverse / inverse.mean(), rtol=1e-13, atol=0)
    # Neither transposed nor shifted by a pixel is it the same.
    assert np.abs(image.T / image - 1).max() > 3e-3
    assert np.abs(image / (1.0 / array_location(x + 1, y, channel, "cryo")) - 1).max() > 3e-4


@pytest.mark.parametrize("channel", [1, 2])
def test_images_of_the_warm_array_location(tables: Path, channel: int) -> None:
    image = fits.getdata(tables / "corrections" / f"ch{channel}_photcorr_warm2010_ap5.fits").astype(float)
    y, x = np.mgrid[0:256, 0:256]
    response = array_location(x, y, channel, "warm2010")
    assert response.mean() == pytest.approx(1.0, abs=1e-12)
    product = response * image
    np.testing.assert_allclose(product, product.mean(), rtol=3e-6, atol=0)


def test_the_fits_of_2011_are_those_published(tables: Path) -> None:
    table = read(tables / "pixel_phase_warm2011_by_aperture.csv")
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


def scatter(table: Columns, corrected: np.ndarray, fewest: int) -> float:
    """Median over observations of the scatter (%) within one, after one clip at 5 robust sigma."""
    found = []
    for aor in np.unique(table["row"]):
        values = corrected[(table["row"] == aor) & np.isfinite(corrected)]
        if values.size < fewest:
            continue
        distance = np.abs(values - np.median(values))
        kept = values[distance <= 5 * 1.4826 * np.median(distance)]
        if kept.size > 1:
            found.append(100 * kept.std(ddof=1) / kept.mean())
    assert len(found) > 100
    return float(np.median(found))


def stars(table: Columns, name: str) -> Columns:
    return {column: cells[table["set"] == name] for column, cells in table.items()}


def hd165459(tables: Path, mission: Mission, channel: int, chosen: Chosen) -> float:
    table = stars(read(tables / "hd165459_frames.csv"), f"hd_{mission}_ch{channel}")
    r_al, r_pp = factors(numbers(table["x"]), numbers(table["y"]), channel, chosen)
    return scatter(table, numbers(table["flux"]) / (r_al * r_pp), fewest=4)


@pytest.mark.parametrize(
    ("mission", "channel", "limit"),
    [("cryo", 1, 0.70), ("warm", 1, 1.25), ("cryo", 2, 1.11), ("warm", 2, 1.585)],
)
def test_scatter_of_a_star_with_the_functions_of_the_idl_program(
    tables: Path, mission: Mission, channel: int, limit: float
) -> None:
    assert hd165459(tables, mission, channel, choose(mission, channel)) <= limit
    assert hd165459(tables, mission, channel, Chosen("none", "none")) > 1.1 * limit


@pytest.mark.parametrize(("channel", "seed", "limit"), [(1, 1.249, 1.165), (2, 1.582, 1.285)])
def test_scatter_of_a_star_with_matched_functions(
    tables: Path, channel: int, seed: float, limit: float
) -> None:
    assert hd165459(tables, "warm", channel, choose("warm", channel)) == pytest.approx(seed, abs=0.002)
    chosen = choose("warm", channel, aperture=APERTURE, functions="matched")
    assert hd165459(tables, "warm", channel, chosen) <= limit


def test_fits_to_full_frames_of_channel_1_are_worse_than_those_to_subarrays(tables: Path) -> None:
    full = Chosen("warm2010", "warm2011", APERTURE, phase_subarray=False)
    assert hd165459(tables, "warm", 1, full) > 1.3


def test_scatter_of_subarray_stars(tables: Path) -> None:
    table = stars(read(tables / "subarray_frames.csv"), "michaela_warm_sub_ch1")
    x, y, flux = (numbers(table[name]) for name in ("x", "y", "flux"))

    def measured(chosen: Chosen) -> float:
        r_al, r_pp = factors(x, y, 1, chosen, subarray=True)
        return scatter(table, flux / (r_al * r_pp), fewest=3)

    matched = choose("warm", 1, subarray=True, aperture=(5, 5, 10), functions="matched")
    raw, seed, best = map(measured, (Chosen("none", "none"), choose("warm", 1, subarray=True), matched))
    assert best < 0.87
    assert best < 0.75 * seed
    assert seed < 0.75 * raw
    # Why matched keeps the warm array location here, and takes fits to subarrays.
    assert measured(Chosen("warm2010", "warm2011", (5, 5, 10), phase_subarray=True)) > best
    assert measured(Chosen("warm", "warm2011", (5, 5, 10), phase_subarray=False)) > 1.2 * best


def disc(size: int, x: float, y: float, radius: float, fine: int = 20) -> np.ndarray:
    """Share of each pixel inside a circle, by counting finer pixels."""
    place = (np.arange(size * fine) + 0.5) / fine - 0.5
    inside = (place[None, :] - x) ** 2 + (place[:, None] - y) ** 2 <= radius**2
    return np.asarray(inside.reshape(size, fine, size, fine).mean(axis=(1, 3)))


def measured_prf(prf: np.ndarray, start: tuple[int, int]) -> tuple[float, float, float]:
    """First-moment position and flux (r = 3 px, annulus 3 to 7 px) of one image of a PRF sampled 5 times."""
    half, size = 10, 21
    image = prf[start[1] :: 5, start[0] :: 5][:size, :size]
    row, column = np.unravel_index(image.argmax(), image.shape)
    ring = disc(size, half, half, 7) - disc(size, half, half, 3)
    sky = (image * ring).sum() / ring.sum()
    part = image[row - 3 : row + 4, column - 3 : column + 4] - sky
    step = np.arange(-3, 4)
    x = column + (part.sum(axis=0) * step).sum() / part.sum()
    y = row + (part.sum(axis=1) * step).sum() / part.sum()
    aperture = disc(size, x, y, 3)
    ring = disc(size, x, y, 7) - aperture
    return x, y, (image * aperture).sum() - (image * ring).sum() / ring.sum() * aperture.sum()


@pytest.mark.filterwarnings("ignore::astropy.io.fits.verify.VerifyWarning")
@pytest.mark.parametrize(("channel", "raw", "limit"), [(1, 1.40, 0.45), (2, 0.43, 0.20)])
def test_pixel_phase_of_measured_prfs(tables: Path, channel: int, raw: float, limit: float) -> None:
    prf = fits.getdata(tables / "psf" / f"IRAC{channel}_col129_row129_prf5x.fits.gz").astype(float)
    starts = [(63 - 50 + 2 - a, 63 - 50 + 2 - b) for a in range(5) for b in range(5)]
    x, y, flux = np.transpose([measured_prf(prf, start) for start in starts])
    flux /= flux.mean()
    response = pixel_phase(x, y, channel, "cryo")
    corrected = flux / response
    assert 100 * flux.std() > raw
    assert 100 * corrected.std() / corrected.mean() <= limit
    assert 100 * (flux * response).std() > 1.5 * raw
