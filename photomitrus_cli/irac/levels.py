"""Levels of all frames from their overlaps: each frame's means in cells of the sky, then one solution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.lanczos import BAD
from photomitrus_cli.imaging.overlap import OverlapSolution, bin_frame, solve_overlap
from photomitrus_cli.irac.chunks import INNER, OBJECT, Arrays, FrameReader, Place
from photomitrus_cli.run.checkpoint import Store

Bool = NDArray[np.bool_]

# Side of a cell of sky, arcsec: large enough that pixels hardly share cells, small beside objects.
CELL_ARCSEC = 9.6
# Further than the diagonal of a frame.
_REACH_ARCSEC = 600.0


@dataclass(frozen=True)
class LevelTask:
    """A few frames to take means of; a unit of work.

    Attributes
    ----------
    name : str
        Of the checkpoint.
    places : tuple of Place
    levels : tuple of float
        What was taken off each frame before, MJy/sr; added again.
    cell_px : int
        Side of a cell, mosaic pixels.
    n_cells_x : int
        Cells in a row of the mosaic.
    store : Store
    """

    name: str
    places: tuple[Place, ...]
    levels: tuple[float, ...]
    cell_px: int
    n_cells_x: int
    store: Store

    def __str__(self) -> str:
        return self.name


def cell_size(scale_arcsec: float, width: int) -> tuple[int, int]:
    """Give the side of a cell in mosaic pixels and the number of cells in a row of the mosaic."""
    side = max(1, round(CELL_ARCSEC / scale_arcsec))
    # Cells beyond the mosaic, where frames reach out of it, have numbers of their own too.
    return side, (width + 2 * round(_REACH_ARCSEC / scale_arcsec)) // side + 2


def cell_means(task: LevelTask) -> int:
    """Take and save the means of the frames of a unit.

    Returns
    -------
    int
        Number of means.
    """
    saved = task.store.load_meta(task.name)
    if saved is not None:
        return int(saved["n"])
    reader = FrameReader(task.store)
    arrays: Arrays = {}
    for index, (place, level) in enumerate(zip(task.places, task.levels, strict=True)):
        one = reader.get(place)
        use = ((one.frame.state[INNER] & OBJECT) == 0) & ~beside((one.frame.state[INNER] & BAD) != 0)
        x, y = one.frame_map.positions()
        sci, var = (np.ascontiguousarray(plane[INNER]) for plane in (one.frame.sci, one.frame.var))
        cell, mean, weight = bin_frame(sci, var, use, x, y, task.cell_px, task.n_cells_x)
        arrays |= {f"cell{index}": cell, f"mean{index}": mean + level, f"weight{index}": weight}
    n = sum(array.size for name, array in arrays.items() if name.startswith("cell"))
    task.store.save(task.name, arrays, {"n": n})
    return n


def beside(bad: Bool) -> Bool:
    """Find the pixels next to bad ones, and these.

    Most bad pixels are cosmic rays, which leave a little charge beside the pixels that are found: as much as
    the error of the level of a frame of 100 s.

    Parameters
    ----------
    bad : ndarray of bool, shape (ny, nx)

    Returns
    -------
    ndarray of bool, shape (ny, nx)
    """
    rows = bad.copy()
    rows[1:] |= bad[:-1]
    rows[:-1] |= bad[1:]
    out = rows.copy()
    out[:, 1:] |= rows[:, :-1]
    out[:, :-1] |= rows[:, 1:]
    return out


def solve_levels(store: Store, names: Sequence[str], counts: Sequence[int]) -> OverlapSolution:
    """Solve for the levels of all frames.

    Parameters
    ----------
    store : Store
    names : sequence of str
        Checkpoints of :func:`cell_means`, in frame order.
    counts : sequence of int
        Frames in each.

    Returns
    -------
    OverlapSolution
    """
    frames = []
    for name, count in zip(names, counts, strict=True):
        arrays = store.require(name).arrays
        frames += [tuple(arrays[f"{part}{k}"] for part in ("cell", "mean", "weight")) for k in range(count)]
    return solve_overlap([(cell, mean, weight) for cell, mean, weight in frames])
