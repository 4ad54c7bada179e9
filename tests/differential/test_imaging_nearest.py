"""Nearest-pixel flags against a direct evaluation of every pixel's position."""

from __future__ import annotations

import numpy as np
from truthkit.wcsmaker import make_wcs

from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.mapping import map_frame
from photomitrus_cli.imaging.nearest import nearest_flags


def test_flags_are_those_of_the_nearest_pixel() -> None:
    rng = np.random.default_rng(4)
    wcs = make_wcs(30.0, 12.0, angle=31.0, distortion="sip")
    grid = Grid(30.0, 12.0, 0.6, (400, 420), (210.0, 190.0))
    pixel_map = map_frame(wcs, (256, 256), grid)
    flags = rng.random((256, 256)) < 0.1
    window = pixel_map.bbox
    found = nearest_flags(flags, pixel_map, window)
    y, x = np.mgrid[window[0] : window[1], window[2] : window[3]]
    fx, fy = pixel_map.positions(y, x)
    expected = np.zeros(found.shape, dtype=bool)
    for place in np.ndindex(found.shape):
        if np.isfinite(fx[place]) and np.isfinite(fy[place]):
            i, j = int(np.floor(fx[place] + 0.5)), int(np.floor(fy[place] + 0.5))
            if 0 <= i < 256 and 0 <= j < 256:
                expected[place] = flags[j, i]
    # Positions that differ in the last bit may fall on either side of a pixel's edge.
    assert np.mean(found != expected) < 1e-4
    assert found.sum() > 1000
