"""Guarded reading of binary tables (FITS standard 4.0, section 7.3) without astropy."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.bintable import Column
from photomitrus_cli.io.blocks import BlockReader, open_blocks
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.io.structure import MAX_BYTES, MAX_FIELDS, Unit, units
from photomitrus_cli.io.unitdata import read_data, verify_data

_FORM = re.compile(r"(\d*)([ABIJKED])(?:\s.*)?")
_TYPES = {"B": "u1", "I": ">i2", "J": ">i4", "K": ">i8", "E": ">f4", "D": ">f8"}


@dataclass(frozen=True, slots=True)
class BinTable:
    """A table as read from a file.

    Attributes
    ----------
    cards : Cards
        The header of the table.
    columns : list of Column
        In the order of the file; native byte order, text as bytes.
    """

    cards: Cards
    columns: list[Column]


def read_table(
    path: str | Path, wanted: Callable[[Cards], bool], what: str, *, max_bytes: int = MAX_BYTES
) -> BinTable:
    """Read the first binary table of a kind.

    Parameters
    ----------
    path : str or Path
        A FITS file, plain or gzip.
    wanted : callable
        Tells from its header whether a table is the one.
    what : str
        The kind, for the message when there is none.
    max_bytes : int
        The most data that a header may declare.

    Returns
    -------
    BinTable
        Numbers of one value per row (forms B, I, J, K, E, D) and text (A).

    Raises
    ------
    InputError
        When the file is missing, unreadable, not FITS, truncated or damaged (where checksums tell), declares
        nonsense or more than `max_bytes`, holds no such table, or one with columns of other forms.
    """
    with open_blocks(Path(path)) as blocks:
        unit = _find(blocks, wanted, what, max_bytes)
        data = read_data(blocks, unit)
        verify_data(unit, data)
        # The check sum of a gzip file stands at its end.
        blocks.finish()
    return BinTable(unit.cards, _columns(unit, data))


def _find(blocks: BlockReader, wanted: Callable[[Cards], bool], what: str, max_bytes: int) -> Unit:
    for unit in units(blocks, max_bytes):
        if unit.cards.get("XTENSION") == "BINTABLE" and wanted(unit.cards):
            return unit
    raise InputError(f"{blocks.path}: holds no {what}")


def _columns(unit: Unit, data: NDArray[np.uint8]) -> list[Column]:
    cards = unit.cards
    n_fields = cards.integer("TFIELDS")
    if not 0 <= n_fields <= MAX_FIELDS or len(unit.shape) != 2 or unit.bitpix != 8:
        raise InputError(f"{cards.path}: not a legal binary table (TFIELDS, NAXIS or BITPIX)")
    n_rows, n_bytes = unit.shape
    types = [_type(cards, number) for number in range(1, n_fields + 1)]
    row = np.dtype([(f"c{place}", kind) for place, kind in enumerate(types)])
    if row.itemsize != n_bytes:
        raise InputError(f"{cards.path}: rows of {n_bytes} bytes hold columns of {row.itemsize}")
    rows = data[: n_rows * n_bytes].view(row) if n_bytes else np.empty(n_rows, row)
    return [_column(cards, place, rows) for place in range(n_fields)]


def _column(cards: Cards, place: int, rows: NDArray[Any]) -> Column:
    number = place + 1
    values = rows[f"c{place}"]
    return Column(
        cards.text(f"TTYPE{number}", f"COL{number}"),
        values.astype(values.dtype.newbyteorder("=")),
        cards.text(f"TUNIT{number}", ""),
        cards.text(f"TCOMM{number}", ""),
    )


def _type(cards: Cards, number: int) -> str:
    form = cards.text(f"TFORM{number}").strip()
    match = _FORM.fullmatch(form)
    count = int(match[1] or 1) if match else 0
    if match is None or (match[2] != "A" and count != 1):
        raise InputError(f"{cards.path}: TFORM{number} is {form!r}; only single numbers and text are read")
    scale = cards.number(f"TSCAL{number}", 1.0), cards.number(f"TZERO{number}", 0.0)
    if scale != (1.0, 0.0):
        raise InputError(f"{cards.path}: column {number} is scaled (TSCAL, TZERO); such columns are not read")
    return f"S{count}" if match[2] == "A" else _TYPES[match[2]]
