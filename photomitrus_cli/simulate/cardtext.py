"""FITS header cards and primary images as bytes, in the archive's fixed format.

The simulator writes thousands of cards per frame; formatting them here costs a few milliseconds, and it
keeps the written frames independent of the library that the stages read them with.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

CARD = 80
BLOCK = 2880
# Characters of a long string that one card holds.
_LONG_PIECE = 67

Value = bool | int | float | str
Rows = list[tuple[str, Value, str]]
"""Keyword, value and comment of each card."""


def _value_text(value: Value) -> str:
    if isinstance(value, bool):
        return ("T" if value else "F").rjust(20)
    if isinstance(value, int):
        return str(value).rjust(20)
    if isinstance(value, float):
        text = repr(value).upper()
        return (text[:-1] if text.endswith(".0") else text).rjust(20)
    quoted = value.replace("'", "''")
    return f"'{quoted:<8}'".ljust(20)


def card(keyword: str, value: Value, comment: str = "") -> str:
    """Format one card.

    Parameters
    ----------
    keyword : str
        At most 8 characters.
    value : bool, int, float or str
        The value; floats keep every digit.
    comment : str
        Cut where the card ends.

    Returns
    -------
    str
        80 characters.

    Raises
    ------
    ValueError
        The keyword or the value does not fit, or the value is not finite.
    """
    if isinstance(value, float) and not np.isfinite(value):
        raise ValueError(f"{keyword} is not finite")
    text = f"{keyword:<8}= {_value_text(value)}"
    if len(keyword) > 8 or len(text) > CARD:
        raise ValueError(f"card {keyword} does not fit")
    if comment and len(text) < CARD - 4:
        text = f"{text} / {comment}"
    return text[:CARD].ljust(CARD)


def cards_of(rows: Rows) -> list[str]:
    """Format rows as cards; see `card`.

    Parameters
    ----------
    rows : list of tuple
        Keyword, value and comment of each.

    Returns
    -------
    list of str
        Of 80 characters each.
    """
    return [card(*row) for row in rows]


def long_card(keyword: str, text: str) -> list[str]:
    """Return a string over one or more cards by the CONTINUE convention.

    Parameters
    ----------
    keyword : str
    text : str
        Without quotes.

    Returns
    -------
    list of str
    """
    pieces = [text[start : start + _LONG_PIECE] for start in range(0, len(text), _LONG_PIECE)]
    cards = []
    for number, piece in enumerate(pieces):
        more = "&" if number < len(pieces) - 1 else ""
        start = f"{keyword:<8}= " if number == 0 else "CONTINUE  "
        cards.append(f"{start}'{piece}{more}'".ljust(CARD))
    return cards


def history(text: str) -> str:
    """Format a HISTORY card; the text is cut to the 70 characters that the archive uses."""
    return f"HISTORY {text[:70]}".ljust(CARD)


def title(text: str) -> str:
    """Format a section title: a card without keyword, as the archive separates its sections."""
    return f"          / {text}".ljust(CARD)


def blank() -> str:
    """Return an empty card."""
    return " " * CARD


def image_cards(data: NDArray[np.generic]) -> list[str]:
    """Return the mandatory cards of a primary image (float32, int16 or int32)."""
    bitpix = {"f4": -32, "i2": 16, "i4": 32}[data.dtype.str[1:]]
    cards = [
        card("SIMPLE", True, "conforms to FITS standard"),
        card("BITPIX", bitpix, "array data type"),
        card("NAXIS", data.ndim, "number of array dimensions"),
    ]
    return cards + [card(f"NAXIS{number}", size) for number, size in enumerate(reversed(data.shape), start=1)]


def primary_bytes(cards: Sequence[str], data: NDArray[np.generic]) -> bytes:
    """Return a FITS file of one primary image.

    Parameters
    ----------
    cards : sequence of str
        The cards after the mandatory ones.
    data : ndarray
        float32, int16 or int32.

    Returns
    -------
    bytes
    """
    header = "".join([*image_cards(data), *cards, "END".ljust(CARD)]).encode("ascii")
    header += b" " * (-len(header) % BLOCK)
    pixels = data.astype(data.dtype.newbyteorder(">")).tobytes()
    return header + pixels + b"\0" * (-len(pixels) % BLOCK)
