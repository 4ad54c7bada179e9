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
from photomitrus_cli.wise.framecells import ALIASES, HALVES, cells
from photomitrus_cli.wise.tablesource import Block, TableSource

# Columns that stay text: numbers would lose the padding of identifiers and flags.
TEXT_COLUMNS = frozenset(
    {
        *("scan_id", "scangrp", "frame_num", "qa_status", "moon_masked", "cc_flags", "full_filepath"),
        *("date_obs", "date_obs_date", "date_obs_time", "utanneal", "utanneal_date", "utanneal_time"),
    }
)
KNOWN_COLUMNS = (*SEED_COLUMNS, "moon_masked", "full_filepath")
HALVES |= {"utanneal_date": ("utanneal", 0), "utanneal_time": ("utanneal", 1)}


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
    if name in source.names or ALIASES.get(name) in source.names:
        return True
    if name == "scangrp":
        return "scan_id" in source.names
    return name in HALVES and HALVES[name][0] in source.names


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
    values = block.numbers(name if name in source.names else ALIASES[name])
    if name != "band":
        return values
    wrong = np.flatnonzero(~np.isin(values, [1, 2, 3, 4]))
    if wrong.size:
        row = int(wrong[0])
        raise InputError(
            f"{source.path}, row {block.first + row + 1}: band {values[row]:g}: WISE has bands 1 to 4"
        )
    return values.astype(np.int64)
