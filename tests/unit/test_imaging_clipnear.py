"""Outliers of a cube and what is beside them: against plain numpy, and what stays."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from photomitrus_cli.imaging.clipnear import reject_near

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]
SIGMA = 4.0


def slowly(values: Float32, variances: Float32, valid: Bool, ref: Float32, soft: Float32) -> Bool:
    """What is left valid, value by value."""
    away = np.abs(values - ref)
    noise = np.sqrt(variances)
    known = np.where(valid, away, np.nan)
    known[:, np.isnan(known).all(axis=0)] = 0.0
    scatter = 1.4826022 * np.nanmedian(known, axis=0)
    scatter[valid.sum(axis=0) < 5] = 0.0
    limit = SIGMA * np.maximum(noise, np.minimum(scatter, noise + soft)) + soft
    far = valid & (away > limit)
    near = np.zeros_like(far)
    for f, y, x in np.argwhere(far):
        near[f, max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3] = True
    reject = valid & near & (away > 0.5 * limit)
    left = valid.copy()
    for f, y, x in np.argwhere(reject):
        if left[:, y, x].sum() > 3:
            left[f, y, x] = False
    return left


def cube(n: int, seed: int) -> tuple[Float32, Float32, Bool]:
    rng = np.random.default_rng(seed)
    values = rng.normal(0.0, 1.0, (n, 30, 41)).astype(np.float32)
    variances = rng.uniform(0.8, 1.2, values.shape).astype(np.float32)
    return values, variances, rng.random(values.shape) < 0.9


@pytest.mark.parametrize("n", [3, 4, 9])
def test_as_the_definition_says(n: int) -> None:
    values, variances, valid = cube(n, n)
    rng = np.random.default_rng(1)
    for f in range(n):
        for y, x in rng.integers(0, (30, 41), (4, 2)):
            values[f, y, max(x - 1, 0) : x + 2] += (3.0, 15.0, 3.0)[max(1 - x, 0) : 42 - x]
    values[~valid] = np.nan
    ref = np.median(np.where(valid, values, 0.0), axis=0).astype(np.float32)
    soft = rng.uniform(0.0, 2.0, ref.shape).astype(np.float32)
    ref[3, 3] = np.nan
    expected = slowly(values, variances, valid, ref, soft)
    found = valid.copy()
    reject_near(values, variances, found, ref, soft, SIGMA)
    np.testing.assert_array_equal(found, expected)
    # Three values are left in any case.
    assert (np.count_nonzero(valid & ~found) > 15) == (n > 3)


def test_the_tails_of_a_trail_go_with_it() -> None:
    # A trail in one of nine frames, with wings below the limit of a value alone.
    values, variances, valid = cube(9, 5)
    valid[:] = True
    trail = 60.0 * np.exp(-0.5 * ((np.arange(41) - 20.0) / 3.0) ** 2)
    values[4] += trail.astype(np.float32)
    nothing = np.zeros((30, 41), np.float32)
    alone = np.abs(values) <= SIGMA * np.sqrt(variances)
    reject_near(values, variances, valid, nothing, nothing, SIGMA)
    left = [np.where(keep[4], trail, 0.0).sum(axis=1).mean() for keep in (alone, valid)]
    assert left[0] > 6.0
    assert left[1] < 0.6 * left[0]
    # Good values of other frames stay, but for one in twenty beside outliers by chance.
    assert valid[np.arange(9) != 4].mean() > 0.995


def test_what_may_differ_is_left_alone() -> None:
    values, variances, valid = cube(9, 6)
    valid[:] = True
    values[:, 10:13, 10:13] += np.linspace(80.0, 120.0, 9, dtype=np.float32)[:, None, None]
    ref = np.median(values, axis=0)
    before = valid.copy()
    soft = np.zeros_like(ref)
    soft[9:14, 9:14] = 30.0
    reject_near(values, variances, valid, ref, soft, SIGMA)
    np.testing.assert_array_equal(valid[:, 9:14, 9:14], before[:, 9:14, 9:14])
    reject_near(values, variances, valid, ref, np.zeros_like(ref), SIGMA)
    assert not valid[:, 11, 11].all()
