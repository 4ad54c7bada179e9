"""Files with star catalogues as tables, whatever their format; of FITS files with several the right one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from photomitrus_cli.errors import InputError, first_line
from photomitrus_cli.io.refcolumns import has_positions
from photomitrus_cli.io.tablefiles import UNREADABLE, checked_stream, quiet, read_by_astropy

if TYPE_CHECKING:
    from astropy.table import Table

_FORMATS = {
    ".fits": "fits",
    ".fit": "fits",
    ".fits.gz": "fits",
    ".cat": "fits",
    ".ldac": "fits",
    ".ecsv": "ascii.ecsv",
    ".csv": "ascii.csv",
    ".csv.gz": "ascii.csv",
    ".vot": "votable",
    ".vot.gz": "votable",
    ".votable": "votable",
    ".xml": "votable",
    ".tbl": "ascii.ipac",
    ".parquet": "parquet",
}
_LDAC_OBJECTS = "LDAC_OBJECTS"


def read_star_table(path: Path) -> Table:
    """Read a star catalogue as it is.

    Parameters
    ----------
    path : Path
        Its suffix tells the format. Of a FITS file the table called LDAC_OBJECTS is read, else the first with
        columns of positions, else the first.

    Returns
    -------
    astropy.table.Table
        The UCD of a column of a VOTable or a FITS table (TUCDn), where there is one, is in its ``meta`` as
        ``ucd``.

    Raises
    ------
    InputError
        When the file is missing, of an unknown format, damaged, or holds no table.
    """
    kind = _format_of(path)
    try:
        return _read_fits(path) if kind == "fits" else read_by_astropy(path, kind)
    except ImportError as error:
        raise InputError(
            f"{path}: reading this format needs another package: {error}", hint="give FITS, ECSV or CSV"
        ) from error
    except UNREADABLE as error:
        raise InputError(f"{path}: the reference catalogue cannot be read: {first_line(error)}") from error


def _format_of(path: Path) -> str:
    name = path.name.lower()
    if path.is_dir():
        raise InputError(f"{path}: is a folder, not a reference catalogue")
    suffix = next((s for s in sorted(_FORMATS, key=len, reverse=True) if name.endswith(s)), None)
    if suffix is None:
        raise InputError(
            f"{path}: a reference catalogue of an unknown format",
            hint=f"one of {', '.join(sorted(_FORMATS))}",
        )
    if not path.is_file():
        raise InputError(f"{path}: the reference catalogue does not exist")
    return _FORMATS[suffix]


def _read_fits(path: Path) -> Table:
    from astropy.io import fits
    from astropy.table import Table

    with quiet(), fits.open(checked_stream(path), memmap=False) as hdus:
        tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)]
        if not tables:
            raise InputError(f"{path}: holds no table", hint="give a FITS file with a binary table of stars")
        chosen = _choose(tables)
        table = Table.read(chosen, format="fits")
        for number, name in enumerate(table.colnames, start=1):
            ucd = chosen.header.get(f"TUCD{number}")
            if ucd:
                table[name].meta["ucd"] = str(ucd)
    return table


def _choose(tables: list[Any]) -> Any:
    for table in tables:
        if str(table.name).upper() == _LDAC_OBJECTS:
            return table
    return next((table for table in tables if has_positions(table.columns.names)), tables[0])
