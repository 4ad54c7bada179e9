"""Places inside map pixels, as offsets east and north of their centres."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli.imaging.healpix import pixel_directions
from photomitrus_cli.imaging.sphere import ARCSEC

Float = NDArray[np.float64]


def offsets_of(directions: ArrayLike, pixels: ArrayLike, nside: int) -> Float:
    """Give the offsets of directions from the centres of map pixels.

    The projection is orthographic (SIN; Calabretta & Greisen 2002, section 5.1.5), which is linear: the mean
    of offsets is the offset of the mean direction. No pixel of HEALPix has a pole as its centre, so that east
    and north are always there.

    Parameters
    ----------
    directions : array_like of float64, shape (3, m)
        Unit vectors in the system of the map.
    pixels : array_like of int64, shape (m,)
        RING indices.
    nside : int
        A power of two up to 8192.

    Returns
    -------
    ndarray of float64, shape (2, m)
        East and north, arcsec.

    Raises
    ------
    ValueError
        For another nside, or an index outside of the map.
    """
    x, y, z = np.asarray(directions, np.float64)
    a, b, c = pixel_directions(pixels, nside)
    across = np.hypot(a, b)
    east = (a * y - b * x) / across
    north = across * z - c * (a * x + b * y) / across
    return np.stack([east, north]) / ARCSEC


def places_at(pixels: ArrayLike, nside: int, offsets: ArrayLike) -> Float:
    """Give the directions at offsets from the centres of map pixels; undoes `offsets_of`.

    Parameters
    ----------
    pixels : array_like of int64, shape (m,)
        RING indices.
    nside : int
        A power of two up to 8192.
    offsets : array_like of float, shape (2, m)
        East and north, arcsec; the centre is meant where one is NaN.

    Returns
    -------
    ndarray of float64, shape (3, m)
        Unit vectors in the system of the map.

    Raises
    ------
    ValueError
        For another nside, or an index outside of the map.
    """
    centres = pixel_directions(pixels, nside)
    given = np.asarray(offsets, np.float64) * ARCSEC
    east, north = np.where(np.isfinite(given).all(axis=0), given, 0.0)
    a, b, c = centres
    across = np.hypot(a, b)
    # At most a hemisphere away, whatever a file says.
    depth = np.sqrt(np.maximum(1.0 - east**2 - north**2, 0.0))
    moved = np.stack([-east * b - north * c * a, east * a - north * c * b, north * across * across]) / across
    return np.asarray(depth * centres + moved)
