"""The Lanczos kernel against the plain formula through the exact WCS of every pixel."""

from __future__ import annotations

import numpy as np
import pytest
from truthkit import twins
from truthkit.resampling import resample
from truthkit.wcsmaker import make_wcs

from photomitrus_cli.imaging.geometry import footprint
from photomitrus_cli.imaging.gridaround import grid_for_footprints
from photomitrus_cli.imaging.lanczos import BAD, DOUBTFUL, MAX_BAD_SHARE, NEAR_BAD
from photomitrus_cli.imaging.mapping import map_frame
from photomitrus_cli.imaging.prepared import prepare_frame
from photomitrus_cli.imaging.resample import resample_frame


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
    # Validity may differ only where the share is at its limit to the error of the positions.
    assert (fast.valid != valid).sum() <= 3
    both = fast.valid & valid
    assert both.sum() > 300
    # 2e-4 px of the map and 2.4e-4 px of rounding, at the slopes of white noise: a few sigma a pixel.
    assert np.abs(fast.value - value)[both].max() < 3e-3
    np.testing.assert_allclose(fast.variance[both], variance[both], rtol=3e-3)


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

    def at(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        ones = np.ones_like(sci)
        return np.array(
            [twins.interpolate(sci, ones, good, a, b, 1.0)[:2] for a, b in zip(x, y, strict=True)]
        )

    fast = np.stack([out.value[rows[near], cols[near]], out.variance[rows[near], cols[near]]], axis=1)
    # Float32 weights and the curvature of the sky over the small frame, at positions rounded to 1/2048 px.
    error = np.abs(fast - at(*(np.floor(v[near] * 2048.0 + 0.5) / 2048.0 for v in (x, y))))
    # Where rounding is a tie to 1e-6 px it may go either way.
    assert np.quantile(error, 0.99) < 2e-6
    assert np.abs(fast - at(x[near], y[near])).max() < 5e-4


def slow_fill(sci: np.ndarray, var: np.ndarray, bad: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fill by the rule as it is told."""
    out, noise, known = sci.astype(float), var.astype(float), ~bad
    for _ in range(3):
        before = (out.copy(), noise.copy(), known.copy())
        for j, i in zip(*np.nonzero(~before[2]), strict=True):
            part = np.s_[max(j - 2, 0) : min(j + 3, bad.shape[0]), max(i - 2, 0) : min(i + 3, bad.shape[1])]
            y, x = np.mgrid[part]
            weight = np.where(before[2][part], 1.0 / np.maximum((y - j) ** 2 + (x - i) ** 2, 1) ** 2, 0.0)
            if weight.any():
                out[j, i] = (weight * before[0][part]).sum() / weight.sum()
                noise[j, i] = (weight * before[1][part]).sum() / weight.sum()
                known[j, i] = True
    for image in (out, noise):
        image[~known] = image[~bad].mean() if not bad.all() else 0.0
    return out, noise


@pytest.mark.parametrize("case", ["few", "many", "all", "none", "one good"])
def test_preparation_equals_its_rules(case: str) -> None:
    rng = np.random.default_rng(9)
    shape = (21, 18)
    share = {"few": 0.03, "many": 0.4, "all": 1.1, "none": -1.0, "one good": 1.1}[case]
    bad = rng.random(shape) < share
    if case == "few":
        bad[4:15, 5:16] = True
    if case == "one good":
        bad[10, 3] = False
    sci, var = rng.normal(5, 1, shape), rng.uniform(1, 2, shape)
    frame = prepare_frame(np.where(bad, np.nan, sci), np.where(bad, np.inf, var), bad)
    border = ((3, 3), (3, 5))
    flagged = np.pad(bad, border, constant_values=True)
    value, noise = slow_fill(np.pad(sci, border), np.pad(var, border), flagged)
    np.testing.assert_allclose(frame.sci, value, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(frame.var, noise, rtol=1e-5)
    np.testing.assert_array_equal((frame.state & BAD) > 0, flagged)
    near = np.zeros_like(flagged)
    for j, i in np.ndindex(*near.shape):
        near[j, i] = flagged[max(j - 2, 0) : j + 4, max(i - 2, 0) : i + 4].any()
    np.testing.assert_array_equal((frame.state & NEAR_BAD) > 0, near)
    assert not (frame.state & ~(BAD | NEAR_BAD | DOUBTFUL)).any()
    assert not (frame.state[~near] & DOUBTFUL).any()


def test_pixels_beyond_doubt_need_no_look() -> None:
    # Just below the usual limit every pixel near a bad one is looked at, from the limit on the doubtful ones.
    rng = np.random.default_rng(10)
    shape = (256, 256)
    wcs = make_wcs(200.0, -30.0, angle=27.0, distortion="sip")
    grid = grid_for_footprints(*footprint(wcs, shape), 0.6)
    pixel_map = map_frame(wcs, shape, grid)
    bad = rng.random(shape) < 0.02
    bad |= np.roll(bad, 1, axis=1)
    frame = prepare_frame(rng.normal(0, 1, shape), np.ones(shape), bad)
    careful = resample_frame(frame, pixel_map, max_bad_share=np.nextafter(MAX_BAD_SHARE, 0.0))
    usual = resample_frame(frame, pixel_map, max_bad_share=MAX_BAD_SHARE)
    np.testing.assert_array_equal(usual.valid, careful.valid)
    np.testing.assert_array_equal(usual.value, careful.value)
    inner = frame.state[3:-3, 3:-5]
    assert ((inner & DOUBTFUL) > 0).mean() < 0.5 * ((inner & NEAR_BAD) > 0).mean()
