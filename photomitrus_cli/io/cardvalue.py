"""The value field of one FITS header card: text to Python value and back.

The grammar is that of the FITS standard 4.0, section 4.2, with the lenience that archives need: a ``D``
exponent, a number anywhere in the field, blanks inside a number, an unpaired quote inside a string.
"""

from __future__ import annotations

import math
import re

import numpy as np

CARD_LENGTH = 80

Value = bool | int | float | str
# Keyword, value, comment.
Card = tuple[str, Value, str]

_MAX_KEY = 8
_MAX_TEXT = 68

_FIELD = re.compile(
    r" *(?:'(?P<text>(?:[^']|'')*)'"
    r"|(?P<flag>[TF])"
    r"|(?P<sign>[+-]?) *(?P<digits>[0-9]+(?:\.[0-9]*)?|\.[0-9]+) *"
    r"(?:[EeDd] *(?P<expsign>[+-]?) *(?P<exponent>[0-9]+))?"
    r")? *(?:/(?P<comment>.*))?$",
    re.DOTALL,
)
_LOOSE_TEXT = re.compile(r" *'(?P<text>.*?)'(?=$|[/ ]) *(?:/(?P<comment>.*))?$", re.DOTALL)


def parse_field(field: str) -> tuple[Value | None, str]:
    """Parse what follows ``= `` on a card.

    Parameters
    ----------
    field : str
        Columns 11 to 80 of the card.

    Returns
    -------
    value : bool, int, float, str or None
        None for a card without a value. Trailing blanks of a string are not significant and are dropped.
    comment : str
        What follows the slash, stripped.

    Raises
    ------
    ValueError
        When the field has no legal reading, complex numbers included: no image uses them.
    """
    match = _FIELD.match(field)
    if match is None:
        return _parse_loose(field)
    comment = (match["comment"] or "").strip()
    if match["text"] is not None:
        return match["text"].replace("''", "'").rstrip(" "), comment
    if match["flag"] is not None:
        return match["flag"] == "T", comment
    if match["digits"] is not None:
        return _number(match), comment
    return None, comment


def _parse_loose(field: str) -> tuple[Value, str]:
    match = _LOOSE_TEXT.match(field)
    if match is None:
        raise ValueError(field.strip())
    return match["text"].replace("''", "'").rstrip(" "), (match["comment"] or "").strip()


def _number(match: re.Match[str]) -> int | float:
    digits = match["sign"] + match["digits"]
    if match["exponent"] is not None:
        return float(f"{digits}E{match['expsign']}{match['exponent']}")
    return float(digits) if "." in digits else int(digits)


def card_image(key: str, value: Value, comment: str = "") -> str:
    """Write one 80-column card with every digit of the value.

    astropy cuts a number at 20 columns, which costs the last digits of a long one; a WCS needs them.

    Parameters
    ----------
    key : str
        The keyword. Longer than eight characters it makes a HIERARCH card.
    value : bool, int, float or str
        NumPy scalars too. A string that is too long makes further CONTINUE cards.
    comment : str
        Cut where the card ends.

    Returns
    -------
    str
        80 ASCII characters, or a multiple.

    Raises
    ------
    ValueError
        When a number is not finite: FITS headers have no way to say so.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{key} is {value}: a FITS header cannot hold it")
    if len(key) > _MAX_KEY or (isinstance(value, str) and len(value.replace("'", "''")) > _MAX_TEXT):
        from astropy.io import fits

        printable = _printable(value) if isinstance(value, str) else value
        return str(fits.Card(f"HIERARCH {key}" if len(key) > _MAX_KEY else key, printable).image)
    if isinstance(value, bool):
        text = f"{'T' if value else 'F':>20}"
    elif isinstance(value, str):
        quoted = value.replace("'", "''")
        text = f"'{quoted:<8}'".ljust(20)
    else:
        text = f"{repr(value).upper():>20}"
    key = key.upper()
    card = f"{key:<8}= {text} / {comment}" if comment else f"{key:<8}= {text}"
    return _printable(card)[:CARD_LENGTH].ljust(CARD_LENGTH)


def _printable(text: str) -> str:
    return "".join(c if " " <= c <= "~" else "?" for c in text)
