"""Cell means of overlapping frames as a table, and the robust fit of the frames' offsets to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.background import SIGMA_PER_MAD
from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.laplacian import Factors, Layers, find_layers

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Int = NDArray[np.int64]
Int32 = NDArray[np.int32]
Bool = NDArray[np.bool_]
Cells = tuple[Int, Float, Float]

# Huber's and Tukey's tuning constants for 95 % efficiency with normal errors.
HUBER = 1.345
TUKEY = 4.685
EFFICIENCY = 0.95
# Offsets have settled when their steps, as shares of the frames' own noise, have less than these rms: for a
# start, and for good. Single cells that hover at the limit of Tukey's weights forbid less. After larger steps
# than the first number the matrix is made anew.
_FAR = 0.5
_NEAR = 0.02
_SETTLED = 2e-3
_MAX_SWEEPS = 30
# Deviations below this, in sigma, are rounding errors and no measure of a scale.
_MIN_SCALE = 1e-6


@dataclass(frozen=True, eq=False)
class CellTable:
    """Cell means of all frames that share a cell with another, cell by cell.

    Attributes
    ----------
    start : ndarray of int64, shape (n_cells + 1,)
        Where each cell begins in the other arrays.
    member : ndarray of int32, shape (n_means,)
        Place of the frame in the order of the layers, ascending in each cell.
    value, weight : ndarray of float64, shape (n_means,)
        Mean, and its inverse variance.
    level : ndarray of float64, shape (n,)
        Median of each frame's means, in the order of the layers; 0 without any.
    deviation : ndarray of float32, shape (n_means,)
        Work space: residuals in units of their own sigma.
    say : ndarray of float32, shape (n_means,)
        Work space: factors of the weights, 1 for means with a full say.
    sky : ndarray of float64, shape (n_cells,)
        Work space: sky of the cells.
    """

    start: Int
    member: Int32
    value: Float
    weight: Float
    level: Float
    deviation: Float32
    say: Float32
    sky: Float

    def normal_matrix(self, layers: Layers) -> Float:
        """Build the Laplacian of the frames in the storage of `Layers.blocks`.

        Parameters
        ----------
        layers : Layers

        Returns
        -------
        ndarray of float64
            With the weights times ``say``.
        """
        place, size = layers.row_starts()
        flat = np.zeros(size)
        _fill(self.start, self.member, self.weight, self.say, place, flat)
        return flat

    def dof_factor(self, layers: Layers) -> float:
        """Correct a chi^2 of deviations, which know of the fitted skies, for the fitted offsets too."""
        free = self.value.size - self.sky.size
        fitted = layers.order.size - int(layers.component.max(initial=-1)) - 1
        return free / (free - fitted) if free > fitted else 1.0


def tabulate(frames: Sequence[Cells]) -> tuple[CellTable, Layers]:
    """Bring cell means into a table.

    Parameters
    ----------
    frames : sequence of (cell, mean, weight)
        See `photomitrus_cli.imaging.overlap.solve_overlap`.

    Returns
    -------
    table : CellTable
    layers : Layers
        The order of the frames.
    """
    links, keep, start = _shared_cells(frames)
    node_start = np.concatenate([[0], np.cumsum([link.size for link in links], dtype=np.int64)])
    member = np.empty(start[-1], dtype=np.int32)
    free = start[:-1].copy()
    for f, link in enumerate(links):
        member[free[link]] = f
        free[link] += 1
    layers = find_layers(node_start, np.concatenate([*links, np.zeros(0, np.int32)]), start, member)
    value, weight, level = np.empty(member.size), np.empty(member.size), np.empty(len(frames))
    free = start[:-1].copy()
    for place, f in enumerate(layers.order):
        at = free[links[f]]
        free[links[f]] += 1
        mean = frames[f][1][keep[f]]
        member[at], value[at], weight[at] = place, mean, frames[f][2][keep[f]]
        level[place] = np.median(mean) if mean.size else 0.0
    deviation, say = np.zeros(member.size, dtype=np.float32), np.ones(member.size, dtype=np.float32)
    return CellTable(start, member, value, weight, level, deviation, say, np.zeros(start.size - 1)), layers


def _shared_cells(frames: Sequence[Cells]) -> tuple[list[Int32], list[Bool], Int]:
    """Give every shared cell a number: those of each frame, which of its means to keep, where cells begin."""
    lowest = min((int(cell.min()) for cell, _, _ in frames if cell.size), default=0)
    span = max((int(cell.max()) for cell, _, _ in frames if cell.size), default=-1) - lowest + 1
    count = np.zeros(span, dtype=np.int32)
    for cell, _, _ in frames:
        count[cell - lowest] += 1
    shared = count > 1
    number = np.where(shared, np.cumsum(shared, dtype=np.int32) - 1, -1).astype(np.int32)
    start = np.concatenate([[0], np.cumsum(count[shared], dtype=np.int64)])
    links = [number[cell - lowest] for cell, _, _ in frames]
    keep = [link >= 0 for link in links]
    return [link[use] for link, use in zip(links, keep, strict=True)], keep, start


def robust_offsets(table: CellTable, layers: Layers) -> tuple[Float, float]:
    """Fit the offsets: reweighted least squares with Huber's weights, and on with Tukey's.

    It begins at the medians of the frames, because least squares itself may start too far away. Tukey's
    weights are smaller than Huber's, so the last matrix of those is good for all of Tukey's steps: each
    lowers the loss (a majorisation).

    Parameters
    ----------
    table : CellTable
        Its deviation, say and sky are changed in place.
    layers : Layers

    Returns
    -------
    offset : ndarray of float64, shape (n,)
    scale : float
        Robust standard deviation of the deviations, 1 where the variances are true.
    """
    n = layers.order.size
    own = np.sqrt(np.bincount(table.member, table.weight, n))
    offset = table.level.copy()
    _median_sky(table.start, table.member, table.value, table.weight, offset, table.sky, table.deviation)
    scale, moved = _scale(table.deviation), np.inf
    for _ in range(_MAX_SWEEPS):
        gradient = _gradient(table, offset, HUBER * scale, tukey=False)
        if moved > _FAR:
            factors = Factors(layers, table.normal_matrix(layers))
        step = factors.solve(gradient[layers.rank])[layers.order]
        offset += step
        scale = _scale(table.deviation)
        moved = float(np.sqrt(np.mean(np.square(step * own))))
        if moved < _NEAR:
            break
    for _ in range(_MAX_SWEEPS):
        gradient = _gradient(table, offset, TUKEY * scale, tukey=True)
        step = factors.solve(gradient[layers.rank])[layers.order]
        offset += step
        if np.mean(np.square(step * own)) < _SETTLED**2:
            break
    return factors.centre(offset[layers.rank]), scale


def _gradient(table: CellTable, offset: Float, limit: float, *, tukey: bool) -> Float:
    """Sweep over all cells; offset and what is returned are in the order of the layers."""
    gradient = np.zeros(offset.size)
    _sweep(
        table.start, table.member, table.value, table.weight, offset, table.sky, table.deviation, table.say,
        limit, tukey, gradient,
    )  # fmt: skip
    return gradient


def _scale(deviation: Float32) -> float:
    return max(SIGMA_PER_MAD * float(np.median(np.abs(deviation))), _MIN_SCALE)


@kernel
def _fill(start: Int, member: Int32, weight: Float, say: Float32, place: Int, flat: Float) -> None:
    """Add up the upper triangle of the Laplacian: sum over cells of w_a delta_ab - w_a w_b / sum w."""
    most = np.max(np.diff(start))
    held = np.empty(most)
    # Unsigned, because signed indices are first asked whether they count from the end.
    column = np.empty(most, np.uint64)
    for c in range(start.size - 1):
        first, n = start[c], start[c + 1] - start[c]
        total = 0.0
        for a in range(n):
            held[a] = weight[first + a] * say[first + a]
            column[a] = np.uint64(member[first + a])
            total += held[a]
        for a in range(n):
            # Modulo 2^64, for a row that begins before its first stored column.
            row = np.uint64(place[member[first + a]])
            share = held[a] / total
            flat[row + column[a]] += held[a]
            for b in range(a, n):
                flat[row + column[b]] -= share * held[b]


@kernel
def _sweep(
    start: Int,
    member: Int32,
    value: Float,
    weight: Float,
    offset: Float,
    sky: Float,
    deviation: Float32,
    say: Float32,
    limit: float,
    tukey: bool,
    gradient: Float,
) -> None:
    """Weigh the means by their deviations, fit the skies; fill deviation, say and the frames' gradient."""
    for c in range(start.size - 1):
        first, last = start[c], start[c + 1]
        full, total, moment = 0.0, 0.0, 0.0
        for a in range(first, last):
            full += weight[a]
        for a in range(first, last):
            residual = value[a] - offset[member[a]] - sky[c]
            # The sky is fitted to the mean itself too, which narrows the residual.
            own = np.sqrt(weight[a] / max(1.0 - weight[a] / full, 1e-6))
            ratio = abs(residual) * own / limit
            say[a] = max(1.0 - ratio * ratio, 0.0) ** 2 if tukey else 1.0 / max(ratio, 1.0)
            deviation[a] = own
            total += weight[a] * say[a]
            moment += weight[a] * say[a] * residual
        if total > 0.0:
            sky[c] += moment / total
        for a in range(first, last):
            residual = value[a] - offset[member[a]] - sky[c]
            gradient[member[a]] += weight[a] * say[a] * residual
            deviation[a] *= np.float32(residual)


@kernel
def _median_sky(
    start: Int, member: Int32, value: Float, weight: Float, offset: Float, sky: Float, deviation: Float32
) -> None:
    """Set the skies to the medians of their cells, and the deviations from them."""
    for c in range(start.size - 1):
        first, last = start[c], start[c + 1]
        full = 0.0
        held = np.empty(last - first)
        for a in range(first, last):
            held[a - first] = value[a] - offset[member[a]]
            full += weight[a]
        sky[c] = np.median(held)
        for a in range(first, last):
            own = np.sqrt(weight[a] / max(1.0 - weight[a] / full, 1e-6))
            deviation[a] = np.float32(own * (held[a - first] - sky[c]))
