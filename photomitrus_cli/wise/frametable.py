"""Frame tables: what the archive says of each frame, by the names of the image inventory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.wise.dumpformat import SEED_COLUMNS, open_source
from photomitrus_cli.wise.tablesource import Block, TableSource
from photomitrus_cli.wise.textcells import Words

# Columns that stay text: numbers would lose the padding of identifiers and flags.
TEXT_COLUMNS = frozenset(
    {
        *("scan_id", "scangrp", "frame_num", "qa_status", "moon_masked", "cc_flags", "full_filepath"),
        *("date_obs", "date_obs_date", "date_obs_time", "utanneal", "utanneal_date", "utanneal_time"),
    }
)
KNOWN_COLUMNS = (*SEED_COLUMNS, "moon_masked", "full_filepath")
# Names of the same things in the table of frame metadata (p1bs_frm).
_ALIASES = {"mjd_obs": "mjd", "crval1": "ra", "crval2": "dec"}
_HALVES = {"date_obs_date": ("date_obs", 0), "date_obs_time": ("date_obs", 1)}
_HALVES |= {"utanneal_date": ("utanneal", 0), "utanneal_time": ("utanneal", 1)}
_SCAN_DIGITS, _SCAN_LENGTH, _FRAME_DIGITS, _MOST_FRAME_DIGITS = 5, 6, 3, 5
_DIGIT_LOW, _DIGIT_HIGH, _LETTER_LOW, _LETTER_HIGH = b"0", b"9", b"a", b"z"


@dataclass(frozen=True)
class FrameTable:
    """Columns of a frame table.

    Attributes
    ----------
    path : Path
        Where it came from.
    columns : mapping of str to ndarray, shape (n_rows,)
        Text (str) for identifiers, flags and times, ``scan_id`` with 6 characters and ``frame_num`` with at
        least 3 digits; int64 for ``band``; float64 for all others, NaN where a value is missing.
    """

    path: Path
    columns: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        """Count the rows."""
        return len(next(iter(self.columns.values()), ()))

    def __contains__(self, name: str) -> bool:
        """Tell whether there is a column."""
        return name in self.columns

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Give a column; InputError names the table when there is none."""
        if name not in self.columns:
            raise InputError(f"{self.path}: the frame table has no column '{name}'")
        return self.columns[name]


def read_frame_table(path: str | Path, *, columns: Sequence[str] | None = None) -> FrameTable:
    """Read a frame table of any format.

    Parameters
    ----------
    path : str or Path
        IPAC, CSV, ECSV, FITS, VOTable or the 31-column dump that WISEmapper reads, plain or packed by gzip;
        told by its content. Names of columns are compared without case.
    columns : sequence of str, optional
        Those wanted; one that the table lacks is absent from the result. None: all that `KNOWN_COLUMNS` has.

    Returns
    -------
    FrameTable

    Raises
    ------
    InputError
        When it cannot be read, or a value is none of its kind; the message names table, row and column.
    """
    source = open_source(Path(path))
    wanted = KNOWN_COLUMNS if columns is None else columns
    return load(source, [name for name in wanted if offers(source, name)])


def offers(source: TableSource, name: str) -> bool:
    """Tell whether a table has a column or what it can be made of.

    Parameters
    ----------
    source : TableSource
    name : str

    Returns
    -------
    bool
    """
    if name in source.names or _ALIASES.get(name) in source.names:
        return True
    if name == "scangrp":
        return "scan_id" in source.names
    return name in _HALVES and _HALVES[name][0] in source.names


def load(
    source: TableSource,
    columns: Iterable[str],
    *,
    text: frozenset[str] = TEXT_COLUMNS,
    advance: Callable[[int], object] | None = None,
) -> FrameTable:
    """Read columns of a table.

    Parameters
    ----------
    source : TableSource
    columns : iterable of str
        All of them on offer.
    text : frozenset of str
        Columns to be kept as text.
    advance : callable, optional
        Is told of the rows read.

    Returns
    -------
    FrameTable

    Raises
    ------
    InputError
        As `read_frame_table`.
    """
    parts: dict[str, list[NDArray[Any]]] = {name: [] for name in columns}
    for block in source.blocks():
        for name, found in parts.items():
            found.append(_text(source, block, name) if name in text else _numbers(source, block, name))
        if advance is not None:
            advance(len(block))
    made: dict[str, NDArray[Any]] = {}
    for name in list(parts):
        # One column at a time, so that hardly more than the table itself is in memory.
        found = parts.pop(name)
        made[name] = np.concatenate(found) if found else np.empty(0, "U1" if name in text else np.float64)
    return FrameTable(source.path, made)


def _text(source: TableSource, block: Block, name: str) -> NDArray[np.str_]:
    words = cells(source, block, name)
    try:
        return words.astype(np.str_)
    except UnicodeDecodeError:
        return np.strings.decode(words, "utf-8", "replace")


def _numbers(source: TableSource, block: Block, name: str) -> NDArray[Any]:
    values = block.numbers(name if name in source.names else _ALIASES[name])
    if name != "band":
        return values
    wrong = np.flatnonzero(~np.isin(values, [1, 2, 3, 4]))
    if wrong.size:
        row = int(wrong[0])
        raise InputError(
            f"{source.path}, row {block.first + row + 1}: band {values[row]:g}: WISE has bands 1 to 4"
        )
    return values.astype(np.int64)


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
    elif name in _HALVES:
        whole, half = _HALVES[name]
        words = np.strings.partition(np.strings.replace(block.words(whole), b"T", b" "), b" ")[2 * half]
    else:
        words = block.words(_ALIASES[name])
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
