"""Sums of detector pixels over map pixels, in an order that depends on nothing but the frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel

Float = NDArray[np.float64]
Single = NDArray[np.float32]
Index = NDArray[np.int64]
Word = NDArray[np.int32]
Flags = NDArray[np.uint8]

# Of each map pixel: sums of w x, w x^2, and w^2 unc^2 (where w = 1) or w (where w = 1 / unc^2), lowest and
# highest value.
N_SUMS = 5
# Of each map pixel: detector pixels used, all states ORed, and sums of x and of y over those used.
N_COUNTS = 4
# Of each column of some rows: pixels used, states ORed, sum of y over those used, counted from 1 at the top.
N_TALLY = 3
# Odd and near 2^64 over the golden ratio, so that its multiples spread evenly (Knuth 1973, section 6.4).
_SPREAD = -7046029254386353131
_HIGH = 32


@kernel
def slot_of(pixel: int, table: Index, pixels: Index) -> int:
    """Find the place of a map pixel in the sums, or give it the next one.

    Parameters
    ----------
    pixel : int
        RING index.
    table : ndarray of int64, shape (a power of two + 1,)
        Hashed places, -1 where free; the last counts the places given.
    pixels : ndarray of int64, shape (m,)
        The map pixel of each place; changed.

    Returns
    -------
    int
        The place, or -1 when all m are taken.
    """
    mask = table.size - 2
    at = ((pixel * _SPREAD) >> _HIGH) & mask
    while table[at] >= 0:
        if pixels[table[at]] == pixel:
            return int(table[at])
        at = (at + 1) & mask
    given = int(table[mask + 1])
    if given == pixels.size:
        return -1
    table[at] = given
    table[mask + 1] = given + 1
    pixels[given] = pixel
    return given


@kernel
def sum_columns(
    sci: Single,
    unc: Single,
    state: Flags,
    y0: int,
    y1: int,
    level: float,
    per_pixel: bool,
    columns: Float,
    tally: Word,
) -> None:
    """Sum the rows y0 to y1 of each column of a frame.

    Parameters
    ----------
    sci, unc : ndarray of float32, shape (ny, nx)
        Values and their errors.
    state : ndarray of uint8, shape (ny, nx)
        0 where used.
    y0, y1 : int
        Rows.
    level : float
        Taken off the values.
    per_pixel : bool
        Whether weights are 1 / unc^2, not 1.
    columns : ndarray of float64, shape (N_SUMS + 1, nx)
        Sums and extremes; one more row to work in. Result.
    tally : ndarray of int32, shape (N_TALLY, nx)
        Result.
    """
    columns[0:3] = 0.0
    columns[3], columns[4] = np.inf, -np.inf
    tally[:] = 0
    for y in range(y0, y1):
        if per_pixel:
            _weigh(unc[y], state[y], columns[5])
            _add_weighted(sci[y], state[y], level, columns[5], columns[0], columns[1], columns[2])
        else:
            _add_equal(sci[y], state[y], level, columns[0], columns[1])
            _add_variances(unc[y], state[y], columns[2])
        _add_extremes(sci[y], state[y], columns[3], columns[4])
        _add_states(state[y], y - y0 + 1, tally[0], tally[1], tally[2])


# Loops of few arrays and no branches, which the compiler turns into vector instructions.


@kernel
def _weigh(unc: Single, state: Flags, weight: Float) -> None:
    for k in range(unc.size):
        weight[k] = np.float64(unc[k]) * np.float64(unc[k]) if state[k] == 0 else np.inf
    for k in range(unc.size):
        weight[k] = np.divide(1.0, weight[k])


@kernel
def _add_weighted(
    sci: Single, state: Flags, level: float, weight: Float, first: Float, second: Float, third: Float
) -> None:
    for k in range(sci.size):
        value = np.float64(sci[k]) - level if state[k] == 0 else 0.0
        first[k] += weight[k] * value
        second[k] += weight[k] * value * value
    for k in range(sci.size):
        third[k] += weight[k]


@kernel
def _add_equal(sci: Single, state: Flags, level: float, first: Float, second: Float) -> None:
    for k in range(sci.size):
        value = np.float64(sci[k]) - level if state[k] == 0 else 0.0
        first[k] += value
        second[k] += value * value


@kernel
def _add_variances(unc: Single, state: Flags, third: Float) -> None:
    for k in range(unc.size):
        third[k] += np.float64(unc[k]) * np.float64(unc[k]) if state[k] == 0 else 0.0


@kernel
def _add_extremes(sci: Single, state: Flags, low: Float, high: Float) -> None:
    for k in range(sci.size):
        given = np.float64(sci[k]) if state[k] == 0 else np.inf
        low[k] = given if given < low[k] else low[k]
    for k in range(sci.size):
        given = np.float64(sci[k]) if state[k] == 0 else -np.inf
        high[k] = given if given > high[k] else high[k]


@kernel
def _add_states(state: Flags, row: int, used: Word, bits: Word, moment: Word) -> None:
    for k in range(state.size):
        used[k] += np.int32(state[k] == 0)
    for k in range(state.size):
        moment[k] += np.int32(row) if state[k] == 0 else np.int32(0)
    for k in range(state.size):
        bits[k] |= np.int32(state[k])


@kernel
def add_columns(
    columns: Float, tally: Word, y0: int, x0: int, x1: int, slot: int, sums: Float, counts: Index
) -> None:
    """Add columns x0 to x1 of `sum_columns` from row y0 on to the sums of one map pixel; as `add_cell`."""
    first, second, third, low, high = (
        sums[slot, 0],
        sums[slot, 1],
        sums[slot, 2],
        sums[slot, 3],
        sums[slot, 4],
    )
    used, bits, along, across = np.int64(0), counts[slot, 1], np.int64(0), np.int64(0)
    for x in range(x0, x1):
        first += columns[0, x]
        second += columns[1, x]
        third += columns[2, x]
        low, high = min(low, columns[3, x]), max(high, columns[4, x])
        used += tally[0, x]
        bits |= tally[1, x]
        along += tally[0, x] * np.int64(x)
        across += tally[2, x]
    sums[slot, 0], sums[slot, 1], sums[slot, 2], sums[slot, 3], sums[slot, 4] = (
        first,
        second,
        third,
        low,
        high,
    )
    counts[slot, 0] += used
    counts[slot, 1] = bits
    counts[slot, 2] += along
    counts[slot, 3] += across + used * (y0 - 1)


@kernel
def add_cell(
    sci: Single,
    unc: Single,
    state: Flags,
    slots: Index,
    y0: int,
    x0: int,
    level: float,
    per_pixel: bool,
    sums: Float,
    counts: Index,
) -> None:
    """Add a cell of detector pixels that lie in several map pixels.

    Parameters
    ----------
    sci, unc, state : ndarray, shape (ny, nx)
        See `sum_columns`.
    slots : ndarray of int64, shape (h, w)
        Place of the map pixel of each detector pixel of the cell; what is outside of the frame is cut off.
    y0, x0 : int
        First row and column of the cell.
    level, per_pixel : float, bool
        See `sum_columns`.
    sums : ndarray of float64, shape (m, N_SUMS)
        Of the map pixels; changed.
    counts : ndarray of int64, shape (m, N_COUNTS)
        Changed.
    """
    for y in range(y0, min(y0 + slots.shape[0], sci.shape[0])):
        right, x = min(x0 + slots.shape[1], sci.shape[1]), x0
        while x < right:
            at = slots[y - y0, x - x0]
            first, second, third, low, high = sums[at, 0], sums[at, 1], sums[at, 2], sums[at, 3], sums[at, 4]
            used, bits, along = np.int64(0), counts[at, 1], np.int64(0)
            while x < right and slots[y - y0, x - x0] == at:
                if state[y, x]:
                    bits |= np.int64(state[y, x])
                else:
                    given, error = np.float64(sci[y, x]), np.float64(unc[y, x])
                    value, variance = given - level, error * error
                    weight = np.divide(1.0, variance) if per_pixel else 1.0
                    first += weight * value
                    second += weight * value * value
                    third += weight if per_pixel else variance
                    low, high = min(low, given), max(high, given)
                    used += 1
                    along += x
                x += 1
            sums[at, 0], sums[at, 1], sums[at, 2], sums[at, 3], sums[at, 4] = first, second, third, low, high
            counts[at, 0] += used
            counts[at, 1] = bits
            counts[at, 2] += along
            counts[at, 3] += used * y
