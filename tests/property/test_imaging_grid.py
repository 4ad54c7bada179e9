"""Properties of grids and maps for any place on the sky."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from truthkit.wcsmaker import make_wcs

from photomitrus_cli.imaging.geometry import footprint
from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.gridaround import grid_for_footprints
from photomitrus_cli.imaging.mapping import map_frame

SKY = {"ra": st.floats(0.0, 360.0), "dec": st.floats(-90.0, 90.0)}


@settings(max_examples=100, deadline=None)
@given(**SKY, scale=st.floats(0.05, 60.0), x=st.floats(-5000, 5000), y=st.floats(-5000, 5000))
def test_grid_goes_there_and_back(ra: float, dec: float, scale: float, x: float, y: float) -> None:
    grid = Grid(ra, dec, scale, (10, 10), (3.25, 4.5))
    lon, lat = grid.pixel_to_world(x, y)
    assert 0.0 <= lon < 360.0
    px, py = grid.world_to_pixel(lon, lat)
    # Degrees hold 1e-13 of right ascension: that over the pixel scale is the limit.
    assert np.hypot(px - x, py - y) < 1e-8 + 1e-8 / scale


@settings(max_examples=25, deadline=None)
@given(**SKY, angle=st.floats(0.0, 360.0), mirrored=st.booleans(), scale=st.floats(0.3, 3.0))
def test_every_frame_is_covered_and_mapped(
    ra: float, dec: float, angle: float, mirrored: bool, scale: float
) -> None:
    wcs = make_wcs(ra, dec, angle=angle, mirrored=mirrored, scale=scale, distortion="sip", crpix=(30.0, 35.0))
    grid = grid_for_footprints(*footprint(wcs, (64, 60)), 0.5 * scale)
    pixel_map = map_frame(wcs, (64, 60), grid)
    ny, nx = grid.shape
    # No more than the diagonal of the frame.
    assert max(ny, nx) <= 2 * np.hypot(64, 60) + 4
    lon, lat = wcs.all_pix2world([0.0, 59.0, 30.0, 59.0], [0.0, 63.0, 30.0, 0.0], 0)
    x, y = grid.world_to_pixel(lon, lat)
    assert ((x > -0.5) & (x < nx - 0.5) & (y > -0.5) & (y < ny - 0.5)).all()
    px, py = pixel_map.positions(y, x)
    np.testing.assert_allclose(px, [0.0, 59.0, 30.0, 59.0], atol=2e-3)
    np.testing.assert_allclose(py, [0.0, 63.0, 30.0, 0.0], atol=2e-3)
