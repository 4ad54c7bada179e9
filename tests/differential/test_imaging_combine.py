"""Combiners against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from truthkit import twins

from photomitrus_cli.imaging.classmedian import ClassMedian
from photomitrus_cli.imaging.combine import WeightedMean

SHAPE = (12, 13, 11)


def frames(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    values = rng.normal(100.0, 3.0, SHAPE).astype(np.float32)
    variances = rng.uniform(1.0, 4.0, SHAPE).astype(np.float32)
    valid = rng.random(SHAPE) < rng.uniform(0.0, 1.0, SHAPE[1:])
    valid[:, 0, :3] = [True, False, False]
    return values, variances, valid, rng.uniform(0.2, 3.0, SHAPE[0])


@pytest.mark.parametrize("seed", [1, 2])
def test_weighted_mean(seed: int) -> None:
    values, variances, valid, weights = frames(seed)
    exptimes = np.linspace(10.0, 100.0, SHAPE[0])
    mean = WeightedMean(SHAPE[1:])
    for n in range(SHAPE[0]):
        # In two pieces, to have offsets.
        for part, offset in ((np.s_[n, :, :5], (0, 0)), (np.s_[n, :, 5:], (0, 5))):
            mean.add(values[part], variances[part], valid[part], weights[n], exptimes[n], offset=offset)
    out = mean.result()
    expected = twins.weighted_mean(values.astype(float), variances.astype(float), valid, weights, exptimes)
    for name in ("sci", "unc", "exptime"):
        np.testing.assert_allclose(getattr(out, name), expected[name], rtol=6e-7, equal_nan=True)
    np.testing.assert_allclose(out.std, expected["std"], rtol=1e-5, equal_nan=True)
    np.testing.assert_array_equal(out.coverage, expected["coverage"])
    assert np.isnan(out.sci[0, 1])
    assert np.isnan(out.unc[0, 1])
    assert np.isnan(out.std[0, 1])
    assert out.exptime[0, 1] == 0.0


def test_shares_of_the_weight_are_weights_of_pixels() -> None:
    values, variances, valid, weights = frames(5)
    share = np.random.default_rng(6).uniform(0.1, 1.0, SHAPE).astype(np.float32)
    share[:, 4, 4] = 0.0
    mean = WeightedMean(SHAPE[1:])
    for n in range(SHAPE[0]):
        mean.add(values[n], variances[n], valid[n], weights[n], 10.0, share=share[n])
    out = mean.result()
    w = np.where(valid, weights[:, None, None] * share, 0.0)
    with np.errstate(invalid="ignore"):
        sci = (w * values).sum(axis=0) / w.sum(axis=0)
        unc = np.sqrt((w**2 * variances).sum(axis=0)) / w.sum(axis=0)
    np.testing.assert_allclose(out.sci, sci, rtol=6e-7, equal_nan=True)
    np.testing.assert_allclose(out.unc, unc, rtol=6e-7, equal_nan=True)
    np.testing.assert_array_equal(out.coverage, (w > 0).sum(axis=0))
    assert out.coverage[4, 4] == 0


@pytest.mark.parametrize("seed", [3, 4])
def test_class_median(seed: int) -> None:
    values, variances, valid, conversion = frames(seed)
    exptimes = np.repeat([93.6, 26.8, 10.4], [6, 5, 1])
    median = ClassMedian(SHAPE[1:])
    for exptime in (26.8, 93.6, 10.4):
        use = exptimes == exptime
        median.add(values[use], variances[use], valid[use], conversion[use], exptime)
    out = median.result()
    expected = twins.class_median(values.astype(float), valid, conversion, exptimes)
    for name in ("sci", "std", "exptime"):
        np.testing.assert_allclose(getattr(out, name), expected[name], rtol=1e-5, equal_nan=True)
    np.testing.assert_array_equal(out.coverage, expected["coverage"])
    np.testing.assert_array_equal(np.isnan(out.unc), np.isnan(out.sci))
