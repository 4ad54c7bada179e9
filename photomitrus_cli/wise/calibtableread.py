"""The table of a calibration, read again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError, first_line
from photomitrus_cli.io.tablefiles import UNREADABLE, read_by_astropy
from photomitrus_cli.wise.calibtables import COLUMNS, ScanTable

if TYPE_CHECKING:
    from astropy.table import Table


_KINDS = {"str": "U", "f8": "f", "i8": "iu", "bool": "b"}


def read_calibration(path: str | Path) -> tuple[ScanTable, dict[str, Any]]:
    """Read what `write_calibration` wrote.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    table : ScanTable
    meta : dict

    Raises
    ------
    InputError
        When the file is missing, no ECSV, or has other columns, units or types of columns.
    """
    try:
        read = read_by_astropy(Path(path), "ascii.ecsv")
    except UNREADABLE as error:
        reason = first_line(error)
        raise InputError(f"{path}: cannot be read as ECSV: {reason}") from error
    columns = {name: _column(read, name, path) for name in COLUMNS}
    return ScanTable(**columns), dict(read.meta)


def _column(table: Table, name: str, path: str | Path) -> NDArray[Any]:
    hint = "astromap wise calibrate writes such tables as w<band>_calibration.ecsv"
    if name not in table.colnames:
        raise InputError(f"{path}: has no column {name!r}", hint=hint)
    kind, unit, _ = COLUMNS[name]
    column = table[name]
    # An empty text is read as a missing one.
    values = np.asarray(column.filled("") if kind == "str" and hasattr(column, "filled") else column)
    # Columns of objects, as of times, have no unit.
    found = str(getattr(column, "unit", None) or "") or None
    if values.dtype.kind not in _KINDS[kind] or (kind != "str" and hasattr(column, "mask")):
        raise InputError(f"{path}: column {name!r} is not what it should be: {COLUMNS[name][2]}", hint=hint)
    if found != unit:
        raise InputError(f"{path}: column {name!r} is in {found}, not in {unit}", hint=hint)
    return values
