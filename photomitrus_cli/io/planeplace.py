"""Where the pixels of an image stand in a FITS file, so that any process can put tiles there."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.io.checksum import fold, sum_words

_WORD = 4
# Pieces that stay in the processor's cache between summing, swapping and writing.
_PIECE_BYTES = 1 << 19


@dataclass(frozen=True, slots=True)
class PlanePlace:
    """The pixels of one image in a file.

    Attributes
    ----------
    start : int
        Byte of the first pixel.
    width : int
        Columns of the image.
    """

    start: int
    width: int

    def write(self, file: int, y0: int, x0: int, block: NDArray[Any]) -> int:
        """Sum up, swap and write a rectangle, a few rows at a time.

        Parameters
        ----------
        file : int
            Descriptor of the open file. Several processes of one machine may write at the same time: the
            bytes of each rectangle are its own.
        y0, x0 : int
            The first row and column, 0-based.
        block : numpy.ndarray, shape (n, m)
            In native byte order, of the type of the image.

        Returns
        -------
        int
            What the rectangle adds to the DATASUM of the image, folded to 32 bits.

        Raises
        ------
        OSError
            When the disk is full or fails.
        """
        itemsize, total = block.itemsize, 0
        n_rows = max(1, _PIECE_BYTES // (block.shape[1] * itemsize))
        for first in range(0, block.shape[0], n_rows):
            piece = np.ascontiguousarray(block[first : first + n_rows])
            total = fold(total + _piece_sum(piece, y0 + first, x0, self.width))
            octets = piece.astype(piece.dtype.newbyteorder(">"), copy=False).view(np.uint8)
            place = self.start + ((y0 + first) * self.width + x0) * itemsize
            # Whole rows stand one behind the other in the file.
            for run in octets.reshape(1, -1) if piece.shape[1] == self.width else octets:
                write_at(file, memoryview(run.data), place)
                place += self.width * itemsize
        return total


def write_at(file: int, octets: memoryview, place: int) -> None:
    """Write all bytes at a place of an open file.

    Parameters
    ----------
    file : int
        Descriptor.
    octets : memoryview
    place : int
        Byte of the file.

    Raises
    ------
    OSError
        When the disk is full or fails.
    """
    while octets:
        count = os.pwrite(file, octets, place)
        octets, place = octets[count:], place + count


def _piece_sum(piece: NDArray[Any], y0: int, x0: int, width: int) -> int:
    """Sum up what a rectangle of an image adds to the big-endian 32-bit words of its data.

    Pixels of one or two bytes count by their place in their word.
    """
    values = piece.view(f"u{piece.itemsize}")
    per_word = _WORD // piece.itemsize
    if per_word == 1:
        return sum_words(values)
    total = 0
    for row in range(min(per_word, piece.shape[0])):
        # Every per_word-th row begins at the same place of a word.
        columns = values[row::per_word].sum(axis=0, dtype=np.uint64)
        first = (y0 + row) * width + x0
        for place in range(per_word):
            bits = 8 * piece.itemsize * (per_word - 1 - place)
            total += int(columns[(place - first) % per_word :: per_word].sum()) << bits
    return total
