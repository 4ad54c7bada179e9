"""Tables as text: ECSV with units and descriptions, and plain CSV."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from photomitrus_cli.io.atomic import atomic_path

if TYPE_CHECKING:
    from astropy.table import Table


def write_ecsv(final: str | Path, table: Table) -> None:
    """Write a table with the units, types and descriptions of its columns, whole or not at all.

    Parameters
    ----------
    final : str or Path
        The file to make or replace.
    table : astropy.table.Table
        Read back alike by ``Table.read(final, format="ascii.ecsv")``.

    Raises
    ------
    WriteError
        When the file cannot be written.
    """
    with atomic_path(final) as part:
        table.write(part, format="ascii.ecsv")


def write_csv(final: str | Path, table: Table) -> None:
    """Write the columns of a table, a header line first, whole or not at all.

    Parameters
    ----------
    final : str or Path
        The file to make or replace.
    table : astropy.table.Table
        Its units and descriptions are lost; masked values become empty.

    Raises
    ------
    WriteError
        When the file cannot be written.
    """
    with atomic_path(final) as part:
        table.write(part, format="ascii.csv")
