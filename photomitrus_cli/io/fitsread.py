"""Guarded reading of FITS images: what cannot be trusted ends in one clear line."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from isal import isal_zlib

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.blocks import BlockReader, open_blocks, padded
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.io.checksum import datasum, is_whole, stated_sums
from photomitrus_cli.io.pixels import Array, Scaling, physical_values, scaling_of, stored_array
from photomitrus_cli.io.structure import MAX_BYTES, Unit, find_image
from photomitrus_cli.io.unitdata import read_data, verify_data

# An image further behind in its file is read block by block instead of with all that is ahead of it.
_MAX_AHEAD = 1 << 22
_CHUNK = 1 << 20


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
    crc32 : int
        Of the file as stored.
    n_bytes : int
        The size of the file as stored.
    """

    path: Path
    cards: Cards
    data: Array
    crc32: int
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
        return image_header(find_image(blocks, max_bytes, whole=whole))


@dataclass(frozen=True, slots=True)
class Layout:
    """Where and how a file holds its image.

    Attributes
    ----------
    start : int
        Where the data begin, bytes.
    bitpix : int
        8, 16, 32, 64, -32 or -64.
    shape : tuple of int
        Slowest axis first.
    n_bytes : int
        Size of the data without their padding.
    scaling : Scaling
        BSCALE, BZERO and BLANK.
    stated : int or None
        DATASUM, when the header states a whole FITS checksum.
    header_sum : int
        `datasum` of the header blocks; only when a checksum is stated.
    """

    start: int
    bitpix: int
    shape: tuple[int, ...]
    n_bytes: int
    scaling: Scaling
    stated: int | None
    header_sum: int


@dataclass(frozen=True, slots=True)
class ImageSource:
    """What is known of an image once its header was read; enough to read the pixels without the header.

    Attributes
    ----------
    path : Path
        The file.
    n_bytes, mtime_ns : int
        Size and modification time (ns) of the file as stored.
    layout : Layout or None
        None for gzip and tile-compressed files and everything else that takes the general way.
    """

    path: Path
    n_bytes: int
    mtime_ns: int
    layout: Layout | None


@dataclass(frozen=True, slots=True)
class Pixels:
    """The pixels of an image.

    Attributes
    ----------
    data : numpy.ndarray
        As `FitsImage.data`.
    crc32 : int
        Of the file as stored.
    """

    data: Array
    crc32: int


def read_header(path: str | Path, *, max_bytes: int = MAX_BYTES) -> tuple[Cards, ImageSource]:
    """Read the header of an image, and note how to read its pixels later.

    Parameters
    ----------
    path : str or Path
        A FITS file, plain or gzip.
    max_bytes : int
        The most data that a header may declare.

    Returns
    -------
    cards : Cards
        As from `read_cards`.
    source : ImageSource
        For `read_pixels`.

    Raises
    ------
    InputError
        As `read_cards`.
    """
    path = path if isinstance(path, Path) else Path(path)
    with open_blocks(path) as blocks:
        unit = find_image(blocks, max_bytes)
        source = ImageSource(path, blocks.n_bytes, blocks.mtime_ns, _layout(blocks, unit))
        return image_header(unit), source


def read_pixels(source: ImageSource, *, verify: bool = True, blank: bool = True) -> Pixels:
    """Read the pixels of an image whose header was read before.

    Parameters
    ----------
    source : ImageSource
        From `read_header`.
    verify, blank : bool
        As for `read_image`.

    Returns
    -------
    Pixels
        The same values as `read_image` gives.

    Raises
    ------
    InputError
        As `read_image`; and when the file has changed since its header was read.
    """
    layout = source.layout
    try:
        if layout is None:
            _check_unchanged(source, source.path.stat())
            image = read_image(source.path, verify=verify, blank=blank)
            return Pixels(image.data, image.crc32)
        with io.FileIO(source.path) as raw:
            _check_unchanged(source, os.fstat(raw.fileno()))
            buffer, crc32 = _read_summed(raw, source, layout)
    except OSError as error:
        raise InputError(f"{source.path}: cannot be read: {error.strerror or error}") from error
    data = buffer[layout.start :]
    if verify and layout.stated is not None and not _is_intact(layout, data):
        raise InputError(f"{source.path}: checksum mismatch: the file is damaged")
    stored = stored_array(data[: layout.n_bytes], layout.bitpix, layout.shape)
    scaling = layout.scaling if blank else replace(layout.scaling, blank=None)
    return Pixels(physical_values(stored, scaling), crc32)


