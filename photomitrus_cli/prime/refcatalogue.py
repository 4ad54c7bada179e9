"""Reference stars of a field at the epoch of its frames, and those of a file."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.io.refcat import Photometry, RefCat, read_refcat
from photomitrus_cli.io.reffield import refuse_other_field
from photomitrus_cli.prime.skyfield import Field

Float = NDArray[np.float64]

_log = logging.getLogger(__name__)
_ERROR = 0.05  # arcsec, of positions of which nothing is said
# Magnitudes of the band order stars by brightness when this part of them has one.
_ENOUGH = 1.0 / 3.0


@dataclass(frozen=True, slots=True)
class RefCatalogue:
    """Reference stars.

    Attributes
    ----------
    ra, dec : ndarray of float64, shape (n,)
        Degrees ICRS at `year`.
    err : ndarray of float64, shape (n,)
        Standard error of a position per axis at `year`, arcsec, above 0.
    mag, mag_err : ndarray of float64, shape (n,)
        In the band of the frames, in the system of the catalogue; NaN where unknown.
    brightness : ndarray of float64, shape (n,)
        A magnitude to choose bright stars by: `mag` where enough stars have it, else one of any band of the
        catalogue (G of Gaia); NaN where unknown.
    year : float
        Julian year of the positions.
    origin : str
        Where the stars are from, for headers and logs.
    mag_name : str
        The column that `mag` is from; empty without any.
    relative : bool
        The positions are those of the field itself, not of a catalogue.
    """

    ra: Float
    dec: Float
    err: Float
    mag: Float
    mag_err: Float
    brightness: Float
    year: float
    origin: str
    mag_name: str = ""
    relative: bool = False

    @property
    def size(self) -> int:
        """Number of stars."""
        return self.ra.size

    @property
    def mjd(self) -> float:
        """Modified Julian date of the positions."""
        return 51544.5 + (self.year - 2000.0) * 365.25

    def near(self, ra: float, dec: float, radius: float) -> RefCatalogue:
        """Keep the stars within a circle.

        Parameters
        ----------
        ra, dec : float
            Centre, degrees ICRS.
        radius : float
            Degrees.

        Returns
        -------
        RefCatalogue
            In the same order; may be empty.
        """
        return self.where(Field(ra, dec, radius).distances(self.ra, self.dec) <= radius)

    def where(self, kept: NDArray[np.bool_] | NDArray[np.intp]) -> RefCatalogue:
        """Keep some stars.

        Parameters
        ----------
        kept : ndarray of bool, shape (n,), or of int, shape (m,)
            Which, or their indices.

        Returns
        -------
        RefCatalogue
        """
        return replace(
            self,
            ra=self.ra[kept],
            dec=self.dec[kept],
            err=self.err[kept],
            mag=self.mag[kept],
            mag_err=self.mag_err[kept],
            brightness=self.brightness[kept],
        )


def catalogue_at(cat: RefCat, year: float, origin: str) -> RefCatalogue:
    """Move a catalogue to an epoch.

    Parameters
    ----------
    cat : RefCat
    year : float
        Julian year.
    origin : str

    Returns
    -------
    RefCatalogue
        A star that is in the catalogue twice, at the same position, comes once. The errors of the positions
        have grown by those of the proper motions.
    """
    ra, dec = cat.at_epoch(year)
    unknown = np.full(ra.size, np.nan)
    err = np.full(ra.size, _ERROR) if cat.errors is None else cat.errors.after(year - cat.epoch)
    band = cat.band or Photometry("", unknown, unknown)
    enough = np.isfinite(band.mag).sum() > _ENOUGH * ra.size
    stars = RefCatalogue(
        *(ra, dec, err, band.mag, band.mag_err, band.mag if enough else cat.mag, year, origin, band.name)
    )
    return stars.where(_first_of_each(ra, dec))


def _first_of_each(ra: Float, dec: Float) -> NDArray[np.intp]:
    """Give the indices of the first star at each position, in order."""
    order = np.lexsort((dec, ra))
    new = np.ones(ra.size, dtype=bool)
    new[1:] = (np.diff(ra[order]) != 0.0) | (np.diff(dec[order]) != 0.0)
    return np.sort(order[new])


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
    refuse_other_field(path, distance, field.radius, str(field))
    known = int(np.isfinite(inside.mag).sum())
    _log.info("%s: %d stars within %s, %d with a magnitude in %s", path, inside.size, field, known, band)
    return inside
