"""Pairs of two lists and the offset on which many pairs agree."""

from __future__ import annotations

import math

import numpy as np
import pytest

from photomitrus_cli.imaging.matching import _poisson_tail, match_offset, mutual_pairs, neighbour_pairs


def scene(
    rng: np.random.Generator, n_common: int, n_other: int, offset: tuple[float, float], error: float = 0.08
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Two lists with common points and as many others in each, in a field of 300."""
    common, mine, theirs = (rng.uniform(-150, 150, (2, n)) for n in (n_common, n_other, n_other))
    first = np.hstack([common + rng.normal(0, error, common.shape) - np.array(offset)[:, None], mine])
    second = np.hstack([theirs, common])
    return first[0], first[1], second[0], second[1]


def test_pairs_with_a_point_on_the_radius_and_ties() -> None:
    x, y = np.array([0.0, 10.0]), np.array([0.0, 0.0])
    i, j = neighbour_pairs(x, y, np.array([1.0, -1.0, 0.0, 11.1]), np.zeros(4), 1.0)
    assert list(zip(i, j, strict=True)) == [(0, 0), (0, 1), (0, 2)]
    i, j = mutual_pairs(np.zeros(1), np.zeros(1), np.array([1.0, -1.0]), np.zeros(2), 2.0)
    assert (list(i), list(j)) == ([0], [0])


def test_empty_lists_have_no_pairs() -> None:
    none, some = np.empty(0), np.zeros(3)
    for arguments in ((none, none, some, some), (some, some, none, none), (none, none, none, none)):
        assert neighbour_pairs(*arguments, 1.0)[0].size == 0
        assert mutual_pairs(*arguments, 1.0)[0].size == 0
        assert match_offset(*arguments, radius=4.0, tolerance=0.6) is None


@pytest.mark.parametrize("n_common", [4, 10, 40])
@pytest.mark.parametrize("offset", [(0.0, 0.0), (0.5, -0.3), (-3.0, 2.0)])
def test_the_offset_is_found_among_interlopers(n_common: int, offset: tuple[float, float]) -> None:
    for seed in range(10):
        lists = scene(np.random.default_rng(seed), n_common, n_common, offset)
        found = match_offset(*lists, radius=4.0, tolerance=0.6)
        assert found is not None
        assert n_common - 1 <= found.n_pairs <= n_common + 3
        assert math.hypot(found.dx - offset[0], found.dy - offset[1]) < 4 * 0.08 * 1.25 / math.sqrt(n_common)
        assert found.chance < 0.01


def test_unrelated_lists_do_not_match() -> None:
    believed = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        lists = rng.uniform(-150, 150, (4, rng.integers(3, 300)))
        believed += match_offset(*lists, radius=4.0, tolerance=0.6) is not None
    assert believed <= 4


def test_too_few_pairs_are_not_believed() -> None:
    lists = scene(np.random.default_rng(1), 5, 0, (0.2, 0.1))
    assert match_offset(*lists, radius=4.0, tolerance=0.6, min_pairs=6) is None
    assert match_offset(*lists, radius=4.0, tolerance=0.6, min_pairs=5) is not None
    assert (
        match_offset(*scene(np.random.default_rng(1), 20, 0, (5.0, 0.0)), radius=4.0, tolerance=0.6) is None
    )


def test_the_order_of_the_lists_does_not_matter() -> None:
    rng = np.random.default_rng(2)
    x, y, x_ref, y_ref = scene(rng, 12, 20, (0.4, 0.4))
    one, two = rng.permutation(x.size), rng.permutation(x_ref.size)
    first = match_offset(x, y, x_ref, y_ref, radius=4.0, tolerance=0.6)
    assert first is not None
    second = match_offset(x[one], y[one], x_ref[two], y_ref[two], radius=4.0, tolerance=0.6)
    assert first == second


def test_poisson_tail() -> None:
    for count, mean in ((1, 0.1), (3, 0.5), (12, 4.0)):
        below = sum(math.exp(-mean) * mean**k / math.factorial(k) for k in range(count))
        assert _poisson_tail(count, mean) == pytest.approx(1 - below, rel=1e-9)
    assert _poisson_tail(2, 3.0) == 1.0
    assert _poisson_tail(40, 0.5) < 1e-50
