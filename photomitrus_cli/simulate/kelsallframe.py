"""Zodiacal light over a whole frame from a few directions: a polynomial through Chebyshev points."""

from __future__ import annotations

import math
from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.simulate.kelsall import zodi_brightness

Floats = npt.NDArray[np.float64]
NODES = 6  # a side; over 0.78 deg the interpolation is good to 1e-4 even in the dust bands


def _chebyshev(count: int) -> Floats:
    """Points of one axis, -1 to 1 exclusive, ascending."""
    return -np.cos(math.pi * (np.arange(count) + 0.5) / count)


def _axis_weights(size: int, count: int) -> Floats:
    """Lagrange weights of the points for every pixel of an axis, shape (size, count)."""
    points = _chebyshev(count)
    pixels = np.linspace(-1.0, 1.0, size)[:, None]
    weights = np.empty((size, count))
    for k in range(count):
        others = np.delete(points, k)
        weights[:, k] = np.prod((pixels - others) / (points[k] - others), axis=1)
    return weights


def frame_nodes(shape: tuple[int, int], count: int = NODES) -> tuple[Floats, Floats]:
    """Give the pixel positions where `zodi_frame` wants directions.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the frame, px, at least 2.
    count : int
        Points a side.

    Returns
    -------
    x, y : ndarray, shape (count**2,)
        0-based pixel positions, fractional, x fastest.
    """
    half_y, half_x = (shape[0] - 1) / 2, (shape[1] - 1) / 2
    points = _chebyshev(count)
    y, x = np.meshgrid(half_y * (1 + points), half_x * (1 + points), indexing="ij")
    return x.ravel(), y.ravel()


def zodi_frame(
    directions: Floats,
    shape: tuple[int, int],
    mjd: float,
    wavelength_um: float,
    *,
    components: Collection[str] | None = None,
    observer: Floats | None = None,
) -> Floats:
    """Compute the zodiacal light at every pixel of a frame.

    Over a frame of 0.78 deg with 6 x 6 points the interpolation errs by less than 1e-4 of the light, anywhere
    at 90 deg from the Sun. A parabola would err by 2e-3 within 6 deg of the ecliptic, amid the dust bands.

    Parameters
    ----------
    directions : ndarray, shape (3, count**2)
        Unit vectors, ecliptic J2000, at the positions of `frame_nodes`.
    shape : tuple of int
        Height and width of the frame, px.
    mjd, wavelength_um, components, observer
        As for `zodi_brightness`.

    Returns
    -------
    ndarray, shape `shape`
        MJy/sr.

    Raises
    ------
    ConfigError
        If the directions are no square grid, or as `zodi_brightness`.
    """
    count = math.isqrt(directions.shape[1])
    if count < 2 or count * count != directions.shape[1]:
        message = f"{directions.shape[1]} directions are no square grid"
        raise ConfigError(message, hint="use the positions of frame_nodes")
    values = zodi_brightness(directions, mjd, wavelength_um, components=components, observer=observer)
    grid = values.reshape(count, count)
    image: Floats = _axis_weights(shape[0], count) @ grid @ _axis_weights(shape[1], count).T
    return image
