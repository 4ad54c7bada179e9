"""Tile-compressed images (FITS standard 4.0, section 10.1), which astropy decompresses."""

from __future__ import annotations

import io
import re
import struct
import threading
import warnings
import zlib

import numpy as np

from photomitrus_cli.errors import InputError, first_line
from photomitrus_cli.io.blocks import BLOCK
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.io.cardvalue import card_image
from photomitrus_cli.io.pixels import Array
from photomitrus_cli.io.structure import Unit, read_structure

_TABLE_ONLY = re.compile(
    r"XTENSION|BITPIX|NAXIS\d*|PCOUNT|GCOUNT|TFIELDS|T(?:TYPE|FORM|UNIT|DIM|NULL|SCAL|ZERO|DISP)\d+"
    r"|CHECKSUM|DATASUM"
    r"|Z(?:IMAGE|CMPTYPE|TILE\d+|NAME\d+|VAL\d+|QUANTIZ|DITHER0|MASKCMP|SIMPLE|EXTEND|TENSION|BLOCKED|PCOUNT"
    r"|GCOUNT|HECKSUM|DATASUM|SCALE|ZERO)"
)
_IMAGE_NAMES = re.compile(r"Z(BITPIX|NAXIS\d*|BLANK)")
_WARNINGS_LOCK = threading.Lock()


def untiled_cards(cards: Cards) -> Cards:
    """Return the header of the image that a table holds.

    Parameters
    ----------
    cards : Cards
        The header of the table.

    Returns
    -------
    Cards
        Without the keywords of the table and of the compression.
    """
    return cards.renamed(_image_name)


def decompress(unit: Unit, buffer: Array, max_bytes: int) -> Array:
    """Decompress the image of a table.

    Parameters
    ----------
    unit : Unit
        The table.
    buffer : numpy.ndarray of uint8
        Its data as stored, whole blocks.
    max_bytes : int
        The most that the image may declare.

    Returns
    -------
    numpy.ndarray
        Native byte order, C-contiguous, BSCALE, BZERO and BLANK of integers not yet applied.

    Raises
    ------
    InputError
        When the image declares nonsense or more than `max_bytes`, or cannot be decompressed.
    """
    path = unit.cards.path
    image = read_structure(untiled_cards(unit.cards), max_bytes)
    _check_tiles(unit.cards, image.shape, max_bytes)
    try:
        data = _unpacked(_EMPTY_PRIMARY + unit.header + buffer.tobytes())
    except _astropy_errors() as error:
        raise InputError(f"{path}: the compressed image is damaged: {first_line(error)}") from error
    if data.shape != image.shape:
        raise InputError(f"{path}: the compressed image is damaged: its shape is {data.shape}")
    return np.ascontiguousarray(data, data.dtype.newbyteorder("="))


def _unpacked(stored: bytes) -> Array:
    from astropy.io import fits
    from astropy.utils.exceptions import AstropyWarning

    with _WARNINGS_LOCK, warnings.catch_warnings():
        # Only what astropy.io.fits says here: filters are shared by all threads.
        for category in (AstropyWarning, RuntimeWarning):
            warnings.filterwarnings("error", category=category, module=r"astropy\.io\.fits")
        with fits.open(io.BytesIO(stored), memmap=False, do_not_scale_image_data=True) as hdus:
            return np.asarray(hdus[1].data)


def _astropy_errors() -> tuple[type[Exception], ...]:
    """Name what astropy and its codecs raise for damage; CfitsioException derives from Exception alone."""
    from astropy.io import fits
    from astropy.io.fits.hdu.compressed._compression import CfitsioException
    from astropy.utils.exceptions import AstropyWarning

    return (
        ArithmeticError, AttributeError, EOFError, LookupError, MemoryError, OSError, RuntimeError, TypeError,
        ValueError, struct.error, zlib.error, fits.VerifyError, AstropyWarning, CfitsioException,
        RuntimeWarning,
    )  # fmt: skip


def needs_checksum(cards: Cards) -> bool:
    """Tell whether a table may only be decompressed when a checksum proves it whole.

    The HCOMPRESS decoder trusts lengths inside the compressed stream: damaged ones corrupt the memory of the
    process instead of raising an error.

    Parameters
    ----------
    cards : Cards
        The header of the table.

    Returns
    -------
    bool
        True for HCOMPRESS_1.
    """
    return str(cards.get("ZCMPTYPE", "")).startswith("HCOMPRESS")


def _check_tiles(cards: Cards, shape: tuple[int, ...], max_bytes: int) -> None:
    """Refuse tiles of no size or of any size; one may be larger than the image."""
    pixels = 1
    for axis, length in enumerate(reversed(shape), start=1):
        tile = cards.integer(f"ZTILE{axis}", length if axis == 1 else 1)
        pixels *= tile
        if tile < 1 or pixels > max_bytes:
            raise InputError(f"{cards.path}: ZTILE{axis} is {tile} for an axis of {length}")


def _image_name(key: str) -> str | None:
    if _IMAGE_NAMES.fullmatch(key):
        return key[1:]
    return None if _TABLE_ONLY.fullmatch(key) else key


def _empty_primary() -> bytes:
    cards = [card_image("SIMPLE", True), card_image("BITPIX", 8), card_image("NAXIS", 0)]
    return "".join([*cards, "END"]).ljust(BLOCK).encode("ascii")


_EMPTY_PRIMARY = _empty_primary()
