"""A folder of catalogue queries: each file is a circle on the sky, and its name says which."""

from __future__ import annotations

import datetime as dt
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from photomitrus_cli.io.atomic import check_folder
from photomitrus_cli.prime.skyfield import Field

if TYPE_CHECKING:
    from astropy.table import Table

_NAME = re.compile(
    r"(?P<catalogue>[a-z0-9-]+)_(?P<ra>\d{3}\.\d{5})_(?P<dec>[+-]\d{2}\.\d{5})_r(?P<radius>\d{1,3}\.\d{5})\.fits"
)
# What the digits in names leave open, degrees.
_ROUNDING = 2e-5


def default_folder() -> Path:
    """Give the folder of queries in the user's cache, beside those of compiled kernels.

    Returns
    -------
    Path
        Below ``XDG_CACHE_HOME`` where that is set, else ``~/.cache``; need not exist.
    """
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "astromap" / "catalogues"


def cached(folder: Path, catalogue: str, field: Field) -> list[Path]:
    """Find the queries that cover a field.

    Parameters
    ----------
    folder : Path
        May be missing. Files with other names do not count.
    catalogue : str
        Its key.
    field : Field

    Returns
    -------
    list of Path
        The smallest circle first.
    """
    found = []
    for path in sorted(folder.glob(f"{catalogue}_*.fits")):
        match = _NAME.fullmatch(path.name)
        if match is None or match["catalogue"] != catalogue:
            continue
        circle = Field(float(match["ra"]), float(match["dec"]), float(match["radius"]))
        distance = float(circle.distances(field.ra, field.dec))
        if distance + field.radius <= circle.radius + _ROUNDING:
            found.append((circle.radius, path))
    return [path for _, path in sorted(found)]


def keep(folder: Path, catalogue: str, field: Field, table: Table) -> Path:
    """Store the answer of a query, whole or not at all.

    Parameters
    ----------
    folder : Path
        Made when missing.
    catalogue : str
        Key: lower-case letters, digits and dashes.
    field : Field
        What was asked for.
    table : astropy.table.Table
        All stars of the field, as the catalogue gives them.

    Returns
    -------
    Path
        A FITS file that also serves as a reference catalogue of its own.

    Raises
    ------
    WriteError
        When the folder or the file cannot be written.
    """
    from astropy.io import fits

    from photomitrus_cli.io.fitswrite import table_hdu, write_fits

    check_folder(folder)
    ra = field.ra % 360.0
    path = folder / f"{catalogue}_{ra:09.5f}_{field.dec:+09.5f}_r{field.radius:.5f}.fits"
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds").removesuffix("+00:00")
    cards = [
        ("CATALOG", catalogue, "catalogue that was asked"),
        ("FIELDRA", field.ra, "[deg] centre of the circle, ICRS"),
        ("FIELDDEC", field.dec, "[deg] centre of the circle, ICRS"),
        ("FIELDRAD", field.radius, "[deg] radius of the circle"),
        ("DATE", now, "when it was asked (UTC)"),
    ]
    write_fits(path, fits.HDUList([fits.PrimaryHDU(), table_hdu("STARS", table, cards)]))
    return path
