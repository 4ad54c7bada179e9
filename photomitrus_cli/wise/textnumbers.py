"""Cells of text converted to numbers by whole blocks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.wise.textcells import RowError

Words = NDArray[np.bytes_]

Float = NDArray[np.float64]

_MINUS, _PLUS, _POINT, _ZERO = 45, 43, 46, 48
# Digits that a float64 holds exactly, whatever they are; and the powers of ten that it holds.
_EXACT_DIGITS = 15
_POWERS = 10.0 ** np.arange(_EXACT_DIGITS + 1)
MISSING_WORDS = (b"", b"null", b"nan", b"none", b"--", b"n/a")


def numbers(words: Words, missing: Sequence[bytes] = MISSING_WORDS) -> Float:
    """Convert words to numbers, each correctly rounded.

    Parameters
    ----------
    words : ndarray of bytes, shape (n,)
    missing : sequence of bytes
        Lower-case words that stand for no value.

    Returns
    -------
    ndarray of float64, shape (n,)
        NaN where there is no value.

    Raises
    ------
    RowError
        For the first word that is no number.
    """
    values, done = _short_numbers(words)
    rest = np.flatnonzero(~done)
    if rest.size:
        others = words[rest]
        absent = np.isin(np.strings.lower(others), list(missing))
        try:
            values[rest[~absent]] = others[~absent].astype(np.float64)
        except ValueError as error:
            bad = next(row for row in rest[~absent].tolist() if not _is_number(words[row]))
            raise RowError(bad, f"'{words[bad].decode('utf-8', 'replace')[:40]}' is not a number") from error
        values[rest[absent]] = np.nan
    return values


def _short_numbers(words: Words) -> tuple[Float, NDArray[np.bool_]]:
    """Convert plain decimals of up to 15 digits: an exact integer over an exact power of ten rounds once."""
    width = words.dtype.itemsize
    chars = np.ascontiguousarray(np.ascontiguousarray(words).view(np.uint8).reshape(-1, width).T)
    if not words.size:
        return np.empty(0), np.empty(0, np.bool_)
    negative = chars[0] == _MINUS
    value = np.zeros(words.size, np.int64)
    digits, decimals = np.zeros(words.size, np.uint8), np.zeros(words.size, np.uint8)
    point, plain = np.zeros(words.size, np.bool_), np.ones(words.size, np.bool_)
    for place in range(min(width, _EXACT_DIGITS + 3)):
        digit = chars[place] - np.uint8(_ZERO)
        is_digit, is_point = digit < 10, chars[place] == _POINT
        value = np.where(is_digit, value * 10 + digit, value)
        digits += is_digit
        decimals += is_digit & point
        known = is_digit | (is_point & ~point) | (chars[place] == 0)
        plain &= known | ((chars[place] == _PLUS) | negative) if place == 0 else known
        point |= is_point
    plain &= (digits > 0) & (digits <= _EXACT_DIGITS)
    if width > _EXACT_DIGITS + 3:
        plain &= chars[_EXACT_DIGITS + 3] == 0
    size = value / _POWERS[np.minimum(decimals, _EXACT_DIGITS)]
    return np.where(negative, -size, size), plain


def _is_number(word: bytes) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
