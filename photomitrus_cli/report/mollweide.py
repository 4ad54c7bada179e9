"""The whole sky in an ellipse, equal areas: Mollweide's projection (Snyder 1987, USGS PP 1395, 31)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

HALF_WIDTH = 2.0 * np.sqrt(2.0)
HALF_HEIGHT = np.sqrt(2.0)
# Between so many angles the auxiliary angle is interpolated: no error that a picture shows.
_NODES = 20001


@dataclass(frozen=True)
class Mollweide:
    """The whole sky; longitude 0 in the middle and growing to the left."""

    def forward(self, directions: Float) -> tuple[Float, Float]:
        """Give places on the plane.

        Parameters
        ----------
        directions : ndarray of float64, shape (3, n)
            Unit vectors.

        Returns
        -------
        x, y : ndarray of float64, shape (n,)
            Within `HALF_WIDTH` and `HALF_HEIGHT`.
        """
        nodes = np.linspace(-np.pi / 2, np.pi / 2, _NODES)
        angle = np.interp(directions[2], (2.0 * nodes + np.sin(2.0 * nodes)) / np.pi, nodes)
        longitude = np.arctan2(directions[1], directions[0])
        return -HALF_WIDTH / np.pi * longitude * np.cos(angle), HALF_HEIGHT * np.sin(angle)

    def inverse(self, x: Float, y: Float) -> Float:
        """Give directions.

        Parameters
        ----------
        x, y : ndarray of float64, shape (n,)

        Returns
        -------
        ndarray of float64, shape (3, n)
            Unit vectors; NaN outside of the ellipse.
        """
        inside = (x / HALF_WIDTH) ** 2 + (y / HALF_HEIGHT) ** 2 < 1.0
        angle = np.arcsin(np.where(inside, y / HALF_HEIGHT, np.nan))
        z = np.clip((2.0 * angle + np.sin(2.0 * angle)) / np.pi, -1.0, 1.0)
        longitude = -np.pi * x / (HALF_WIDTH * np.cos(angle))
        across = np.sqrt(1.0 - z * z)
        return np.stack([across * np.cos(longitude), across * np.sin(longitude), z])
