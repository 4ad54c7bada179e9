"""Tiles of an image joined into wide pieces: a file takes a few long rows faster than many short ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

# A row of the narrowest type is then still longer than a page of the disk.
CELL_WIDTH = 8192
MAX_BYTES = 1 << 25


@dataclass(slots=True)
class _Cell:
    """Part of a band of tiles: rows from y0 on, columns from x0 on."""

    y0: int
    x0: int
    values: NDArray[Any]
    spans: list[tuple[int, int]] = field(default_factory=list)

    @property
    def is_full(self) -> bool:
        """Whether every column has come."""
        return sum(stop - start for start, stop in self.spans) >= len(self.values[0])


class Gatherer:
    """Joins the tiles of one image that stand side by side.

    Parameters
    ----------
    width : int
        Columns of the image.
    write : callable
        Takes the first row, the first column and the pixels of a piece; the pixels are read at once.
    max_bytes : int
        The most that is kept; tiles that come when so much is waiting are written as they are.
    """

    def __init__(
        self, width: int, write: Callable[[int, int, NDArray[Any]], None], max_bytes: int = MAX_BYTES
    ) -> None:
        self._width = width
        self._write = write
        self._room = max_bytes
        self._cells: dict[tuple[int, int, int], _Cell] = {}

    def add(self, y0: int, x0: int, block: NDArray[Any]) -> None:
        """Take a tile, and write what is complete.

        Parameters
        ----------
        y0, x0 : int
            The first row and column, 0-based.
        block : numpy.ndarray, shape (n, m)
            No pixel of it was added before.
        """
        stop = x0 + block.shape[1]
        for start in range(x0 - x0 % CELL_WIDTH, stop, CELL_WIDTH):
            first, last = max(start, x0), min(start + CELL_WIDTH, stop)
            self._add_part(start, y0, first, block[:, first - x0 : last - x0])

    def flush(self) -> None:
        """Write what waits for neighbours that did not come."""
        for cell in self._cells.values():
            for start, stop in cell.spans:
                self._write(cell.y0, cell.x0 + start, cell.values[:, start:stop])
        self._cells.clear()

    def _add_part(self, start: int, y0: int, x0: int, part: NDArray[Any]) -> None:
        width = min(CELL_WIDTH, self._width - start)
        n_bytes = part.shape[0] * width * part.itemsize
        key = (y0, part.shape[0], start)
        cell = self._cells.get(key)
        if cell is None:
            if part.shape[1] == width or n_bytes > self._room:
                self._write(y0, x0, part)
                return
            cell = self._cells[key] = _Cell(y0, start, np.empty((part.shape[0], width), part.dtype))
            self._room -= n_bytes
        first, last = x0 - start, x0 - start + part.shape[1]
        cell.values[:, first:last] = part
        cell.spans.append((first, last))
        if cell.is_full:
            del self._cells[key]
            self._room += n_bytes
            self._write(cell.y0, cell.x0, cell.values)
