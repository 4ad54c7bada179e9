"""From the detector pixels of a frame to sums over HEALPix map pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli.imaging.healcells import (
    EXACT,
    MIXED,
    cell_keys,
    chart_nodes,
    fit_cell,
    fit_directions,
    key_pixel,
    whole_chart,
    whole_exact,
)
from photomitrus_cli.imaging.healnodes import CELL
from photomitrus_cli.imaging.healpix import check_nside
from photomitrus_cli.imaging.healsums import (
    N_COUNTS,
    N_SUMS,
    N_TALLY,
    add_cell,
    add_columns,
    slot_of,
    sum_columns,
)
from photomitrus_cli.imaging.jit import kernel

Float = NDArray[np.float64]
Single = NDArray[np.float32]
Index = NDArray[np.int64]
Word = NDArray[np.int32]
Flags = NDArray[np.uint8]
Parts = NDArray[np.int8]

# Solid angle of the sphere in map pixels of nside 1.
_PIXELS = 12.0
_ROOM = 64


@dataclass(frozen=True, eq=False, slots=True)
class FrameSums:
    """What a frame adds to a map.

    Parameters
    ----------
    pixels : ndarray of int64, shape (m,)
        RING indices of the map pixels that the frame reaches, ascending.
    hits : ndarray of int64, shape (m,)
        Detector pixels used; 0 where only rejected ones fall.
    sum_w, sum_wx, sum_wxx, sum_wwvv : ndarray of float64, shape (m,)
        Sums of w, w x, w x^2 and w^2 unc^2 over the used ones, x the value less `level`.
    low, high : ndarray of float32, shape (m,)
        Lowest and highest value used, with its level; NaN where there is none.
    bits : ndarray of int32, shape (m,)
        States of all detector pixels that fall there, ORed.
    sum_x, sum_y : ndarray of int64, shape (m,)
        Sums of the 0-based positions of the used ones: over `hits`, where the frame sees the map pixel.
    level : float
        What is taken off the values, so that the squares keep their digits.
    """

    pixels: Index
    hits: Index
    sum_w: Float
    sum_wx: Float
    sum_wxx: Float
    sum_wwvv: Float
    low: Single
    high: Single
    bits: Word
    sum_x: Index
    sum_y: Index
    level: float


def bin_frame(
    nodes: Float,
    sci: ArrayLike,
    unc: ArrayLike,
    state: ArrayLike,
    nside: int,
    *,
    level: float,
    per_pixel: bool,
) -> FrameSums:
    """Sum the detector pixels of a frame over map pixels.

    A detector pixel counts where its centre lies. The sums depend on the arguments only, to the last digit.

    Parameters
    ----------
    nodes : ndarray of float64, shape (3, my, mx)
        Unit vectors in the system of the map at the corners of cells (`frame_nodes`).
    sci, unc : array_like of float32, shape (ny, nx)
        Values and their errors; finite, and errors above 0, wherever `state` is 0.
    state : array_like of uint8, shape (ny, nx)
        0 where a detector pixel is used, else reasons.
    nside : int
        A power of two up to 8192.
    level : float
        Taken off the values before they are summed, in their unit.
    per_pixel : bool
        Weights 1 / unc^2 for every detector pixel; else all weights are 1.

    Returns
    -------
    FrameSums

    Raises
    ------
    ValueError
        When shapes do not fit, or for another nside.
    """
    check_nside(nside)
    values, errors = _native(sci, np.float32), _native(unc, np.float32)
    states, corners = _native(state, np.uint8), _native(nodes, np.float64)
    cells = tuple(-(-size // CELL) for size in values.shape)
    if (
        errors.shape != values.shape
        or states.shape != values.shape
        or corners.shape != (3, cells[0] + 1, cells[1] + 1)
    ):
        raise ValueError(
            f"shapes do not fit: {values.shape}, {errors.shape}, {states.shape} and nodes {corners.shape}"
        )
    capacity = _expected(corners, nside)
    while True:
        sums = _Sums(capacity)
        room = sums.table, sums.pixels, sums.sums, sums.counts
        if _bin(corners, int(nside), values, errors, states, float(level), bool(per_pixel), *room):
            return sums.result(float(level), per_pixel)
        capacity *= 2


def _native(array: ArrayLike, kind: type) -> NDArray[Any]:
    """Give an array as the kernels are compiled for: contiguous, and such that it may be written to."""
    return np.require(array, kind, ("C", "W"))


def _expected(nodes: Float, nside: int) -> int:
    """Guess how many map pixels a frame reaches; rather too many."""
    across = np.linalg.norm(nodes[:, -1, -1] - nodes[:, 0, 0])
    along = np.linalg.norm(nodes[:, -1, 0] - nodes[:, 0, -1])
    side = nside * np.sqrt(_PIXELS / (4.0 * np.pi)) * max(across, along)
    return int(side * (side + 4.0)) + _ROOM


class _Sums:
    """Room for the sums of a frame, in the order in which its map pixels are found."""

    def __init__(self, capacity: int) -> None:
        self.table = np.full((1 << (2 * capacity).bit_length()) + 1, -1, dtype=np.int64)
        self.table[-1] = 0
        self.pixels = np.empty(capacity, dtype=np.int64)
        self.sums = np.zeros((capacity, N_SUMS))
        self.sums[:, 3:] = np.inf, -np.inf
        self.counts = np.zeros((capacity, N_COUNTS), dtype=np.int64)

    def result(self, level: float, per_pixel: bool) -> FrameSums:
        """Sort by map pixel."""
        order = np.argsort(self.pixels[: self.table[-1]])
        hits, bits, sum_x, sum_y = self.counts[order].T.copy()
        first, second, third, low, high = self.sums[order].T.copy()
        low[hits == 0] = high[hits == 0] = np.nan
        return FrameSums(
            self.pixels[order],
            hits,
            third if per_pixel else hits.astype(np.float64),
            first,
            second,
            third,
            low.astype(np.float32),
            high.astype(np.float32),
            bits.astype(np.int32),
            sum_x,
            sum_y,
            level,
        )


@kernel
def _bin(
    nodes: Float,
    nside: int,
    sci: Single,
    unc: Single,
    state: Flags,
    level: float,
    per_pixel: bool,
    table: Index,
    pixels: Index,
    sums: Float,
    counts: Index,
) -> bool:
    """Sum a frame in a fixed order; False when it reaches more map pixels than there is room for."""
    shape = nodes.shape[1:]
    p, q, parts = np.empty(shape), np.empty(shape), np.empty(shape, np.int8)
    slots = np.empty((shape[0] - 1, shape[1] - 1), np.int64)
    chart_nodes(nodes, nside, p, q, parts)
    if not _find_whole(nodes, p, q, parts, nside, table, pixels, slots):
        return False
    keys = np.empty(CELL, np.int64)
    _sum_whole(slots, sci, unc, state, level, per_pixel, sums, counts)
    fit_a, fit_b, fit_c = np.empty(6), np.empty(6), np.empty(6)
    keys = np.empty((CELL, CELL), np.int64)
    for j in range(slots.shape[0]):
        for i in range(slots.shape[1]):
            if slots[j, i] == MIXED:
                part = _fit(nodes, p, q, parts, nside, j, i, fit_a, fit_b, fit_c)
                cell_keys(fit_a, fit_b, fit_c, part, nside, keys)
                height, width = min(CELL, sci.shape[0] - j * CELL), min(CELL, sci.shape[1] - i * CELL)
                if not _find_slots(keys, height, width, nside, table, pixels):
                    return False
                add_cell(sci, unc, state, keys, j * CELL, i * CELL, level, per_pixel, sums, counts)
    return True


@kernel
def _find_slots(keys: Index, height: int, width: int, nside: int, table: Index, pixels: Index) -> bool:
    """Replace the keys of a cell by places in the sums; False when there is no room."""
    last, slot = keys[0, 0], slot_of(key_pixel(keys[0, 0], nside), table, pixels)
    for y in range(height):
        for x in range(width):
            if keys[y, x] != last:
                last = keys[y, x]
                slot = slot_of(key_pixel(last, nside), table, pixels)
            if slot < 0:
                return False
            keys[y, x] = slot
    return True


@kernel
def _fit(
    nodes: Float,
    p: Float,
    q: Float,
    parts: Parts,
    nside: int,
    j: int,
    i: int,
    fit_a: Float,
    fit_b: Float,
    fit_c: Float,
) -> int:
    """Fit a cell on its chart, or its directions where it is EXACT."""
    part = fit_cell(p, q, parts, nside, j, i, fit_a, fit_b)
    if part == EXACT:
        fit_directions(nodes, j, i, fit_a, fit_b, fit_c)
    return part


@kernel
def _find_whole(
    nodes: Float, p: Float, q: Float, parts: Parts, nside: int, table: Index, pixels: Index, slots: Index
) -> bool:
    """Find the cells that lie in one map pixel, and its place in the sums; MIXED for the others."""
    fit_a, fit_b, fit_c = np.empty(6), np.empty(6), np.empty(6)
    for j in range(slots.shape[0]):
        for i in range(slots.shape[1]):
            pixel = whole_chart(nodes, p, q, parts, nside, j, i)
            if pixel == EXACT:
                fit_directions(nodes, j, i, fit_a, fit_b, fit_c)
                pixel = whole_exact(fit_a, fit_b, fit_c, nside)
            slots[j, i] = MIXED
            if pixel != MIXED:
                slots[j, i] = slot_of(pixel, table, pixels)
                if slots[j, i] < 0:
                    return False
    return True


@kernel
def _sum_whole(
    slots: Index,
    sci: Single,
    unc: Single,
    state: Flags,
    level: float,
    per_pixel: bool,
    sums: Float,
    counts: Index,
) -> None:
    """Sum the cells that lie in one map pixel."""
    columns, tally = np.empty((N_SUMS + 1, sci.shape[1])), np.empty((N_TALLY, sci.shape[1]), np.int32)
    for j in range(slots.shape[0]):
        summed = False
        for i in range(slots.shape[1]):
            slot = slots[j, i]
            if slot == MIXED:
                continue
            if not summed:
                bottom = min(j * CELL + CELL, sci.shape[0])
                sum_columns(sci, unc, state, j * CELL, bottom, level, per_pixel, columns, tally)
                summed = True
            right = min(i * CELL + CELL, sci.shape[1])
            add_columns(columns, tally, j * CELL, i * CELL, right, slot, sums, counts)
