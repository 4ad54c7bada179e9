"""Reference catalogues of star positions, in whatever table format and column names they come."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError, NoDataError
from photomitrus_cli.io.refcolumns import Columns, catalogue_of, choose_columns
from photomitrus_cli.io.reffiles import read_star_table
from photomitrus_cli.io.refmotion import UNKNOWN_MOTION, StarErrors, julian_year, moved
from photomitrus_cli.io.refvalues import StarTable

__all__ = ["GAIA_EPOCH", "Photometry", "RefCat", "julian_year", "read_refcat"]

_log = logging.getLogger(__name__)

Float = NDArray[np.float64]

GAIA_EPOCH = 2016.0  # of its third release
# Epochs of surveys that took a few years, where the table does not say.
_EPOCHS = {"gaia": GAIA_EPOCH, "2mass": 1999.5, "vhs": 2013.0}
# Standard errors of positions where the table does not say, arcsec: Skrutskie et al. 2006 for 2MASS, to which
# VHS is tied.
_ERRORS = {"gaia": 0.001, "2mass": 0.08, "vhs": 0.08}
_ERROR = 0.05
# Columns in which VizieR gives positions at J2000.0 of stars whose motions are known.
_AT_J2000 = ("raj2000", "_raj2000")
# An "epoch" above this is a modified Julian date, above the next one a Julian date.
_LATEST_YEAR = 10000.0
_FIRST_JD = 2400000.5
# More impossible positions than this part of the rows: the columns are something else.
_MOST_IMPOSSIBLE = 0.1
# Tables have numbers such as -999 or 99 for magnitudes that they have not.
_MAGNITUDES = (-10.0, 50.0)


@dataclass(frozen=True, slots=True)
class Photometry:
    """Magnitudes of one band.

    Attributes
    ----------
    name : str
        The column that they are from.
    mag, mag_err : ndarray of float64, shape (n,)
        In the system of the catalogue; NaN where unknown.
    """

    name: str
    mag: Float
    mag_err: Float


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
        A magnitude of the catalogue, of any band; NaN where unknown.
    n_dropped : int
        Rows of the table without a position.
    errors : StarErrors or None
        Standard errors; None for stars that are not from a table.
    band : Photometry or None
        Magnitudes of the band that was asked for; None where the table has none.
    """

    ra: Float
    dec: Float
    pm_ra_cosdec: Float
    pm_dec: Float
    epoch: Float
    mag: Float
    n_dropped: int = 0
    errors: StarErrors | None = None
    band: Photometry | None = None

    def at_epoch(self, year: float) -> tuple[Float, Float]:
        """Move the stars by their proper motions; see `photomitrus_cli.io.refmotion.moved`.

        Parameters
        ----------
        year : float
            Julian year, such as 2008.7; see `julian_year`.

        Returns
        -------
        ra, dec : ndarray of float64, shape (n,)
            Degrees ICRS.
        """
        return moved(self.ra, self.dec, self.pm_ra_cosdec, self.pm_dec, year - self.epoch)


def read_refcat(
    path: str | Path, band: str | None = None, columns: Mapping[str, str] | None = None
) -> RefCat:
    """Read a reference catalogue; which columns were used is logged.

    Parameters
    ----------
    path : str or Path
        A FITS table, FITS_LDAC, ECSV, CSV, VOTable, IPAC or Parquet table, told by its name. Positions are
        degrees ICRS in columns such as ``ra``, ``RA_ICRS``, ``RAJ2000``, ``ALPHA_J2000``, ``X_WORLD``, or
        with the UCD of a position; proper motions (mas/yr, the one in right ascension times cos dec),
        reference epoch (Julian years), errors and magnitudes are used where given. Units in the table go
        before these. Without an epoch column a Gaia table is taken to be of 2016.0, positions called
        ``RAJ2000`` with proper motions of 2000.0, 2MASS and VHS tables of their middle, and others not to
        move.
    band : str, optional
        Whose magnitudes are wanted besides: J, H, Ks, Y, Z.
    columns : mapping of str to str, optional
        Names of columns by what they hold (`photomitrus_cli.io.refcolumns.ROLES`), before the names known.

    Returns
    -------
    RefCat
        Rows without a position are dropped and counted.

    Raises
    ------
    ConfigError
        When `columns` names something unknown.
    InputError
        When the file cannot be read as a table, no position columns are found, several columns may be meant,
        or a unit makes no sense.
    NoDataError
        When no row has a position.
    """
    path = Path(path)
    source = StarTable(path, read_star_table(path))
    chosen = choose_columns(path, source.ucds(), band, columns)
    source.refuse_twins(chosen)
    ra, dec = source.degrees(chosen.ra), source.degrees(chosen.dec)
    good = _possible(path, chosen, ra, dec)
    motions = source.motions(chosen.pm_ra)[good], source.motions(chosen.pm_dec)[good]
    cat = RefCat(
        ra[good] % 360.0,
        dec[good],
        np.nan_to_num(motions[0]),
        np.nan_to_num(motions[1]),
        _epochs(source, chosen)[good],
        source.numbers(chosen.mag)[good],
        n_dropped=int((~good).sum()),
        errors=_errors(source, chosen, good, motions),
        band=_photometry(source, chosen, good),
    )
    _log.info("%s: %d of %d stars; %s", path, cat.ra.size, good.size, _described(source, chosen))
    return cat


