"""Tables in CSV, ECSV and FITS whose rows and columns stay as they are while columns are added."""

from __future__ import annotations

import csv
import io
import math
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import ConfigError, InputError, first_line
from photomitrus_cli.io.atomic import atomic_path, write_text
from photomitrus_cli.io.tablefiles import UNREADABLE, read_by_astropy, repeated

if TYPE_CHECKING:
    from astropy.table import Table

_FORMATS = {
    ".csv": "ascii.csv",
    ".ecsv": "ascii.ecsv",
    ".fits": "fits",
    ".fit": "fits",
    ".fits.gz": "fits",
}

_DESCRIPTIONS = {
    "r_al": "Response by place on the array (divide by it)",
    "r_pp": "Response by place within the pixel (divide by it)",
    "flux_corrected": "flux / (r_al * r_pp)",
}


class FluxTable(Protocol):
    """What a table of any format can do."""

    path: Path

    @property
    def names(self) -> list[str]:
        """Give the names of the columns."""
        ...

    def __len__(self) -> int:
        """Count the rows."""
        ...

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Give a column as numbers, NaN where a value is missing; InputError names the first that is none."""
        ...

    def words(self, name: str) -> list[str]:
        """Give a column as text, empty where a value is missing."""
        ...

    def unit(self, name: str) -> str:
        """Give the unit of a column, empty where the table states none."""
        ...

    def where(self, row: int) -> str:
        """Say for people where a row is, 0 being the first."""
        ...

    def write(self, path: Path, added: Mapping[str, NDArray[np.float64]], unit_of: str, note: str) -> None:
        """Write the table and the added columns; the last of them has the unit of column ``unit_of``."""
        ...


def table_format(path: Path) -> str:
    """Tell the format of a table by its name.

    Parameters
    ----------
    path : Path

    Returns
    -------
    str
        As `astropy.table.Table.read` calls it.

    Raises
    ------
    ConfigError
        For a folder, and for a name that ends in none of the known ways.
    """
    if path.is_dir():
        raise ConfigError(f"{path}: is a folder, not a table")
    suffix = next((s for s in sorted(_FORMATS, key=len) if path.name.lower().endswith(s)), None)
    if suffix is None:
        raise ConfigError(f"{path}: a table of an unknown format", hint=f"one of {', '.join(_FORMATS)}")
    return _FORMATS[suffix]


def read_table(path: Path, *, as_text: bool) -> FluxTable:
    """Read a table.

    Parameters
    ----------
    path : Path
        The name tells the format.
    as_text : bool
        Keep the cells of a CSV file as they are written, for another CSV file; without astropy.

    Returns
    -------
    FluxTable

    Raises
    ------
    InputError
        When it cannot be read or has no rows.
    ConfigError
        When its format is unknown.
    """
    kind = table_format(path)
    if not path.is_file():
        raise InputError(f"{path}: the table does not exist")
    table = TextTable(path) if kind == "ascii.csv" and as_text else TypedTable(path, kind)
    if not len(table):
        raise InputError(f"{path}: the table has no rows")
    return table


class TextTable:
    """A CSV file whose cells stay the text they are.

    Parameters
    ----------
    path : Path

    Raises
    ------
    InputError
        When it is not a table of commas.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open(encoding="utf-8-sig", newline="") as handle:
                reader = csv.reader(handle, strict=True)
                found = [(reader.line_num, row) for row in reader if row]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise _unreadable(path, error) from error
        if not found:
            raise InputError(f"{path}: the table is empty")
        self.names = [name.strip() for name in found[0][1]]
        self._lines = [line for line, _ in found[1:]]
        self._rows = [row for _, row in found[1:]]
        _check_names(path, self.names)
        for line, row in found[1:]:
            if len(row) != len(self.names):
                raise InputError(f"{path}, line {line}: {len(row)} values for {len(self.names)} columns")

    def __len__(self) -> int:
        """Count the rows."""
        return len(self._rows)

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Give a column as numbers; see `FluxTable`."""
        return _parsed(self, name, self.words(name))

    def words(self, name: str) -> list[str]:
        """Give a column as text."""
        place = self.names.index(name)
        return [row[place].strip() for row in self._rows]

    def unit(self, name: str) -> str:
        """CSV has no place for units."""
        del name
        return ""

    def where(self, row: int) -> str:
        """Say where a row is."""
        return f"{self.path}, line {self._lines[row]}"

    def write(self, path: Path, added: Mapping[str, NDArray[np.float64]], unit_of: str, note: str) -> None:
        """Write the cells as they were; CSV has no place for units and notes."""
        del unit_of, note
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow([*self.names, *added])
        new = [[_text(value) for value in values.tolist()] for values in added.values()]
        writer.writerows(
            [*row, *cells] for row, cells in zip(self._rows, zip(*new, strict=True), strict=True)
        )
        write_text(path, buffer.getvalue())


class TypedTable:
    """A table with types, units and metadata, by astropy.

    Parameters
    ----------
    path : Path
    kind : str
        From `table_format`.

    Raises
    ------
    InputError
        When astropy cannot read it.
    """

    def __init__(self, path: Path, kind: str) -> None:
        self.path = path
        try:
            self._table: Table = read_by_astropy(path, kind)
        except UNREADABLE as error:
            raise _unreadable(path, error) from error
        _check_names(path, self.names)

    @property
    def names(self) -> list[str]:
        """Give the names of the columns."""
        return [str(name) for name in self._table.colnames]

    def __len__(self) -> int:
        """Count the rows."""
        return len(self._table)

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Give a column as numbers; see `FluxTable`."""
        column = np.ma.asarray(self._column(name))
        if column.dtype.kind not in "biuf":
            return _parsed(self, name, self.words(name))
        return np.asarray(np.ma.filled(column.astype(np.float64), np.nan))

    def words(self, name: str) -> list[str]:
        """Give a column as text."""
        column = np.ma.asarray(self._column(name))
        masked = np.ma.getmaskarray(column).tolist()
        return [
            "" if gone else _word(value) for value, gone in zip(column.data.tolist(), masked, strict=True)
        ]

    def _column(self, name: str) -> Any:
        column = self._table[name]
        if getattr(column, "ndim", 0) != 1 or not hasattr(column, "dtype"):
            raise InputError(f"{self.path}: column {name} does not hold one number a row")
        return column

    def unit(self, name: str) -> str:
        """Give the unit of a column."""
        return str(getattr(self._table[name], "unit", None) or "")

    def where(self, row: int) -> str:
        """Say where a row is."""
        return f"{self.path}, row {row + 1}"

    def write(self, path: Path, added: Mapping[str, NDArray[np.float64]], unit_of: str, note: str) -> None:
        """Write with units and descriptions; the note goes to the comments of the table."""
        kind = table_format(path)
        table = self._table.copy(copy_data=False)
        for name, values in added.items():
            table[name] = values
            table[name].description = _DESCRIPTIONS.get(name)
        table[list(added)[-1]].unit = self._table[unit_of].unit
        table.meta["comments"] = [*_comments(self._table), note]
        try:
            with warnings.catch_warnings(), atomic_path(path) as part:
                warnings.simplefilter("ignore")
                table.write(part, format=kind, **({"comment": False} if kind == "ascii.csv" else {}))
        except (ValueError, TypeError) as error:
            reason = first_line(error)
            raise InputError(
                f"{self.path}: has columns that cannot be written as {path.suffix[1:].upper()}: {reason}"
            ) from error


def _comments(table: Table) -> list[str]:
    comments = table.meta.get("comments", [])
    return [comments] if isinstance(comments, str) else list(comments)


def _check_names(path: Path, names: Sequence[str]) -> None:
    twice = repeated(names)
    if twice:
        raise InputError(f"{path}: two columns are called '{twice[0]}'")


def _parsed(table: FluxTable, name: str, cells: Sequence[str]) -> NDArray[np.float64]:
    try:
        return np.array([float(cell) if cell else math.nan for cell in cells])
    except ValueError as error:
        row = next(row for row, cell in enumerate(cells) if cell and not _is_number(cell))
        raise InputError(
            f"{table.where(row)}: '{cells[row][:40]}' in column {name} is not a number"
        ) from error


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _word(value: object) -> str:
    return (value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)).strip()


def _text(value: float) -> str:
    """Write a number with all its digits, a missing one as an empty cell."""
    return "" if math.isnan(value) else repr(value)


def _unreadable(path: Path, error: Exception) -> InputError:
    reason = first_line(error)
    return InputError(f"{path}: the table cannot be read: {reason}")
