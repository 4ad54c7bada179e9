"""Directions and tangent planes, written out for the simulators alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_FAR_DEG = 1.5  # directions beyond have no pixel


def unit_vectors(ra_deg: ArrayLike, dec_deg: ArrayLike) -> Floats:
    """Return unit vectors, shape (3, ...), of right ascension (or longitude) and declination in degrees."""
    ra, dec = np.broadcast_arrays(np.radians(ra_deg), np.radians(dec_deg))
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])


def spherical(vectors: Floats) -> tuple[Floats, Floats]:
    """Return right ascension in [0, 360) and declination, deg, of vectors of shape (3, ...)."""
    x, y, z = vectors
    return np.degrees(np.arctan2(y, x)) % 360.0, np.degrees(np.arctan2(z, np.hypot(x, y)))


def local_axes(ra_deg: float, dec_deg: float) -> Floats:
    """Return the unit vectors east, north and outward at a point, shape (3, 3)."""
    ra, dec = np.radians(ra_deg), np.radians(dec_deg)
    east = [-np.sin(ra), np.cos(ra), 0.0]
    north = [-np.sin(dec) * np.cos(ra), -np.sin(dec) * np.sin(ra), np.cos(dec)]
    return np.array([east, north, unit_vectors(ra_deg, dec_deg).tolist()])


def tan_to_sky(axes: Floats, xi_deg: Floats, eta_deg: Floats) -> tuple[Floats, Floats]:
    """Leave a tangent plane: right ascension and declination, deg, of plane coordinates in degrees."""
    xi, eta = np.radians(xi_deg), np.radians(eta_deg)
    return spherical(np.stack([xi * axes[0, k] + eta * axes[1, k] + axes[2, k] for k in range(3)]))


def sky_to_tan(axes: Floats, vectors: Floats) -> tuple[Floats, Floats]:
    """Enter a tangent plane: coordinates in degrees of directions, NaN for those that are far from it."""
    xi, eta, outward = (np.tensordot(axis, vectors, axes=1) for axis in axes)
    outward = np.where(outward > np.cos(np.radians(_FAR_DEG)), outward, np.nan)
    return np.degrees(xi / outward), np.degrees(eta / outward)


def offset_position(
    ra_deg: float, dec_deg: float, sep_deg: float, pa_deg: float
) -> tuple[float, float, float]:
    """Move along a great circle.

    Parameters
    ----------
    ra_deg, dec_deg : float
        Start.
    sep_deg, pa_deg : float
        Distance, and position angle at the start, east of north.

    Returns
    -------
    ra_deg, dec_deg, pa_deg : float
        End, and the position angle there of the direction of motion.
    """
    east, north, start = local_axes(ra_deg, dec_deg)
    angle, sep = np.radians(pa_deg), np.radians(sep_deg)
    towards = np.sin(angle) * east + np.cos(angle) * north
    ra, dec = (float(value) for value in spherical(np.cos(sep) * start + np.sin(sep) * towards))
    motion = np.cos(sep) * towards - np.sin(sep) * start
    axes = local_axes(ra, dec)
    return ra, dec, float(np.degrees(np.arctan2(motion @ axes[0], motion @ axes[1])))
