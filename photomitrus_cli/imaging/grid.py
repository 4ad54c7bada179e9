"""The output grid of a map: gnomonic (TAN), north up unless turned, east left, evaluated analytically."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.imaging.tangent import DEGREE, invert_pair, tangent_axes

if TYPE_CHECKING:
    from astropy.io import fits

Float = NDArray[np.float64]
Card = tuple[str, str | int | float, str]

ARCSEC_PER_RADIAN = 180.0 * 3600.0 / np.pi


@dataclass(frozen=True)
class Grid:
    """A TAN pixel grid.

    Parameters
    ----------
    ra, dec : float
        Tangent point, degrees ICRS.
    scale : float
        Pixel size at the tangent point, arcsec.
    shape : tuple of int
        (ny, nx).
    crpix : tuple of float
        0-based (x, y) pixel position of the tangent point.
    rotation_deg : float, optional
        Position angle of the y axis at the tangent point, from north through east, degrees; 0 is north up.

    Raises
    ------
    ConfigError
        If a number is not finite, the scale or a side is not positive, or the declination is beyond a pole.
    """

    ra: float
    dec: float
    scale: float
    shape: tuple[int, int]
    crpix: tuple[float, float]
    rotation_deg: float = 0.0

    def __post_init__(self) -> None:
        numbers = (self.ra, self.dec, self.scale, *self.crpix, self.rotation_deg)
        if not np.isfinite(numbers).all() or abs(self.dec) > 90.0:
            raise ConfigError(
                f"map grid: no sky position at ra {self.ra}, dec {self.dec}, scale {self.scale}"
            )
        if self.scale <= 0.0 or min(self.shape) < 1:
            raise ConfigError(
                f"map grid: pixel scale {self.scale} arcsec and shape {self.shape} must be positive"
            )

    @property
    def cd(self) -> Float:
        """From pixels to (xi, eta), degrees a pixel, shape (2, 2); symmetric, since east is left."""
        step = self.scale / 3600.0
        cos, sin = self._cos_sin
        return np.array([[-step * cos, step * sin], [step * sin, step * cos]])

    @property
    def _cos_sin(self) -> tuple[float, float]:
        angle = np.radians(self.rotation_deg)
        return float(np.cos(angle)), float(np.sin(angle))

    @cached_property
    def matrix(self) -> Float:
        """From (x, y, 1), grid pixels, to a direction of any length, ICRS, shape (3, 3)."""
        to_plane = np.eye(3)
        to_plane[:2, :2] = self.cd * DEGREE
        to_plane[:2, 2] = -to_plane[:2, :2] @ self.crpix
        return tangent_axes(self.ra, self.dec).T @ to_plane

    @cached_property
    def inverse_matrix(self) -> Float:
        """From a direction, ICRS, to a multiple of (x, y, 1), shape (3, 3); the last is negative behind."""
        to_pixel = np.eye(3)
        to_pixel[:2, :2] = invert_pair(self.cd * DEGREE)
        to_pixel[:2, 2] = self.crpix
        return to_pixel @ tangent_axes(self.ra, self.dec)

    def project(self, directions: Float) -> Float:
        """Project directions; `world_to_pixel` without the angles.

        Parameters
        ----------
        directions : ndarray of float64, shape (3, ...)
            Unit vectors, ICRS.

        Returns
        -------
        ndarray of float64, shape (2, ...)
            0-based pixel positions x and y; NaN for directions 90 degrees or more from the tangent point.
        """
        place = (self.inverse_matrix @ directions.reshape(3, -1)).reshape(directions.shape)
        return place[:2] / np.where(place[2] > 1e-12, place[2], np.nan)

    @property
    def pixel_area_sr(self) -> float:
        """Solid angle of a pixel at the tangent point, sr."""
        return float((self.scale / ARCSEC_PER_RADIAN) ** 2)

    @property
    def ujy_per_mjysr(self) -> float:
        """Flux density in a pixel of 1 MJy/sr, uJy."""
        return 1e12 * self.pixel_area_sr

    def world_to_pixel(self, ra: ArrayLike, dec: ArrayLike) -> tuple[Float, Float]:
        """Project sky positions (gnomonic; Calabretta & Greisen 2002, section 5.1.3).

        Parameters
        ----------
        ra, dec : array_like
            Degrees ICRS, broadcast against each other.

        Returns
        -------
        x, y : ndarray of float64
            0-based pixel positions; NaN for positions 90 degrees or more from the tangent point.
        """
        delta_ra = np.radians(np.asarray(ra, dtype=np.float64) - self.ra)
        delta = np.radians(np.asarray(dec, dtype=np.float64))
        sin_dec, cos_dec = np.sin(delta), np.cos(delta)
        sin_0, cos_0 = np.sin(np.radians(self.dec)), np.cos(np.radians(self.dec))
        toward = cos_dec * np.cos(delta_ra)
        depth = np.asarray(sin_0 * sin_dec + cos_0 * toward)
        depth = np.where(depth > 1e-12, depth, np.nan)
        factor = ARCSEC_PER_RADIAN / self.scale / depth
        west, north = -factor * cos_dec * np.sin(delta_ra), factor * (cos_0 * sin_dec - sin_0 * toward)
        cos, sin = self._cos_sin
        return self.crpix[0] + cos * west + sin * north, self.crpix[1] + cos * north - sin * west

    def pixel_to_world(self, x: ArrayLike, y: ArrayLike) -> tuple[Float, Float]:
        """Deproject pixel positions.

        Parameters
        ----------
        x, y : array_like
            0-based pixel positions, broadcast against each other.

        Returns
        -------
        ra, dec : ndarray of float64
            Degrees ICRS, ra in [0, 360).
        """
        right, up = (
            (np.asarray(pixel, dtype=np.float64) - origin) * (self.scale / ARCSEC_PER_RADIAN)
            for pixel, origin in zip((x, y), self.crpix, strict=True)
        )
        cos, sin = self._cos_sin
        xi, eta = sin * up - cos * right, cos * up + sin * right
        sin_0, cos_0 = np.sin(np.radians(self.dec)), np.cos(np.radians(self.dec))
        along = cos_0 - eta * sin_0
        ra = np.mod(self.ra + np.degrees(np.arctan2(xi, along)), 360.0)
        dec = np.degrees(np.arctan2(sin_0 + eta * cos_0, np.hypot(xi, along)))
        return np.where(ra >= 360.0, 0.0, ra), dec

    def cards(self) -> list[Card]:
        """WCS cards of the grid.

        Returns
        -------
        list of tuple
            (keyword, value, comment): TAN with a CD matrix in degrees, RADESYS ICRS. LONPOLE is explicit
            because its default turns the map by 180 degrees when the tangent point is exactly a pole.
        """
        (cd11, cd12), (cd21, cd22) = self.cd.tolist()
        return [
            ("WCSAXES", 2, "number of coordinate axes"),
            ("CTYPE1", "RA---TAN", "right ascension, gnomonic"),
            ("CTYPE2", "DEC--TAN", "declination, gnomonic"),
            ("CUNIT1", "deg", ""),
            ("CUNIT2", "deg", ""),
            ("CRVAL1", self.ra, "[deg] tangent point"),
            ("CRVAL2", self.dec, "[deg] tangent point"),
            ("CRPIX1", self.crpix[0] + 1.0, "[pix] tangent point, 1-based"),
            ("CRPIX2", self.crpix[1] + 1.0, "[pix] tangent point, 1-based"),
            ("CD1_1", cd11, "[deg/pix]"),
            ("CD1_2", cd12, "[deg/pix]"),
            ("CD2_1", cd21, "[deg/pix]"),
            ("CD2_2", cd22, "[deg/pix]"),
            ("LONPOLE", 180.0, "[deg] native pole, at the poles too"),
            ("RADESYS", "ICRS", "celestial reference system"),
        ]

    def header(self) -> fits.Header:
        """WCS cards of the grid as a header of astropy.

        Returns
        -------
        astropy.io.fits.Header
            See `cards`.
        """
        from astropy.io import fits

        header = fits.Header()
        for keyword, value, comment in self.cards():
            header[keyword] = (value, comment)
        return header
