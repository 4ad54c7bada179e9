"""The sky of dithered frames, pixel by pixel: a clipped mean or median of scaled frames, and its subtraction.

A frame is modelled as ``level sky(y, x) + plane(y, x)`` and objects. All loops run along the rows, so that
sorting the few values of a pixel becomes minima and maxima of whole vectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.localmodel import cell_at, local_model

Float32 = NDArray[np.float32]
Count = NDArray[np.uint8]
Int32 = NDArray[np.int32]
Bool = NDArray[np.bool_]
Mask = NDArray[np.uint8]

MAX_FRAMES = 255
"""The most frames of one sky: their number is kept in a byte."""
# So many pixels of all frames are sorted at a time: they stay in the nearest cache.
_LANES = 512
# Rounds of clipping about the median of what the round before has left.
_ROUNDS = 2


@dataclass(frozen=True, slots=True, eq=False)
class SkyPlanes:
    """Some rows of a sky, or all of them.

    Attributes
    ----------
    value : ndarray of float32, shape (ny, nx)
        The sky, about 1; NaN where no frame has a value.
    centre : ndarray of float32, shape (ny, nx)
        The median that values were clipped about.
    count : ndarray of uint8, shape (ny, nx)
        Number of values left.
    """

    value: Float32
    centre: Float32
    count: Count

    def rows(self, first: int, last: int) -> SkyPlanes:
        """Give a view of the rows from `first` up to but without `last`.

        Parameters
        ----------
        first, last : int

        Returns
        -------
        SkyPlanes
        """
        part = np.s_[first:last]
        return SkyPlanes(self.value[part], self.centre[part], self.count[part])


@dataclass(frozen=True, slots=True)
class RowScale:
    """How a frame follows from the sky in one block of rows.

    Attributes
    ----------
    level : float
        Units of the frame, not 0.
    offset : float
        What is added at the first pixel of the first row, units of the frame.
    along, down : float
        Change of it from one pixel to the next in a row, and from row to row.
    """

    level: float
    offset: float = 0.0
    along: float = 0.0
    down: float = 0.0


@lru_cache(maxsize=64)
def sorting_pairs(n: int) -> Int32:
    """Give the comparisons that sort n values, whatever they are: Batcher's odd-even merge sort.

    Knuth, The Art of Computer Programming 3, section 5.2.2, algorithm M: after comparing and exchanging the
    two values of each pair in turn, the values ascend.

    Parameters
    ----------
    n : int
        Number of values.

    Returns
    -------
    ndarray of int32, shape (m, 2)
        Places, the first below the second.
    """
    pairs: list[tuple[int, int]] = []
    top = 1 << max((n - 1).bit_length() - 1, 0)
    p = top
    while p > 0 and n > 1:
        q, r, d = top, 0, p
        while True:
            pairs.extend((i, i + d) for i in range(n - d) if i & p == r)
            if q == p:
                break
            d, q, r = q - p, q >> 1, p
        p >>= 1
    return np.array(pairs, dtype=np.int32).reshape(-1, 2)


@kernel
def _scaled(
    values: Float32, skip: Mask, inverse: float, offset: float, along: float, down: float, out: Float32
) -> None:
    """Fill in (value - plane) / level; infinity where the pixel is not to be used."""
    none, one = np.float32(np.inf), np.float32(inverse)
    slope = np.float32(along)
    for y in range(values.shape[0]):
        start = np.float32(offset + down * y)
        for x in range(values.shape[1]):
            value = (values[y, x] - (start + slope * np.float32(x))) * one
            good = (skip[y, x] == 0) & (abs(value) < none)
            out[y, x] = value if good else none


@kernel
def _exchange(low: Float32, high: Float32) -> None:
    for i in range(low.size):
        a, b = low[i], high[i]
        low[i] = a if a < b else b
        high[i] = b if a < b else a


@kernel
def _middle(work: Float32, first: Int32, kept: Int32, low: Int32, out: Float32) -> None:
    """Fill in the median of values `first` to `first + kept` of every column, which ascends; low is room."""
    bits, below, above = work.view(np.int32), low, out.view(np.int32)
    for i in range(out.size):
        below[i] = 0
        above[i] = 0
    for f in range(work.shape[0]):
        _pick(bits[f], np.int32(f), first, kept, below, above)
    middle = below.view(np.float32)
    for i in range(out.size):
        value = np.float32(0.5) * (middle[i] + out[i])
        out[i] = value if kept[i] > 0 else np.float32(np.nan)


@kernel
def _pick(bits: Int32, f: np.int32, first: Int32, kept: Int32, below: Int32, above: Int32) -> None:
    """Note the values of rank f where they are one of the two middle ones."""
    for i in range(bits.size):
        rank = np.int32(f - first[i])
        above[i] |= bits[i] if rank == np.int32(kept[i] >> 1) else np.int32(0)
        below[i] |= bits[i] if rank == np.int32(np.int32(kept[i] - 1) >> 1) else np.int32(0)


@kernel
def _within(work: Float32, centre: Float32, limit: np.float32, first: Int32, kept: Int32) -> None:
    """Find which values of every column are within the limit of its centre: a range, as they ascend."""
    first[:] = np.int32(0)
    kept[:] = np.int32(0)
    for f in range(work.shape[0]):
        for i in range(centre.size):
            away = work[f, i] - centre[i]
            first[i] += np.int32(away < -limit)
            kept[i] += np.int32(abs(away) <= limit)


@kernel
def _mean(work: Float32, centre: Float32, limit: np.float32, kept: Int32, out: Float32) -> None:
    out[:] = np.float32(0.0)
    for f in range(work.shape[0]):
        for i in range(out.size):
            away = work[f, i] - centre[i]
            out[i] += away if abs(away) <= limit else np.float32(0.0)
    for i in range(out.size):
        out[i] = centre[i] + out[i] / np.float32(max(kept[i], np.int32(1)))


@kernel
def _combine(
    cube: Float32, pairs: Int32, rules: tuple[float, bool], value: Float32, centre: Float32, count: Count
) -> None:
    """Fill in the planes of a sky from scaled rows; arrays of one length throughout go in lanes."""
    n, ny, nx = cube.shape
    work, planes = np.empty((n, _LANES), np.float32), np.empty((2, _LANES), np.float32)
    numbers = np.empty((3, _LANES), np.int32)
    for y in range(ny):
        for x0 in range(0, nx, _LANES):
            size = min(_LANES, nx - x0)
            for f in range(n):
                _copy(cube[f, y, x0 : x0 + size], work[f])
            for k in range(pairs.shape[0]):
                _exchange(work[pairs[k, 0]], work[pairs[k, 1]])
            _settle(work, np.float32(rules[0]), rules[1], numbers, planes)
            for i in range(size):
                centre[y, x0 + i], value[y, x0 + i] = planes[0, i], planes[1, i]
                count[y, x0 + i] = np.uint8(numbers[1, i])


@kernel
def _copy(row: Float32, out: Float32) -> None:
    """Copy a row; there is nothing in the lanes beyond its end."""
    for i in range(row.size):
        out[i] = row[i]
    for i in range(row.size, out.size):
        out[i] = np.float32(np.inf)


@kernel
def _settle(work: Float32, limit: np.float32, median: bool, numbers: Int32, planes: Float32) -> None:
    """Clip the ascending values of every column: centre and value in planes, how many in numbers[1]."""
    first, kept, low = numbers[0], numbers[1], numbers[2]
    centre, value = planes[0], planes[1]
    _finite(work, first, kept)
    _middle(work, first, kept, low, centre)
    for _ in range(_ROUNDS - 1):
        _within(work, centre, limit, first, kept)
        _middle(work, first, kept, low, centre)
    _within(work, centre, limit, first, kept)
    if median:
        _middle(work, first, kept, low, value)
    else:
        _mean(work, centre, limit, kept, value)


@kernel
def _finite(work: Float32, first: Int32, kept: Int32) -> None:
    """Count the finite values of every column."""
    none = np.float32(np.inf)
    first[:] = np.int32(0)
    kept[:] = np.int32(0)
    for f in range(work.shape[0]):
        for i in range(kept.size):
            kept[i] += np.int32(work[f, i] < none)


def combine_rows(
    frames: list[Float32],
    skips: list[Mask],
    scales: list[RowScale],
    limit: float,
    out: SkyPlanes,
    *,
    median: bool = False,
) -> None:
    """Make some rows of a sky.

    Values further than the limit from the median of a pixel's values are left out, and once more from the
    median of what was left; a mean has less noise than a median (0.70 of the variance for nine values).

    Parameters
    ----------
    frames : list of ndarray of float32, shape (ny, nx)
        The rows of every frame, units as delivered; what is not finite is left out.
    skips : list of ndarray of uint8, shape (ny, nx)
        0 where a pixel is used: not bad, and not on an object.
    scales : list of RowScale
        What makes the frames comparable.
    limit : float
        Largest distance from the median, in units of the sky, which is about 1; may be infinite.
    out : SkyPlanes
        Filled in.
    median : bool, optional
        The median of what is left instead of its mean.
    """
    cube = np.empty((len(frames), *out.value.shape), np.float32)
    for f, scale in enumerate(scales):
        _scaled(frames[f], skips[f], 1.0 / scale.level, scale.offset, scale.along, scale.down, cube[f])
    # Infinity less infinity is no distance: a limit must be finite to leave out what is not there.
    reach = min(limit, float(np.finfo(np.float32).max))
    _combine(cube, sorting_pairs(len(frames)), (reach, median), out.value, out.centre, out.count)


def fill_gaps(planes: SkyPlanes, fewest: int) -> None:
    """Fill pixels of too few values from their surroundings, in place; their count stays below the limit.

    Parameters
    ----------
    planes : SkyPlanes
        A whole sky.
    fewest : int
        Values that a pixel needs.
    """
    gaps = (planes.count < fewest) | ~np.isfinite(planes.value)
    if gaps.any():
        planes.count[gaps] = np.minimum(planes.count[gaps], max(fewest - 1, 0))
        _fill(gaps, local_model(planes.value, gaps.view(np.uint8)).level, planes.value, planes.centre)


@kernel
def _fill(gaps: Bool, level: Float32, value: Float32, centre: Float32) -> None:
    for y in range(gaps.shape[0]):
        for x in range(gaps.shape[1]):
            if gaps[y, x]:
                value[y, x] = cell_at(level, y, x)
                centre[y, x] = value[y, x]


@kernel
def _subtract(
    values: Float32,
    skip: Mask,
    planes: tuple[Float32, Float32, Count],
    numbers: tuple[float, float, float, float],
    rules: tuple[float, int, bool],
    out: Float32,
    unknown: Bool,
) -> None:
    sky, centre, count = planes
    level, offset, along, down = numbers
    limit, fewest, leave_out = np.float32(rules[0]), np.int32(rules[1]), rules[2]
    one, none, factor = np.float32(1.0 / level), np.float32(np.inf), np.float32(level)
    slope = np.float32(along)
    for y in range(values.shape[0]):
        start = np.float32(offset + down * y)
        for x in range(values.shape[1]):
            plane = start + slope * np.float32(x)
            value = (values[y, x] - plane) * one
            good = (skip[y, x] == 0) & (abs(value) < none)
            own = leave_out & good & (abs(value - centre[y, x]) <= limit)
            others = np.int32(count[y, x]) - np.int32(own)
            few = others < fewest
            move = (sky[y, x] - value) / np.float32(max(others, np.int32(1)))
            best = sky[y, x] + (move if own & (not few) else np.float32(0.0))
            unknown[y, x] = few
            out[y, x] = values[y, x] - (factor * best + plane)


def subtract_rows(
    frame: Float32,
    skip: Mask,
    scale: RowScale,
    sky: SkyPlanes,
    out: tuple[Float32, Bool],
    *,
    limit: float,
    fewest: int,
    leave_out: bool,
) -> None:
    """Subtract the sky from some rows of a frame.

    A mean of n values without the frame's own, v, is mean + (mean - v) / (n - 1), so one sky serves all
    frames. With the frame's own value in it, a source that is not masked loses 1 / n of its light.

    Parameters
    ----------
    frame : ndarray of float32, shape (ny, nx)
        Units as delivered.
    skip : ndarray of uint8, shape (ny, nx)
        As it was when the sky was made.
    scale : RowScale
        As it was when the sky was made.
    sky : SkyPlanes
        A mean when `leave_out` is set. Where `count` is too small, the value is taken as it is.
    out : tuple of ndarray, shape (ny, nx)
        Results: the difference (float32), and whether the sky is of fewer than `fewest` values (bool).
    limit : float
        As it was when the sky was made.
    fewest : int
        Values needed, the frame's own not counted when it is left out.
    leave_out : bool
        Take the frame's own value out of the mean.
    """
    numbers = (scale.level, scale.offset, scale.along, scale.down)
    reach = min(limit, float(np.finfo(np.float32).max))
    planes = (sky.value, sky.centre, sky.count)
    _subtract(frame, skip, planes, numbers, (reach, fewest, leave_out), out[0], out[1])
