"""Where the pixels of a map are: ecliptic places, for zodiacal light and scans, and galactic latitudes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli.imaging.healoffsets import places_at
from photomitrus_cli.imaging.healpix import pixel_directions, rotation_from_fk5

Float = NDArray[np.float64]


class SkyPlaces(NamedTuple):
    """Places of map pixels, degrees.

    Attributes
    ----------
    longitude, latitude : ndarray of float64, shape (n,)
        Ecliptic (mean, J2000), as seen from the Earth; longitudes from 0 to below 360.
    galactic_latitude : ndarray of float64, shape (n,)
    """

    longitude: Float
    latitude: Float
    galactic_latitude: Float


def sky_places(pixels: ArrayLike, nside: int, system: str) -> SkyPlaces:
    """Give the places of the centres of map pixels.

    Parameters
    ----------
    pixels : array_like of int64, shape (n,)
        RING indices.
    nside : int
        A power of two up to 8192.
    system : {'galactic', 'ecliptic', 'equatorial'}
        Of the map; equatorial is ICRS.

    Returns
    -------
    SkyPlaces

    Raises
    ------
    ValueError
        For another system or nside, or an index outside of the map.
    """
    return _places(pixel_directions(pixels, nside), system)


def seen_places(pixels: ArrayLike, nside: int, system: str, east: ArrayLike, north: ArrayLike) -> SkyPlaces:
    """Give the places at which map pixels were seen, on the mean.

    Parameters
    ----------
    pixels : array_like of int64, shape (n,)
        RING indices.
    nside : int
        A power of two up to 8192.
    system : {'galactic', 'ecliptic', 'equatorial'}
        Of the map; equatorial is ICRS.
    east, north : array_like of float, shape (n,)
        Columns OFF_EAST and OFF_NORTH of a scan map, arcsec; the centre is meant where one is NaN.

    Returns
    -------
    SkyPlaces

    Raises
    ------
    ValueError
        For another system or nside, or an index outside of the map.
    """
    return _places(places_at(pixels, nside, [np.asarray(east), np.asarray(north)]), system)


def offsets_in(columns: Mapping[str, NDArray[Any]]) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Give the columns that say where the pixels of a scan map were seen.

    Parameters
    ----------
    columns : mapping of str to ndarray, each of shape (m,)

    Returns
    -------
    tuple of ndarray or None
        OFF_EAST and OFF_NORTH, arcsec; None for maps of software that does not write them.
    """
    if "OFF_EAST" in columns and "OFF_NORTH" in columns:
        return columns["OFF_EAST"], columns["OFF_NORTH"]
    return None


def _places(vectors: Float, system: str) -> SkyPlaces:
    # Rotations are orthogonal: the transposed one leads back to FK5.
    fk5 = rotation_from_fk5(system).T @ vectors
    longitude, latitude = _angles(rotation_from_fk5("ecliptic") @ fk5)
    return SkyPlaces(longitude, latitude, _angles(rotation_from_fk5("galactic") @ fk5)[1])


def _angles(vectors: Float) -> tuple[Float, Float]:
    """Convert vectors (3, n) to longitude and latitude, deg; exact at the poles, where an arc sine is not."""
    x, y, z = vectors
    longitude = np.degrees(np.arctan2(y, x)) % 360.0
    # The remainder of a tiny negative angle rounds to a full turn.
    longitude[longitude == 360.0] = 0.0
    return longitude, np.degrees(np.arctan2(z, np.hypot(x, y)))
