"""Combiners: true uncertainties, biases, degenerate cases."""

from __future__ import annotations

import numpy as np
import pytest

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.combine import ClassMedian, WeightedMean, median_efficiency

SHAPE = (150, 150)


def cube(rng: np.random.Generator, sigmas: list[float], shape: tuple[int, int] = SHAPE) -> np.ndarray:
    return np.stack([rng.normal(0.0, s, shape) for s in sigmas]).astype(np.float32)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 13, 20, 21, 30])
def test_median_efficiency_by_simulation(n: int) -> None:
    values = np.random.default_rng(n).normal(size=(n, 200_000))
    assert np.var(np.median(values, axis=0)) == pytest.approx(1.0 / n / median_efficiency(n), rel=0.012)


def test_median_efficiency_joins_its_limit() -> None:
    assert median_efficiency(100_001) == pytest.approx(2.0 / np.pi, rel=1e-5)
    # Odd and even counts each go on smoothly from the exact values to the formula.
    for start in (15, 16):
        falls = -np.diff([median_efficiency(n) for n in range(start, 32, 2)])
        assert (falls > 0).all()
        assert (np.diff(falls) < 0).all()
    exact = {21: 0.65000282, 22: 0.67692949, 40: 0.6590347, 39: 0.64373478}
    for n, value in exact.items():
        assert median_efficiency(n) == pytest.approx(value, rel=1e-4)


def test_mean_uncertainty_is_the_true_scatter() -> None:
    rng = np.random.default_rng(1)
    sigmas = [0.5, 1.0, 1.0, 2.0, 1.5, 1.0, 0.7, 1.2]
    values = cube(rng, sigmas)
    mean = WeightedMean(SHAPE)
    valid = np.ones(SHAPE, dtype=bool)
    for value, sigma in zip(values, sigmas, strict=True):
        mean.add(value, np.full(SHAPE, sigma**2, np.float32), valid, 1.0 / sigma**2, 30.0)
    out = mean.result()
    assert out.unc.mean() == pytest.approx(out.sci.std(), rel=0.02)


@pytest.mark.parametrize("n", [3, 4, 9])
def test_median_uncertainty_is_the_true_scatter(n: int) -> None:
    rng = np.random.default_rng(n)
    median = ClassMedian(SHAPE)
    ones = np.ones((n, *SHAPE), np.float32)
    median.add(cube(rng, [1.0] * n), ones, ones > 0, np.full(n, 30.0), 93.6)
    fours = np.full((5, *SHAPE), 4.0, np.float32)
    median.add(cube(rng, [2.0] * 5), fours, fours > 0, [30.0] * 5, 26.8)
    out = median.result()
    assert out.unc.mean() == pytest.approx(out.sci.std(), rel=0.02)


def test_std_is_the_scatter_of_one_value() -> None:
    rng = np.random.default_rng(3)
    mean, median = WeightedMean(SHAPE), ClassMedian(SHAPE)
    values = cube(rng, [1.0] * 5)
    valid = np.ones(values.shape, dtype=bool)
    for k, value in enumerate(values):
        mean.add(value, np.ones_like(value), valid[k], 1.0 + k, 1.0)
    median.add(values, np.ones_like(values), valid, np.ones(5), 1.0)
    assert np.sqrt(np.mean(mean.result().std ** 2)) == pytest.approx(1.0, rel=0.02)
    # About a median the scatter is larger than about the mean, by the variance of their difference.
    extra = 0.25 * (1.0 / median_efficiency(5) - 1.0)
    assert np.mean(median.result().std ** 2) == pytest.approx(1.0 + extra, rel=0.02)


def test_scalar_weights_do_not_bias_stars() -> None:
    # Poisson counts with the variance estimated from the counts themselves: weights of 1 / variance a pixel
    # would give 29 instead of 30.
    rng = np.random.default_rng(4)
    counts = rng.poisson(30.0, (16, *SHAPE)).astype(np.float32)
    mean = WeightedMean(SHAPE)
    for frame in counts:
        mean.add(frame, frame, np.ones(SHAPE, dtype=bool), 1.0 / 30.0, 1.0)
    out = mean.result()
    assert out.sci.mean() == pytest.approx(30.0, rel=0.002)
    assert out.unc.mean() == pytest.approx(out.sci.std(), rel=0.02)


def test_large_values_lose_no_digits() -> None:
    mean = WeightedMean((1, 1))
    one = np.ones((1, 1), np.float32)
    for value in (1e6 + 1.0, 1e6 + 2.0, 1e6 + 3.0):
        mean.add(np.full((1, 1), value, np.float32), one, one > 0, 2.0, 1.0)
    assert mean.result().std[0, 0] == pytest.approx(1.0, abs=1e-6)


def test_one_and_no_value() -> None:
    valid = np.array([[True, False]])
    value = np.array([[4.0, np.nan]], dtype=np.float32)
    mean, median = WeightedMean((1, 2)), ClassMedian((1, 2))
    mean.add(value, value, valid, 3.0, 10.0, large_ratio=4.0)
    ratios = {"large_ratio": 4.0, "remainder_ratio": 9.0}
    median.add(value[None], value[None], valid[None], [2.0], 10.0, **ratios)
    for out in (mean.result(), median.result()):
        assert out.sci[0, 0] == 4.0
        assert out.unc[0, 0] == 2.0
        assert out.large[0, 0] == pytest.approx(16.0)
        assert out.exptime.tolist() == [[10.0, 0.0]]
        assert out.coverage.tolist() == [[1, 0]]
        assert np.isnan(out.std).all()
        assert np.isnan([out.sci[0, 1], out.unc[0, 1], out.large[0, 1]]).all()


def test_class_weights_use_each_frames_own_keywords() -> None:
    median = ClassMedian((1, 1))
    ones = np.ones((2, 1, 1), dtype=np.float32)
    median.add(ones, ones, ones > 0, [3.3 / 0.1069, 3.7 / 0.1257], 93.6)
    median.add(4 * ones[:1], ones[:1], ones[:1] > 0, [3.3 / 0.1069], 26.8)
    heavy = (3.3 / 0.1069 + 3.7 / 0.1257) * 93.6
    light = 3.3 / 0.1069 * 26.8
    assert median.result().sci[0, 0] == pytest.approx((heavy + 4 * light) / (heavy + light), rel=1e-6)


def test_refusals() -> None:
    mean, median = WeightedMean((4, 4)), ClassMedian((4, 4))
    one = np.ones((2, 2), np.float32)
    yes = np.ones((2, 2), bool)
    for weight in (0.0, -1.0, np.nan):
        with pytest.raises(InputError, match="weight"):
            mean.add(one, one, yes, weight, 1.0)
    with pytest.raises(InputError, match="do not fit"):
        mean.add(one, one, yes, 1.0, 1.0, offset=(3, 0))
    with pytest.raises(InputError, match="do not fit"):
        mean.add(one, one, yes, 1.0, 1.0, offset=(-1, 0))
    with pytest.raises(InputError, match="differ in shape"):
        mean.add(one, one[:1], yes, 1.0, 1.0)
    with pytest.raises(InputError, match="class of"):
        median.add(one[None], one[None], yes[None], [1.0], 1.0)
    full = np.ones((1, 4, 4), np.float32)
    with pytest.raises(InputError, match="must be positive"):
        median.add(full, full, full > 0, [1.0], 0.0)
