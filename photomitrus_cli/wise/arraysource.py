"""Frame tables that are in memory, as blocks of columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.wise.tablesource import Block
from photomitrus_cli.wise.textcells import Float, RowError, Words
from photomitrus_cli.wise.textnumbers import numbers

_BLOCK_ROWS = 1 << 16


@dataclass(frozen=True)
class ArraySource:
    """A table in memory.

    Attributes
    ----------
    path : Path
        Where it came from.
    columns : mapping of str to ndarray, shape (n_rows,)
        Of numbers or text, masked or not; names in lower case.
    """

    path: Path
    columns: Mapping[str, NDArray[Any]]

    @property
    def names(self) -> tuple[str, ...]:
        """Give the names of the columns."""
        return tuple(self.columns)

    def __len__(self) -> int:
        """Count the rows."""
        return len(next(iter(self.columns.values()), ()))

    def blocks(self) -> Iterator[Block]:
        """Give the rows in their order."""
        for first in range(0, len(self), _BLOCK_ROWS):
            yield ArrayBlock(self, first, min(first + _BLOCK_ROWS, len(self)))


@dataclass(frozen=True)
class ArrayBlock:
    """Rows of a table in memory, from ``first`` up to ``stop``."""

    source: ArraySource
    first: int
    stop: int

    def __len__(self) -> int:
        """Count the rows."""
        return self.stop - self.first

    def words(self, name: str) -> Words:
        """Give a column as text; see `Block`."""
        values, absent = self._part(name)
        if values.dtype.kind == "f":
            absent = absent | np.isnan(values)
        words = _bytes(values)
        return np.where(absent | (words == b"null"), b"", words)

    def numbers(self, name: str) -> Float:
        """Give a column as numbers; see `Block`."""
        values, absent = self._part(name)
        if values.dtype.kind not in "biuf":
            try:
                return numbers(self.words(name))
            except RowError as error:
                raise InputError(
                    f"{self.source.path}, row {self.first + error.row + 1}: {error.reason} in column {name}"
                ) from error
        return np.where(absent, np.nan, values.astype(np.float64))

    def _part(self, name: str) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        part = self.source.columns[name][self.first : self.stop]
        return np.asarray(np.ma.getdata(part)), np.asarray(np.ma.getmaskarray(part))


def _bytes(values: NDArray[Any]) -> Words:
    if values.dtype.kind in "SU":
        encoded = values if values.dtype.kind == "S" else np.strings.encode(values, "utf-8")
        return np.strings.strip(encoded)
    if values.dtype.kind == "O":
        return np.array([_of_object(value) for value in values.tolist()], dtype=np.bytes_)
    return values.astype(np.bytes_)


def _of_object(value: object) -> bytes:
    return value.strip() if isinstance(value, bytes) else str(value).strip().encode()
