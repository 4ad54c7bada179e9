"""Noise that the sky of few frames need not have: pixels are drawn towards the mean of their surroundings.

The mean of k frames has 1 / k of the variance of a pixel, which goes into every frame that it is subtracted
from. What is smooth in it is known much better, from many pixels. With s^2 the variance of what differs from
pixel to pixel, and n^2 / k that of noise, the least error has

    sky = around + s^2 / (s^2 + n^2 / k) (own - around),

the estimate of James & Stein (1961; Efron & Morris 1973, JASA 68, 117). What stands out is left as it is: it
does not belong to that distribution (Efron & Morris 1972, JASA 67, 130).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel

Float32 = NDArray[np.float32]
Count = NDArray[np.uint8]
Int32 = NDArray[np.int32]

REACH = 15
"""Pixels that surroundings reach to each side."""
CELL = 256
"""Side of the cells that structure is measured in, pixels."""
# A sky about 1 is summed up in these steps, so that sums are exact wherever they begin; those of a square of
# 31 pixels stay below 2^31 when each is less than 1 away.
_STEP = 2.0**-20
_NONE = np.int32(-(1 << 31))
# Structure is measured in the first rows of so many, in pixels and in blocks of this side.
_EVERY, _BLOCK = 16, 4
# What is further out than so many sigma is no structure; part of the variance of normal values within.
_LIMIT, _WITHIN = 3.0, 0.97334
# sigma / mean |x| of normal values.
_MEAN_TO_SIGMA = 1.2533
_ROUNDS = 3
# Errors that structure of blocks must be above that of pixels by.
_DOUBT = 2.0
# Part of the pixels around that must be known.
_KNOWN = 0.25


@dataclass(frozen=True, slots=True, eq=False)
class Structure:
    """How much a sky differs from pixel to pixel.

    Attributes
    ----------
    variance : ndarray of float32, shape (ceil(ny / 256), ceil(nx / 256))
        Of each cell, in units of the sky squared; infinite where it is not known.
    noise2 : float
        Variance of a pixel of one frame, in units of the sky squared; > 0.
    fewest : int
        Values of a pixel of the sky that is drawn, its own included.
    borders : ndarray of int32, shape (m + 1,)
        First columns of the readout channels, and the number of columns: surroundings end there.
    """

    variance: Float32
    noise2: float
    fewest: int
    borders: Int32


def channel_borders(nx: int, width: int = 0, first: int = 0) -> Int32:
    """Give the first columns of the readout channels, and the number of columns.

    Parameters
    ----------
    nx : int
        Columns.
    width : int, optional
        Columns of a channel; 0 for a single one.
    first : int, optional
        Columns of the first channel that are not there.

    Returns
    -------
    ndarray of int32
    """
    inner = range(width - first % width, nx, width) if width else ()
    return np.array([0, *inner, nx], np.int32)


@kernel
def _put_row(sky: Float32, count: Count, fewest: int, slot: Int32, total: Int32, number: Int32) -> None:
    """Take a row, less 1, into the sums of columns, and that out which had its slot."""
    least, one, steps = np.uint8(fewest), np.float32(1.0), np.float32(1.0 / _STEP)
    for x in range(total.size):
        old, away = slot[x], sky[x] - one
        good = (count[x] >= least) & (abs(away) < one)
        new = np.int32(away * steps) if good else _NONE
        total[x] += (new if good else np.int32(0)) - (old if old != _NONE else np.int32(0))
        number[x] += np.int32(good) - np.int32(old != _NONE)
        slot[x] = new


@kernel
def _window_sums(column: Int32, first: int, last: int, out: Int32) -> None:
    """Sum up what is within reach along a row, within the columns from first up to but without last."""
    running = np.int32(0)
    for x in range(first, min(first + REACH, last)):
        running += column[x]
    enter, leave = max(last - REACH, first), min(first + REACH + 1, last)
    for x in range(first, min(enter, leave)):
        running += column[x + REACH]
        out[x] = running
    for x in range(leave, enter):
        running += column[x + REACH] - column[x - REACH - 1]
        out[x] = running
    for x in range(min(enter, leave), leave):
        out[x] = running
    for x in range(max(enter, leave), last):
        running -= column[x - REACH - 1]
        out[x] = running


@kernel
def _around(sums: Int32, borders: Int32, room: Int32, out: Float32) -> None:
    """Give the mean around every pixel of a row, less 1; NaN where too little is known."""
    narrow = 2 * REACH + 1
    for k in range(borders.size - 1):
        _window_sums(sums[0], borders[k], borders[k + 1], room[0])
        _window_sums(sums[1], borders[k], borders[k + 1], room[1])
        narrow = min(narrow, borders[k + 1] - borders[k])
    least, step = np.int32(_KNOWN * (2 * REACH + 1) * narrow), np.float32(_STEP)
    total, number = room[0], room[1]
    for x in range(out.size):
        mean = np.float32(total[x]) * step / np.float32(max(number[x], np.int32(1)))
        out[x] = mean if number[x] > least else np.float32(np.nan)


@kernel
def _details(sky: Float32, count: Count, fewest: int, borders: Int32, out: Float32) -> None:
    """Fill in the chosen rows of a sky less what is around them."""
    ny, nx = sky.shape
    ring = np.full((2 * REACH + 1, nx), _NONE, np.int32)
    sums, room = np.zeros((2, nx), np.int32), np.empty((2, nx), np.int32)
    around, nothing = np.empty(nx, np.float32), np.zeros(nx, np.uint8)
    for y in range(ny + REACH):
        here = count[y] if y < ny else nothing
        _put_row(sky[min(y, ny - 1)], here, fewest, ring[y % ring.shape[0]], sums[0], sums[1])
        at = y - REACH
        if at >= 0 and at % _EVERY < _BLOCK:
            _around(sums, borders, room, around)
            row, least = out[at // _EVERY * _BLOCK + at % _EVERY], np.uint8(fewest)
            for x in range(nx):
                away = sky[at, x] - np.float32(1.0) - around[x]
                row[x] = away if count[at, x] >= least else np.float32(np.nan)


@kernel
def _blocks(
    details: Float32, share: Float32, size: tuple[int, int], out: Float32, out_share: Float32
) -> None:
    """Fill in sums of blocks over the root of their size: white noise has the variance of a pixel."""
    ny, nx = details.shape
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            total, shares, n = 0.0, 0.0, 0
            for y in range(i * size[0], min((i + 1) * size[0], ny)):
                for x in range(j * size[1], min((j + 1) * size[1], nx)):
                    if np.isfinite(details[y, x]):
                        total, shares, n = total + details[y, x], shares + share[y, x], n + 1
            out[i, j] = total / np.sqrt(n) if 2 * n > size[0] * size[1] else np.nan
            out_share[i, j] = shares / max(n, 1)


@kernel
def _excess(details: Float32, share: Float32, noise2: float) -> tuple[float, float]:
    """Give the variance of what is known, without what is far out, less that of noise; and its error.

    Of normal values, those within three sigma tell the variance of all. Infinite where nothing is known.
    """
    most, whole, noise, n = np.inf, np.inf, 0.0, 0
    for turn in range(_ROUNDS):
        size, square, noise, n = 0.0, 0.0, 0.0, 0
        for y in range(details.shape[0]):
            for x in range(details.shape[1]):
                away = abs(details[y, x])
                if away <= most:
                    size, square, n = size + away, square + away * away, n + 1
                    noise += noise2 * share[y, x]
        if n == 0:
            return np.inf, np.inf
        whole = square / n / _WITHIN
        most = _LIMIT * (_MEAN_TO_SIGMA * size / n if turn == 0 else np.sqrt(whole))
    return whole - noise / n, whole * np.sqrt(2.0 / n)


@kernel
def _cells(details: Float32, share: Float32, noise2: float, size: tuple[int, int], out: Float32) -> None:
    """Give the structure of cells, of so many values along each axis, in pixels."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            part = (slice(i * size[0], (i + 1) * size[0]), slice(j * size[1], (j + 1) * size[1]))
            out[i, j] = max(_excess(details[part], share[part], noise2)[0], 0.0)


