"""Nearest-pixel flags against the exact transform of every pixel's sky position."""

from __future__ import annotations

import numpy as np
from truthkit.wcsmaker import make_wcs

from photomitrus_cli.imaging.framemap import frame_map
from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.mapping import map_frame
from photomitrus_cli.imaging.nearest import few_flags, nearest_flags


def test_flags_are_those_of_the_nearest_pixel() -> None:
    rng = np.random.default_rng(4)
    wcs = make_wcs(30.0, 12.0, angle=31.0, distortion="sip")
    grid = Grid(30.0, 12.0, 0.6, (400, 420), (210.0, 190.0))
    pixel_map = map_frame(wcs, (256, 256), grid)
    flags = rng.random((256, 256)) < 0.1
    window = pixel_map.bbox
    found = nearest_flags(flags, pixel_map, window)
    y, x = np.mgrid[window[0] : window[1], window[2] : window[3]]
    fx, fy = wcs.all_world2pix(*grid.pixel_to_world(x, y), 0, tolerance=1e-7, maxiter=50)
    i, j = np.floor(fx + 0.5).astype(int), np.floor(fy + 0.5).astype(int)
    inside = (i >= 0) & (i < 256) & (j >= 0) & (j < 256)
    expected = inside & flags[np.clip(j, 0, 255), np.clip(i, 0, 255)]
    # The node table is good to 1e-3 pixel: nearer to an edge than twice that, either side will do.
    clear = (np.abs(fx + 0.5 - np.round(fx + 0.5)) > 2e-3) & (np.abs(fy + 0.5 - np.round(fy + 0.5)) > 2e-3)
    assert clear.mean() > 0.98
    np.testing.assert_array_equal(found[clear], expected[clear])
    assert expected.sum() > 1000
    assert (~inside).sum() > 1000


def test_few_flags_are_found_from_the_frame_as_from_the_grid() -> None:
    rng = np.random.default_rng(5)
    wcs = make_wcs(30.0, 12.0, angle=31.0, distortion="sip")
    grid = Grid(30.0, 12.0, 0.6, (400, 420), (210.0, 190.0))
    pixel_map, places = map_frame(wcs, (256, 256), grid), frame_map(wcs, (256, 256), grid)
    flags = rng.random((256, 256)) < 0.002
    flags[[0, 0, -1, -1], [0, -1, 0, -1]] = True
    y0, y1, x0, x1 = pixel_map.bbox
    for window in ((y0, y1, x0, x1), (y0 + 7, y1 - 90, x0 + 33, x1)):
        direct = nearest_flags(flags, pixel_map, window)
        assert direct.sum() > 100
        np.testing.assert_array_equal(few_flags(np.argwhere(flags), pixel_map, places, window), direct)


def test_few_flags_of_pixels_much_larger_than_those_of_the_grid() -> None:
    wcs = make_wcs(30.0, 12.0, angle=31.0, distortion="sip")
    grid = Grid(30.0, 12.0, 0.15, (800, 800), (400.0, 400.0))
    pixel_map, places = map_frame(wcs, (256, 256), grid), frame_map(wcs, (256, 256), grid)
    flags = np.random.default_rng(6).random((256, 256)) < 0.01
    window = pixel_map.bbox
    direct = nearest_flags(flags, pixel_map, window)
    assert direct.sum() > 1000
    np.testing.assert_array_equal(few_flags(np.argwhere(flags), pixel_map, places, window), direct)
