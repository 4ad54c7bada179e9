"""Medians of the frames of an observation against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

from photomitrus_cli.imaging.pattern import centre_pattern, pattern_rows, residual_pattern


@pytest.mark.parametrize("n", [1, 2, 5, 8, 33])
def test_medians(n: int) -> None:
    rng = np.random.default_rng(n)
    stack = rng.normal(0.0, 1.0, (n, 9, 14)).astype(np.float32)
    # Equal values, both zeros, the ends of the range.
    stack[:, 0] = np.round(stack[:, 0])
    stack[:, 1] *= 0.0
    stack[:, 2] *= 1e38
    use = rng.random(stack.shape) < 0.7
    stack[~use & (rng.random(stack.shape) < 0.2)] = np.nan
    middle, n_used = pattern_rows(stack, use, min_frames=2)
    np.testing.assert_array_equal(n_used, use.sum(axis=0))
    for j, i in np.ndindex(9, 14):
        values = stack[:, j, i][use[:, j, i]]
        if values.size >= 2:
            np.testing.assert_allclose(middle[j, i], np.median(values), rtol=1e-6)
        else:
            assert np.isnan(middle[j, i])


def test_in_bands_of_rows() -> None:
    rng = np.random.default_rng(2)
    stack = rng.normal(0.0, 1.0, (11, 12, 10)).astype(np.float32)
    use = rng.random(stack.shape) < 0.6
    bands = [pattern_rows(stack[:, rows], use[:, rows])[0] for rows in (slice(0, 5), slice(5, 12))]
    whole, _ = residual_pattern(stack, use)
    np.testing.assert_array_equal(centre_pattern(np.concatenate(bands)), whole)
