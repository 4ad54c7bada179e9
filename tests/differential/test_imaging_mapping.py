"""Pixel maps against the exact WCS, pixel by pixel."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import FK5, SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from truthkit.wcsmaker import make_header, make_wcs

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.fittedinverse import FittedInverse, fit_inverse
from photomitrus_cli.imaging.framemap import frame_map
from photomitrus_cli.imaging.geometry import footprint, mean_pixel_area
from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.gridaround import grid_for_footprints
from photomitrus_cli.imaging.inverse import ExactInverse, NoSolutionError, find_inverse
from photomitrus_cli.imaging.lanczos import row_positions
from photomitrus_cli.imaging.mapping import map_frame
from photomitrus_cli.imaging.pixelmap import PixelMap
from photomitrus_cli.imaging.skywcs import SkyWcs
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.io.fitsread import read_cards
from photomitrus_cli.io.wcs import celestial_wcs


def kernel_rows(pixel_map: PixelMap, rows: Any, x0: int, x1: int) -> tuple[Any, Any]:
    """Frame positions of whole rows of the grid by the kernel that the mosaic runs."""
    out = np.empty((2, len(rows), x1 - x0))
    for n, y in enumerate(rows):
        for node, found in zip((pixel_map.node_x, pixel_map.node_y), out, strict=True):
            row_positions(node, pixel_map.origin, pixel_map.step, int(y), x0, found[n])
    return out[0], out[1]


def true_error(wcs: Any, pixel_map: PixelMap, grid: Any, rng: np.random.Generator) -> float:
    """Largest error of the kernel's positions on 40 rows of the grid, frame pixels."""
    y0, y1, x0, x1 = pixel_map.bbox
    rows = rng.choice(np.arange(y0, y1), 40, replace=False)
    y, x = np.meshgrid(rows, np.arange(x0, x1), indexing="ij")
    px, py = kernel_rows(pixel_map, rows, x0, x1)
    ny, nx = pixel_map.shape
    inside = (px >= -0.5) & (px <= nx - 0.5) & (py >= -0.5) & (py <= ny - 0.5)
    assert inside.sum() > 1000
    ra, dec = grid.pixel_to_world(x[inside], y[inside])
    ex, ey = wcs.all_world2pix(ra, dec, 0, tolerance=1e-7, maxiter=50)
    return float(np.hypot(ex - px[inside], ey - py[inside]).max())


def quick(wcs: Any, shape: tuple[int, int] = (256, 256)) -> TanSip:
    """A TAN or TAN-SIP frame of astropy's from its numbers."""
    size = 1 + max(0, *(wcs.sip.a_order, wcs.sip.b_order)) if wcs.sip else 1
    sip = np.zeros((2, size, size))
    for matrix, terms in zip(sip, (wcs.sip.a, wcs.sip.b) if wcs.sip else (), strict=False):
        matrix[: terms.shape[0], : terms.shape[1]] = terms
    return TanSip.at(tuple(wcs.wcs.crval), wcs.wcs.cd, wcs.wcs.crpix - 1.0, shape, sip=sip)


@pytest.mark.parametrize("distortion", ["", "sip", "tpv", "quick ", "quick sip"])
@pytest.mark.parametrize(
    ("ra", "dec", "angle"), [(150.0, 2.0, 12.0), (0.0, -60.0, 135.0), (40.0, 89.9, 45.0)]
)
@pytest.mark.parametrize("turned", [0.0, 77.0])
def test_map_is_exact_to_its_stated_error(
    distortion: str, ra: float, dec: float, angle: float, turned: float
) -> None:
    shape, scale = ((512, 480), 2.5) if distortion == "tpv" else ((256, 256), 1.2233)
    kind = distortion.removeprefix("quick ")
    wcs = make_wcs(ra, dec, angle=angle, distortion=kind, mirrored=kind == "tpv", scale=scale)
    side = int(1.5 * max(shape) / 0.49)
    grid = Grid(ra, dec, 0.49 * scale, (side, side + 7), (0.5 * side + 3.3, 0.5 * side - 2.2), turned)
    frame: Any = quick(wcs) if kind != distortion else wcs
    pixel_map = map_frame(frame, shape, grid)
    error = true_error(wcs, pixel_map, grid, np.random.default_rng(2))
    assert error <= pixel_map.max_error_px * 1.001 + 1e-9
    assert pixel_map.max_error_px < 1e-3
    # The stated error is not a wild over-estimate either.
    assert error > 0.2 * pixel_map.max_error_px or pixel_map.max_error_px < 2e-9


