"""The k-th smallest value by counting."""

from __future__ import annotations

import numpy as np
import pytest

from photomitrus_cli.imaging.selection import count_to, select


@pytest.mark.parametrize("centre", [0.0, 2774.0, -300.0, 1e-20])
@pytest.mark.parametrize("n", [1, 2, 3, 16, 97, 256])
def test_any_place_is_that_of_the_sorted_values(n: int, centre: float) -> None:
    rng = np.random.default_rng(n)
    work = np.empty(1, np.float32)
    for turn in range(60):
        values = (centre + rng.normal(0.0, 10.0 ** rng.uniform(-3, 3), n)).astype(np.float32)
        if turn % 3 == 0:
            values = np.round(values)
        if turn % 5 == 0:
            values[rng.random(n) < 0.4] = -0.0
        used = int(rng.integers(1, n + 1))
        values[used:] = np.inf
        rank = int(rng.integers(0, used))
        guess, step = np.float32(rng.normal(centre, 50.0)), np.float32(10.0 ** rng.uniform(-4, 3))
        before = values.copy()
        assert select(values, rank, guess, step, work) == np.sort(values)[rank]
        np.testing.assert_array_equal(values, before)


def test_counting_passes_over_nan() -> None:
    values = np.asarray([3.0, np.nan, -1.0, np.inf, 2.0, 2.0], np.float32)
    assert count_to(values, np.float32(2.0)) == 3
    assert count_to(values, np.float32(np.inf)) == 5
