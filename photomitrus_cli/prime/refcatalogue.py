"""Reference stars of a field at the epoch of its frames, from a file or from the field itself."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli.errors import NoDataError
from photomitrus_cli.imaging.tangent import directions_of, positions_of
from photomitrus_cli.io.refcat import Photometry, RefCat, read_refcat

_log = logging.getLogger(__name__)

Float = NDArray[np.float64]

SELF_ORIGIN = "the field itself (relative positions)"
# Around the frames of a set, so that a cached circle serves later sets of the same field; degrees.
FIELD_MARGIN = 5.0 / 60.0
_ERROR = 0.05  # arcsec, of positions of which nothing is said
# Magnitudes of the band order stars by brightness when this part of them has one.
_ENOUGH = 1.0 / 3.0


@dataclass(frozen=True, slots=True)
class Field:
    """A circle on the sky.

    Attributes
    ----------
    ra, dec : float
        Centre, degrees ICRS.
    radius : float
        Degrees.
    """

    ra: float
    dec: float
    radius: float

    def distances(self, ra: ArrayLike, dec: ArrayLike) -> Float:
        """Give the distances of positions from the centre.

        Parameters
        ----------
        ra, dec : array_like
            Degrees ICRS.

        Returns
        -------
        ndarray of float64
            Degrees, of the same shape.
        """
        chord = directions_of(ra, dec).T - directions_of(self.ra, self.dec)
        half = np.minimum(0.5 * np.sqrt(np.sum(chord**2, axis=-1)), 1.0)
        return np.asarray(np.degrees(2.0 * np.arcsin(half)))

    def __str__(self) -> str:
        return f"{self.radius:.3g} deg around {self.ra:.4f} {self.dec:+.4f}"


def field_around(ra: ArrayLike, dec: ArrayLike, reach: float, margin: float = FIELD_MARGIN) -> Field:
    """Give the circle that holds a set of frames.

    Parameters
    ----------
    ra, dec : array_like, shape (n,)
        Centres of the frames, degrees ICRS.
    reach : float
        From the centre of a frame to its corner, degrees.
    margin : float, optional
        Added, degrees.

    Returns
    -------
    Field
        Around the mean direction.
    """
    mean = directions_of(ra, dec).reshape(3, -1).mean(axis=1)
    centre = tuple(float(value) for value in positions_of(mean))
    circle = Field(centre[0], centre[1], 0.0)
    farthest = float(np.max(circle.distances(np.atleast_1d(ra), np.atleast_1d(dec))))
    return replace(circle, radius=farthest + reach + margin)


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


def own_catalogue(ra: ArrayLike, dec: ArrayLike, err: ArrayLike, mag: ArrayLike, year: float) -> RefCatalogue:
    """Make a reference of stars that were detected in the field, so that frames agree with each other.

    Parameters
    ----------
    ra, dec : array_like, shape (n,)
        Degrees, by the geometry that is known before; stars without a finite position are left out.
    err : array_like, shape (n,) or ()
        Standard error of a position per axis, arcsec.
    mag : array_like, shape (n,)
        Instrumental; orders the stars, and is no magnitude of a catalogue.
    year : float
        Julian year of the frames.

    Returns
    -------
    RefCatalogue
        With `relative` set.

    Raises
    ------
    NoDataError
        When no star has a position.
    """
    places = [np.asarray(value, dtype=np.float64) for value in (ra, dec)]
    n = places[0].size
    errors, magnitudes = (np.broadcast_to(np.asarray(value, np.float64), n).copy() for value in (err, mag))
    unknown = np.full(n, np.nan)
    stars = RefCatalogue(
        *(places[0] % 360.0, places[1], errors, unknown, unknown.copy(), magnitudes, year, SELF_ORIGIN),
        relative=True,
    )
    good = np.isfinite(places[0]) & np.isfinite(places[1]) & (errors > 0.0)
    if not good.any():
        raise NoDataError("no star of the field can serve as its reference", hint="give --refcat FILE")
    return stars.where(good)


def _first_of_each(ra: Float, dec: Float) -> NDArray[np.intp]:
    """Give the indices of the first star at each position, in order."""
    order = np.lexsort((dec, ra))
    new = np.ones(ra.size, dtype=bool)
    new[1:] = (np.diff(ra[order]) != 0.0) | (np.diff(dec[order]) != 0.0)
    return np.sort(order[new])
