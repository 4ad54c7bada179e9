"""The Lanczos kernel against the plain formula through the exact WCS of every pixel."""

from __future__ import annotations

import numpy as np
import pytest
from truthkit import twins
from truthkit.wcsmaker import make_wcs

from photomitrus_cli.imaging.geometry import footprint
from photomitrus_cli.imaging.grid import grid_for_footprints
from photomitrus_cli.imaging.lanczos import BAD
from photomitrus_cli.imaging.mapping import map_frame
from photomitrus_cli.imaging.resample import MAX_BAD_SHARE, prepare_frame, resample, resample_frame


@pytest.mark.parametrize("place", [(128.0, 100.0), (3.0, 3.0), (253.0, 120.0)])
def test_kernel_equals_the_plain_formula(place: tuple[float, float]) -> None:
    rng = np.random.default_rng(4)
    shape = (256, 256)
    wcs = make_wcs(200.0, -30.0, angle=27.0, distortion="sip")
    grid = grid_for_footprints(*footprint(wcs, shape), 0.6)
    frame = prepare_frame(rng.normal(5.0, 1.0, shape), rng.uniform(0.5, 2.0, shape), rng.random(shape) < 0.01)
    x, y = grid.world_to_pixel(*wcs.all_pix2world(*place, 0))
    window = (max(int(y) - 20, 0), int(y) + 20, max(int(x) - 20, 0), int(x) + 20)
    fast = resample_frame(frame, map_frame(wcs, shape, grid, tolerance=2e-4), window)
    bordered = (frame.sci.astype(float), frame.var.astype(float), (frame.state & BAD) > 0)
    value, variance, valid = twins.resample(bordered, shape, wcs, grid, window, MAX_BAD_SHARE)
    # Validity may differ only where the share is at its limit to 2e-4 px.
    assert (fast.valid != valid).sum() <= 2
    both = fast.valid & valid
    assert both.sum() > 300
    # 2e-4 px of position error at the slopes of white noise, a few sigma a pixel.
    assert np.abs(fast.value - value)[both].max() < 2e-3
    np.testing.assert_allclose(fast.variance[both], variance[both], rtol=2e-3)


def test_weights_equal_the_exact_ones_at_known_positions() -> None:
    # No WCS between: a frame with one lit pixel gives the weights themselves.
    wcs = make_wcs(10.0, 0.0, scale=1.0, crpix=(20.0, 20.0))
    grid = grid_for_footprints(*footprint(wcs, (41, 41)), 0.37)
    sci = np.zeros((41, 41))
    sci[20, 20] = 1.0
    out = resample(sci, np.ones((41, 41)), np.zeros((41, 41), dtype=bool), map_frame(wcs, (41, 41), grid))
    rows, cols = np.nonzero(out.valid)
    center_x, center_y = grid.world_to_pixel(10.0, 0.0)
    y, x = 20.0 + (rows - center_y) * 0.37, 20.0 + (cols - center_x) * 0.37
    good = np.zeros_like(sci, dtype=bool)
    near = np.flatnonzero(np.hypot(x - 20.0, y - 20.0) < 6.0)
    assert near.size > 500
    exact = np.array([twins.interpolate(sci, np.ones_like(sci), good, x[n], y[n], 1.0)[:2] for n in near])
    # The table is good to 3e-7; the rest is the curvature of the sky over the small frame.
    assert np.abs(out.value[rows[near], cols[near]] - exact[:, 0]).max() < 2e-6
    assert np.abs(out.variance[rows[near], cols[near]] - exact[:, 1]).max() < 2e-6