def _possible(path: Path, chosen: Columns, ra: Float, dec: Float) -> NDArray[np.bool_]:
    """Find the rows with a position; refuse columns that are something else in many."""
    known = np.isfinite(ra) & np.isfinite(dec)
    good = known & (np.abs(dec) <= 90.0) & (np.abs(ra) <= 360.0)
    if not good.any():
        raise NoDataError(f"{path}: none of {good.size} rows has a position in degrees")
    impossible = int(known.sum() - good.sum())
    if impossible > _MOST_IMPOSSIBLE * known.sum():
        raise InputError(
            f"{path}: {impossible} of {good.size} rows have impossible values in {chosen.ra} or {chosen.dec}",
            hint="give degrees ICRS",
        )
    return good


def _epochs(source: StarTable, chosen: Columns) -> Float:
    """Give the epochs of the positions in Julian years."""
    default = _EPOCHS.get(catalogue_of(source.table.colnames), np.nan)
    if chosen.ra.lower() in _AT_J2000 and chosen.pm_ra is not None:
        default = 2000.0
    epoch = source.numbers(chosen.epoch, default)
    if chosen.pm_ra is not None and not np.isfinite(epoch).any():
        _log.warning("%s: has no epoch (ref_epoch), so its proper motions are not applied", source.path)
    mjd = np.where(epoch > _FIRST_JD, epoch - _FIRST_JD, epoch)
    return np.where(epoch > _LATEST_YEAR, julian_year(mjd), epoch)


def _errors(
    source: StarTable, chosen: Columns, good: NDArray[np.bool_], motions: tuple[Float, ...]
) -> StarErrors:
    default = _ERRORS.get(catalogue_of(source.table.colnames), _ERROR)
    ra = source.position_errors(chosen.ra_error, chosen.ra, default)[good]
    dec = source.position_errors(chosen.dec_error, chosen.dec, default)[good]
    pm_errors = []
    for name, motion in zip((chosen.pm_ra_error, chosen.pm_dec_error), motions, strict=True):
        error = np.abs(np.nan_to_num(source.converted(name, "mas/yr", "mas/yr")[good]))
        pm_errors.append(np.where(np.isfinite(motion), error, UNKNOWN_MOTION))
    return StarErrors(ra, dec, *pm_errors)


def _photometry(source: StarTable, chosen: Columns, good: NDArray[np.bool_]) -> Photometry | None:
    if chosen.band_mag is None:
        return None
    mag, error = source.numbers(chosen.band_mag)[good], source.numbers(chosen.band_mag_error)[good]
    faintest, brightest = _MAGNITUDES[1], _MAGNITUDES[0]
    known = (mag > brightest) & (mag < faintest)
    error = np.where(known & (error > 0.0) & (error < faintest), error, np.nan)
    return Photometry(chosen.band_mag, np.where(known, mag, np.nan), error)


def _described(source: StarTable, chosen: Columns) -> str:
    """Tell what was recognised, in one line."""
    kind = catalogue_of(source.table.colnames)
    units = {name: source.unit(name) for _, name in chosen.items()}
    pairs = (f"{role}={name}{units[name] and f' [{units[name]}]'}" for role, name in chosen.items())
    return ", ".join(pairs) + (f"; looks like {kind}" if kind else "")
