"""The k-th smallest of many values inside kernels, by counting: without branches it goes in lanes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel

Float32 = NDArray[np.float32]

# So few values are stepped through rather than halved.
_FEW = 4
# Equal values cannot be halved, but they are passed in one step.
_HALVINGS = 12
# Bits of minus zero, the least of all, and of infinity.
_LEAST = -(1 << 31)
_INFINITE = 0x7F800000


@kernel
def count_to(values: Float32, limit: np.float32) -> int:
    """Count the values up to and including a limit.

    Parameters
    ----------
    values : ndarray of float32, shape (n,)
        NaN is not counted.
    limit : float32

    Returns
    -------
    int
    """
    found = np.int32(0)
    for i in range(values.size):
        found = np.int32(found + np.int32(values[i] <= limit))
    return int(found)


@kernel
def select(values: Float32, rank: int, guess: np.float32, step: np.float32, work: Float32) -> np.float32:
    """Give the value that would stand at a place if the values were sorted.

    Parameters
    ----------
    values : ndarray of float32, shape (n,)
        Unused places hold infinity. They are not moved.
    rank : int
        The place, 0 for the smallest; below the number of finite values.
    guess, step : float32
        Where the value is likely to be: around `guess`, to about `step` > 0. Only the time depends on them.
    work : ndarray of float32, shape (1,)
        Overwritten.

    Returns
    -------
    float32
        One of the values, exactly.
    """
    low, high = np.float32(guess - step), np.float32(guess + step)
    below, upto = count_to(values, low), count_to(values, high)
    wide = np.float32(step)
    while below > rank:
        high, upto = low, below
        wide = np.float32(wide + wide)
        low = np.float32(low - wide)
        below = count_to(values, low)
    while upto <= rank:
        low, below = high, upto
        wide = np.float32(wide + wide)
        high = np.float32(high + wide)
        upto = count_to(values, high)
    for _ in range(_HALVINGS):
        if upto - below <= _FEW:
            break
        middle = np.float32(np.float32(0.5) * low + np.float32(0.5) * high)
        count = count_to(values, middle)
        if count > rank:
            high, upto = middle, count
        else:
            low, below = middle, count
    while below <= rank:
        low = _next_above(values, low, work)
        below = count_to(values, low)
    return low


@kernel
def _next_above(values: Float32, low: np.float32, work: Float32) -> np.float32:
    """Give the smallest value above a limit, by the bits of the values: the processor has minima of integers.

    Those of positive values have their order, and those of negative ones the reverse.
    """
    bits, one = values.view(np.int32), work.view(np.int32)
    work[0] = low + np.float32(0.0)
    limit = np.int32(one[0])
    if low < 0.0:
        nearest = np.int32(_LEAST)
        for i in range(bits.size):
            mine = np.int32(bits[i] if bits[i] < limit else np.int32(_LEAST))
            nearest = np.int32(max(mine, nearest))
        if nearest != _LEAST:
            one[0] = nearest
            return np.float32(work[0])
        limit = np.int32(-1)
        if count_to(values, np.float32(0.0)) > count_to(values, low):
            return np.float32(0.0)
    best = np.int32(_INFINITE)
    for i in range(bits.size):
        mine = np.int32(bits[i] if bits[i] > limit else np.int32(_INFINITE))
        best = np.int32(min(mine, best))
    one[0] = best
    return np.float32(work[0])
