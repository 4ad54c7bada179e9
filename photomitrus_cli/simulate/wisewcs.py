"""The simulator's own orthographic projection with SIP distortion of any degree from 0 on.

Formulas: Calabretta & Greisen 2002 (SIN) and Shupe et al. 2005 (SIP), written out here on purpose: what the
stages do is tested against this. Directions are unit vectors on the axes of FK5 (J2000).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli.simulate.sipdata import Polynomial, SipTable
from photomitrus_cli.simulate.sphere import local_axes, spherical, unit_vectors
from photomitrus_cli.simulate.wisefacts import BANDS, NATIVE_PX, distortion, frame_side

Floats = NDArray[np.float64]

# Each step of the inversion gains a factor of 50 to 100: the distortion's slope is below 0.02.
_STEPS = 7


def evaluate(polynomial: Polynomial, u: Floats, v: Floats) -> Floats:
    """Sum ``c u**p v**q`` over a polynomial stored degree by degree from 0 on, by Horner's scheme."""
    order = len(polynomial) - 1
    total = np.zeros(np.broadcast(u, v).shape)
    for p in range(order, -1, -1):
        inner = np.full(v.shape, polynomial[order][order - p])
        for q in range(order - p - 1, -1, -1):
            inner *= v
            inner += polynomial[p + q][q]
        total *= u
        total += inner
    return total


@dataclass(frozen=True, eq=False)
class SinWcs:
    """RA---SIN-SIP mapping of one frame.

    Attributes
    ----------
    crval_deg : tuple of float
        Right ascension and declination at the reference pixel.
    crpix : float
        Reference pixel along both axes, 1-based as in FITS.
    cd : ndarray, shape (2, 2)
        Degrees per pixel.
    sip : SipTable
        Distortion, polynomials from degree 0 on.
    """

    crval_deg: tuple[float, float]
    crpix: float
    cd: Floats
    sip: SipTable

    @cached_property
    def _axes(self) -> Floats:
        """East, north and outward unit vectors at the reference point, shape (3, 3)."""
        return local_axes(*self.crval_deg)

    def pixel_to_vector(self, x: ArrayLike, y: ArrayLike) -> Floats:
        """Map 0-based pixel positions to directions.

        Parameters
        ----------
        x, y : array_like
            Positions, integers at pixel centres.

        Returns
        -------
        ndarray, shape (3, ...)
            Equatorial unit vectors.
        """
        u = np.asarray(x, dtype=float) + 1.0 - self.crpix
        v = np.asarray(y, dtype=float) + 1.0 - self.crpix
        f, g = u + evaluate(self.sip.a, u, v), v + evaluate(self.sip.b, u, v)
        cd = np.radians(self.cd)
        xi, eta = cd[0, 0] * f + cd[0, 1] * g, cd[1, 0] * f + cd[1, 1] * g
        outward = np.sqrt(1.0 - xi**2 - eta**2)
        east, north, centre = self._axes
        return np.stack([xi * east[k] + eta * north[k] + outward * centre[k] for k in range(3)])

    def pixel_to_sky(self, x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
        """Map 0-based pixel positions to right ascension and declination, deg."""
        return spherical(self.pixel_to_vector(x, y))

    def vector_to_pixel(self, vectors: Floats) -> tuple[Floats, Floats]:
        """Map directions to 0-based pixel positions by inverting the forward polynomial.

        Parameters
        ----------
        vectors : ndarray, shape (3, n)
            Equatorial unit vectors. The polynomial is not meant for points far off the array.

        Returns
        -------
        x, y : ndarray, shape (n,)
            NaN for the far hemisphere.
        """
        xi, eta, outward = (np.degrees(np.tensordot(axis, vectors, axes=1)) for axis in self._axes)
        xi = np.where(outward > 0.0, xi, np.nan)
        inverse = np.linalg.inv(self.cd)
        f, g = inverse[0, 0] * xi + inverse[0, 1] * eta, inverse[1, 0] * xi + inverse[1, 1] * eta
        u, v = f, g
        for _ in range(_STEPS):
            u, v = f - evaluate(self.sip.a, u, v), g - evaluate(self.sip.b, u, v)
        return u + self.crpix - 1.0, v + self.crpix - 1.0

    def sky_to_pixel(self, ra_deg: ArrayLike, dec_deg: ArrayLike) -> tuple[Floats, Floats]:
        """Map right ascension and declination, deg, to 0-based pixel positions; see `vector_to_pixel`."""
        return self.vector_to_pixel(unit_vectors(ra_deg, dec_deg))


def frame_wcs(band: int, frame_px: int, crval_deg: tuple[float, float], pa_deg: float) -> SinWcs:
    """Return the mapping of a frame.

    Parameters
    ----------
    band : int
    frame_px : int
        Side of the frames of W1 to W3; with fewer than 1016 the pixels are larger and the field the same.
    crval_deg : tuple of float
        Right ascension and declination at the reference pixel.
    pa_deg : float
        Position angle of the second axis of W1, east of north.

    Returns
    -------
    SinWcs
    """
    facts, side = BANDS[band], frame_side(band, frame_px)
    ratio = frame_side(band, NATIVE_PX) / side
    turn = np.radians(pa_deg + facts.turn_deg)
    sx, sy = (ratio * scale / 3600.0 for scale in facts.pxscal)
    cd = np.array([[sx * np.cos(turn), sy * np.sin(turn)], [-sx * np.sin(turn), sy * np.cos(turn)]])
    return SinWcs(crval_deg, (side + 1) / 2.0, cd, distortion(band, ratio))


def pixel_steradian(band: int, frame_px: int) -> float:
    """Return the nominal solid angle of a pixel in sr: the product of its sides."""
    facts = BANDS[band]
    ratio = NATIVE_PX / facts.size_divisor / frame_side(band, frame_px)
    sx, sy = facts.pxscal
    return abs(sx * sy) * ratio**2 * float(np.radians(1.0 / 3600.0)) ** 2
