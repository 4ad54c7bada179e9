"""The FITS checksum: FITS standard 4.0, section 4.4.2.7 and appendix J."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from photomitrus_cli.io.cards import Cards

_CHUNK = 1 << 20
_ALL_ONES = 0xFFFFFFFF
_ALL_PAIR = 0xFFFFFFFFFFFFFFFF
_HALF = np.uint64(32)
_WORD = 4
# Of the number of a DATASUM card, leading zeros included.
_MOST_DIGITS = 20
CHECKSUM_LENGTH = 16


def datasum(data: bytes | bytearray | memoryview | npt.NDArray[np.uint8]) -> int:
    """Return the 32-bit ones' complement sum of big-endian words.

    Parameters
    ----------
    data : bytes-like
        The bytes as stored; the last word is filled with zeros.

    Returns
    -------
    int
        0 to 2**32 - 1, the number that a DATASUM card holds.
    """
    octets = np.frombuffer(data, np.uint8)
    total = 0
    for start in range(0, octets.size, _CHUNK):
        chunk = octets[start : start + _CHUNK]
        if chunk.size % _WORD:
            chunk = np.pad(chunk, (0, -chunk.size % _WORD))
        # Swapping a copy that fits the cache first is several times as fast as summing swapped words.
        total += sum_words(chunk.view(">u4").astype("=u4"))
    return fold(total)


def sum_words(words: npt.NDArray[np.uint32]) -> int:
    """Return the plain sum of words.

    Parameters
    ----------
    words : numpy.ndarray of uint32
        Contiguous, native byte order, any shape.

    Returns
    -------
    int
        Without any carry taken around; `fold` does that.
    """
    flat = words.reshape(-1)
    total = 0
    for start in range(0, flat.size, _CHUNK // _WORD):
        piece = flat[start : start + _CHUNK // _WORD]
        total += int(piece[-1]) if piece.size % 2 else 0
        # Two words at a time, because widening words to sum them takes longer than the summing: the sum of
        # all pairs wraps around, but it lacks only what the exact sum of the upper halves tells.
        pairs = piece[: piece.size // 2 * 2].view(np.uint64)
        upper = int((pairs >> _HALF).sum())
        total += upper + ((int(pairs.sum()) - (upper << 32)) & _ALL_PAIR)
    return total


def add_sums(first: int, second: int) -> int:
    """Return the ones' complement sum of two ones' complement sums.

    Parameters
    ----------
    first, second : int
        From `datasum`.

    Returns
    -------
    int
        The sum of both parts together.
    """
    return fold(first + second)


def stated_sums(cards: Cards) -> int | None:
    """Return the DATASUM that a header states, when it states a whole FITS checksum.

    Archive headers carry other things under these names (``CHECKSUM= 0 / MIPL computed checksum``), so both
    keywords must be there, as the strings that the standard asks for.

    Parameters
    ----------
    cards : Cards
        The header of the unit.

    Returns
    -------
    int or None
        None when there is nothing to check.
    """
    stated, encoded = cards.get("DATASUM"), cards.get("CHECKSUM")
    if not isinstance(stated, str) or not isinstance(encoded, str):
        return None
    digits = stated.strip()
    if len(encoded) != CHECKSUM_LENGTH or len(digits) > _MOST_DIGITS or not digits.isdecimal():
        return None
    return int(digits)


def is_intact(header: bytes, data_sum: int, stated: int) -> bool:
    """Tell whether a header-data unit is as it was when its checksum was written.

    Parameters
    ----------
    header : bytes
        The header blocks as stored.
    data_sum : int
        The `datasum` of the data blocks as stored, padding included.
    stated : int
        The number of the DATASUM card.

    Returns
    -------
    bool
        True when DATASUM is right and header and data together add up to all ones (or none).
    """
    return data_sum == stated and is_whole(datasum(header), data_sum)


def is_whole(header_sum: int, data_sum: int) -> bool:
    """Tell whether a header and its data add up to all ones (or none).

    Parameters
    ----------
    header_sum, data_sum : int
        The `datasum` of each.

    Returns
    -------
    bool
    """
    return add_sums(header_sum, data_sum) in (0, _ALL_ONES)


def encode_checksum(total: int) -> str:
    """Write the complement of a sum in 16 letters and digits (FITS standard 4.0, appendix J.2).

    Parameters
    ----------
    total : int
        The sum of a unit whose CHECKSUM card holds sixteen zeros.

    Returns
    -------
    str
        The value of the CHECKSUM card that makes the unit add up to all ones.
    """
    encoded = [""] * CHECKSUM_LENGTH
    for place, byte in enumerate((~total & _ALL_ONES).to_bytes(_WORD, "big")):
        quarter, rest = divmod(byte, _WORD)
        quarter += ord("0")
        letters = [quarter + rest, quarter, quarter, quarter]
        for first in (0, 2):
            while any(not chr(letter).isalnum() for letter in letters[first : first + 2]):
                letters[first] += 1
                letters[first + 1] -= 1
        encoded[place::_WORD] = map(chr, letters)
    return encoded[-1] + "".join(encoded[:-1])


def fold(total: int) -> int:
    """Take the carries of a plain sum of words around its end.

    Parameters
    ----------
    total : int
        Not negative.

    Returns
    -------
    int
        0 to 2**32 - 1, and 0 only for 0.
    """
    while total > _ALL_ONES:
        total = (total >> 32) + (total & _ALL_ONES)
    return total
