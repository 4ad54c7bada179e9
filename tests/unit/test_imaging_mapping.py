"""Pixel maps: refusals, frames off the grid, anchored nodes."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from astropy.wcs import WCS, FITSFixedWarning
from truthkit.wcsmaker import make_header, make_wcs

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.mapping import map_frame
from photomitrus_cli.imaging.skywcs import sky_wcs

ZERO = {"CD1_1": 0.0, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 0.0}
BROKEN = {
    "zero CD": ZERO,
    "coincident axes": {"CD1_1": 1e-4, "CD1_2": 1e-4, "CD2_1": 1e-4, "CD2_2": 1.0001e-4},
    "degree pixels": {"CD1_1": 1.0, "CD2_2": 1.0},
    "tiny pixels": {"CD1_1": 1e-9, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 1e-9},
    "not celestial": {"CTYPE1": "LINEAR", "CTYPE2": "LINEAR"},
    "FK4": {"RADESYS": "FK4", "EQUINOX": 1950.0},
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_wcs_is_refused_with_the_path(case: str) -> None:
    header = make_header(10.0, 20.0)
    header.update(BROKEN[case])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        wcs = WCS(header)
    with pytest.raises(InputError, match=r"frame\.fits: "):
        sky_wcs(wcs, "frame.fits")


def test_good_wcs_passes() -> None:
    for options in ({}, {"mirrored": True}, {"distortion": "sip"}, {"scale": 0.01 * 1.1}):
        sky_wcs(make_wcs(10.0, -20.0, **options))


def test_frame_off_the_grid_is_empty() -> None:
    grid = Grid(10.0, 20.0, 0.6, (100, 100), (49.5, 49.5))
    for ra in (10.5, 190.0):
        pixel_map = map_frame(make_wcs(ra, -20.0 if ra > 100 else 20.0), (256, 256), grid)
        assert pixel_map.empty
        assert pixel_map.bbox == (0, 0, 0, 0)


def test_nodes_lie_on_multiples_of_the_step() -> None:
    wcs = make_wcs(10.0, 20.0, angle=30.0)
    grid = Grid(10.0, 20.0, 0.6, (2000, 2000), (1111.0, 777.0))
    pixel_map = map_frame(wcs, (256, 256), grid)
    assert pixel_map.step == 32
    j, i = (n // 2 for n in pixel_map.node_x.shape)
    gx, gy = (pixel_map.origin[1] + i) * 32.0, (pixel_map.origin[0] + j) * 32.0
    x, y = wcs.all_world2pix(*grid.pixel_to_world(gx, gy), 0)
    assert pixel_map.node_x[j, i] == pytest.approx(float(x), abs=1e-4)
    assert pixel_map.node_y[j, i] == pytest.approx(float(y), abs=1e-4)


def test_tolerance_rules_the_step() -> None:
    wcs = make_wcs(10.0, 20.0, distortion="sip")
    grid = Grid(10.0, 20.0, 0.6, (700, 700), (350.0, 350.0))
    steps = [map_frame(wcs, (256, 256), grid, tolerance=t).step for t in (1e-1, 3e-3, 1e-3)]
    assert steps[0] == 32
    assert steps == sorted(steps, reverse=True)
    assert steps[-1] < 32
    with pytest.raises(InputError, match=r"bad\.fits: the distortion is too strong"):
        map_frame(wcs, (256, 256), grid, tolerance=1e-6, path="bad.fits")


def test_frame_far_from_the_tangent_point_but_before_the_horizon() -> None:
    grid = Grid(10.0, 20.0, 30.0, (300, 300), (150.0, 150.0))
    wcs = make_wcs(10.5, 20.5, scale=30.0)
    pixel_map = map_frame(wcs, (64, 64), grid)
    y0, y1, x0, x1 = pixel_map.bbox
    x, y = pixel_map.positions((y0 + y1) // 2, (x0 + x1) // 2)
    assert np.isfinite([x, y]).all()
