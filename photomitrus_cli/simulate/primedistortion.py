"""Two families of distortion of the chips of PRIME: TPV polynomials, and a radial one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate.primefacts import (
    RADIAL_DEG2,
    ROTATION_DEG,
    Chip,
)

Floats = NDArray[np.float64]

STEPS = 5  # of Newton's method; 3 are enough on the chip


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


class TpvDistortion:
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


class RadialDistortion:
    """Offsets from the reference pixel to the tangent plane at the axis of the mosaic at `ROTATION_DEG`."""

    def __init__(self, chip: Chip) -> None:
        sep = float(np.degrees(np.tan(np.radians(chip.sep_deg))))
        rho = sep
        for _ in range(STEPS):
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
