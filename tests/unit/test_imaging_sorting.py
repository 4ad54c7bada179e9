"""Sorting and medians inside kernels against numpy."""

from __future__ import annotations

import numpy as np
import pytest

from photomitrus_cli.imaging.sorting import middle_and_mad, sort_part


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 17, 18, 128, 501])
def test_parts_of_an_array(n: int) -> None:
    rng = np.random.default_rng(n)
    for values in (rng.normal(size=n + 6), rng.integers(0, 4, n + 6).astype(np.float64)):
        part = values[2 : n + 2].copy()
        rest = values[n + 2 :].copy()
        sort_part(values, 2, n + 2)
        np.testing.assert_array_equal(values[2 : n + 2], np.sort(part))
        np.testing.assert_array_equal(values[n + 2 :], rest)
        middle, mad = middle_and_mad(values, 2, n + 2)
        assert middle == np.median(part)
        assert mad == pytest.approx(np.median(abs(part - np.median(part))), abs=1e-15)
