"""The simulator's own gnomonic projection with SIP distortion, forward and by Newton iteration.

Formulas: Calabretta & Greisen 2002 (TAN) and Shupe et al. 2005 (SIP), written out here on purpose: what the
stages do with another library's WCS is tested against this.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli.simulate.sipdata import Polynomial, SipTable

Floats = NDArray[np.float64]

_NEWTON_STEPS = 12
_NEWTON_TOLERANCE_PIX = 1e-11


def evaluate(polynomial: Polynomial, lowest: int, u: Floats, v: Floats) -> Floats:
    """Sum of ``c u**p v**q`` over a polynomial stored degree by degree."""
    total = np.zeros(np.broadcast(u, v).shape)
    for degree, row in enumerate(polynomial, start=lowest):
        for q, coefficient in enumerate(row):
            total += coefficient * u ** (degree - q) * v**q
    return total


def _gradient(polynomial: Polynomial, lowest: int, u: Floats, v: Floats) -> tuple[Floats, Floats]:
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


@dataclass(frozen=True, eq=False)
class SipWcs:
    """TAN + SIP mapping of one frame.

    Attributes
    ----------
    crval_deg : tuple of float
        Right ascension and declination at the reference pixel.
    crpix : tuple of float
        Reference pixel, 1-based as in FITS.
    cd : ndarray, shape (2, 2)
        Degrees per pixel.
    sip : SipTable or None
        Distortion; None for a plain gnomonic frame.
    """

    crval_deg: tuple[float, float]
    crpix: tuple[float, float]
    cd: Floats
    sip: SipTable | None

    def _distort(self, u: Floats, v: Floats) -> tuple[Floats, Floats]:
        if self.sip is None:
            return u, v
        return u + evaluate(self.sip.a, 2, u, v), v + evaluate(self.sip.b, 2, u, v)

    def _jacobian(self, u: Floats, v: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        if self.sip is None:
            one, zero = np.ones_like(u), np.zeros_like(u)
            return one, zero, zero, one
        a_u, a_v = _gradient(self.sip.a, 2, u, v)
        b_u, b_v = _gradient(self.sip.b, 2, u, v)
        return 1.0 + a_u, a_v, b_u, 1.0 + b_v

    def _standard(self, x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
        u = np.asarray(x, dtype=float) + 1.0 - self.crpix[0]
        v = np.asarray(y, dtype=float) + 1.0 - self.crpix[1]
        f, g = self._distort(u, v)
        return self.cd[0, 0] * f + self.cd[0, 1] * g, self.cd[1, 0] * f + self.cd[1, 1] * g

    def pixel_to_sky(self, x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
        """Map 0-based pixel positions to ICRS degrees.

        Parameters
        ----------
        x, y : array_like
            Positions, integers at pixel centres.

        Returns
        -------
        ra, dec : ndarray
            Degrees.
        """
        xi, eta = self._standard(x, y)
        return tan_deproject(xi, eta, *self.crval_deg)

    def sky_to_linear(self, ra_deg: ArrayLike, dec_deg: ArrayLike) -> tuple[Floats, Floats]:
        """Map the sky to undistorted pixel offsets from the reference pixel (NaN beyond the horizon)."""
        xi, eta = tan_project(ra_deg, dec_deg, *self.crval_deg)
        inverse = np.linalg.inv(self.cd)
        return inverse[0, 0] * xi + inverse[0, 1] * eta, inverse[1, 0] * xi + inverse[1, 1] * eta

    def sky_to_pixel(self, ra_deg: ArrayLike, dec_deg: ArrayLike) -> tuple[Floats, Floats]:
        """Map ICRS degrees to 0-based pixel positions by Newton iteration on the forward polynomial.

        Parameters
        ----------
        ra_deg, dec_deg : array_like
            Positions near the frame; the polynomial is not meant for points far off the array.

        Returns
        -------
        x, y : ndarray
            Pixels.
        """
        f, g = self.sky_to_linear(ra_deg, dec_deg)
        u, v = f.copy(), g.copy()
        for _ in range(_NEWTON_STEPS):
            now_f, now_g = self._distort(u, v)
            miss_f, miss_g = f - now_f, g - now_g
            f_u, f_v, g_u, g_v = self._jacobian(u, v)
            determinant = f_u * g_v - f_v * g_u
            step_u = (g_v * miss_f - f_v * miss_g) / determinant
            step_v = (f_u * miss_g - g_u * miss_f) / determinant
            u, v = u + step_u, v + step_v
            if max(np.abs(step_u).max(initial=0.0), np.abs(step_v).max(initial=0.0)) < _NEWTON_TOLERANCE_PIX:
                break
        return u + self.crpix[0] - 1.0, v + self.crpix[1] - 1.0

    def pixel_area(self, x: ArrayLike, y: ArrayLike) -> Floats:
        """Return the solid angle of pixels.

        Parameters
        ----------
        x, y : array_like
            0-based positions.

        Returns
        -------
        ndarray
            arcsec^2: the Jacobian of distortion and CD matrix times that of the gnomonic projection,
            ``(1 + xi^2 + eta^2)**-1.5``.
        """
        u = np.asarray(x, dtype=float) + 1.0 - self.crpix[0]
        v = np.asarray(y, dtype=float) + 1.0 - self.crpix[1]
        f_u, f_v, g_u, g_v = self._jacobian(u, v)
        xi, eta = self._standard(x, y)
        shrink = (1.0 + np.radians(xi) ** 2 + np.radians(eta) ** 2) ** -1.5
        area = abs(np.linalg.det(self.cd)) * 3600.0**2 * np.abs(f_u * g_v - f_v * g_u) * shrink
        return np.asarray(area)
