"""FITS files of any size, written piece by piece: images as their tiles come, then tables, then the headers.

The file has its final layout from the start; pixels go to their places in any order, and what a checksum
needs is summed up on the way. Memory holds a few tiles that wait for their neighbours. The same pixels give
the same bytes, however they were cut.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.io.atomic import FileRecord, crc32_file
from photomitrus_cli.io.blocks import BLOCK, padded
from photomitrus_cli.io.cardvalue import Card, Value, card_image
from photomitrus_cli.io.checksum import fold
from photomitrus_cli.io.gather import Gatherer
from photomitrus_cli.io.planeplace import PlanePlace, write_at
from photomitrus_cli.io.unitheader import BITPIX, OWN_KEYS, ImageUnit, image_cards, settled_header

__all__ = ["ImageUnit", "StreamedFits"]


@dataclass(slots=True)
class _Plane:
    """A unit under way."""

    unit: ImageUnit
    cards: list[Card]
    start: int
    header_bytes: int = 0
    sum: int = 0
    written: int = 0

    @property
    def itemsize(self) -> int:
        """Bytes of a pixel."""
        return int(np.dtype(self.unit.dtype).itemsize)

    @property
    def n_pixels(self) -> int:
        """Pixels of the image; 0 for a unit that is only a header."""
        return self.unit.shape[0] * self.unit.shape[1] if self.unit.shape else 0

    @property
    def data_start(self) -> int:
        """Where the pixels start in the file."""
        return self.start + self.header_bytes

    @property
    def place(self) -> PlanePlace:
        """Where the pixels are."""
        return PlanePlace(self.data_start, self.unit.shape[1] if self.unit.shape else 0)

    @property
    def end(self) -> int:
        """Where the next unit starts."""
        return self.data_start + padded(self.n_pixels * self.itemsize)


class StreamedFits:
    """A FITS file under way; a context manager that closes it.

    Parameters
    ----------
    part : Path
        The file to make, as `photomitrus_cli.io.atomic.atomic_path` names it; that function also turns what
        the disk says (no space, no permission: OSError) into a WriteError.
    units : sequence of ImageUnit
        The first is ``PRIMARY``; names are unique.

    Raises
    ------
    ValueError
        When the units break a rule of `ImageUnit`, or a card holds what no header can.
    """

    def __init__(self, part: Path, units: Sequence[ImageUnit]) -> None:
        self._part = part
        self._planes: dict[str, _Plane] = {}
        self._gatherers: dict[str, Gatherer] = {}
        self._lock = threading.Lock()
        self._end = 0
        for unit in units:
            self._lay_out(unit)
        if next(iter(self._planes), "") != "PRIMARY":
            raise ValueError("the first unit of a FITS file is PRIMARY")
        self._file = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, finished or not."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def set_card(self, name: str, key: str, value: Value) -> None:
        """Give a card its final value.

        Parameters
        ----------
        name : str
            The unit.
        key : str
            A keyword among the cards that the unit was given; its comment stays.
        value : bool, int, float or str
            Of any type, as long as it takes no more cards than the old one.

        Raises
        ------
        KeyError
            When the unit or the card is not there.
        ValueError
            When the card does not hold the value.
        """
        plane = self._planes[name.upper()]
        places = {card[0].upper(): place for place, card in enumerate(plane.cards)}
        place = places[key.upper()]
        old = plane.cards[place]
        new = (old[0], value, old[2])
        if len(card_image(*new)) != len(card_image(*old)):
            raise ValueError(f"{key}: {value!r} takes more cards than were reserved")
        plane.cards[place] = new

    def write_rows(self, name: str, y0: int, rows: NDArray[Any]) -> None:
        """Write whole rows of an image.

        Parameters
        ----------
        name : str
            The unit.
        y0 : int
            The first row, 0-based.
        rows : numpy.ndarray, shape (n, nx)
            Of the type of the unit; every pixel of an image must be written exactly once.

        Raises
        ------
        ValueError
            When type or place do not fit the image.
        OSError
            When the disk is full or fails.
        """
        if rows.shape[1:] != self._planes[name.upper()].unit.shape[1:]:
            raise ValueError(f"{name}: rows of shape {rows.shape} are not whole")
        self.write_tile(name, y0, 0, rows)

    def write_tile(self, name: str, y0: int, x0: int, block: NDArray[Any]) -> None:
        """Write a rectangle of an image; may be called from several threads.

        Parameters
        ----------
        name : str
            The unit.
        y0, x0 : int
            The first row and column, 0-based.
        block : numpy.ndarray, shape (n, m)
            As for `write_rows`.

        Raises
        ------
        ValueError
            When type or place do not fit the image.
        OSError
            When the disk is full or fails.
        """
        plane = self._planes[name.upper()]
        _check_place(plane, y0, x0, block)
        if not block.size:
            return
        with self._lock:
            gatherer = self._gatherers.get(plane.unit.name)
            if gatherer is None:
                write = partial(self._write_block, plane)
                gatherer = self._gatherers[plane.unit.name] = Gatherer(plane.unit.shape[1], write)
            gatherer.add(y0, x0, block)
            plane.written += block.size

    @property
    def part(self) -> Path:
        """The file under way."""
        return self._part

    def places(self) -> dict[str, PlanePlace]:
        """Tell where the pixels of each image are, for those who write into the file themselves.

        What they have written they report with `account`.
        """
        return {name: plane.place for name, plane in self._planes.items() if plane.n_pixels}

    def account(self, name: str, n_pixels: int, added: int) -> None:
        """Take note of pixels that somebody else has written.

        Parameters
        ----------
        name : str
            The unit.
        n_pixels : int
            How many.
        added : int
            What they add to the sum of the image, from `PlanePlace.write`.
        """
        plane = self._planes[name.upper()]
        with self._lock:
            plane.written += n_pixels
            plane.sum = fold(plane.sum + added)

    def append(self, unit: bytes) -> None:
        """Write a whole unit behind all others, such as a table.

        Parameters
        ----------
        unit : bytes
            Header and data with their padding, checksums included.

        Raises
        ------
        ValueError
            When it is not whole blocks of an extension.
        OSError
            When the disk is full or fails.
        """
        if len(unit) % BLOCK or not unit.startswith(b"XTENSION"):
            raise ValueError("not an extension in whole FITS blocks")
        write_at(self._file, memoryview(unit), self._end)
        self._end += len(unit)

    def finish(self) -> FileRecord:
        """Write headers and checksums, and close the file.

        Returns
        -------
        FileRecord
            The path as given, size and CRC-32 (of the file as read back).

        Raises
        ------
        ValueError
            When pixels of an image are missing or were written twice.
        OSError
            When the disk is full or fails.
        """
        os.ftruncate(self._file, self._end)
        for gatherer in self._gatherers.values():
            gatherer.flush()
        for name, plane in self._planes.items():
            if plane.written != plane.n_pixels:
                raise ValueError(f"{name}: {plane.written} pixels were written, not {plane.n_pixels}")
            header = settled_header(image_cards(plane.unit, plane.cards), plane.sum)
            write_at(self._file, memoryview(header), plane.start)
        self.close()
        return FileRecord(self._part, self._end, crc32_file(self._part))

    def _lay_out(self, unit: ImageUnit) -> None:
        name = unit.name.upper()
        if name in self._planes or len(unit.shape) not in (0, 2) or unit.dtype not in BITPIX:
            raise ValueError(f"{name}: a second unit of this name, or not a plane of a known type")
        cards = [card for card in unit.cards if card[0].upper() not in OWN_KEYS]
        plane = _Plane(unit, cards, self._end)
        plane.header_bytes = len(settled_header(image_cards(unit, cards), 0))
        self._planes[name] = plane
        self._end = plane.end

    def _write_block(self, plane: _Plane, y0: int, x0: int, block: NDArray[Any]) -> None:
        plane.sum = fold(plane.sum + plane.place.write(self._file, y0, x0, block))


def _check_place(plane: _Plane, y0: int, x0: int, block: NDArray[Any]) -> None:
    unit = plane.unit
    if block.dtype != np.dtype(unit.dtype):
        raise ValueError(f"{unit.name}: pixels of type {block.dtype}, not {unit.dtype}")
    inside = len(unit.shape) == 2 == block.ndim and min(y0, x0) >= 0
    if not inside or y0 + block.shape[0] > unit.shape[0] or x0 + block.shape[1] > unit.shape[1]:
        raise ValueError(f"{unit.name}: {block.shape} pixels at {y0}, {x0} are outside of {unit.shape}")
