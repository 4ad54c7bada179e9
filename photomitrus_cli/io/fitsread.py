"""Guarded reading of FITS images: what cannot be trusted ends in one clear line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.blocks import BlockReader, open_blocks
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.io.checksum import datasum, is_intact, stated_sums
from photomitrus_cli.io.pixels import Array, physical_values, stored_array
from photomitrus_cli.io.structure import MAX_BYTES, Unit, find_image, truncated
from photomitrus_cli.io.tiles import decompress, image_cards, needs_checksum


@dataclass(frozen=True, slots=True)
class FitsImage:
    """An image as read from a file.

    Attributes
    ----------
    path : Path
        The file.
    cards : Cards
        The header of the unit that holds the image.
    data : numpy.ndarray
        Physical values, [..., y, x], native byte order, C-contiguous, writeable, the reader's own.
    sha256 : str
        Of the file as stored, hexadecimal; empty when it was not asked for.
    n_bytes : int
        The size of the file as stored.
    """

    path: Path
    cards: Cards
    data: Array
    sha256: str
    n_bytes: int


def read_cards(path: str | Path, *, whole: bool = True, max_bytes: int = MAX_BYTES) -> Cards:
    """Read the header of the image that `read_image` would read, without its pixels.

    Parameters
    ----------
    path : str or Path
        A FITS file, plain or gzip.
    whole : bool
        Make sure that the file is as long as it declares (known for plain files only).
    max_bytes : int
        The most data that a header may declare.

    Returns
    -------
    Cards
        The header of the primary unit, or of the first image extension when the primary unit has no data. Of
        a tile-compressed image, the header of the image and not of the table that holds it.

    Raises
    ------
    InputError
        When the file is missing, unreadable, not FITS, shorter than it declares (known for plain files only),
        or declares nonsense or more than `max_bytes`.
    """
    with open_blocks(Path(path)) as blocks:
        unit = find_image(blocks, max_bytes, whole=whole)
        return image_cards(unit.cards) if unit.is_tiled else unit.cards


def read_image(
    path: str | Path,
    *,
    verify: bool = True,
    hashed: bool = True,
    blank: bool = True,
    max_bytes: int = MAX_BYTES,
) -> FitsImage:
    """Read the first image of a FITS file, whole and checked.

    Parameters
    ----------
    path : str or Path
        A FITS file, plain or gzip, with the image in the primary unit or an extension, plain or
        tile-compressed.
    verify : bool
        Compare CHECKSUM and DATASUM where the header has them. HCOMPRESS images are always checked.
    hashed : bool
        Compute the SHA-256; it takes longer than the reading itself.
    blank : bool
        Turn integers that equal BLANK into NaN; a mask of bits has no such value.
    max_bytes : int
        The most data that a header may declare, and the most that are inflated.

    Returns
    -------
    FitsImage
        float32 stays float32; integers stay integers unless BSCALE, BZERO or BLANK make them real numbers.

    Raises
    ------
    InputError
        As `read_cards`; and when data are truncated, damaged or do not have the checksum that they should.
    """
    path = Path(path)
    with open_blocks(path, hashed=hashed) as blocks:
        unit = find_image(blocks, max_bytes)
        buffer = _read_data(blocks, unit)
        sha256 = blocks.finish()
    fragile = unit.is_tiled and needs_checksum(unit.cards)
    if verify or fragile:
        _verify(unit, buffer, required=fragile)
    if unit.is_tiled:
        cards = image_cards(unit.cards)
        data = decompress(unit, buffer, max_bytes)
    else:
        cards = unit.cards
        data = stored_array(buffer[: unit.n_bytes], unit.bitpix, unit.shape)
    return FitsImage(path, cards, physical_values(data, cards, blank=blank), sha256, blocks.n_bytes)


def _read_data(blocks: BlockReader, unit: Unit) -> npt.NDArray[np.uint8]:
    """Return the data with their padding; padding that the file lacks is zero."""
    try:
        buffer = np.empty(unit.padded, np.uint8)
    except MemoryError as error:
        raise InputError(
            f"{blocks.path}: declares {unit.n_bytes} bytes, more than the memory holds"
        ) from error
    count = blocks.fill(memoryview(buffer.data))
    if count < unit.n_bytes:
        raise truncated(blocks, unit, count)
    buffer[count:] = 0
    return buffer


def _verify(unit: Unit, buffer: npt.NDArray[np.uint8], *, required: bool) -> None:
    stated = stated_sums(unit.cards)
    if stated is None and required:
        raise InputError(
            f"{unit.cards.path}: HCOMPRESS data without a checksum are not trusted",
            hint="unpack it with funpack",
        )
    if stated is not None and not is_intact(unit.header, datasum(buffer), stated):
        raise InputError(f"{unit.cards.path}: checksum mismatch: the file is damaged")
