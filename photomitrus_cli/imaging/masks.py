"""Mask bits: which pixels of an integer mask are fatal."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import ConfigError, InputError

MAX_BIT = 31


def bit_pattern(bits: int | Iterable[int]) -> int:
    """Parse a bit selection.

    Parameters
    ----------
    bits : int or iterable of int
        An integer is the pattern itself (32520 = bits 3 and 8 to 14); a list names bits, 0 the lowest.

    Returns
    -------
    int
        The pattern, >= 0.

    Raises
    ------
    ConfigError
        If the pattern is negative or wider than 32 bits, or a bit is not a whole number from 0 to 31.
    """
    if isinstance(bits, int) and not isinstance(bits, bool):
        if not 0 <= bits < 1 << (MAX_BIT + 1):
            raise ConfigError(f"mask bit pattern {bits} is outside 0 to {(1 << (MAX_BIT + 1)) - 1}")
        return int(bits)
    if isinstance(bits, (bool, str, bytes)) or not isinstance(bits, Iterable):
        raise ConfigError(f"mask bits {bits!r}: give a list of bit numbers or one whole number")
    pattern = 0
    for bit in bits:
        if isinstance(bit, bool) or not isinstance(bit, int) or not 0 <= bit <= MAX_BIT:
            raise ConfigError(f"mask bit {bit!r} is not a whole number from 0 to {MAX_BIT}")
        pattern |= 1 << bit
    return pattern


def fatal_bits(mask: NDArray[np.generic], pattern: int) -> NDArray[np.bool_]:
    """Pixels with any bit of a pattern set.

    Parameters
    ----------
    mask : ndarray of int
        Any integer type and byte order. The top bit of a signed type counts as a bit, not as a sign, so a
        value of -32768 in an int16 mask has exactly bit 15 set.
    pattern : int
        The fatal bits, see `bit_pattern`.

    Returns
    -------
    ndarray of bool
        Same shape as `mask`.

    Raises
    ------
    InputError
        If the mask is not of an integer type.
    """
    if mask.dtype == np.bool_:
        return np.asarray(mask if pattern & 1 else np.zeros(mask.shape, dtype=np.bool_))
    if not np.issubdtype(mask.dtype, np.integer):
        raise InputError(f"mask of type {mask.dtype.name}: bits need an integer type")
    unsigned = np.dtype(f"u{mask.dtype.itemsize}")
    bits = mask.astype(mask.dtype.newbyteorder("="), copy=False).view(unsigned)
    # Bits above the width of the mask cannot be set in it.
    return np.asarray(np.bitwise_and(bits, unsigned.type(pattern & int(np.iinfo(unsigned).max))) != 0)