DISTORTIONS = {
    "none": np.zeros((2, 1, 1)),
    "a shift": np.full((2, 1, 1), 3.0),
    "third order": np.array(
        [[[0, 1e-3, 0, 0], [2e-3, 3e-5, 1e-7, 0], [-2e-5, 1e-7, 0, 0], [1e-7, 0, 0, 0]]] * 2
    ),
    "ninth order": np.pad(np.array([[[1e-19]], [[-2e-19]]]), ((0, 0), (9, 0), (0, 9))),
}


@pytest.mark.parametrize(
    ("case", "crpix"),
    # A polynomial of the ninth order is not good far from its origin.
    [*((case, (127.5, 127.5)) for case in DISTORTIONS), ("third order", (-300.0, 400.0))],
)
def test_exact_and_fitted_nodes_agree(case: str, crpix: tuple[float, float]) -> None:
    shape = (256, 240)
    wcs = TanSip.at((10.0, 88.0), [[-2e-4, 2.7e-4], [2.7e-4, 2e-4]], crpix, shape, sip=DISTORTIONS[case])
    grid = grid_for_footprints(*footprint(wcs, shape), 0.6)
    exact, fitted = find_inverse(wcs, shape, grid, 1e-9), fit_inverse(wcs, shape, grid, 1e-9)
    assert isinstance(exact, ExactInverse)
    y, x = (v.ravel() for v in np.mgrid[:256:5, :240:5].astype(float))
    gx, gy = grid.project(wcs.directions(x, y))
    found = exact.points(gx, gy, 1.0)
    assert np.abs(found - [x, y]).max() < 1e-9
    assert fitted.error < 1e-6 or case == "ninth order"
    assert np.abs(found - fitted.points(gx, gy, 1.0)).max() < max(1e-6, 2.0 * fitted.error)


def test_a_frame_is_mapped_alike_by_both_paths() -> None:
    wcs = make_wcs(10.0, 10.0, angle=33.0, distortion="sip")
    grid = grid_for_footprints(*footprint(wcs, (256, 256)), 0.6)
    one, other = map_frame(quick(wcs), (256, 256), grid), map_frame(wcs, (256, 256), grid, tolerance=1e-3)
    assert (one.step, one.origin, one.bbox, one.node_x.shape) == (
        other.step, other.origin, other.bbox, other.node_x.shape
    )  # fmt: skip
    both = np.isfinite(one.node_x) & np.isfinite(other.node_x)
    assert both.sum() > 0.95 * np.isfinite(one.node_x).sum()
    # The polynomials are asked for a twentieth of the tolerance, and beyond the frame for nothing.
    inside = both & (np.abs(one.node_x - 127.5) < 128) & (np.abs(one.node_y - 127.5) < 128)
    assert np.hypot(one.node_x - other.node_x, one.node_y - other.node_y)[inside].max() < 5e-5


def parabolic(strength: float) -> TanSip:
    sip = np.zeros((2, 3, 3))
    sip[0, 2, 0] = strength
    return TanSip.at((10.0, 20.0), [[-3e-4, 0.0], [0.0, 3e-4]], (127.5, 127.5), (256, 256), sip=sip)


def test_a_steep_distortion_is_left_to_the_fit() -> None:
    wcs = parabolic(1.1e-3)
    grid = grid_for_footprints(*footprint(wcs, (256, 256)), 0.6)
    assert isinstance(find_inverse(wcs, (256, 256), grid, 1e-5), FittedInverse)
    pixel_map = map_frame(wcs, (256, 256), grid)
    gx, gy = grid.project(wcs.directions([3.0, 100.0, 250.0], [7.0, 90.0, 3.0]))
    np.testing.assert_allclose(
        pixel_map.positions(gy, gx), [[3.0, 100.0, 250.0], [7.0, 90.0, 3.0]], atol=1e-3
    )


def test_a_frame_folded_over_itself_is_refused() -> None:
    wcs = parabolic(1e-2)
    grid = grid_for_footprints(*footprint(wcs, (256, 256)), 0.6)
    with pytest.raises(InputError, match=r"bad\.fits: the distortion is too strong"):
        map_frame(wcs, (256, 256), grid, path="bad.fits")


