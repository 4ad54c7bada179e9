"""From the integers and floats of a FITS array to physical values."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.cards import Cards

_CHUNK = 1 << 18
_STORED = {8: "u1", 16: "i2", 32: "i4", 64: "i8", -32: "f4", -64: "f8"}

Array = npt.NDArray[Any]


def stored_array(buffer: npt.NDArray[np.uint8], bitpix: int, shape: tuple[int, ...]) -> Array:
    """View big-endian bytes as an array, swapping them in place.

    Parameters
    ----------
    buffer : numpy.ndarray of uint8
        The data as stored; overwritten.
    bitpix : int
        8, 16, 32, 64, -32 or -64.
    shape : tuple of int
        Slowest axis first.

    Returns
    -------
    numpy.ndarray
        Native byte order, a view of `buffer`.
    """
    native = np.dtype(_STORED[bitpix])
    array = buffer.view(native)
    if native.newbyteorder(">") != native:
        array.byteswap(inplace=True)
    return array.reshape(shape)


def physical_values(stored: Array, cards: Cards, *, blank: bool = True) -> Array:
    """Apply BSCALE, BZERO and BLANK (FITS standard 4.0, section 4.4.2.5).

    Parameters
    ----------
    stored : numpy.ndarray
        Native byte order; may be overwritten.
    cards : Cards
        The header of the image.
    blank : bool
        Whether BLANK is applied.

    Returns
    -------
    numpy.ndarray
        `stored` itself when nothing is to be done. Integers with the BZERO of the unsigned convention become
        unsigned (signed for bytes). Other scaled integers, and all with a BLANK card, become float32 for 8
        and 16 bits and float64 above, with NaN for BLANK. The type depends on the header, not on the pixels.

    Raises
    ------
    InputError
        When a card is not the number it should be, or BSCALE is 0.
    """
    scale, zero = cards.number("BSCALE", 1.0), cards.number("BZERO", 0.0)
    is_integer = stored.dtype.kind in "iu"
    missing = cards.integer("BLANK", None) if is_integer and blank else None
    if scale == 0:
        raise InputError(f"{cards.path}: BSCALE is 0")
    if scale == 1 and zero == 0 and missing is None:
        return stored
    if scale == 1 and is_integer and missing is None and zero == _offset(stored.dtype):
        return _flip_sign_bit(stored)
    return _scale(stored, scale, zero, missing)


def _offset(dtype: np.dtype[Any]) -> float:
    """BZERO of the convention that stores the other signedness."""
    return -128.0 if dtype.itemsize == 1 else 2.0 ** (8 * dtype.itemsize - 1)


def _flip_sign_bit(stored: Array) -> Array:
    bits = stored.view(f"u{stored.itemsize}")
    bits ^= bits.dtype.type(1 << (8 * stored.itemsize - 1))
    return bits.view("i1") if stored.itemsize == 1 else bits


def _scale(stored: Array, scale: float, zero: float, blank: int | None) -> Array:
    """Scale in float64, a piece at a time, and round once."""
    small = stored.dtype.kind in "iu" and stored.itemsize <= 2
    dtype = stored.dtype if stored.dtype.kind == "f" else np.dtype("f4" if small else "f8")
    values = np.empty(stored.shape, dtype)
    flat_in, flat_out = stored.reshape(-1), values.reshape(-1)
    for start in range(0, flat_in.size, _CHUNK):
        piece = slice(start, start + _CHUNK)
        flat_out[piece] = flat_in[piece] * np.float64(scale) + zero
        if blank is not None:
            flat_out[piece][flat_in[piece] == blank] = np.nan
    return values