def _layout(blocks: BlockReader, unit: Unit) -> Layout | None:
    """Note where the data are, if they can be read in one go."""
    if blocks.size is None or unit.is_tiled or blocks.position > _MAX_AHEAD:
        return None
    try:
        scaling = scaling_of(unit.cards, unit.bitpix)
    except InputError:
        # The general way says what is wrong, should anybody ask for the pixels.
        return None
    stated = stated_sums(unit.cards)
    header_sum = 0 if stated is None else datasum(unit.header)
    return Layout(blocks.position, unit.bitpix, unit.shape, unit.n_bytes, scaling, stated, header_sum)


def _check_unchanged(source: ImageSource, status: os.stat_result) -> None:
    if (status.st_size, status.st_mtime_ns) != (source.n_bytes, source.mtime_ns):
        raise _changed(source)


def _changed(source: ImageSource) -> InputError:
    return InputError(f"{source.path}: changed while the run was going on", hint="run again")


def _read_summed(raw: io.FileIO, source: ImageSource, layout: Layout) -> tuple[npt.NDArray[np.uint8], int]:
    """Read up to the padding of the data, and sum up the whole file."""
    end = layout.start + padded(layout.n_bytes)
    buffer = np.empty(min(end, source.n_bytes), np.uint8)
    view = memoryview(buffer.data)
    done = 0
    while count := raw.readinto(view[done:]):
        done += count
    if done < buffer.size:
        raise _changed(source)
    crc32 = isal_zlib.crc32(view)
    while rest := raw.read(_CHUNK) if done < source.n_bytes else b"":
        done += len(rest)
        crc32 = isal_zlib.crc32(rest, crc32)
    return buffer, crc32


def _is_intact(layout: Layout, data: npt.NDArray[np.uint8]) -> bool:
    total = datasum(data)
    return total == layout.stated and is_whole(layout.header_sum, total)


def image_header(unit: Unit) -> Cards:
    """Return the header of the image that a unit holds.

    Parameters
    ----------
    unit : Unit
        A plain image, or a table that holds a tile-compressed one.

    Returns
    -------
    Cards
        Of the table without the keywords of the table and of the compression.
    """
    if not unit.is_tiled:
        return unit.cards
    from photomitrus_cli.io.tiles import untiled_cards

    return untiled_cards(unit.cards)


def read_image(
    path: str | Path, *, verify: bool = True, blank: bool = True, max_bytes: int = MAX_BYTES
) -> FitsImage:
    """Read the first image of a FITS file, whole and checked.

    Parameters
    ----------
    path : str or Path
        A FITS file, plain or gzip, with the image in the primary unit or an extension, plain or
        tile-compressed.
    verify : bool
        Compare CHECKSUM and DATASUM where the header has them. HCOMPRESS images are always checked.
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
    with open_blocks(path, summed=True) as blocks:
        unit = find_image(blocks, max_bytes)
        buffer = read_data(blocks, unit)
        crc32 = blocks.finish()
    if unit.is_tiled:
        stored = _decompressed(unit, buffer, max_bytes, verify=verify)
    else:
        if verify:
            verify_data(unit, buffer)
        stored = stored_array(buffer[: unit.n_bytes], unit.bitpix, unit.shape)
    cards = image_header(unit)
    scaling = scaling_of(cards, cards.integer("BITPIX"), blank=blank)
    return FitsImage(path, cards, physical_values(stored, scaling), crc32, blocks.n_bytes)


def _decompressed(unit: Unit, buffer: npt.NDArray[np.uint8], max_bytes: int, *, verify: bool) -> Array:
    from photomitrus_cli.io.tiles import decompress, needs_checksum

    if needs_checksum(unit.cards):
        if stated_sums(unit.cards) is None:
            raise InputError(
                f"{unit.cards.path}: HCOMPRESS data without a checksum are not trusted",
                hint="unpack it with funpack",
            )
        verify = True
    if verify:
        verify_data(unit, buffer)
    return decompress(unit, buffer, max_bytes)
