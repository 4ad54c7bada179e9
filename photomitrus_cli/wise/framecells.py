"""Cells of frame tables: columns by other names or in halves, scan and frame identifiers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.wise.tablesource import Block, TableSource
from photomitrus_cli.wise.textcells import Words

# Names of the same things in the table of frame metadata (p1bs_frm).
ALIASES = {"mjd_obs": "mjd", "crval1": "ra", "crval2": "dec"}
HALVES = {"date_obs_date": ("date_obs", 0), "date_obs_time": ("date_obs", 1)}
_SCAN_DIGITS, _SCAN_LENGTH, _FRAME_DIGITS, _MOST_FRAME_DIGITS = 5, 6, 3, 5
_DIGIT_LOW, _DIGIT_HIGH, _LETTER_LOW, _LETTER_HIGH = b"0", b"9", b"a", b"z"


def cells(source: TableSource, block: Block, name: str) -> Words:
    """Give a column of a block as text, under the name and in the form of the image inventory.

    Parameters
    ----------
    source : TableSource
    block : Block
    name : str
        On offer.

    Returns
    -------
    ndarray of bytes, shape (n_rows,)
        Identifiers padded with zeros; times without their other half; empty where a value is missing.

    Raises
    ------
    InputError
        For a scan id or a frame number that is none.
    """
    if name in source.names:
        words = block.words(name)
    elif name == "scangrp":
        words = cells(source, block, "scan_id").astype(f"S{_SCAN_LENGTH}")
        words = words.view("S1").reshape(-1, _SCAN_LENGTH)[:, -2:].copy().view("S2")[:, 0]
    elif name in HALVES:
        whole, half = HALVES[name]
        words = np.strings.partition(np.strings.replace(block.words(whole), b"T", b" "), b" ")[2 * half]
    else:
        words = block.words(ALIASES[name])
    if name == "scan_id":
        return _scan_ids(source, block, words)
    return _frame_numbers(source, block, words) if name == "frame_num" else words


def _scan_ids(source: TableSource, block: Block, words: Words) -> Words:
    """Make sure that these are scan ids, which become names of files: five digits and a letter."""
    padded = np.strings.zfill(words, _SCAN_LENGTH)
    short = padded.astype(f"S{_SCAN_LENGTH}")
    chars = short.view("S1").reshape(-1, _SCAN_LENGTH)
    digits, letter = chars[:, :_SCAN_DIGITS], chars[:, _SCAN_DIGITS]
    good = ((digits >= _DIGIT_LOW) & (digits <= _DIGIT_HIGH)).all(axis=1)
    good &= (letter >= _LETTER_LOW) & (letter <= _LETTER_HIGH) & (np.strings.str_len(padded) == _SCAN_LENGTH)
    _refuse(source, block, words, good, "scan id (five digits and a letter)")
    return short


def _frame_numbers(source: TableSource, block: Block, words: Words) -> Words:
    good = np.strings.isdigit(words) & (np.strings.str_len(words) <= _MOST_FRAME_DIGITS)
    _refuse(source, block, words, good, "frame number")
    return np.strings.zfill(words, _FRAME_DIGITS)


def _refuse(source: TableSource, block: Block, words: Words, good: NDArray[np.bool_], what: str) -> None:
    if not good.all():
        row = int(np.flatnonzero(~good)[0])
        shown = words[row].decode("utf-8", "replace")[:40]
        raise InputError(f"{source.path}, row {block.first + row + 1}: {shown!r} is no {what}")
