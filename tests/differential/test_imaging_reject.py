"""Blotting and rejection against slow obvious twins."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from photomitrus_cli.imaging.blot import blot
from photomitrus_cli.imaging.reject import RejectRules, find_outliers
from photomitrus_cli.imaging.shift import clipped_fit
from photomitrus_cli.imaging.skylevel import level_and_scatter


def keys(t: float) -> float:
    """Cubic convolution kernel, a = -1/2."""
    t = abs(t)
    if t < 1.0:
        return 1.5 * t**3 - 2.5 * t**2 + 1.0
    return -0.5 * t**3 + 2.5 * t**2 - 4.0 * t + 2.0 if t < 2.0 else 0.0


def interpolate(ref: np.ndarray, x: float, y: float) -> float:
    """Sum over all pixels; over those present by bilinear weights when one of the sixteen is missing."""
    j, i = int(np.floor(y)), int(np.floor(x))
    near = [(b, a) for b in range(j - 1, j + 3) for a in range(i - 1, i + 3)]
    values = [ref[p] if 0 <= p[0] < ref.shape[0] and 0 <= p[1] < ref.shape[1] else np.nan for p in near]
    total = sum(v * keys(y - b) * keys(x - a) for v, (b, a) in zip(values, near, strict=True))
    if np.isfinite(total):
        return float(total)
    weights = [max(1 - abs(y - b), 0) * max(1 - abs(x - a), 0) for b, a in near]
    there = [(w, v) for w, v in zip(weights, values, strict=True) if w > 0 and np.isfinite(v)]
    return sum(w * v for w, v in there) / sum(w for w, _ in there) if there else np.nan


def test_blot() -> None:
    rng = np.random.default_rng(1)
    ref = rng.normal(0.0, 1.0, (33, 29)).astype(np.float32)
    ref[rng.random(ref.shape) < 0.05] = np.nan
    y, x = np.mgrid[:21, :19].astype(float)
    gx, gy = (1.5 * x + 0.5 * y - 2.0).astype(np.float32), (-0.5 * x + 1.6 * y + 3.0).astype(np.float32)
    value, gradient = blot(ref, gx, gy)
    expected = np.array(
        [[interpolate(ref, *at) for at in zip(*row, strict=True)] for row in zip(gx, gy, strict=True)]
    )
    assert 0.1 < np.isnan(expected).mean() < 0.5
    np.testing.assert_allclose(value, expected, atol=2e-5, equal_nan=True)
    padded = np.pad(value.astype(float), 1, constant_values=np.nan)
    slope, bend = np.zeros_like(expected), np.zeros_like(expected)
    for before, after in ((padded[1:-1, :-2], padded[1:-1, 2:]), (padded[:-2, 1:-1], padded[2:, 1:-1])):
        first = np.where(np.isnan(before), np.where(np.isnan(after), value, 2 * value - after), before)
        last = np.where(np.isnan(after), 2 * value - first, after)
        slope += ((last - first) / 2) ** 2
        bend += 2 * value - first - last
    np.testing.assert_allclose(gradient, np.sqrt(slope + bend**2 / 4), atol=1e-5, equal_nan=True)


def clip_level(difference: np.ndarray, noise2: np.ndarray, steep: np.ndarray) -> tuple[float, float]:
    """Median of every ninth flat pixel after one clipping, and their scatter over the noise."""
    value, noise2, steep = (plane.ravel()[::9] for plane in (difference, noise2, steep))
    use = np.isfinite(value) & (noise2 > 0.0)
    flat = use & (steep**2 < 9.0 * noise2)
    use = flat if flat.sum() >= 100 else use
    value, sigma = value[use], np.sqrt(noise2[use])
    apart = np.abs(value - np.median(value)) / sigma
    scatter = np.median(apart) / 0.6744898
    return float(np.median(value[apart <= 3.0 * scatter])), max(float(scatter), 1.0)


def expected_mask(
    frame: tuple[np.ndarray, ...],
    stack: tuple[np.ndarray, np.ndarray],
    at: tuple[np.ndarray, ...],
    shift: tuple[float, float],
) -> np.ndarray:
    """Look at the whole of the moved stack; sigma 5, 3 for neighbours, softening 0.2."""
    px, py = (np.pad(place, 2, mode="reflect", reflect_type="odd") for place in at)
    sci, var, bad = (np.pad(plane, 2, constant_values=plane.dtype == bool) for plane in frame)
    j, i = np.rint(py).astype(int), np.rint(px).astype(int)
    h, w = stack[1].shape
    of_stack = np.where(
        (j >= 0) & (i >= 0) & (j < h) & (i < w), stack[1][np.clip(j, 0, h - 1), np.clip(i, 0, w - 1)], np.nan
    )
    of_stack = np.where(of_stack > 0.0, of_stack, 0.0)
    noise2 = var + of_stack
    move = [shift[0] * np.diff(p, axis=1).mean() + shift[1] * np.diff(p, axis=0).mean() for p in at]

    def looked(dx: float, dy: float) -> tuple[np.ndarray, np.ndarray]:
        value, gradient = blot(stack[0], px + dx, py + dy)
        few = np.divide(of_stack, var, out=np.zeros_like(of_stack), where=var > 0.0)
        square = np.nan_to_num(gradient).astype(float) ** 2 - 6.0 * of_stack
        steep = np.sqrt(np.clip(square, 0.0, None)) * (1.0 + 2.0 * np.where(np.isfinite(few), few, 0.0))
        return np.where(bad | ~np.isfinite(noise2), np.nan, sci - value), steep

    # Which pixels are sky, and which can be judged, is decided before the move.
    before, flat = looked(0.0, 0.0)
    difference, steep = looked(*move)
    difference[np.isnan(before)] = np.nan
    level, raised = clip_level(difference, noise2, flat)
    wide = np.maximum(steep, 0.2 * ndimage.maximum_filter(steep, 3))
    with np.errstate(invalid="ignore"):
        seeds, grown = (
            np.abs(difference - level) > s * raised * np.sqrt(noise2) + 0.2 * wide for s in (5.0, 3.0)
        )
    mask: np.ndarray = ndimage.binary_propagation(seeds, structure=np.ones((3, 3)), mask=grown)
    return mask[2:-2, 2:-2]


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.3, -0.2)])
def test_outliers(shift: tuple[float, float]) -> None:
    rng = np.random.default_rng(3)
    shape, fine = (70, 90), (230, 250)
    stars = np.zeros(fine)
    stars[rng.integers(0, 230, 90), rng.integers(0, 250, 90)] = 10.0 ** rng.uniform(2.0, 4.5, 90)
    sky = ndimage.gaussian_filter(stars, 1.8)
    ref = (sky + rng.normal(0.0, 0.2, fine)).astype(np.float32)
    ref[rng.random(fine) < 0.002] = np.nan
    ref[:, :30] = np.nan
    ref_var = rng.uniform(0.02, 0.06, fine).astype(np.float32)
    ref_var[100:104, 100:140] = np.inf
    y, x = np.mgrid[: shape[0], : shape[1]].astype(float)
    gx, gy = 1.9 * x - 0.6 * y + 50.0, 0.6 * x + 1.9 * y + 20.0
    seen = ndimage.map_coordinates(
        sky, [gy + 0.6 * shift[0] + 1.9 * shift[1], gx + 1.9 * shift[0] - 0.6 * shift[1]], order=3
    )
    sci = (seen + 7.0 + rng.normal(0.0, np.sqrt(1.2 + 0.01 * seen))).astype(np.float32)
    var = (1.0 + 0.01 * np.clip(seen, 0.0, None)).astype(np.float32)
    hits = rng.random(shape) < 0.02
    sci[hits] += rng.choice([-1.0, 1.0], hits.sum()) * 10.0 ** rng.uniform(0.3, 2.5, hits.sum())
    bad = rng.random(shape) < 0.02
    found = find_outliers(sci, var, bad, ref, ref_var, gx, gy, RejectRules(softening=0.2))
    np.testing.assert_allclose(found.shift, shift, atol=0.04)
    expected = expected_mask((sci, var, bad), (ref, ref_var), (gx, gy), found.shift)
    assert 60 < expected.sum() < 250
    np.testing.assert_array_equal(found.mask, expected)


@pytest.mark.parametrize("n", [1, 2, 7, 400])
def test_level_and_scatter(n: int) -> None:
    rng = np.random.default_rng(n)
    value = rng.normal(3.0, 2.0, n).astype(np.float32)
    value[: n // 20] += 50.0
    sigma = rng.uniform(0.5, 1.5, n).astype(np.float32)
    apart = np.abs(value - np.median(value)) / sigma
    scatter = np.median(apart) / 0.6744898
    level = np.median(value[apart <= 3.0 * scatter])
    np.testing.assert_allclose(level_and_scatter(value, sigma), (level, scatter), rtol=1e-5)


def test_fit() -> None:
    rng = np.random.default_rng(4)
    slopes = rng.normal(0.0, 30.0, (2, 300))
    steep, noise2 = np.abs(slopes).sum(axis=0), rng.uniform(0.5, 2.0, 300)
    rest = 0.2 * slopes[0] - 0.1 * slopes[1] + rng.normal(0.0, 0.1 * steep)
    rest[:20] += 200.0
    spread = noise2 + (0.2 * steep) ** 2
    shift = np.zeros(2)
    for _ in range(4):
        near = (rest - shift @ slopes) ** 2 < 9.0 * spread
        root = np.sqrt(spread[near])
        shift = np.linalg.lstsq((slopes[:, near] / root).T, rest[near] / root, rcond=None)[0]
    x, y, error2 = clipped_fit(np.stack([*slopes, rest, noise2, steep]), 4)
    np.testing.assert_allclose((x, y), shift, rtol=1e-9)
    weights = (slopes[:, near] / spread[near]) @ slopes[:, near].T
    assert error2 == pytest.approx(np.linalg.inv(weights).diagonal().max())
