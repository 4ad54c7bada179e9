"""The residual pattern: what stays with the detector is found, and its noise is as stated."""

from __future__ import annotations

import numpy as np
import pytest

from photomitrus_cli.imaging.pattern import centre_pattern, pattern_variance, residual_pattern


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
    np.testing.assert_array_equal(pattern_variance(1.0, n_used), np.zeros((2, 3)))
    use = np.zeros(stack.shape, dtype=bool)
    assert not pattern_variance(1.0, residual_pattern(stack, use)[1]).any()
    np.testing.assert_array_equal(centre_pattern(np.full((2, 2), np.nan, np.float32)), np.zeros((2, 2)))
