"""The residual pattern: what stays with the detector is found, and its noise is as stated."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from photomitrus_cli.imaging.classmedian import median_efficiency
from photomitrus_cli.imaging.pattern import centre_pattern, residual_pattern


def pattern_variance(variance: float, n_used: NDArray[np.int32]) -> NDArray[np.float64]:
    """Noise variance of a residual pattern, that of a median of n values; 0 where there is no pattern.

    In a frame that is itself one of the n, the noise of frame and pattern is correlated: their difference has
    variance (1 + 1 / (n e) - 2 / n) times that of a value, since the covariance of a value with a median of n
    is variance / n.
    """
    share = np.zeros(int(n_used.max()) + 1)
    for n in range(5, share.size):
        share[n] = 1.0 / (n * median_efficiency(n))
    return variance * share[n_used]


@pytest.mark.parametrize("n", [6, 15, 40])
def test_pattern_and_its_noise(n: int) -> None:
    rng = np.random.default_rng(n)
    y, x = np.mgrid[:64, :64] / 64.0
    truth = 3.0 * (x * y - np.median(x * y))
    stack = (truth + rng.normal(0.0, 0.5, (n, 64, 64))).astype(np.float32)
    use = rng.random(stack.shape) < 0.8
    # A hit in one frame, unmasked.
    stack[2, 10:20, 10:20] = 1e4
    pattern, n_used = residual_pattern(stack, use)
    variance = pattern_variance(0.25, n_used)
    known = n_used >= 5
    known[10:20, 10:20] = False
    pulls = (pattern - truth)[known] / np.sqrt(variance[known])
    assert np.std(pulls) == pytest.approx(1.0, abs=0.04)
    # The hit moves the median of the whole a little.
    assert abs(np.mean(pulls)) < 0.2
    assert np.median(pattern[n_used >= 5]) == pytest.approx(0.0, abs=1e-6)


def test_noise_of_a_frame_less_a_pattern_that_it_is_part_of() -> None:
    rng = np.random.default_rng(1)
    stack = rng.normal(0.0, 1.0, (9, 100, 100)).astype(np.float32)
    pattern, n_used = residual_pattern(stack, np.ones(stack.shape, dtype=bool))
    expected = 1.0 + pattern_variance(1.0, n_used)[0, 0] - 2.0 / 9.0
    assert np.var(stack - pattern) == pytest.approx(expected, rel=0.02)


def test_too_few_frames() -> None:
    stack = np.arange(4.0, dtype=np.float32)[:, None, None] + np.zeros((4, 2, 3), dtype=np.float32)
    pattern, n_used = residual_pattern(stack, np.ones(stack.shape, dtype=bool))
    np.testing.assert_array_equal(pattern, np.zeros((2, 3)))
    np.testing.assert_array_equal(n_used, np.full((2, 3), 4))
    assert not residual_pattern(stack, np.zeros(stack.shape, dtype=bool))[1].any()
    np.testing.assert_array_equal(centre_pattern(np.full((2, 2), np.nan, np.float32)), np.zeros((2, 2)))
