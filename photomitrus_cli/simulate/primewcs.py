"""Where PRIME's pixels look: the chips' distorted projections, written out for the simulator alone.

Two families of distortion. ``tpv``: each chip has its own gnomonic projection with a quartic TPV
polynomial. ``radial``: one gnomonic projection about the axis of the mosaic, in which the distance from the
axis grows as ``rho + k rho^3``; place and linear part of each chip are those of the template. A mosaic turns
as a rigid body, its distortion too: the angles of a chip against its own north follow from those at the axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli.simulate.primefacts import (
    BORDER_PX,
    CHIPS,
    CRPIX_PX,
    RADIAL_DEG2,
    ROTATION_DEG,
    Chip,
    frame_shape,
)

Floats = NDArray[np.float64]

_STEPS = 5  # of Newton's method; 3 are enough on the chip
_FAR_DEG = 1.5  # directions beyond have no pixel


def unit_vectors(ra_deg: ArrayLike, dec_deg: ArrayLike) -> Floats:
    """Return unit vectors, shape (3, ...), of right ascension and declination in degrees."""
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


def _turn(angle_deg: float) -> Floats:
    """Matrix that adds an angle to the position angles of a plane (east, north)."""
    c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    return np.array([[c, s], [-s, c]])


def _cd(chip: Chip) -> Floats:
    """Degrees per native pixel at `ROTATION_DEG`."""
    px, py = (np.radians(ROTATION_DEG + angle) for angle in chip.axis_pa_deg)
    sx, sy = (scale / 3600.0 for scale in chip.scale_arcsec)
    return np.array([[-sx * np.cos(px), sy * np.sin(py)], [sx * np.sin(px), sy * np.cos(py)]])


def _quartic(pv: tuple[float, ...], p: Floats, q: Floats) -> tuple[Floats, Floats, Floats]:
    """Value and derivatives of ``c0 p^4 + c1 p^3 q + c2 p^2 q^2 + c3 p q^3 + c4 q^4``."""
    c0, c1, c2, c3, c4 = pv
    value = (((c0 * p + c1 * q) * p + c2 * q**2) * p + c3 * q**3) * p + c4 * q**4
    by_p = ((4.0 * c0 * p + 3.0 * c1 * q) * p + 2.0 * c2 * q**2) * p + c3 * q**3
    by_q = c1 * p**3 + 2.0 * c2 * p**2 * q + 3.0 * c3 * p * q**2 + 4.0 * c4 * q**3
    return value, by_p, by_q


class _Tpv:
    """Offsets from the reference pixel to the chip's own tangent plane at `ROTATION_DEG`."""

    def __init__(self, chip: Chip) -> None:
        self.chip, self.cd = chip, _cd(chip)

    def place(self, u: Floats, v: Floats) -> tuple[Floats, Floats, Floats]:
        """Plane coordinates, deg, and the matrix of derivatives, shape (2, 2, ...)."""
        p = self.cd[0, 0] * u + self.cd[0, 1] * v
        q = self.cd[1, 0] * u + self.cd[1, 1] * v
        dp, dp_p, dp_q = _quartic(self.chip.pv1, p, q)
        dq, dq_q, dq_p = _quartic(self.chip.pv2, q, p)
        slope = np.array([[1.0 + dp_p, dp_q], [dq_p, 1.0 + dq_q]])
        return p + dp, q + dq, np.einsum("ij...,jk->ik...", slope, self.cd)

    def start(self, xi: Floats, eta: Floats) -> tuple[Floats, Floats]:
        """Offsets without distortion."""
        inverse = np.linalg.inv(self.cd)
        return inverse[0, 0] * xi + inverse[0, 1] * eta, inverse[1, 0] * xi + inverse[1, 1] * eta


def _radial(p: Floats, q: Floats) -> tuple[Floats, Floats, Floats]:
    """Distorted plane coordinates about the axis and their derivatives."""
    square = p**2 + q**2
    stretch = 1.0 + RADIAL_DEG2 * square
    cross = 2.0 * RADIAL_DEG2 * p * q
    slope = np.array(
        [[stretch + 2.0 * RADIAL_DEG2 * p**2, cross], [cross, stretch + 2.0 * RADIAL_DEG2 * q**2]]
    )
    return p * stretch, q * stretch, slope


