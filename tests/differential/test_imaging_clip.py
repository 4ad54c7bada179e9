"""The clipped mean against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from photomitrus_cli.imaging.clip import clipped_mean
from photomitrus_cli.imaging.reference import SPLIT_SIGMA


def centre(values: np.ndarray, noise: float, soft: float) -> float:
    """Median, or the lower one of two values far apart."""
    values, k = np.sort(values), values.size
    low, high = (values[0], values[1]) if k == 3 else (values[(k - 1) // 2], values[k // 2])
    if high - low > SPLIT_SIGMA * np.sqrt(2.0) * noise + soft:
        return float(low if low > -SPLIT_SIGMA * noise else high)
    return float(np.median(values))


def kept(values: np.ndarray, noise2: np.ndarray, sigma: float, soft: float) -> np.ndarray:
    """Clip the values of one pixel."""
    keep = np.ones(values.size, dtype=bool)
    for _ in range(5):
        mid = centre(values[keep], float(np.sqrt(noise2[keep].mean())), soft)
        scatter = 1.4826022 * np.median(np.abs(values[keep] - mid)) if keep.sum() >= 5 else 0.0
        spread = np.maximum(np.sqrt(noise2), np.minimum(scatter, np.sqrt(noise2) + soft))
        near = keep & (np.abs(values - mid) <= sigma * spread + soft)
        if not near.any() or (near == keep).all():
            break
        keep = near
    return keep


@pytest.mark.parametrize(("n", "seed"), [(2, 1), (3, 2), (4, 3), (9, 4), (30, 5)])
def test_every_pixel(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (n, 5, 131)
    values = rng.normal(0.0, 1.0, shape).astype(np.float32)
    values += np.where(rng.random(shape) < 0.1, rng.uniform(-10.0, 60.0, shape), 0.0).astype(np.float32)
    variances = rng.uniform(0.5, 2.0, shape).astype(np.float32)
    valid = rng.random(shape) < 0.85
    contrast = np.where(rng.random(shape[1:]) < 0.5, 0.0, rng.uniform(0.0, 20.0, shape[1:])).astype(
        np.float32
    )
    weights, exptimes, ratios = rng.uniform(0.3, 3.0, (3, n))
    out = clipped_mean(values, variances, valid, weights, exptimes, ratios, contrast=contrast, softening=0.3)
    factor = 1.0 + 8.0 * np.exp(-8.0) / np.sqrt(2.0 * np.pi)
    clipped = 0
    for y, x in np.ndindex(shape[1:]):
        use = np.flatnonzero(valid[:, y, x])
        if not use.size:
            assert np.isnan([out.sci[y, x], out.unc[y, x], out.std[y, x], out.large[y, x]]).all()
            continue
        soft = 0.3 * float(contrast[y, x]) * (1.0 + 2.0 / use.size)
        pick = use[kept(values[use, y, x].astype(float), variances[use, y, x].astype(float), 4.0, soft)]
        clipped += use.size - pick.size
        w, v, s = weights[pick], values[pick, y, x].astype(float), variances[pick, y, x].astype(float)
        mean, noise = np.sum(w * v) / w.sum(), np.sum(w * w * s) / w.sum() ** 2
        assert out.coverage[y, x] == pick.size
        assert out.sci[y, x] == pytest.approx(mean, abs=2e-5)
        assert out.unc[y, x] == pytest.approx(np.sqrt(factor * noise), rel=1e-5)
        large = factor * np.sum(w * w * s * ratios[pick]) / w.sum() ** 2
        assert out.large[y, x] == pytest.approx(large, rel=1e-5)
        assert out.exptime[y, x] == pytest.approx(exptimes[pick].sum(), rel=1e-5)
        if pick.size > 1:
            freedom = w.sum() - np.sum(w * w) / w.sum()
            assert out.std[y, x] == pytest.approx(np.sqrt(np.sum(w * (v - mean) ** 2) / freedom), abs=1e-4)
    assert clipped > 30
