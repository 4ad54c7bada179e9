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

from photomitrus_cli.imaging.geometry import footprint, pixel_area_map
from photomitrus_cli.imaging.grid import grid_for_footprints
from photomitrus_cli.imaging.lanczos import row_positions
from photomitrus_cli.imaging.mapping import PixelMap, map_frame


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


@pytest.mark.parametrize("distortion", ["", "sip", "tpv"])
@pytest.mark.parametrize(
    ("ra", "dec", "angle"), [(150.0, 2.0, 12.0), (0.0, -60.0, 135.0), (40.0, 89.9, 45.0)]
)
def test_map_is_exact_to_its_stated_error(distortion: str, ra: float, dec: float, angle: float) -> None:
    shape, scale = ((512, 480), 2.5) if distortion == "tpv" else ((256, 256), 1.2233)
    wcs = make_wcs(ra, dec, angle=angle, distortion=distortion, mirrored=distortion == "tpv", scale=scale)
    grid = grid_for_footprints(*footprint(wcs, shape), 0.49 * scale)
    pixel_map = map_frame(wcs, shape, grid)
    error = true_error(wcs, pixel_map, grid, np.random.default_rng(2))
    assert error <= pixel_map.max_error_px * 1.001 + 1e-9
    assert pixel_map.max_error_px < 1e-3
    # The stated error is not a wild over-estimate either.
    assert error > 0.2 * pixel_map.max_error_px


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


def test_pixel_areas_against_differences_at_every_pixel() -> None:
    wcs = make_wcs(10.0, 85.0, distortion="sip")
    area = pixel_area_map(wcs, (256, 250))
    y, x = (v.ravel() for v in np.mgrid[:256, :250].astype(float))
    corners = [wcs.all_pix2world(x + dx, y + dy, 0) for dx, dy in ((-0.5, 0), (0.5, 0), (0, -0.5), (0, 0.5))]
    v = [np.stack([np.cos(d) * np.cos(r), np.cos(d) * np.sin(r), np.sin(d)]) for r, d in np.radians(corners)]
    exact = np.linalg.norm(np.cross(v[1] - v[0], v[3] - v[2], axis=0), axis=0) * (180 / np.pi * 3600) ** 2
    np.testing.assert_allclose(area.ravel(), exact, rtol=2e-5)
    assert area.max() / area.min() > 1.02


@pytest.mark.real
def test_real_irac_frames() -> None:
    folder = os.environ.get("ASTROMAP_TEST_DATA")
    if not folder or not (Path(folder) / "irac-dither").is_dir():
        pytest.skip("ASTROMAP_TEST_DATA is not set")
    for path in sorted((Path(folder) / "irac-dither").glob("r*/*.fits"))[:3]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wcs = WCS(fits.getheader(path))
        grid = grid_for_footprints(*footprint(wcs, (256, 256)), 0.6)
        pixel_map = map_frame(wcs, (256, 256), grid)
        assert true_error(wcs, pixel_map, grid, np.random.default_rng(3)) < 1e-3
        area = pixel_area_map(wcs, (256, 256))
        assert area[128, 128] == pytest.approx(1.4965, abs=1e-3)
        assert area.min() == pytest.approx(1.4406, abs=1e-3)
        assert area.max() == pytest.approx(1.5025, abs=1e-3)
