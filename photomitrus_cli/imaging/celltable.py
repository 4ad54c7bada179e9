"""Cell means of overlapping frames as a table, the cells that two or more frames have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.laplacian import Layers, find_layers

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Int = NDArray[np.int64]
Int32 = NDArray[np.int32]
Bool = NDArray[np.bool_]
Cells = tuple[Int, Float, Float]


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
