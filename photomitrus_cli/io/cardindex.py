"""Where the keywords of a header stand, found without a loop over its cards."""

from __future__ import annotations

import re
import sys
from functools import lru_cache

import numpy as np

from photomitrus_cli.io.cardvalue import CARD_LENGTH

_MAX_KEY = 8
_CARD_HEAD = np.dtype(
    {"names": ["key", "indicator"], "formats": ["u8", "u2"], "offsets": [0, 8], "itemsize": CARD_LENGTH}
)
_HAS_VALUE = np.frombuffer(b"= ", np.uint16)[0]
_HIERARCH = re.compile(r"HIERARCH +(?P<key>[^=]*[^= ]) *=")


@lru_cache(maxsize=4096)
def key_code(key: str) -> int | str:
    """Give what stands in the index for an upper-case keyword: its eight bytes as a number.

    Parameters
    ----------
    key : str
        One that is longer than eight characters stands for itself.
    """
    if len(key) > _MAX_KEY:
        return key
    return int.from_bytes(key.ljust(_MAX_KEY).encode("latin-1", "replace"), sys.byteorder)


def keyword(code: int | str) -> str:
    """Give the keyword of a code."""
    if isinstance(code, str):
        return code
    return code.to_bytes(_MAX_KEY, sys.byteorder).decode("latin-1").rstrip(" ")


def index_cards(text: str) -> dict[int | str, int]:
    """Find the first card of each keyword that has a value indicator.

    The keywords are compared as numbers, because a loop over a thousand cards would take longer than all
    other work on a header.

    Parameters
    ----------
    text : str
        The header, 80 characters a card.

    Returns
    -------
    dict
        From `key_code` of the keyword to the place of its card, in no order.
    """
    octets = text.encode("latin-1", "replace")
    octets += b" " * (-len(octets) % CARD_LENGTH)
    cards = np.frombuffer(octets, _CARD_HEAD)
    with_value = np.flatnonzero(cards["indicator"] == _HAS_VALUE)[::-1]
    codes = np.frombuffer(cards["key"][with_value].tobytes().upper(), np.uint64)
    # Last card first, so that the first card of a keyword is the one that stays.
    index: dict[int | str, int] = dict(zip(codes.tolist(), (with_value * CARD_LENGTH).tolist(), strict=True))
    if "HIERARCH " in text:
        _index_hierarch(text, index)
    return index


def _index_hierarch(text: str, index: dict[int | str, int]) -> None:
    """Add the keywords of HIERARCH cards, each unless an earlier card has it."""
    for start in range(0, len(text), CARD_LENGTH):
        if text.startswith("HIERARCH ", start):
            match = _HIERARCH.match(text, start, start + CARD_LENGTH)
            if match:
                code = key_code(match["key"].upper())
                index[code] = min(start, index.get(code, start))
