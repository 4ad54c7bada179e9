"""The table of a calibration, read again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.wise.calibtables import COLUMNS, ScanTable

if TYPE_CHECKING:
    from astropy.table import Table


Float = NDArray[np.float64]

Int = NDArray[np.int64]

Bool = NDArray[np.bool_]

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
    from astropy.table import Table

    try:
        read = Table.read(path, format="ascii.ecsv")
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
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
    found = str(column.unit) if column.unit else None
    if values.dtype.kind not in _KINDS[kind] or (kind != "str" and hasattr(column, "mask")):
        raise InputError(f"{path}: column {name!r} is not what it should be: {COLUMNS[name][2]}", hint=hint)
    if found != unit:
        raise InputError(f"{path}: column {name!r} is in {found}, not in {unit}", hint=hint)
    return values
