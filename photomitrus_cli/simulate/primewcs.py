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

from photomitrus_cli.simulate.primedistortion import STEPS, RadialDistortion, TpvDistortion
from photomitrus_cli.simulate.primefacts import (
    BORDER_PX,
    CHIPS,
    CRPIX_PX,
    ROTATION_DEG,
    frame_shape,
)
from photomitrus_cli.simulate.sphere import (
    local_axes,
    offset_position,
    sky_to_tan,
    tan_to_sky,
    unit_vectors,
)

Floats = NDArray[np.float64]


def _turn(angle_deg: float) -> Floats:
    """Matrix that adds an angle to the position angles of a plane (east, north)."""
    c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    return np.array([[c, s], [-s, c]])


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
    def _model(self) -> TpvDistortion | RadialDistortion:
        chip = CHIPS[self.chip]
        return TpvDistortion(chip) if self.family == "tpv" else RadialDistortion(chip)

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
        for _ in range(STEPS):
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
