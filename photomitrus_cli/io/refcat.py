"""Reference catalogues of star positions, in whatever table format and column names they come."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError, NoDataError

if TYPE_CHECKING:
    from astropy.table import Table

Float = NDArray[np.float64]
Number = TypeVar("Number", float, Float)

# Names of columns, lower case, best first. A table without any of them in a row has no such column.
_RA = (
    "ra",
    "ra_icrs",
    "ra_deg",
    "radeg",
    "alpha_j2000",
    "raj2000",
    "_raj2000",
    "_ra",
    "ra2000",
    "alpha",
    "s_ra",
)
_DEC = (
    *("dec", "de_icrs", "dec_icrs", "dec_deg", "decdeg", "dedeg", "delta_j2000", "dej2000", "_dej2000"),
    *("decj2000", "_de", "_dec", "dec2000", "de", "decl", "delta", "s_dec"),
)
_PM_RA = ("pmra", "pm_ra", "pmra_cosdec", "pm_ra_cosdec", "pm_ra_cosd")
_PM_DEC = ("pmdec", "pmde", "pm_dec", "pm_de")
_EPOCH = ("ref_epoch", "epoch", "refepoch")
_MAG = (
    "phot_g_mean_mag",
    "gmag",
    "mag",
    "phot_g_mean",
    "g",
    "vt_mag",
    "vmag",
    "kmag",
    "k_m",
    "jmag",
    "j_m",
    "mag_auto",
)
_GAIA = ("phot_g_mean_mag", "gmag", "ruwe", "astrometric_params_solved")
GAIA_EPOCH = 2016.0  # of its third release
# Columns in which VizieR gives positions at J2000.0 of stars whose motions are known.
_AT_J2000 = ("raj2000", "_raj2000")
# An "epoch" above this is a modified Julian date.
_LATEST_YEAR = 10000.0
_MAS = {"mas": 1.0, "arcsec": 1e3, '"': 1e3, "deg": 3.6e6, "uas": 1e-3}

_FORMATS = {
    ".fits": "fits",
    ".fit": "fits",
    ".fits.gz": "fits",
    ".ecsv": "ascii.ecsv",
    ".csv": "ascii.csv",
    ".csv.gz": "ascii.csv",
    ".vot": "votable",
    ".vot.gz": "votable",
    ".votable": "votable",
    ".xml": "votable",
    ".tbl": "ascii.ipac",
}


@dataclass(frozen=True)
class RefCat:
    """Star positions with proper motions.

    Attributes
    ----------
    ra, dec : ndarray of float64, shape (n,)
        Degrees ICRS at `epoch`.
    pm_ra_cosdec, pm_dec : ndarray of float64, shape (n,)
        Proper motions, mas/yr; 0 where unknown.
    epoch : ndarray of float64, shape (n,)
        Julian years; NaN where unknown, and such stars do not move.
    mag : ndarray of float64, shape (n,)
        A magnitude of the catalogue; NaN where unknown.
    n_dropped : int
        Rows of the table without a position.
    """

    ra: Float
    dec: Float
    pm_ra_cosdec: Float
    pm_dec: Float
    epoch: Float
    mag: Float
    n_dropped: int = 0

    def at_epoch(self, year: float) -> tuple[Float, Float]:
        """Move the stars by their proper motions.

        Along great circles on the sphere (ESA 1997, The Hipparcos Catalogue, section 1.2.8, without parallax
        and radial velocity), so that it holds at the poles.

        Parameters
        ----------
        year : float
            Julian year, such as 2008.7; see `julian_year`.

        Returns
        -------
        ra, dec : ndarray of float64, shape (n,)
            Degrees ICRS.
        """
        years = np.where(np.isfinite(self.epoch), year - self.epoch, 0.0)
        east = np.radians(self.pm_ra_cosdec / 3.6e6) * years
        north = np.radians(self.pm_dec / 3.6e6) * years
        a, d = np.radians(self.ra), np.radians(self.dec)
        x = np.cos(d) - north * np.sin(d)
        xyz = (
            x * np.cos(a) - east * np.sin(a),
            x * np.sin(a) + east * np.cos(a),
            np.sin(d) + north * np.cos(d),
        )
        return np.degrees(np.arctan2(xyz[1], xyz[0])) % 360.0, np.degrees(
            np.arctan2(xyz[2], np.hypot(xyz[0], xyz[1]))
        )


def julian_year(mjd: Number) -> Number:
    """Convert a modified Julian date to a Julian year (J2000.0 is MJD 51544.5).

    Parameters
    ----------
    mjd : float or ndarray of float64

    Returns
    -------
    float or ndarray of float64
        Like the input.
    """
    return 2000.0 + (mjd - 51544.5) / 365.25


def read_refcat(path: str | Path) -> RefCat:
    """Read a reference catalogue.

    Parameters
    ----------
    path : str or Path
        A FITS table, ECSV, CSV, VOTable or IPAC table, told by its name. Positions are degrees ICRS in
        columns such as ``ra``, ``RA_ICRS``, ``RAJ2000``, ``ALPHA_J2000``; proper motions (mas/yr, the one in
        right ascension times cos dec), reference epoch (Julian years) and magnitude are used where given.
        Without an epoch column a Gaia table is taken to be of 2016.0, positions called ``RAJ2000`` with
        proper motions of 2000.0, and others not to move.

    Returns
    -------
    RefCat
        Rows without a position are dropped and counted.

    Raises
    ------
    InputError
        When the file cannot be read as a table or no position columns are found.
    NoDataError
        When no row has a position.
    """
    path = Path(path)
    table = _read(path)
    names = {str(name).lower(): str(name) for name in reversed(table.colnames)}
    ra_name, dec_name = _find(names, _RA), _find(names, _DEC)
    if ra_name is None or dec_name is None:
        columns = ", ".join(table.colnames[:20])
        raise InputError(
            f"{path}: no columns with right ascension and declination among: {columns}",
            hint="name them ra and dec, degrees ICRS",
        )
    ra, dec = _degrees(table, ra_name, path), _degrees(table, dec_name, path)
    good = np.isfinite(ra) & np.isfinite(dec) & (np.abs(dec) <= 90.0) & (np.abs(ra) <= 360.0)
    if not good.any():
        raise NoDataError(f"{path}: none of {good.size} rows has a position in degrees")
    epoch = _epochs(table, names, ra_name, path)
    motions = (_motions(table, _find(names, known), path) for known in (_PM_RA, _PM_DEC))
    mag = _numbers(table, _find(names, _MAG), np.nan, path)
    ra, dec, epoch, mag, pm_ra, pm_dec = (v[good] for v in (ra % 360.0, dec, epoch, mag, *motions))
    return RefCat(ra, dec, pm_ra, pm_dec, epoch, mag, n_dropped=int((~good).sum()))


def _read(path: Path) -> Table:
    from xml.parsers.expat import ExpatError

    from astropy.table import Table

    name = path.name.lower()
    suffix = next((s for s in sorted(_FORMATS, key=len, reverse=True) if name.endswith(s)), None)
    if suffix is None:
        raise InputError(
            f"{path}: a reference catalogue of an unknown format",
            hint=f"one of {', '.join(sorted(_FORMATS))}",
        )
    if not path.is_file():
        raise InputError(f"{path}: the reference catalogue does not exist")
    try:
        with warnings.catch_warnings():
            # Catalogues abound in odd units and headers; the columns are judged here.
            warnings.simplefilter("ignore")
            return Table.read(path, format=_FORMATS[suffix])
    except (OSError, ValueError, IndexError, KeyError, TypeError, EOFError, ExpatError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: the reference catalogue cannot be read: {reason}") from error


def _find(names: dict[str, str], known: Sequence[str]) -> str | None:
    return next((names[name] for name in known if name in names), None)


def _numbers(table: Any, name: str | None, default: float, path: Path) -> Float:
    """Give a column as numbers, `default` where there is no such column, NaN where a value is missing."""
    if name is None:
        return np.full(len(table), default)
    column = table[name]
    try:
        values = np.ma.asarray(column).astype(np.float64)
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: column {name} holds values that are not numbers") from error
    return np.asarray(np.ma.filled(values, np.nan), dtype=np.float64).ravel()


def _unit(table: Any, name: str) -> str:
    return re.sub(r"\s", "", str(getattr(table[name], "unit", None) or "").lower())


def _degrees(table: Any, name: str, path: Path) -> Float:
    """Give a column of angles in degrees."""
    values, unit = _numbers(table, name, np.nan, path), _unit(table, name)
    if unit.startswith("rad"):
        return np.degrees(values)
    if unit.startswith("hour") or unit in {"h", "hr", '"h:m:s"', "h:m:s"}:
        raise InputError(f"{path}: column {name} is in hours", hint="give degrees ICRS")
    return values


def _motions(table: Any, name: str | None, path: Path) -> Float:
    """Give a column of proper motions in mas/yr, 0 where unknown."""
    values = np.nan_to_num(_numbers(table, name, 0.0, path))
    angle = "" if name is None else re.split(r"/|\.|yr|a-1", _unit(table, name))[0]
    return values * _MAS.get(angle, 1.0)


def _epochs(table: Any, names: dict[str, str], ra_name: str, path: Path) -> Float:
    """Give the epochs of the positions in Julian years."""
    default = GAIA_EPOCH if any(name in names for name in _GAIA) else np.nan
    if ra_name.lower() in _AT_J2000 and _find(names, _PM_RA) is not None:
        default = 2000.0
    epoch = _numbers(table, _find(names, _EPOCH), default, path)
    return np.where(epoch > _LATEST_YEAR, julian_year(epoch), epoch)
