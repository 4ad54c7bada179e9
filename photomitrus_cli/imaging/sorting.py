"""Sorting and the median of a few hundred values inside kernels; numba's own take seconds to compile."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel

Float = NDArray[np.float64]


@kernel
def sort_part(values: Float, low: int, high: int) -> None:
    """Sort a part of an array in place, ascending, by Shell's method.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        Without NaN.
    low, high : int
        The part: from `low` up to but without `high`.
    """
    gap = 1
    while 3 * gap + 1 < high - low:
        gap = 3 * gap + 1
    while gap > 0:
        for k in range(low + gap, high):
            value = values[k]
            place = k
            while place - gap >= low and values[place - gap] > value:
                values[place] = values[place - gap]
                place -= gap
            values[place] = value
        gap //= 3


@kernel
def middle_and_mad(ordered: Float, low: int, high: int) -> tuple[float, float]:
    """Give the median of a part of an array, and the median distance from it.

    Parameters
    ----------
    ordered : ndarray of float64, shape (n,)
        Ascending in the part.
    low, high : int
        The part, not empty: from `low` up to but without `high`.

    Returns
    -------
    median, mad : float
    """
    n = high - low
    middle = 0.5 * (ordered[low + (n - 1) // 2] + ordered[low + n // 2])
    # The values nearest to the median are a range that loses the farther of its two ends.
    first, last = low, high - 1
    while last - first > n // 2:
        if middle - ordered[first] > ordered[last] - middle:
            first += 1
        else:
            last -= 1
    far = max(middle - ordered[first], ordered[last] - middle)
    if n % 2 == 1:
        return middle, far
    if middle - ordered[first] > ordered[last] - middle:
        first += 1
    else:
        last -= 1
    near = max(middle - ordered[first], ordered[last] - middle)
    return middle, 0.5 * (near + far)
