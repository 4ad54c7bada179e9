"""The robust stack of all frames, kept in tiles: any window of it, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.pixelmap import Box, common_part, widened
from photomitrus_cli.run.checkpoint import Store

Float32 = NDArray[np.float32]
# Checkpoint and window of a tile.
StackTile = tuple[str, Box]

# Mosaic pixels around a window that interpolation and contrast reach.
MARGIN = 4


class Boxes:
    """Many boxes, among which those that a window reaches are found at once.

    Parameters
    ----------
    boxes : sequence of (y0, y1, x0, x1)
    """

    def __init__(self, boxes: Sequence[Box]) -> None:
        self._edges = np.array(boxes, dtype=np.int64).reshape(-1, 4).T

    def reached(self, window: Box) -> list[int]:
        """Give the indices of the boxes that have pixels in common with a window, in their order."""
        y0, y1, x0, x1 = self._edges
        top, bottom = np.maximum(y0, window[0]), np.minimum(y1, window[1])
        left, right = np.maximum(x0, window[2]), np.minimum(x1, window[3])
        reached: list[int] = np.flatnonzero((top < bottom) & (left < right)).tolist()
        return reached


class StackTiles:
    """The tiles of the stack, to choose from.

    Parameters
    ----------
    tiles : sequence of (name, window)
    """

    def __init__(self, tiles: Sequence[StackTile] = ()) -> None:
        self._tiles = tiles
        self._boxes = Boxes([window for _, window in tiles])

    def around(self, box: Box) -> tuple[StackTile, ...]:
        """Choose the tiles that a window and its margin reach."""
        return tuple(self._tiles[k] for k in self._boxes.reached(widened(box, MARGIN)))


class StackReader:
    """Reads windows of the stack; tiles stay open, and the memory of a window serves the next one.

    Parameters
    ----------
    store : Store
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._open: dict[str, Mapping[str, NDArray[Any]]] = {}
        self._room = np.empty((2, 0), dtype=np.float32)

    def window(self, tiles: Sequence[StackTile], window: Box) -> tuple[Float32, Float32]:
        """Put a window of the stack together.

        Parameters
        ----------
        tiles : sequence of (name, window)
            Those that the window reaches, and maybe more.
        window : tuple of int
            (y0, y1, x0, x1) in mosaic pixels.

        Returns
        -------
        ref, ref_var : ndarray of float32, shape (ny, nx)
            Stack and its variance; NaN where there is none. Valid until the next call.

        Raises
        ------
        InputError
            When a checkpoint was damaged since it was written.
        """
        shape = (window[1] - window[0], window[3] - window[2])
        size = shape[0] * shape[1]
        if self._room.shape[1] < size:
            self._room = np.empty((2, size), dtype=np.float32)
        ref, ref_var = (row[:size].reshape(shape) for row in self._room)
        parts = [(name, tile, common_part(tile, window)) for name, tile in tiles]
        if sum((y1 - y0) * (x1 - x0) for *_, part in parts if part for y0, y1, x0, x1 in [part]) < size:
            ref[:], ref_var[:] = np.nan, np.nan
        for name, tile, part in parts:
            if part is None:
                continue
            inside, of_tile = (
                (slice(part[0] - box[0], part[1] - box[0]), slice(part[2] - box[2], part[3] - box[2]))
                for box in (window, tile)
            )
            saved = self._tile(name)
            ref[inside], ref_var[inside] = saved["ref"][of_tile], saved["ref_var"][of_tile]
        return ref, ref_var

    def _tile(self, name: str) -> Mapping[str, NDArray[Any]]:
        if name not in self._open:
            self._open[name] = self._store.require(name).arrays
        return self._open[name]


def stack_window(store: Store, tiles: Sequence[StackTile], window: Box) -> tuple[Float32, Float32]:
    """Put one window of the stack together, see `StackReader.window`."""
    return StackReader(store).window(tiles, window)