def test_a_distortion_that_cannot_be_inverted_outside_the_frame_loses_no_pixel() -> None:
    sip = np.zeros((2, 10, 10))
    sip[0, 9, 0] = -1e-19
    wcs = TanSip.at((10.0, 20.0), [[-3e-4, 0.0], [0.0, 3e-4]], (127.5, 127.5), (256, 256), sip=sip)
    grid = grid_for_footprints(*footprint(wcs, (256, 256)), 2.4)
    with pytest.raises(NoSolutionError):
        find_inverse(wcs, (256, 256), grid, 1e-5).points(np.array([-20.0]), np.array([60.0]), 50.0)
    pixel_map = map_frame(wcs, (256, 256), grid, tolerance=0.5)
    expected = np.mgrid[:256, :256].astype(float)
    gx, gy = grid.project(wcs.directions(expected[1], expected[0]))
    px, py = pixel_map.positions(gy, gx)
    assert np.hypot(px - expected[1], py - expected[0]).max() < pixel_map.max_error_px < 0.5


def test_the_other_side_of_the_sky_is_not_mapped() -> None:
    wcs = TanSip.at((10.0, 0.0), [[-3e-4, 0.0], [0.0, 3e-4]], (127.5, 127.5), (256, 256))
    grid = Grid(190.0, 0.0, 0.6, (600, 600), (300.0, 300.0))
    assert map_frame(wcs, (256, 256), grid).empty
    inverse = find_inverse(wcs, (256, 256), grid, 1e-5)
    assert np.isnan(inverse.points(np.array([300.0]), np.array([300.0]), 10.0)).all()
    with pytest.raises(InputError, match=r"frame\.fits: the frame lies 90 degrees"):
        frame_map(wcs, (256, 256), grid, path="frame.fits")


@pytest.mark.parametrize("shape", [(256, 256), (32, 32), (17, 100), (1, 1)])
@pytest.mark.parametrize("kind", ["sip", "quick sip", "tpv"])
@pytest.mark.parametrize("tolerance", [1e-2, 1e-3])
def test_frame_pixels_on_the_grid(shape: tuple[int, int], kind: str, tolerance: float) -> None:
    wcs = make_wcs(10.0, 70.0, angle=33.0, distortion=kind.removeprefix("quick "))
    grid = Grid(10.2, 70.1, 0.6, (2000, 2000), (1000.0, 900.0), 20.0)
    frame: Any = quick(wcs, shape) if kind != "tpv" else wcs
    mapped = frame_map(frame, shape, grid, tolerance=tolerance)
    x, y = mapped.positions()
    assert x.shape == y.shape == shape
    exact = grid.world_to_pixel(*wcs.all_pix2world(*np.meshgrid(*(np.arange(n) for n in shape[::-1])), 0))
    error = np.hypot(x - exact[0], y - exact[1]).max()
    assert error <= mapped.max_error_px + 1e-8
    assert mapped.max_error_px < tolerance
    if shape == (256, 256):
        assert error > 0.2 * mapped.max_error_px
        assert mapped.step > 1


def test_a_frame_too_bent_for_a_frame_map_is_refused() -> None:
    wcs = make_wcs(10.0, 20.0, distortion="sip")
    grid = Grid(10.0, 20.0, 0.6, (700, 700), (350.0, 350.0))
    with pytest.raises(InputError, match=r"bad\.fits: the distortion is too strong"):
        frame_map(wcs, (256, 256), grid, tolerance=1e-7, path="bad.fits")


def test_the_kernel_agrees_with_positions_in_any_window() -> None:
    wcs = make_wcs(10.0, 10.0, angle=33.0, distortion="sip")
    grid = grid_for_footprints(*footprint(wcs, (256, 256)), 0.6)
    pixel_map = map_frame(wcs, (256, 256), grid)
    y0, y1, x0, x1 = pixel_map.bbox
    rows = np.arange(y0, y1)
    whole = kernel_rows(pixel_map, rows, x0, x1)
    np.testing.assert_allclose(
        whole, pixel_map.positions(*np.mgrid[y0:y1, x0:x1]), rtol=0, atol=1e-10, equal_nan=True
    )
    # Tiles begin anywhere and must find the same bits.
    part = kernel_rows(pixel_map, rows[37:91], x0 + 53, x1 - 11)
    np.testing.assert_array_equal(part, np.stack(whole)[:, 37:91, 53:-11])


