"""Polynomials of SIP and the gnomonic projection, forward and back, for the simulator alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli.simulate.sipdata import Polynomial

Floats = NDArray[np.float64]


def evaluate(polynomial: Polynomial, lowest: int, u: Floats, v: Floats) -> Floats:
    """Sum of ``c u**p v**q`` over a polynomial stored degree by degree."""
    total = np.zeros(np.broadcast(u, v).shape)
    for degree, row in enumerate(polynomial, start=lowest):
        for q, coefficient in enumerate(row):
            total += coefficient * u ** (degree - q) * v**q
    return total


def gradient(polynomial: Polynomial, lowest: int, u: Floats, v: Floats) -> tuple[Floats, Floats]:
    """Give the derivatives of a polynomial.

    Parameters
    ----------
    polynomial : Polynomial
    lowest : int
        Degree of its first terms.
    u, v : ndarray of float64
        Pixels from the reference pixel.

    Returns
    -------
    tuple of ndarray
        By u and by v, of the shape of both.
    """
    by_u = np.zeros(np.broadcast(u, v).shape)
    by_v = np.zeros_like(by_u)
    for degree, row in enumerate(polynomial, start=lowest):
        for q, coefficient in enumerate(row):
            p = degree - q
            if p:
                by_u += coefficient * p * u ** (p - 1) * v**q
            if q:
                by_v += coefficient * q * u**p * v ** (q - 1)
    return by_u, by_v


def tan_project(
    ra_deg: ArrayLike, dec_deg: ArrayLike, ra0_deg: float, dec0_deg: float
) -> tuple[Floats, Floats]:
    """Gnomonic projection of the sky about a point.

    Parameters
    ----------
    ra_deg, dec_deg : array_like
        Positions in degrees.
    ra0_deg, dec0_deg : float
        Point of tangency in degrees.

    Returns
    -------
    xi, eta : ndarray
        Standard coordinates in degrees, east and north positive; NaN beyond the horizon.
    """
    ra = np.radians(np.asarray(ra_deg, dtype=float) - ra0_deg)
    dec = np.radians(np.asarray(dec_deg, dtype=float))
    sin0, cos0 = np.sin(np.radians(dec0_deg)), np.cos(np.radians(dec0_deg))
    cosine = np.sin(dec) * sin0 + np.cos(dec) * cos0 * np.cos(ra)
    cosine = np.where(cosine > 1e-6, cosine, np.nan)
    xi = np.cos(dec) * np.sin(ra) / cosine
    eta = (np.sin(dec) * cos0 - np.cos(dec) * sin0 * np.cos(ra)) / cosine
    return np.degrees(xi), np.degrees(eta)


def tan_deproject(
    xi_deg: ArrayLike, eta_deg: ArrayLike, ra0_deg: float, dec0_deg: float
) -> tuple[Floats, Floats]:
    """Inverse of `tan_project`.

    Parameters
    ----------
    xi_deg, eta_deg : array_like
        Standard coordinates in degrees.
    ra0_deg, dec0_deg : float
        Point of tangency in degrees.

    Returns
    -------
    ra, dec : ndarray
        Degrees; ra in [0, 360).
    """
    xi = np.radians(np.asarray(xi_deg, dtype=float))
    eta = np.radians(np.asarray(eta_deg, dtype=float))
    sin0, cos0 = np.sin(np.radians(dec0_deg)), np.cos(np.radians(dec0_deg))
    along = cos0 - eta * sin0
    ra = ra0_deg + np.degrees(np.arctan2(xi, along))
    dec = np.degrees(np.arctan2(sin0 + eta * cos0, np.hypot(xi, along)))
    return np.mod(ra, 360.0), dec


def cd_matrix(x_arcsec: float, y_arcsec: float, pa_deg: float, skew_deg: float) -> Floats:
    """Return the CD matrix (degrees per pixel) of an array.

    Parameters
    ----------
    x_arcsec, y_arcsec : float
        Signed pixel lengths (PXSCAL1 is negative: right ascension grows to the left at ``pa_deg`` 0).
    pa_deg : float
        Position angle of the second axis, east of north.
    skew_deg : float
        Turn of the first axis from the perpendicular of the second.

    Returns
    -------
    ndarray, shape (2, 2)
    """
    turn_y = np.radians(pa_deg)
    turn_x = np.radians(pa_deg + skew_deg)
    return (
        np.array(
            [
                [x_arcsec * np.cos(turn_x), y_arcsec * np.sin(turn_y)],
                [-x_arcsec * np.sin(turn_x), y_arcsec * np.cos(turn_y)],
            ]
        )
        / 3600.0
    )