class _Radial:
    """Offsets from the reference pixel to the tangent plane at the axis of the mosaic at `ROTATION_DEG`."""

    def __init__(self, chip: Chip) -> None:
        sep = float(np.degrees(np.tan(np.radians(chip.sep_deg))))
        rho = sep
        for _ in range(_STEPS):
            rho -= (rho * (1.0 + RADIAL_DEG2 * rho**2) - sep) / (1.0 + 3.0 * RADIAL_DEG2 * rho**2)
        angle = np.radians(chip.pa_deg)
        self.centre = rho * np.array([np.sin(angle), np.cos(angle)])
        slope = _radial(*self.centre)[2]
        self.matrix = np.linalg.inv(slope) @ _cd(chip)

    def place(self, u: Floats, v: Floats) -> tuple[Floats, Floats, Floats]:
        """Plane coordinates, deg, and the matrix of derivatives, shape (2, 2, ...)."""
        p = self.centre[0] + self.matrix[0, 0] * u + self.matrix[0, 1] * v
        q = self.centre[1] + self.matrix[1, 0] * u + self.matrix[1, 1] * v
        xi, eta, slope = _radial(p, q)
        return xi, eta, np.einsum("ij...,jk->ik...", slope, self.matrix)

    def start(self, xi: Floats, eta: Floats) -> tuple[Floats, Floats]:
        """Offsets without distortion."""
        inverse = np.linalg.inv(self.matrix)
        p, q = xi - self.centre[0], eta - self.centre[1]
        return inverse[0, 0] * p + inverse[0, 1] * q, inverse[1, 0] * p + inverse[1, 1] * q


@dataclass(frozen=True)
class PrimeWcs:
    """True mapping of one frame. Pixels are 0-based and those of the frame without its border.

    Attributes
    ----------
    chip : int
        1 to 4.
    family : {'tpv', 'radial'}
    scale : int
        Side of a pixel over the native one.
    ra_deg, dec_deg : float
        True axis of the mosaic (ICRS).
    rotation_deg : float
        True rotation.
    """

    chip: int
    family: str
    scale: int
    ra_deg: float
    dec_deg: float
    rotation_deg: float

    @cached_property
    def _model(self) -> _Tpv | _Radial:
        chip = CHIPS[self.chip]
        return _Tpv(chip) if self.family == "tpv" else _Radial(chip)

    @cached_property
    def _frame(self) -> tuple[Floats, Floats]:
        """Axes of the tangent plane, and the matrix that turns the plane of `ROTATION_DEG` to its north."""
        turn = self.rotation_deg - ROTATION_DEG
        if self.family != "tpv":
            return local_axes(self.ra_deg, self.dec_deg), _turn(turn)
        chip = CHIPS[self.chip]
        at_axis = chip.pa_deg + turn
        ra, dec, at_chip = offset_position(self.ra_deg, self.dec_deg, chip.sep_deg, at_axis)
        return local_axes(ra, dec), _turn(turn + at_chip - at_axis)

    @property
    def _shift(self) -> float:
        """Native offset of the corner of pixel (0, 0) from the reference pixel's centre."""
        shape = frame_shape(self.scale)
        return shape.border * self.scale - (CRPIX_PX + 0.5 + BORDER_PX)

    def pixel_to_sky(self, x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
        """Map pixel positions to right ascension and declination.

        Parameters
        ----------
        x, y : array_like
            Positions; they are broadcast.

        Returns
        -------
        ra_deg, dec_deg : ndarray
        """
        xs, ys = np.broadcast_arrays(np.asarray(x, dtype=float), np.asarray(y, dtype=float))
        u, v = (self.scale * (value + 0.5) + self._shift for value in (xs, ys))
        xi, eta, _ = self._model.place(u, v)
        axes, turn = self._frame
        return tan_to_sky(axes, turn[0, 0] * xi + turn[0, 1] * eta, turn[1, 0] * xi + turn[1, 1] * eta)

    def sky_to_pixel(self, ra_deg: ArrayLike, dec_deg: ArrayLike) -> tuple[Floats, Floats]:
        """Map right ascension and declination to pixel positions by Newton's method.

        Parameters
        ----------
        ra_deg, dec_deg : array_like
            Directions near the chip; farther ones, where the distortion means nothing, may become NaN.

        Returns
        -------
        x, y : ndarray
        """
        axes, turn = self._frame
        east, north = sky_to_tan(axes, unit_vectors(ra_deg, dec_deg))
        xi, eta = turn[0, 0] * east + turn[1, 0] * north, turn[0, 1] * east + turn[1, 1] * north
        u, v = self._model.start(xi, eta)
        for _ in range(_STEPS):
            p, q, slope = self._model.place(u, v)
            det = slope[0, 0] * slope[1, 1] - slope[0, 1] * slope[1, 0]
            dp, dq = xi - p, eta - q
            u = u + (slope[1, 1] * dp - slope[0, 1] * dq) / det
            v = v + (slope[0, 0] * dq - slope[1, 0] * dp) / det
        return (u - self._shift) / self.scale - 0.5, (v - self._shift) / self.scale - 0.5

    def relative_area(self, x: ArrayLike, y: ArrayLike) -> Floats:
        """Return the solid angle of pixels over that of the reference pixel (planes taken for flat)."""
        u, v = (self.scale * (np.asarray(value, dtype=float) + 0.5) + self._shift for value in (x, y))
        here = self._model.place(u, v)[2]
        middle = self._model.place(np.zeros(()), np.zeros(()))[2]
        det = [m[0, 0] * m[1, 1] - m[0, 1] * m[1, 0] for m in (here, middle)]
        return np.asarray(det[0] / det[1])
