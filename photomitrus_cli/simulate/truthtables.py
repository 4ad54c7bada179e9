"""Truth tables: columns with units and descriptions, short tables as ECSV and long ones as FITS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.io.fitswrite import table_hdu, write_fits
from photomitrus_cli.io.tables import write_ecsv

if TYPE_CHECKING:
    from astropy.table import Table

Columns = dict[str, NDArray[np.generic]]

About = Mapping[str, tuple[str | None, str]]
"""Unit and description of each column."""


def stacked(parts: Sequence[Columns]) -> Columns:
    """Join the rows of tables with the same columns; at least one table."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def columns_of(rows: Sequence[dict[str, object]]) -> Columns:
    """Turn rows with the same keys into columns; at least one row."""
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def write_tables(
    folder: Path,
    about: About,
    short: Mapping[str, Columns],
    long: Mapping[str, Columns],
    meta: Mapping[str, object],
) -> dict[str, Path]:
    """Write truth tables.

    Parameters
    ----------
    folder : Path
        Existing folder.
    about : mapping of str to (str or None, str)
        Unit and description of every column.
    short, long : mapping of str to dict of str to ndarray
        Columns of the tables for ECSV and for FITS, by the names of the tables.
    meta : mapping of str to object
        What the ECSV tables say of themselves.

    Returns
    -------
    dict of str to Path
        ``truth_<name>.ecsv`` and ``truth_<name>.fits``.

    Raises
    ------
    WriteError
        When a file cannot be written.
    """
    written: dict[str, Path] = {}
    for name, columns in short.items():
        written[name] = folder / f"truth_{name}.ecsv"
        write_ecsv(written[name], truth_table(columns, about, meta))
    for name, columns in long.items():
        written[name] = folder / f"truth_{name}.fits"
        write_long_table(written[name], name, truth_table(columns, about))
    return written


def write_long_table(path: Path, name: str, table: Table) -> None:
    """Write a table as the only one of a FITS file.

    Parameters
    ----------
    path : Path
    name : str
        Of the unit, in any case of letters.
    table : Table

    Raises
    ------
    WriteError
        When the file cannot be written.
    """
    from astropy.io import fits

    write_fits(path, fits.HDUList([fits.PrimaryHDU(), table_hdu(name.upper(), table)]))


def truth_table(columns: Columns, about: About, meta: Mapping[str, object] | None = None) -> Table:
    """Put columns together to a table.

    Parameters
    ----------
    columns : dict of str to ndarray
        In the order in which the table has them.
    about : mapping of str to (str or None, str)
        Unit and description of each.
    meta : mapping of str to object, optional
        What the table says of itself.

    Returns
    -------
    astropy.table.Table
    """
    from astropy.table import Column, Table

    made = []
    for name, values in columns.items():
        unit, text = about[name]
        made.append(Column(values, name=name, unit=unit, description=text))
    return Table(made, meta=dict(meta or {}))
