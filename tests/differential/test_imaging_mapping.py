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
from photomitrus_cli.imaging.mapping import PixelMap, map_frame


def true_error(wcs: Any, pixel_map: PixelMap, grid: Any, rng: np.random.Generator) -> float:
    y0, y1, x0, x1 = pixel_map.bbox
    y, x = rng.integers(y0, y1, 4000), rng.integers(x0, x1, 4000)
    px, py = pixel_map.positions(y, x)
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
