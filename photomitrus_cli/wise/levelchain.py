"""Levels of the frames of a scan, chained from one overlap to the next."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]


def running_median(values: Float, half: int) -> Float:
    """Give the median of the finite values within ``half`` places, fewer at the ends.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
    half : int
        Half width of the window, places.

    Returns
    -------
    ndarray of float64, shape (n,)
        NaN where the window has no finite value.
    """
    padded = np.pad(values, half, constant_values=np.nan)
    ordered = np.sort(np.lib.stride_tricks.sliding_window_view(padded, 2 * half + 1), axis=1)
    # NaN are sorted to the end; a window without numbers gives one of them.
    count = np.isfinite(ordered).sum(axis=1)
    rows = np.arange(values.size)
    median: Float = 0.5 * (ordered[rows, np.maximum(count - 1, 0) // 2] + ordered[rows, count // 2])
    return median


def chain(steps: Float, bridged: NDArray[np.bool_], half: int, most: float = np.inf) -> Float:
    """Add up steps between neighbours, and take off the running median of the sum.

    A frame that is off by B stands out by B, whether its neighbours are good or off as well, and good frames
    beside it do not: what the sky does is the same in both frames of an overlap and is not in the steps.

    Parameters
    ----------
    steps : ndarray of float64, shape (n,)
        Each frame less the one before; NaN without an overlap, where the chain begins anew.
    bridged : ndarray of bool, shape (n,)
        Frames known to be bad: the good ones on both sides of a run of them are taken to agree, because what
        such a frame says at its two ends need not fit together.
    half : int
        Half width of the window of the running median, frames.
    most : float, optional
        Runs of n frames are bridged whose ends differ by no more than n times this, DN; beyond it a
        frame beside the run, which is not known to be bad, may be off.

    Returns
    -------
    ndarray of float64, shape (n,)
        NaN for a frame without any overlap; in a chain of two frames half of their difference, each.
    """
    steps = _bridge(steps, bridged, most)
    starts = np.flatnonzero(~np.isfinite(steps))
    result = np.full(steps.size, np.nan)
    for first, last in zip(starts, [*starts[1:], steps.size], strict=True):
        if last - first > 1:
            sums = np.concatenate(([0.0], np.cumsum(steps[first + 1 : last])))
            result[first:last] = sums - running_median(sums, half)
    return result


def _bridge(steps: Float, bridged: NDArray[np.bool_], most: float) -> Float:
    """Spread what is left over a run of bad frames evenly over its steps."""
    result = steps.copy()
    edges = np.flatnonzero(np.diff(np.concatenate(([False], bridged, [False])).astype(np.int8)))
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        part = slice(first, end + 1)
        if end < steps.size and abs(np.sum(steps[part])) <= most * (end - first):
            result[part] -= np.mean(steps[part])
    return result
