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
    from astropy.io import fits

    written: dict[str, Path] = {}
    for name, columns in short.items():
        written[name] = folder / f"truth_{name}.ecsv"
        write_ecsv(written[name], _table(columns, about, meta))
    for name, columns in long.items():
        written[name] = folder / f"truth_{name}.fits"
        hdu = table_hdu(name.upper(), _table(columns, about, {}))
        write_fits(written[name], fits.HDUList([fits.PrimaryHDU(), hdu]))
    return written


def _table(columns: Columns, about: About, meta: Mapping[str, object]) -> Table:
    from astropy.table import Column, Table

    made = []
    for name, values in columns.items():
        unit, text = about[name]
        made.append(Column(values, name=name, unit=unit, description=text))
    return Table(made, meta=dict(meta))
