"""A robust first stack of resampled frames, the reference that outliers are found against."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.classmedian import median_efficiency
from photomitrus_cli.imaging.jit import kernel

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

# Pixels are worked on in runs of a row, whose values stay in the fastest memory; the sort compares as many
# pixels at once as the processor has lanes.
RUN = 128
# Two values are told apart at this many sigma of their difference, and where they are bright only if they
# also differ by this share: an undersampled star changes that much with its place on the pixels.
SPLIT_SIGMA = 3.0
SPLIT_SHARE = 0.5


@kernel
def order_rows(low: Float32, high: Float32) -> None:
    """Put the smaller one of every pair of values into the first row; on its own, it is compiled to vectors.

    Parameters
    ----------
    low, high : ndarray of float32, shape (RUN,)
        Changed in place.
    """
    for x in range(RUN):
        a, b = low[x], high[x]
        low[x] = a if a < b else b
        high[x] = b if a < b else a


@kernel
def sort_columns(held: Float32, n: int) -> None:
    """Sort every column of the first rows, smallest first.

    Merge exchange (Batcher; Knuth, TAOCP 3, 5.2.2, algorithm M): which rows are compared does not depend on
    the values, so that all columns go through the same comparisons at the same time.

    Parameters
    ----------
    held : ndarray of float32, shape (>= n, RUN)
        Values without NaN, sorted in place.
    n : int
        Number of rows.
    """
    top = 1
    while 2 * top < n:
        top *= 2
    p = top if n > 1 else 0
    while p > 0:
        q, r, d = top, 0, p
        while True:
            for i in range(n - d):
                if i & p == r:
                    order_rows(held[i], held[i + d])
            if q == p:
                break
            d, q, r = q - p, q // 2, p
        p //= 2


@kernel
def choose(
    low: float, high: float, median: float, noise: float, split: tuple[float, float, float]
) -> tuple[float, bool]:
    """Take the median, or one of two values where they fall apart.

    Cosmic rays only add. Where half of the values or more may be hit, the lower of two that differ by more
    than noise and undersampling explain is the better one; except one far below zero, which is the ringing of
    the interpolation beside a hit, for no source is negative.

    Parameters
    ----------
    low, high : float
        The two; equal where there is no choice.
    median : float
    noise : float
        Standard deviation of one value.
    split : tuple of float
        Two values differ by more than this many sigma, plus this share of the lower one, plus this much.

    Returns
    -------
    value : float
    alone : bool
        Whether it is one value, chosen, instead of the median.
    """
    apart = high - low > split[0] * 1.4142135623730951 * noise + split[1] * max(low, 0.0) + split[2]
    return (low if low > -split[0] * noise else high) if apart else median, apart


@kernel
def middle(
    held: Float32, x: int, k: int, noise: float, split: tuple[float, float, float]
) -> tuple[float, bool]:
    """Give the centre of one sorted column.

    Parameters
    ----------
    held : ndarray of float32, shape (>= k, RUN)
        Sorted values, sky near zero.
    x, k : int
        Column and number of values, >= 1.
    noise, split
        See `choose`. The two values are the two middle ones of an even number, and of three the two lower
        ones.

    Returns
    -------
    value : float
    alone : bool
        See `choose`.
    """
    low, high = float(held[(k - 1) // 2, x]), float(held[k // 2, x])
    if k == 3:
        return choose(float(held[0, x]), high, high, noise, split)
    return choose(low, high, 0.5 * (low + high), noise, split)


@kernel
def add_row(line: Float32, noise: Float32, use: Bool, row: Float32, sums: Float32) -> None:
    """Take one frame into the values and sums of a run.

    Parameters
    ----------
    line, noise, use : ndarray of float32, float32 and bool, shape (m,)
        Values, variances, and which to use.
    row : ndarray of float32, shape (RUN,)
        The values, infinite where there is none; result.
    sums : ndarray of float32, shape (2, RUN)
        Number of values and sum of their variances; added to.
    """
    count, noises = sums[0], sums[1]
    for x in range(line.size):
        row[x] = line[x] if use[x] else np.float32(np.inf)
        count[x] += np.float32(1.0) if use[x] else np.float32(0.0)
        noises[x] += noise[x] if use[x] else np.float32(0.0)


@kernel
def gather(
    values: Float32,
    variances: Float32,
    valid: Bool,
    place: tuple[int, int],
    held: Float32,
    sums: Float32,
    frames: NDArray[np.int64],
) -> int:
    """Collect the values of a run of pixels; frames that have none there are left out.

    Parameters
    ----------
    values, variances, valid : ndarray of float32, float32 and bool, shape (n, h, w)
    place : tuple of int
        First pixel (y, x) of the run.
    held : ndarray of float32, shape (n, RUN)
        Values, infinite where there is none; result.
    sums : ndarray of float32, shape (2, RUN)
        Number of values and sum of their variances; result.
    frames : ndarray of int64, shape (n,)
        The frame of every row of `held`; result.

    Returns
    -------
    int
        Number of rows of `held` in use.
    """
    y, x0 = place
    x1 = min(x0 + RUN, values.shape[2])
    sums[:] = 0.0
    rows = 0
    for f in range(values.shape[0]):
        use = valid[f, y, x0:x1]
        if use.any():
            add_row(values[f, y, x0:x1], variances[f, y, x0:x1], use, held[rows], sums)
            held[rows, x1 - x0 :] = np.inf
            frames[rows] = f
            rows += 1
    return rows


@kernel
def reference_runs(
    values: Float32,
    variances: Float32,
    valid: Bool,
    split: tuple[float, float, float],
    efficiency: Float32,
    ref: Float32,
    ref_var: Float32,
    count: NDArray[np.int32],
) -> None:
    """Stack a cube run by run.

    Parameters
    ----------
    values, variances, valid : ndarray of float32, float32 and bool, shape (n, h, w)
    split : tuple of float
        See `choose`.
    efficiency : ndarray of float32, shape (n + 1,)
        Variance of the mean over that of the median of k values.
    ref, ref_var, count : ndarray of float32, float32 and int32, shape (h, w)
        Results, written everywhere.
    """
    n, h, w = values.shape
    held, sums = np.empty((n, RUN), np.float32), np.empty((2, RUN), np.float32)
    frames = np.empty(n, np.int64)
    for y in range(h):
        for x0 in range(0, w, RUN):
            sort_columns(held, gather(values, variances, valid, (y, x0), held, sums, frames))
            for x in range(min(RUN, w - x0)):
                k = int(sums[0, x])
                count[y, x0 + x] = k
                ref[y, x0 + x] = np.nan
                ref_var[y, x0 + x] = np.nan
                if k > 0:
                    single = sums[1, x] / np.float32(k)
                    value, alone = middle(held, x, k, float(np.sqrt(single)), split)
                    ref[y, x0 + x] = value
                    spread = single if alone else single / (np.float32(k) * efficiency[k])
                    ref_var[y, x0 + x] = spread if k > 1 else np.float32(np.inf)


@lru_cache(maxsize=16)
def _efficiencies(n: int) -> Float32:
    """Efficiencies of the median of 0 to n values; that of 0 is not used."""
    table = np.array([1.0, *(median_efficiency(k) for k in range(1, n + 1))], dtype=np.float32)
    table.setflags(write=False)
    return table


def check_cube(values: Float32, variances: Float32, valid: Bool) -> None:
    """Check that a cube of frames is one.

    Raises
    ------
    InputError
        If the shapes differ or are not (n, h, w).
    """
    if not values.shape == variances.shape == valid.shape or values.ndim != 3:
        raise InputError(
            f"values {values.shape}, variances {variances.shape}, flags {valid.shape}: no cube of frames"
        )


def reference_map(
    values: Float32,
    variances: Float32,
    valid: Bool,
    *,
    split_sigma: float = SPLIT_SIGMA,
    split_share: float = SPLIT_SHARE,
) -> tuple[Float32, Float32, NDArray[np.int32]]:
    """Stack frames robustly: the median, or a lower value where few values fall apart.

    Parameters
    ----------
    values, variances : ndarray of float32, shape (n, h, w)
        Resampled frames, sky near zero, and their variances; not read where not valid.
    valid : ndarray of bool, shape (n, h, w)
        Which to use.
    split_sigma, split_share : float, optional
        Two values differ where their difference exceeds `split_sigma` of its noise plus `split_share` of the
        lower one. Then the lower one stands for two values, for the two middle ones of an even number, and
        for three when the middle one is that far above the lowest; the higher one if the lower one is more
        than `split_sigma` below zero.

    Returns
    -------
    ref : ndarray of float32, shape (h, w)
        NaN without values.
    ref_var : ndarray of float32, shape (h, w)
        Its variance: that of the median, or of one value where one was chosen; NaN without values. Infinite
        for a single value: it cannot tell anything about itself.
    count : ndarray of int32, shape (h, w)
        Number of values.

    Raises
    ------
    InputError
        If the shapes differ.
    """
    check_cube(values, variances, valid)
    n, *shape = values.shape
    ref, ref_var = np.empty(shape, dtype=np.float32), np.empty(shape, dtype=np.float32)
    count = np.empty(shape, dtype=np.int32)
    reference_runs(
        np.ascontiguousarray(values, dtype=np.float32),
        np.ascontiguousarray(variances, dtype=np.float32),
        np.ascontiguousarray(valid),
        (float(split_sigma), float(split_share), 0.0),
        _efficiencies(n),
        ref,
        ref_var,
        count,
    )
    return ref, ref_var, count
