"""Sky positions, directions as vectors with the components first, and the axes of a tangent plane."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]

# In radians.
DEGREE = np.pi / 180.0


def directions_of(ra: ArrayLike, dec: ArrayLike) -> Float:
    """Turn sky positions into directions.

    Parameters
    ----------
    ra, dec : array_like
        Degrees, the same shape.

    Returns
    -------
    ndarray of float64, shape (3, ...)
        Unit vectors.
    """
    lon, lat = np.radians(ra), np.radians(dec)
    cos_lat = np.cos(lat)
    return np.stack([cos_lat * np.cos(lon), cos_lat * np.sin(lon), np.sin(lat)])


def positions_of(directions: Float) -> tuple[Float, Float]:
    """Turn directions into sky positions.

    Parameters
    ----------
    directions : ndarray of float64, shape (3, ...)
        Vectors of any length above 0.

    Returns
    -------
    ra, dec : ndarray of float64
        Degrees, ra in [0, 360).
    """
    x, y, z = directions
    ra = np.degrees(np.arctan2(y, x)) % 360.0
    # The remainder of a tiny negative angle rounds to 360 itself.
    return np.where(ra >= 360.0, 0.0, ra), np.degrees(np.arctan2(z, np.hypot(x, y)))


def flat_pair(x: ArrayLike, y: ArrayLike) -> tuple[Float, Float, tuple[int, ...]]:
    """Lay positions out as the kernels take them.

    Parameters
    ----------
    x, y : array_like
        Broadcast against each other.

    Returns
    -------
    x, y : ndarray of float64, shape (n,)
        Copies, because kernels are compiled for arrays that may be written to.
    shape : tuple of int
        Of the positions as given.
    """
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if x.shape != y.shape:
        x, y = np.broadcast_arrays(x, y)
    return x.flatten(), y.flatten(), x.shape


def tangent_axes(ra: float, dec: float) -> Float:
    """Give the axes of the tangent plane at a sky position.

    Parameters
    ----------
    ra, dec : float
        Degrees. At a pole, north is the limit along the meridian of ``ra``.

    Returns
    -------
    ndarray of float64, shape (3, 3)
        Rows: unit vectors to the east, to the north and to the position itself.
    """
    lon, lat = np.radians(ra), np.radians(dec)
    sin_lon, cos_lon, sin_lat, cos_lat = np.sin(lon), np.cos(lon), np.sin(lat), np.cos(lat)
    return np.array(
        [
            [-sin_lon, cos_lon, 0.0],
            [-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat],
            [cos_lat * cos_lon, cos_lat * sin_lon, sin_lat],
        ]
    )


def invert_pair(matrix: Float) -> Float:
    """Invert a matrix of shape (2, 2), by Cramer's rule: a tenth of the time of the general method."""
    (a, b), (c, d) = matrix.tolist()
    scale = 1.0 / (a * d - b * c)
    return np.array([[d * scale, -b * scale], [-c * scale, a * scale]])