def test_every_frame_pixel_is_reached() -> None:
    wcs = make_wcs(10.0, 10.0, angle=33.0, distortion="sip")
    grid = grid_for_footprints(*footprint(wcs, (256, 256)), 0.6)
    pixel_map = map_frame(wcs, (256, 256), grid)
    x, y = grid.world_to_pixel(*wcs.all_pix2world(*np.meshgrid(np.arange(256.0), np.arange(256.0)), 0))
    y0, y1, x0, x1 = pixel_map.bbox
    assert y.min() > y0
    assert y.max() < y1 - 1
    assert x.min() > x0
    assert x.max() < x1 - 1
    px, py = pixel_map.positions(y.ravel(), x.ravel())
    expected_y, expected_x = np.mgrid[:256, :256]
    assert np.hypot(px - expected_x.ravel(), py - expected_y.ravel()).max() < 1e-3


def test_fk5_and_galactic_frames_are_turned_to_icrs() -> None:
    for radesys, equinox in (("FK5", 2000.0), ("FK5", 1975.0)):
        header = make_header(80.0, 40.0)
        header["RADESYS"], header["EQUINOX"] = radesys, equinox
        wcs = WCS(header)
        ra, dec = footprint(wcs, (64, 64))
        x, y = wcs.all_world2pix(*_to(ra, dec, f"fk5_{equinox}"), 0)
        assert min(x.min(), y.min()) == pytest.approx(-0.5, abs=1e-6)
        assert max(x.max(), y.max()) == pytest.approx(63.5, abs=1e-6)
    header = make_header(80.0, 4.0)
    header["CTYPE1"], header["CTYPE2"] = "GLON-TAN", "GLAT-TAN"
    del header["RADESYS"]
    wcs = WCS(header)
    x, y = wcs.all_world2pix(*_to(*footprint(wcs, (64, 64)), "galactic"), 0)
    assert max(x.max(), y.max()) == pytest.approx(63.5, abs=1e-6)


def _to(ra: Any, dec: Any, system: str) -> tuple[Any, Any]:
    sky = SkyCoord(ra, dec, unit="deg", frame="icrs")
    if system == "galactic":
        return sky.galactic.l.deg, sky.galactic.b.deg
    turned = sky.transform_to(FK5(equinox=f"J{system.split('_')[1]}"))
    return turned.ra.deg, turned.dec.deg


def pixel_areas(wcs: WCS, shape: tuple[int, int]) -> Any:
    """Solid angle of every pixel, arcsec^2."""
    y, x = np.indices(shape, dtype=float).reshape(2, -1)
    corners = [wcs.all_pix2world(x + dx, y + dy, 0) for dx, dy in ((-0.5, 0), (0.5, 0), (0, -0.5), (0, 0.5))]
    v = [np.stack([np.cos(d) * np.cos(r), np.cos(d) * np.sin(r), np.sin(d)]) for r, d in np.radians(corners)]
    return np.linalg.norm(np.cross(v[1] - v[0], v[3] - v[2], axis=0), axis=0) * (180 / np.pi * 3600) ** 2


def test_pixel_areas_against_differences_at_every_pixel() -> None:
    wcs = make_wcs(10.0, 85.0, distortion="sip")
    area = pixel_areas(wcs, (256, 250))
    assert area.max() / area.min() > 1.02
    assert mean_pixel_area(wcs, (256, 250)) == pytest.approx(area.mean(), rel=1e-7)
    assert mean_pixel_area(quick(wcs), (256, 250)) == pytest.approx(area.mean(), rel=1e-7)


@pytest.mark.real
def test_real_irac_frames() -> None:
    folder = os.environ.get("ASTROMAP_TEST_DATA")
    if not folder or not (Path(folder) / "irac-dither").is_dir():
        pytest.skip("ASTROMAP_TEST_DATA is not set")
    for path in sorted((Path(folder) / "irac-dither").glob("r*/*.fits"))[:3]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wcs = WCS(fits.getheader(path))
        frame: SkyWcs = celestial_wcs(read_cards(path))
        assert isinstance(frame, TanSip)
        grid = grid_for_footprints(*footprint(wcs, (256, 256)), 0.6)
        np.testing.assert_allclose(footprint(frame, frame.shape), footprint(wcs, (256, 256)), atol=1e-9)
        pixel_map = map_frame(frame, frame.shape, grid)
        assert true_error(wcs, pixel_map, grid, np.random.default_rng(3)) < 1e-3
        expected = pixel_areas(wcs, (256, 256)).mean()
        assert mean_pixel_area(frame, frame.shape) == pytest.approx(expected, rel=1e-6)
