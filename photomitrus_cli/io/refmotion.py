"""Stars moved by their proper motions, and what is known of their positions afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.tangent import positions_of

Float = NDArray[np.float64]
Number = TypeVar("Number", float, Float)

# Scatter per axis of the proper motions of stars (mas/yr), the error of a star at rest for want of a motion:
# rms of Gaia DR2 stars of G = 12 to 19 in three fields away from the plane, 6 to 15.
UNKNOWN_MOTION = 8.0
_MAS_PER_DEGREE = 3.6e6


@dataclass(frozen=True, slots=True)
class StarErrors:
    """Standard errors of stars.

    Attributes
    ----------
    ra, dec : ndarray of float64, shape (n,)
        Of the positions at the epoch of the catalogue, arcsec on the sky.
    pm_ra, pm_dec : ndarray of float64, shape (n,)
        Of the proper motions, mas/yr; `UNKNOWN_MOTION` where there is none.
    """

    ra: Float
    dec: Float
    pm_ra: Float
    pm_dec: Float

    def after(self, years: Float) -> Float:
        """Give the errors of positions that were moved.

        Parameters
        ----------
        years : ndarray of float64, shape (n,)
            From the epoch of each position; NaN where that is unknown, and the error does not grow.

        Returns
        -------
        ndarray of float64, shape (n,)
            Arcsec per axis: the root of the mean square of the two.
        """
        span = np.nan_to_num(years) / 1e3
        east = self.ra**2 + (self.pm_ra * span) ** 2
        north = self.dec**2 + (self.pm_dec * span) ** 2
        return np.asarray(np.sqrt(0.5 * (east + north)))


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


def moved(ra: Float, dec: Float, pm_ra_cosdec: Float, pm_dec: Float, years: Float) -> tuple[Float, Float]:
    """Move stars by their proper motions.

    Along great circles on the sphere (ESA 1997, The Hipparcos Catalogue, section 1.2.8, without parallax
    and radial velocity), so that it holds at the poles.

    Parameters
    ----------
    ra, dec : ndarray of float64, shape (n,)
        Degrees.
    pm_ra_cosdec, pm_dec : ndarray of float64, shape (n,)
        Mas/yr.
    years : ndarray of float64, shape (n,)
        How long; NaN moves nothing.

    Returns
    -------
    ra, dec : ndarray of float64, shape (n,)
        Degrees.
    """
    span = np.nan_to_num(years)
    east = np.radians(pm_ra_cosdec / _MAS_PER_DEGREE) * span
    north = np.radians(pm_dec / _MAS_PER_DEGREE) * span
    a, d = np.radians(ra), np.radians(dec)
    out = np.cos(d) - north * np.sin(d)
    x = out * np.cos(a) - east * np.sin(a)
    y = out * np.sin(a) + east * np.cos(a)
    z = np.sin(d) + north * np.cos(d)
    return positions_of(np.stack([x, y, z]))