@kernel
def _raise_cells(
    details: Float32, share: Float32, noise2: float, size: tuple[int, int], out: Float32
) -> None:
    """Raise the structure of cells to that of blocks, where that is more beyond doubt."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            part = (slice(i * size[0], (i + 1) * size[0]), slice(j * size[1], (j + 1) * size[1]))
            found, error = _excess(details[part], share[part], noise2)
            sure = found - _DOUBT * error
            if np.isfinite(sure):
                out[i, j] = max(out[i, j], np.float32(sure))


def measure_structure(sky: Float32, count: Count, noise: float, *, fewest: int, borders: Int32) -> Structure:
    """Measure how much a sky differs from pixel to pixel, beyond noise.

    Parameters
    ----------
    sky : ndarray of float32, shape (ny, nx)
        Mean of frames, about 1.
    count : ndarray of uint8, shape (ny, nx)
        Number of values in it.
    noise : float
        Of a pixel of one frame, in units of the sky; > 0.
    fewest : int
        Values that a pixel needs.
    borders : ndarray of int32
        See `channel_borders`.

    Returns
    -------
    Structure
        In each cell that of pixels, or of blocks of 4 x 4, columns or rows, if these differ by more than
        white structure would: then more of it is in the light of a star.
    """
    ny, nx = sky.shape
    chosen = (np.arange(0, ny, _EVERY)[:, None] + np.arange(_BLOCK)).ravel()
    details = np.full((chosen.size, nx), np.nan, np.float32)
    _details(sky, count, fewest, borders, details)
    share = np.float32(1.0) / np.maximum(count[np.minimum(chosen, ny - 1)], 1).astype(np.float32)
    rows = CELL // _EVERY * _BLOCK
    out = np.empty((-(-ny // CELL), -(-nx // CELL)), np.float32)
    _cells(details, share, noise**2, (rows, CELL), out)
    # Blocks, columns and rows.
    for high, wide in ((_BLOCK, _BLOCK), (rows, 1), (1, CELL)):
        coarse = np.empty((2, -(-chosen.size // high), -(-nx // wide)), np.float32)
        _blocks(details, share, (high, wide), coarse[0], coarse[1])
        _raise_cells(coarse[0], coarse[1], noise**2, (rows // high, CELL // wide), out)
    return Structure(out, noise**2, fewest, borders)


@kernel
def _give_row(
    frame: tuple[Float32, Float32, Count],
    around: Float32,
    variance: Float32,
    rules: tuple[float, int, float],
) -> None:
    """Give a row of a frame less its sky back what the sky had too much."""
    own, rest, count = frame
    level, inverse = np.float32(rules[0]), np.float32(1.0 / rules[0])
    least, noise2, limit = np.uint8(rules[1]), np.float32(rules[2]), np.float32(_LIMIT**2)
    for x in range(around.size):
        away = (own[x] - rest[x]) * inverse - np.float32(1.0) - around[x]
        others = np.float32(np.int32(count[x]) - 1)
        # All of it times k: s^2 k + n^2. Where anything is NaN it is not near.
        whole = variance[x] * others + noise2
        near = (count[x] >= least) & (away * away * others <= limit * whole)
        rest[x] += level * away * noise2 / whole if near else np.float32(0.0)


@kernel
def _give_back(
    frame: tuple[Float32, Float32, Count], rules: tuple[float, int, float], variance: Float32, borders: Int32
) -> None:
    values, residual, count = frame
    ny, nx = values.shape
    ring = np.full((2 * REACH + 1, nx), _NONE, np.int32)
    sums, room = np.zeros((2, nx), np.int32), np.empty((2, nx), np.int32)
    line, around, own = np.empty(nx, np.float32), np.empty(nx, np.float32), np.empty(nx, np.float32)
    nothing, inverse = np.zeros(nx, np.uint8), np.float32(1.0 / rules[0])
    for y in range(ny + REACH):
        if y < ny:
            value, rest = values[y], residual[y]
            for x in range(nx):
                line[x] = (value[x] - rest[x]) * inverse
        _put_row(line, count[y] if y < ny else nothing, rules[1], ring[y % ring.shape[0]], sums[0], sums[1])
        at = y - REACH
        if at >= 0:
            if at % CELL == 0:
                for x in range(nx):
                    own[x] = variance[at // CELL, x // CELL]
            _around(sums, borders, room, around)
            _give_row((values[at], residual[at], count[at]), around, own, rules)


def shrink_sky(frame: Float32, residual: Float32, count: Count, level: float, structure: Structure) -> None:
    """Draw the pixels of the sky that was subtracted from a frame towards their surroundings, in place.

    What is smooth may be subtracted with it. The sky must be without the frame's own values: else a star that
    was not masked would lose light to its surroundings.

    Parameters
    ----------
    frame, residual : ndarray of float32, shape (ny, nx)
        Before and after the sky was subtracted; the second is changed, where the sky is of enough values.
    count : ndarray of uint8, shape (ny, nx)
        Number of values in the sky, the frame's own included.
    level : float
        Of the sky in the frame, units of the frame.
    structure : Structure
        Of the sky.
    """
    rules = (float(level), int(structure.fewest), float(structure.noise2))
    _give_back((frame, residual, count), rules, structure.variance, structure.borders)
