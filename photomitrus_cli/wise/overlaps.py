"""How frames of a scan differ where they overlap: in level and in gradient, and whether that is the sky."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Int = NDArray[np.int64]

# Cells of a frame are blocks of so many detector pixels.
CELL_PX = 16
# Gaussian standard deviation over median absolute deviation.
MAD_SIGMA = 1.4826
_CLIP = 4.0
_ROUNDS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Local levels of a frame.

    Attributes
    ----------
    pixels : ndarray of int64, shape (cy, cx)
        Map pixel of the centre of each cell, in a map whose pixels are about as large as a cell.
    level : ndarray of float32, shape (cy, cx)
        Median of the cell at the nominal zero point, DN; NaN where there is none.
    """

    pixels: Int
    level: Float32


@dataclass(frozen=True, slots=True)
class Link:
    """How a frame differs from the one before it, measured in the cells that both have.

    Attributes
    ----------
    n : int
        Cells in common; the numbers are NaN where these are too few.
    step : float
        Level of the frame less that of the one before, DN.
    slope : float
        Gradient of that difference along the longer side of the overlap, DN per 1000 pixels.
    axis : int
        The longer side: 0 x, 1 y.
    before, after : float
        Where the overlap lies across its longer side, in the frame before and in this one, pixels.
    """

    n: int
    step: float
    slope: float
    axis: int
    before: float
    after: float


NO_LINK = Link(0, np.nan, np.nan, 0, np.nan, np.nan)


def robust_sigma(values: Float) -> float:
    """Give 1.4826 times the median absolute deviation of the finite values; NaN when there are none.

    Parameters
    ----------
    values : ndarray of float64

    Returns
    -------
    float
    """
    good = values[np.isfinite(values)]
    return float(MAD_SIGMA * np.median(np.abs(good - np.median(good)))) if good.size else np.nan


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


def link_frames(frames: Sequence[Cells], min_cells: int) -> list[Link]:
    """Compare each frame with the one before it.

    Parameters
    ----------
    frames : sequence of Cells
        In the order of time.
    min_cells : int
        Overlaps of fewer cells say nothing.

    Returns
    -------
    list of Link
        One per frame; that of the first says nothing.
    """
    found = [NO_LINK]
    previous: tuple[Int, Int] | None = None
    for k, cells in enumerate(frames):
        here = np.flatnonzero(np.isfinite(cells.level))
        here = here[np.argsort(cells.pixels.ravel()[here], kind="stable")]
        own = cells.pixels.ravel()[here]
        if previous is not None:
            found.append(_link(frames[k - 1], previous, cells, (own, here), min_cells))
        previous = (own, here)
    return found


def _link(before: Cells, of_before: tuple[Int, Int], cells: Cells, own: tuple[Int, Int], least: int) -> Link:
    """Measure one overlap; cells are matched by their map pixel."""
    pixels, places = of_before
    at = np.minimum(np.searchsorted(pixels, own[0]), max(pixels.size - 1, 0))
    common = pixels[at] == own[0] if pixels.size else np.zeros(own[0].size, bool)
    if np.count_nonzero(common) < least:
        return NO_LINK
    there, here = places[at[common]], own[1][common]
    difference = cells.level.ravel()[here].astype(np.float64) - before.level.ravel()[there]
    y, x = np.divmod(here, cells.level.shape[1])
    axis = int(np.ptp(y) > np.ptp(x))
    along, across = ((x, y), (y, x))[axis]
    across_before = np.divmod(there, before.level.shape[1])[axis]
    good, slope = _clipped_slope(along * (CELL_PX / 1000.0), difference)
    return Link(
        int(good.sum()),
        float(np.median(difference[good])),
        slope,
        axis,
        float(np.mean(across_before[good])) * CELL_PX,
        float(np.mean(across[good])) * CELL_PX,
    )


def _clipped_slope(position: Float, values: Float) -> tuple[NDArray[np.bool_], float]:
    """Fit a line, without the cells that stars make stand out; give those used and the slope."""
    good = np.ones(values.size, bool)
    slope = 0.0
    for _ in range(_ROUNDS):
        flat = values - slope * position
        residual = flat - np.median(flat[good])
        good = np.abs(residual) <= _CLIP * max(robust_sigma(residual[good]), 1e-6)
        shifted = position[good] - np.mean(position[good])
        spread = float(np.sum(shifted**2))
        slope = float(np.sum(shifted * values[good])) / spread if spread > 0.0 else 0.0
    return good, slope


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
