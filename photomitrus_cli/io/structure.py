"""The structure of a header-data unit, checked before its data are touched."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.blocks import BlockReader, padded
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.io.cardvalue import CARD_LENGTH

MAX_BYTES = 2**31
MAX_FIELDS = 999
_BITPIX = (8, 16, 32, 64, -32, -64)
_MAX_AXES = 32
_SIMPLE = b"SIMPLE  ="
_EXTENSION = b"XTENSION="
_PACKED = {
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"PK\x03\x04": "zip",
    b"\x1f\x9d": "compress",
    b"(\xb5/\xfd": "zstd",
}


@dataclass(frozen=True, slots=True)
class Structure:
    """What the mandatory cards declare.

    Attributes
    ----------
    bitpix : int
        8, 16, 32, 64, -32 or -64.
    shape : tuple of int
        Slowest axis first; empty without data.
    n_bytes : int
        The size of the data without padding.
    """

    bitpix: int
    shape: tuple[int, ...]
    n_bytes: int

    @property
    def padded(self) -> int:
        """The size of the data in whole blocks."""
        return padded(self.n_bytes)


@dataclass(frozen=True, slots=True)
class Unit(Structure):
    """One header-data unit.

    Attributes
    ----------
    header : bytes
        The header blocks as stored.
    cards : Cards
        Their keywords.
    """

    header: bytes
    cards: Cards

    @property
    def is_tiled(self) -> bool:
        """Whether this is a table that holds a tile-compressed image."""
        return self.cards.get("ZIMAGE") is True

    @property
    def is_image(self) -> bool:
        """Whether this holds a plain image with at least one pixel."""
        kind = self.cards.get("XTENSION", "IMAGE")
        return kind in ("IMAGE", "IUEIMAGE") and self.n_bytes > 0


def find_image(blocks: BlockReader, max_bytes: int, *, whole: bool = True) -> Unit:
    """Go to the data of the first image of a file.

    Parameters
    ----------
    blocks : BlockReader
        At the start of the file.
    max_bytes : int
        The most that a unit may declare.
    whole : bool
        Refuse plain files that are too short.

    Returns
    -------
    Unit
        The primary image, else the first image extension, plain or tile-compressed. `blocks` is at its data.

    Raises
    ------
    InputError
        When the file is no FITS file, a header is broken or declares too much, the file is too short for what
        it declares, or there is no image.
    """
    for unit in units(blocks, max_bytes, whole=whole):
        if unit.is_tiled or (unit.is_image and _is_plain(unit.cards)):
            return unit
    raise InputError(f"{blocks.path}: holds no image")


def units(blocks: BlockReader, max_bytes: int, *, whole: bool = True) -> Iterator[Unit]:
    """Go through the units of a file.

    Parameters
    ----------
    blocks : BlockReader
        At the start of the file; in the end behind the last unit.
    max_bytes, whole
        As for `read_unit`.

    Yields
    ------
    Unit
        `blocks` is at its data, of which any part may be read.

    Raises
    ------
    InputError
        As `check_first_card` and `read_unit`.
    """
    check_first_card(blocks)
    while True:
        unit = read_unit(blocks, max_bytes, whole=whole)
        end = blocks.position + unit.padded
        yield unit
        blocks.skip(end - blocks.position)
        # Some archives end their files with blocks of zeros or spaces: those are not extensions.
        if blocks.peek(len(_EXTENSION)) != _EXTENSION:
            return


def _is_plain(cards: Cards) -> bool:
    """Tell an image from the groups that the standard allows images to carry and nobody writes."""
    if "XTENSION" in cards and (cards.integer("PCOUNT", 0), cards.integer("GCOUNT", 1)) != (0, 1):
        raise InputError(f"{cards.path}: the image extension has PCOUNT or GCOUNT; such images are not read")
    return True


def read_unit(blocks: BlockReader, max_bytes: int, *, whole: bool = True) -> Unit:
    """Read and check one header.

    Parameters
    ----------
    blocks : BlockReader
        At the header; afterwards at the data.
    max_bytes : int
        The most that the unit may declare.
    whole : bool
        Refuse a plain file that is too short.

    Returns
    -------
    Unit
        The header and what it declares.

    Raises
    ------
    InputError
        When a mandatory card is missing or illegal, the unit declares more than `max_bytes`, or a plain file
        is too short for it.
    """
    header = blocks.header()
    cards = Cards(blocks.path, header.decode("latin-1"))
    structure = read_structure(cards, max_bytes)
    unit = Unit(structure.bitpix, structure.shape, structure.n_bytes, header, cards)
    if whole and blocks.size is not None and blocks.position + unit.n_bytes > blocks.size:
        raise truncated(blocks, unit)
    return unit


def truncated(blocks: BlockReader, unit: Unit, read: int = 0) -> InputError:
    """Return the error of a file that ends within the data of a unit.

    Parameters
    ----------
    blocks : BlockReader
        The file; its position is at the data, or `read` bytes behind.
    unit : Unit
        What was declared.
    read : int
        How many bytes of the data were read.

    Returns
    -------
    InputError
        Ready to raise.
    """
    start = blocks.position - read
    there = blocks.position if blocks.size is None else blocks.size
    return InputError(f"{blocks.path}: truncated: {there} of {start + unit.padded} bytes")


def check_first_card(blocks: BlockReader) -> None:
    """Make sure that a file is FITS before its header is looked for.

    Parameters
    ----------
    blocks : BlockReader
        At the start of the file; stays there.

    Raises
    ------
    InputError
        When it does not begin with SIMPLE = T; the message says what it is instead, where that shows.
    """
    start = blocks.peek(CARD_LENGTH)
    if start.startswith(_SIMPLE):
        if start[len(_SIMPLE) :].lstrip()[:1] == b"F":
            raise InputError(f"{blocks.path}: SIMPLE is F: not a standard FITS file")
        return
    for magic, name in _PACKED.items():
        if start.startswith(magic):
            raise InputError(f"{blocks.path}: packed with {name}", hint="unpack it, or pack it with gzip")
    if start.lstrip()[:1] == b"<":
        raise InputError(f"{blocks.path}: not a FITS file but an HTML or XML page", hint="download it again")
    raise InputError(f"{blocks.path}: not a FITS file: it does not start with SIMPLE")


def read_structure(cards: Cards, max_bytes: int) -> Structure:
    """Check the mandatory cards of a header.

    Parameters
    ----------
    cards : Cards
        The header of any unit.
    max_bytes : int
        The most data that it may declare.

    Returns
    -------
    Structure
        What it declares.

    Raises
    ------
    InputError
        When a mandatory card is missing or illegal, or too much is declared.
    """
    bitpix = cards.integer("BITPIX")
    if bitpix not in _BITPIX:
        raise InputError(f"{cards.path}: BITPIX is {bitpix}, not one of {', '.join(map(str, _BITPIX))}")
    shape = _shape(cards)
    n_bytes = _declared(cards, bitpix, shape)
    if n_bytes > max_bytes:
        raise InputError(
            f"{cards.path}: declares {n_bytes} bytes of data, more than the limit of {max_bytes}"
        )
    return Structure(bitpix, shape, n_bytes)


def _shape(cards: Cards) -> tuple[int, ...]:
    n_axes = cards.integer("NAXIS")
    if not 0 <= n_axes <= _MAX_AXES:
        raise InputError(f"{cards.path}: NAXIS is {n_axes}, not 0 to {_MAX_AXES}")
    lengths = []
    for axis in range(n_axes, 0, -1):
        length = cards.integer(f"NAXIS{axis}")
        if length < 0:
            raise InputError(f"{cards.path}: NAXIS{axis} is {length}: negative")
        lengths.append(length)
    return tuple(lengths)


def _declared(cards: Cards, bitpix: int, shape: tuple[int, ...]) -> int:
    """Size of the data in bytes: FITS standard 4.0, equation 2."""
    if not shape:
        return 0
    extra, groups = 0, 1
    if "XTENSION" in cards:
        extra, groups = cards.integer("PCOUNT", 0), cards.integer("GCOUNT", 1)
        if extra < 0 or groups < 1:
            raise InputError(f"{cards.path}: PCOUNT is {extra} and GCOUNT is {groups}")
    return abs(bitpix) // 8 * groups * (extra + math.prod(shape))
