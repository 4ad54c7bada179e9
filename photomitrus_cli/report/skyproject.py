"""Projections of directions on a plane: the whole sky, small parts, long strips along a great circle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

# Nearer to the antipode of its middle an azimuthal map has no orientation left.
_MOST_RADIUS = 1.999
# Of the ellipse of the whole sky.
HALF_WIDTH = 2.0 * np.sqrt(2.0)
HALF_HEIGHT = np.sqrt(2.0)
# Between so many angles the auxiliary angle is interpolated: no error that a picture shows.
_NODES = 20001


class Projection(Protocol):
    """From directions to a plane and back; east is on the left where north is up."""

    def forward(self, directions: Float) -> tuple[Float, Float]:
        """Give places on the plane, radians near its middle; NaN where a direction has none.

        Parameters
        ----------
        directions : ndarray of float64, shape (3, n)
            Unit vectors.
        """
        ...

    def inverse(self, x: Float, y: Float) -> Float:
        """Give the unit vectors, shape (3, n), of places on the plane; NaN outside of the sky."""
        ...


@dataclass(frozen=True)
class Azimuthal:
    """Lambert's azimuthal equal-area projection (Snyder 1987, USGS PP 1395, section 24).

    Attributes
    ----------
    axes : ndarray of float64, shape (3, 3)
        Rows: unit vectors to the right, upwards and to the middle of the map.
    """

    axes: Float

    def forward(self, directions: Float) -> tuple[Float, Float]:
        """Give places on the plane; see `Projection`."""
        right, up, out = self.axes @ directions
        stretch = np.sqrt(2.0 / np.maximum(1.0 + out, 1e-12))
        stretch[2.0 * (1.0 - out) > _MOST_RADIUS**2] = np.nan
        return stretch * right, stretch * up

    def inverse(self, x: Float, y: Float) -> Float:
        """Give unit vectors; see `Projection`."""
        square = x * x + y * y
        square = np.where(square <= _MOST_RADIUS**2, square, np.nan)
        shrink = np.sqrt(1.0 - square / 4.0)
        return np.asarray(self.axes.T @ np.stack([x * shrink, y * shrink, 1.0 - square / 2.0]))


@dataclass(frozen=True)
class Strip:
    """Angles along and across a great circle: no distortion where the strip is narrow.

    Attributes
    ----------
    axes : ndarray of float64, shape (3, 3)
        Rows: unit vectors to the right, to the pole of the circle, and to the middle of the strip.
    """

    axes: Float

    def forward(self, directions: Float) -> tuple[Float, Float]:
        """Give places on the plane; see `Projection`."""
        right, up, out = self.axes @ directions
        return np.arctan2(right, out), np.arcsin(np.clip(up, -1.0, 1.0))

    def inverse(self, x: Float, y: Float) -> Float:
        """Give unit vectors; see `Projection`."""
        x = np.where((np.abs(x) <= np.pi) & (np.abs(y) <= np.pi / 2), x, np.nan)
        across = np.cos(y)
        return np.asarray(
            self.axes.T @ np.stack([np.sin(x) * across, np.sin(y) + 0.0 * x, np.cos(x) * across])
        )


@dataclass(frozen=True)
class Mollweide:
    """The whole sky in an ellipse, equal areas (Snyder 1987, USGS PP 1395, section 31).

    Longitude 0 is in the middle; longitudes grow to the left.
    """

    def forward(self, directions: Float) -> tuple[Float, Float]:
        """Give places on the plane, within `HALF_WIDTH` and `HALF_HEIGHT`; see `Projection`."""
        nodes = np.linspace(-np.pi / 2, np.pi / 2, _NODES)
        angle = np.interp(directions[2], (2.0 * nodes + np.sin(2.0 * nodes)) / np.pi, nodes)
        longitude = np.arctan2(directions[1], directions[0])
        return -HALF_WIDTH / np.pi * longitude * np.cos(angle), HALF_HEIGHT * np.sin(angle)

    def inverse(self, x: Float, y: Float) -> Float:
        """Give unit vectors, NaN outside of the ellipse; see `Projection`."""
        inside = (x / HALF_WIDTH) ** 2 + (y / HALF_HEIGHT) ** 2 < 1.0
        angle = np.arcsin(np.where(inside, y / HALF_HEIGHT, np.nan))
        z = np.clip((2.0 * angle + np.sin(2.0 * angle)) / np.pi, -1.0, 1.0)
        longitude = -np.pi * x / (HALF_WIDTH * np.cos(angle))
        across = np.sqrt(1.0 - z * z)
        return np.stack([across * np.cos(longitude), across * np.sin(longitude), z])


def axes_at(middle: Float) -> Float:
    """Give the axes of a map with north up.

    Parameters
    ----------
    middle : ndarray of float64, shape (3,)
        Unit vector.

    Returns
    -------
    ndarray of float64, shape (3, 3)
        Rows: west (to the right), north, the middle. At a pole the longitude 0 is below (north) or above it.
    """
    north = np.array([0.0, 0.0, 1.0]) - middle[2] * middle
    length = float(np.sqrt(north @ north))
    north = north / length if length > 1e-9 else np.array([-np.sign(middle[2]), 0.0, 0.0])
    axes: Float = np.stack([np.cross(middle, north), north, middle])
    return axes


def directions_of(longitude: Float, latitude: Float) -> Float:
    """Give unit vectors, shape (3, n), of longitudes and latitudes in radians."""
    across = np.cos(latitude)
    return np.stack([across * np.cos(longitude), across * np.sin(longitude), np.sin(latitude) + 0.0 * across])


def coordinates_of(directions: Float) -> tuple[Float, Float]:
    """Give longitudes (-180 to 180) and latitudes in degrees of unit vectors, shape (3, n)."""
    x, y, z = directions
    return np.degrees(np.arctan2(y, x)), np.degrees(np.arctan2(z, np.hypot(x, y)))
