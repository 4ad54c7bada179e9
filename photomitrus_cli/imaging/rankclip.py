"""Clipping about the median without sorting: pixels are dealt into bins, and ranks found in one bin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel

Float32 = NDArray[np.float32]
Counts = NDArray[np.int32]

# Bins between the ends of the range, and one more at each side for what is beyond.
N_BINS = 4096
# The range, in deviations of the lower quartile from the median: all limits of a clipping at 2.5 sigma.
_SPAN = 7.0
# Pixels that the range is judged from.
_SAMPLE = 512
_LARGEST = float(np.finfo(np.float32).max)


def clip_ranks(
    sci: Float32, bad: NDArray[np.bool_], sigma_per_mad: float, kappa: float, max_iterations: int
) -> tuple[int, int, float, float]:
    """Clip pixels about their median, as `photomitrus_cli.imaging.background.masked_median` says.

    Parameters
    ----------
    sci : ndarray of float32
        Image, any shape.
    bad : ndarray of bool, same shape
        Pixels not to be used; those not finite are left out too.
    sigma_per_mad : float
        Sigma over median deviation.
    kappa : float
        Clipping limit in sigma.
    max_iterations : int
        Limit of the repetitions.

    Returns
    -------
    low, high : int
        Ranks of the pixels left, half open; both 0 when no pixel is good.
    level, sigma : float
        Their median, and `sigma_per_mad` times the median deviation of those below it.
    """
    flat, out = np.ascontiguousarray(sci).reshape(-1), np.ascontiguousarray(bad).reshape(-1)
    step = max(1, flat.size // _SAMPLE) | 1
    sample = flat[::step][~out[::step]]
    sample = np.sort(sample[np.isfinite(sample)])
    low, scale = np.float32(0.0), np.float32(1.0)
    if sample.size:
        # A bad guess costs time, nothing else: ranks are exact wherever the bins lie.
        level = float(sample[sample.size // 2])
        half = _SPAN * (level - float(sample[sample.size // 4]))
        start, fine = level - half, N_BINS / (2.0 * half) if half > 0.0 else 1.0
        low, scale = np.float32(max(start, -_LARGEST)), np.float32(min(fine, 1e30))
    return _clip_ranks(flat, out, (low, scale), sigma_per_mad, kappa, max_iterations)


@kernel
def _clip_ranks(
    sci: Float32,
    bad: NDArray[np.bool_],
    bins: tuple[np.float32, np.float32],
    sigma_per_mad: float,
    kappa: float,
    max_iterations: int,
) -> tuple[int, int, float, float]:
    values, start = _deal(sci, bad, bins)
    low, high, level, sigma = 0, values.size, 0.0, 0.0
    if not values.size:
        return low, high, level, sigma
    for _ in range(max_iterations):
        level = _median(values, start, low, high)
        sigma = sigma_per_mad * (level - _median(values, start, low, low + (high - low + 1) // 2))
        # Never negative; the comparison keeps product and sum from being rounded as one.
        reach = max(kappa * sigma, 0.0)
        first = _count(values, start, bins, level - reach, False)
        last = max(_count(values, start, bins, level + reach, True), 1)
        if (first == low and last == high) or first >= last:
            break
        low, high = first, last
    return low, high, level, sigma


@kernel
def _bin_of(value: np.float32, bins: tuple[np.float32, np.float32]) -> np.int32:
    """Give the bin of a value: never a lower one for a higher value, however it is rounded."""
    place = (value - bins[0]) * bins[1]
    place = place if place > np.float32(-1.0) else np.float32(-1.0)
    place = place if place < np.float32(N_BINS) else np.float32(N_BINS)
    return np.int32(place + np.float32(1.0))


@kernel
def _deal(
    sci: Float32, bad: NDArray[np.bool_], bins: tuple[np.float32, np.float32]
) -> tuple[Float32, Counts]:
    """Put the good values in the order of their bins; start[k] is where bin k starts."""
    place = np.empty(sci.size, dtype=np.uint32)
    for i in range(sci.size):
        good = (abs(sci[i]) <= np.float32(_LARGEST)) & (not bad[i])
        # Unsigned, so that no index is taken as counted from the end.
        place[i] = np.uint32(_bin_of(sci[i], bins) if good else N_BINS + 2)
    start = np.zeros(N_BINS + 4, dtype=np.int32)
    for i in range(sci.size):
        start[place[i] + np.uint32(1)] += 1
    for k in range(1, start.size):
        start[k] += start[k - 1]
    head = start.copy()
    values = np.empty(sci.size, dtype=np.float32)
    for i in range(sci.size):
        k = place[i]
        values[np.uint32(head[k])] = sci[i]
        head[k] += 1
    return values[: start[N_BINS + 2]], start


@kernel
def _count(
    values: Float32, start: Counts, bins: tuple[np.float32, np.float32], limit: float, also_equal: bool
) -> int:
    """Count the values below a limit, or those up to it: all of lower bins, none of higher ones."""
    k = _bin_of(np.float32(limit), bins)
    n = int(start[k])
    for i in range(start[k], start[k + 1]):
        n += (values[i] < limit) | (also_equal & (values[i] == limit))
    return n


@kernel
def _median(values: Float32, start: Counts, low: int, high: int) -> float:
    """Give the median of the values of ranks low to high."""
    n = high - low
    first = _ranked(values, start, low + (n - 1) // 2)
    return 0.5 * (first + _ranked(values, start, low + n // 2))


@kernel
def _ranked(values: Float32, start: Counts, rank: int) -> float:
    """Give the value of a rank; the values of its bin are partly put in order (Hoare 1961, CACM 4, 321)."""
    k = np.searchsorted(start, rank, side="right") - 1
    left, right = start[k], start[k + 1] - 1
    while left < right:
        pivot = values[(left + right) // 2]
        i, j = left, right
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if rank <= j:
            right = j
        elif rank >= i:
            left = i
        else:
            break
    # To numba float() leaves the precision as it is.
    return np.float64(values[rank])
