"""Tables that astropy reads, guarded: its readers trust headers, and fail in many ways."""

from __future__ import annotations

import csv
import gzip
import io
import warnings
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.blocks import open_blocks
from photomitrus_cli.io.structure import MAX_BYTES, MAX_FIELDS, units
from photomitrus_cli.io.unitdata import read_data, verify_data

if TYPE_CHECKING:
    from astropy.table import Table

# What `read_by_astropy` raises for files that make no sense; each caller says it in its own words.
UNREADABLE = (
    *(OSError, ValueError, IndexError, KeyError, TypeError, AttributeError, EOFError, MemoryError),
    *(OverflowError, csv.Error, zlib.error),
)
# Of a text: how much is looked at for the names of columns, bytes, and how many there may be.
_BEGIN = 1 << 20
_MOST_COLUMNS = 9999


def repeated(names: Iterable[str]) -> list[str]:
    """Give the names that occur twice or more, sorted; empty ones do not count.

    Parameters
    ----------
    names : iterable of str
        Of columns; broken files have a hundred thousand of them.
    """
    return sorted(name for name, n in Counter(names).items() if name and n > 1)


@contextmanager
def quiet() -> Iterator[None]:
    """Leave out warnings of odd units, names and headers, and turn astropy's own errors into ValueError.

    Raises
    ------
    ValueError
        In place of errors of XML and of FITS headers.
    """
    from xml.parsers.expat import ExpatError

    from astropy.io.fits import VerifyError

    with warnings.catch_warnings():
        # Columns are judged by what is made of them.
        warnings.simplefilter("ignore")
        try:
            yield
        except (ExpatError, VerifyError) as error:
            raise ValueError(str(error)) from error


def checked_stream(path: Path) -> io.BytesIO:
    """Give the units of a FITS file whose headers are sound, unpacked, and nothing of what follows them.

    Behind the last unit astropy would look for the end of a header through all that a file unpacks to.

    Parameters
    ----------
    path : Path

    Returns
    -------
    io.BytesIO

    Raises
    ------
    InputError
        When it is no FITS file, a mandatory card is missing or illegal, a unit declares more data than the
        file has (of a packed file, more than `MAX_BYTES`), or a unit differs from its checksum.
    """
    stream = io.BytesIO()
    with open_blocks(path) as blocks:
        for unit in units(blocks, max(MAX_BYTES, blocks.size or 0)):
            n_fields = unit.cards.integer("TFIELDS", 0)
            if not 0 <= n_fields <= MAX_FIELDS:
                raise InputError(f"{path}: TFIELDS is {n_fields}, not 0 to {MAX_FIELDS}")
            data = read_data(blocks, unit)
            verify_data(unit, data)
            stream.write(unit.header)
            stream.write(data.data)
    stream.seek(0)
    return stream


def read_by_astropy(path: Path, kind: str, **options: Any) -> Table:
    """Read a table; of several in a file the first.

    Parameters
    ----------
    path : Path
    kind : str
        As `astropy.table.Table.read` calls the format.
    **options
        For it.

    Returns
    -------
    astropy.table.Table

    Raises
    ------
    InputError
        When headers of a FITS file declare what is not there, or a text has too many columns.
    UNREADABLE
        When astropy cannot read it.
    """
    from astropy.table import Table

    if kind.partition(".")[0] in ("ascii", "csv"):
        _refuse_wide(path)
    with quiet():
        if kind != "fits":
            return Table.read(path, format=kind, **options)
        return Table.read(checked_stream(path), format="fits", **options)


def _refuse_wide(path: Path) -> None:
    """Refuse a text of more columns than tables have: astropy's time for names grows with their square."""
    read = gzip.open if path.suffix.lower() == ".gz" else open
    with read(path, "rb") as file:
        begin: bytes = file.read(_BEGIN)
    for line in begin.splitlines():
        if max(line.count(b","), line.count(b"|"), len(line.split())) > _MOST_COLUMNS:
            raise InputError(f"{path}: has more than {_MOST_COLUMNS} columns")
