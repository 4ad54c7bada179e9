"""The simulator's own gnomonic projection with SIP distortion, forward and by Newton iteration.

Formulas: Calabretta & Greisen 2002 (TAN) and Shupe et al. 2005 (SIP), written out here on purpose: what the
stages do with another library's WCS is tested against this.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli.simulate.sipdata import SipTable
from photomitrus_cli.simulate.sipprojection import evaluate, gradient, tan_deproject, tan_project

Floats = NDArray[np.float64]

_NEWTON_STEPS = 12
_NEWTON_TOLERANCE_PIX = 1e-11


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
        a_u, a_v = gradient(self.sip.a, 2, u, v)
        b_u, b_v = gradient(self.sip.b, 2, u, v)
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
