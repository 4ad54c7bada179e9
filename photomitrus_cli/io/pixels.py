"""From the integers and floats of a FITS array to physical values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.cards import Cards

_CHUNK = 1 << 18
_STORED = {8: "u1", 16: "i2", 32: "i4", 64: "i8", -32: "f4", -64: "f8"}

Array = npt.NDArray[Any]


def stored_array(buffer: npt.NDArray[np.uint8], bitpix: int, shape: tuple[int, ...]) -> Array:
    """Turn big-endian bytes into an array.

    Parameters
    ----------
    buffer : numpy.ndarray of uint8
        The data as stored.
    bitpix : int
        8, 16, 32, 64, -32 or -64.
    shape : tuple of int
        Slowest axis first.

    Returns
    -------
    numpy.ndarray
        Native byte order; of bytes a view of `buffer`, else a copy, which is made three times as fast as
        bytes are swapped in place.
    """
    native = np.dtype(_STORED[bitpix])
    return buffer.view(native.newbyteorder(">")).astype(native, copy=False).reshape(shape)


@dataclass(frozen=True, slots=True)
class Scaling:
    """What a header says about the values of an image.

    Attributes
    ----------
    scale, zero : float
        BSCALE and BZERO.
    blank : int or None
        BLANK of an image of integers.
    """

    scale: float = 1.0
    zero: float = 0.0
    blank: int | None = None


def scaling_of(cards: Cards, bitpix: int, *, blank: bool = True) -> Scaling:
    """Read BSCALE, BZERO and BLANK.

    Parameters
    ----------
    cards : Cards
        The header of the image.
    bitpix : int
        Of its pixels; BLANK is for integers only.
    blank : bool
        Whether BLANK is wanted.

    Returns
    -------
    Scaling

    Raises
    ------
    InputError
        When a card is not the number it should be, or BSCALE is 0.
    """
    scale, zero = cards.number("BSCALE", 1.0), cards.number("BZERO", 0.0)
    missing = cards.integer("BLANK", None) if bitpix > 0 and blank else None
    if scale == 0:
        raise InputError(f"{cards.path}: BSCALE is 0")
    return Scaling(scale, zero, missing)


def physical_values(stored: Array, scaling: Scaling) -> Array:
    """Apply BSCALE, BZERO and BLANK (FITS standard 4.0, section 4.4.2.5).

    Parameters
    ----------
    stored : numpy.ndarray
        Native byte order; may be overwritten.
    scaling : Scaling
        From `scaling_of`.

    Returns
    -------
    numpy.ndarray
        `stored` itself when nothing is to be done. Integers with the BZERO of the unsigned convention become
        unsigned (signed for bytes). Other scaled integers, and all with a BLANK card, become float32 for 8
        and 16 bits and float64 above, with NaN for BLANK. The type depends on the header, not on the pixels.
    """
    scale, zero = scaling.scale, scaling.zero
    is_integer = stored.dtype.kind in "iu"
    missing = scaling.blank if is_integer else None
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
        # Values beyond the range of their type are infinite, which no stage uses.
        with np.errstate(over="ignore", invalid="ignore"):
            flat_out[piece] = flat_in[piece] * np.float64(scale) + zero
        if blank is not None:
            flat_out[piece][flat_in[piece] == blank] = np.nan
    return values
