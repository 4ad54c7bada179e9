"""Kernels of scan maps against one pixel after the other in plain Python."""

from __future__ import annotations

import numpy as np
import pytest

from photomitrus_cli.imaging.scanmaps import (
    HIGH,
    HITS,
    LOW,
    MASK,
    N_COUNTS,
    N_SUMS,
    SCANS,
    SQUARE,
    TIME,
    VALUE,
    WEIGHT,
    ZODI,
    sum_scans,
)
from photomitrus_cli.imaging.scanoutliers import leave_one_out

P, S, UNMAPPED = 40, 12, 8 | 64


def slow_rejection(index: np.ndarray, value: np.ndarray, weight: np.ndarray, limit: float) -> np.ndarray:
    """Reject sample by sample, every mean taken anew."""
    rejected = np.zeros(len(index), bool)
    for pixel in np.unique(index):
        everyone = [k for k in np.flatnonzero(index == pixel) if weight[k] > 0 and np.isfinite(value[k])]
        left, chis = list(everyone), []
        while len(everyone) >= 3:
            scored = []
            for k in left:
                others = [j for j in left if j != k]
                mean = np.average(value[others], weights=weight[others])
                variance = 1 / weight[k] + 1 / weight[others].sum()
                scored.append((abs(value[k] - mean) / np.sqrt(variance), -k))
            chi, worst = max(scored)
            if chi <= limit:
                break
            chis.append(chi)
            if len(everyone) - len(left) == (len(everyone) - 1) // 2:
                if chi > chis[0]:
                    left = list(everyone)
                break
            left.remove(-worst)
        rejected[[k for k in everyone if k not in left]] = True
    return rejected


def test_sums_are_those_of_each_pixel() -> None:
    rng = np.random.default_rng(3)
    parts = [np.sort(rng.choice(P, rng.integers(0, 25), replace=False)) for _ in range(S)]
    index = np.concatenate(parts).astype(np.int32)
    first = np.concatenate([[0], np.cumsum([len(part) for part in parts])])
    scan, n = np.repeat(np.arange(S), np.diff(first)), len(index)
    value, weight = rng.normal(30, 5, n), rng.uniform(0.5, 2, n) * (rng.random(n) < 0.9)
    value[7], weight[8] = np.nan, np.inf
    mjd, zodi = rng.uniform(55200, 55400, n), rng.uniform(10, 40, n).astype(np.float32)
    hits, bits = rng.integers(1, 9, n).astype(np.int32), rng.choice([0, 0, 1, 2, 8, 64], n).astype(np.uint8)
    use, label = rng.random(S) < 0.8, rng.choice([1024, 2048], S).astype(np.int32)
    sums, counts = np.zeros((P, N_SUMS)), np.zeros((P, N_COUNTS), np.int32)
    sums[:, LOW], sums[:, HIGH] = np.inf, -np.inf
    sum_scans(first, use, label, index, value, weight, mjd, zodi, hits, bits, UNMAPPED, sums, counts)

    mapped = use[scan] & (weight > 0) & np.isfinite(weight * value) & (bits & UNMAPPED == 0)
    assert 0 < mapped.sum() < mapped.size
    assert not use.all()
    for p in range(P):
        mine, here = mapped & (index == p), index == p
        w, x = weight[mine], value[mine]
        want = {WEIGHT: w.sum(), VALUE: (w * x).sum(), SQUARE: (w * x * x).sum(), TIME: (w * mjd[mine]).sum()}
        want |= {ZODI: (w * zodi[mine]).sum(), HITS: hits[mine].sum()}
        want |= {LOW: x.min(initial=np.inf), HIGH: x.max(initial=-np.inf)}
        np.testing.assert_allclose(sums[p], [want[k] for k in range(N_SUMS)], rtol=1e-13)
        refused, used = here & ~use[scan], here & use[scan]
        mask = np.bitwise_or.reduce([*bits[used], *label[scan[mine]], *label[scan[refused]]], initial=0)
        assert counts[p, SCANS] == mine.sum()
        assert counts[p, MASK] == mask


@pytest.mark.parametrize("limit", [2.0, 5.0])
def test_rejection_is_that_of_means_taken_anew(limit: float) -> None:
    rng = np.random.default_rng(5)
    n = 600
    index = rng.integers(0, 110, n).astype(np.int32)
    weight = rng.choice([0.0, 1.0, 4.0, 400.0], n, p=[0.05, 0.5, 0.4, 0.05])
    value = 1000.0 + rng.normal(0, 1, n) + np.where(rng.random(n) < 0.25, rng.normal(0, 30, n), 0.0)
    value[3] = np.nan
    want = slow_rejection(index, value, weight, limit)
    np.testing.assert_array_equal(leave_one_out(index, value, weight, 110, limit), want)
    assert 50 < want.sum() < 200


@pytest.mark.parametrize(
    ("values", "bad"),
    [
        ([0.0, 0.3, 50.0], [2]),
        ([50.0, 0.0, -0.3, 0.2, 40.0], [0, 4]),
        # Of two nobody can tell, and two pairs are no better.
        ([0.0, 50.0], []),
        ([0.0, 0.1, 50.0, 50.1], []),
        ([0.0, 10.0, 100.0], [2]),
        ([5.0, 5.1, 4.9, 5.0], []),
    ],
)
def test_the_good_ones_stay(values: list[float], bad: list[int]) -> None:
    index = np.zeros(len(values), np.int32)
    rejected = leave_one_out(index, np.array(values), np.ones(len(values)), 1, 5.0)
    assert np.flatnonzero(rejected).tolist() == bad


def test_only_samples_that_are_used_are_compared() -> None:
    value = np.array([0.0, 0.1, 50.0, 0.0])
    use = np.array([True, False, True, True])
    index = np.zeros(4, np.int32)
    assert leave_one_out(index, value, np.ones(4), 1, 5.0, use=use).tolist() == [False, False, True, False]
    use[0] = False
    assert not leave_one_out(index, value, np.ones(4), 1, 5.0, use=use).any()
