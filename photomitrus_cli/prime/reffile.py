"""Reference stars of a field from a file."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from photomitrus_cli.errors import NoDataError
from photomitrus_cli.io.refcat import read_refcat
from photomitrus_cli.prime.refcatalogue import RefCatalogue, catalogue_at
from photomitrus_cli.prime.skyfield import Field

_log = logging.getLogger(__name__)


def read_catalogue(
    path: str | Path,
    field: Field,
    year: float,
    band: str | None = None,
    columns: Mapping[str, str] | None = None,
) -> RefCatalogue:
    """Read the reference stars of a field from a file.

    Parameters
    ----------
    path : str or Path
        As `photomitrus_cli.io.refcat.read_refcat` takes it.
    field : Field
    year : float
        Julian year of the frames.
    band : str, optional
        J, H, Ks, Y or Z.
    columns : mapping of str to str, optional
        Names of columns, where the file has unusual ones.

    Returns
    -------
    RefCatalogue

    Raises
    ------
    ConfigError, InputError, NoDataError
        As `read_refcat`; or NoDataError when no star of the file is in the field.
    """
    stars = catalogue_at(read_refcat(path, band, columns), year, Path(path).name)
    distance = field.distances(stars.ra, stars.dec)
    inside = stars.where(distance <= field.radius)
    if not inside.size:
        raise NoDataError(
            f"{path}: none of {stars.size} stars is within {field}, the nearest {distance.min():.3g} deg off",
            hint="give a reference catalogue of this field, degrees ICRS",
        )
    known = int(np.isfinite(inside.mag).sum())
    _log.info("%s: %d stars within %s, %d with a magnitude in %s", path, inside.size, field, known, band)
    return inside
