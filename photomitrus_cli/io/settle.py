"""Checksum cards without dates, so that equal products are equal files."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from photomitrus_cli.io.blocks import BLOCK, find_end
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.io.cardvalue import CARD_LENGTH, card_image
from photomitrus_cli.io.checksum import CHECKSUM_LENGTH, add_sums, datasum, encode_checksum
from photomitrus_cli.io.structure import read_structure


def settle_checksums(handle: BinaryIO, mend: Callable[[Cards, bytearray], bool] | None = None) -> None:
    """Give the checksum cards of every unit comments without dates.

    Parameters
    ----------
    handle : binary file
        A whole FITS file with right CHECKSUM and DATASUM cards in every unit, open for reading and
        writing. Only headers are read and written, unless data are to be mended: their sum is known.
    mend : callable, optional
        Given the header and the data of every unit; changes the data in place and tells whether it has.

    Raises
    ------
    InputError
        When a unit has no DATASUM card.
    """
    position = 0
    while header := _header_at(handle, position):
        cards = Cards(Path(), header.decode("ascii"))
        stated, size = int(cards.text("DATASUM")), read_structure(cards, sys.maxsize).padded
        if mend is not None and size:
            handle.seek(position + len(header))
            data = bytearray(handle.read(size))
            if mend(cards, data):
                stated = datasum(data)
                handle.seek(position + len(header))
                handle.write(data)
        header = _with_card(header, "DATASUM", str(stated), "sum of the data unit")
        header = _with_card(header, "CHECKSUM", "0" * CHECKSUM_LENGTH, "check of the whole unit")
        total = add_sums(datasum(header), stated)
        header = _with_card(header, "CHECKSUM", encode_checksum(total), "check of the whole unit")
        handle.seek(position)
        handle.write(header)
        position += len(header) + size


def _header_at(handle: BinaryIO, position: int) -> bytes:
    handle.seek(position)
    header = b""
    while block := handle.read(BLOCK):
        header += block
        if find_end(header, len(header) - len(block)) is not None:
            break
    return header


def _with_card(header: bytes, key: str, value: str, comment: str) -> bytes:
    image = card_image(key, value, comment).encode("ascii")
    starts = range(0, len(header), CARD_LENGTH)
    start = next(start for start in starts if header.startswith(image[:9], start))
    return header[:start] + image + header[start + CARD_LENGTH :]
