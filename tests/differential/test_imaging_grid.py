"""The analytic grid against astropy.wcs."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.wcs import WCS

from photomitrus_cli.imaging.grid import Grid


@pytest.mark.parametrize(
    ("ra", "dec"), [(150.0, 2.2), (0.001, -33.0), (359.99, 60.0), (10.0, 89.5), (200.0, -89.99), (37.0, 90.0)]
)
@pytest.mark.parametrize("rotation", [0.0, 33.0, -150.0])
def test_grid_agrees_with_astropy(ra: float, dec: float, rotation: float) -> None:
    grid = Grid(ra, dec, 0.6, (20000, 24000), (11800.25, 9900.75), rotation)
    wcs = WCS(grid.header())
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0, 24000, 500), rng.uniform(0, 20000, 500)
    sky = grid.pixel_to_world(x, y)
    lon, lat = wcs.wcs_pix2world(x, y, 0)
    turn = (sky[0] - lon + 180.0) % 360.0 - 180.0
    assert np.abs(turn * np.cos(np.radians(lat))).max() * 3600 < 1e-8
    assert np.abs(sky[1] - lat).max() * 3600 < 1e-8
    back = grid.world_to_pixel(lon, lat)
    expected = wcs.wcs_world2pix(lon, lat, 0)
    # 1e-9 px, or the rounding of a right ascension of 360 degrees, whichever is larger.
    assert np.abs(np.array(back) - np.array(expected)).max() < 2e-9
    assert np.abs(np.array(back) - np.array([x, y])).max() < 2e-9
