"""Blotting and flagging against slow obvious twins."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from photomitrus_cli.imaging.blot import blot
from photomitrus_cli.imaging.reject import flag_outliers


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


@pytest.mark.parametrize("seed", [1, 2])
def test_flags(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (50, 40)
    difference = rng.normal(0.0, 3.0, shape).astype(np.float32)
    difference[rng.random(shape) < 0.1] = np.nan
    noise2 = rng.uniform(0.5, 4.0, shape).astype(np.float32)
    gradient = np.abs(rng.normal(0.0, 2.0, shape)).astype(np.float32)
    mask = np.zeros(shape, dtype=bool)
    flag_outliers(difference, noise2, gradient, (5.0, 2.0, 0.3), mask)
    seeds, grown = (np.abs(difference) > s * np.sqrt(noise2) + 0.3 * gradient for s in (5.0, 2.0))
    expected = ndimage.binary_propagation(seeds, structure=np.ones((3, 3)), mask=grown)
    assert seeds.sum() < expected.sum() < grown.sum()
    np.testing.assert_array_equal(mask, expected)
