"""The linear geometry of a chip from places on it whose way from the pointing is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.tangent import DEGREE, invert_pair, tangent_axes
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.prime.chips import Corners
from photomitrus_cli.prime.window import Window

Float = NDArray[np.float64]


def carried_axes(pointing: tuple[float, float], separation: float, angle: float) -> Float:
    """Carry the axes of the tangent plane at the pointing along a great circle, without turning them.

    The mosaic is rigid: a chip keeps its direction to the others and not to the north of its own place, which
    near the poles is another one (0.9 degrees at declination -70 and 0.3 degrees off the axis).

    Parameters
    ----------
    pointing : tuple of float
        (ra, dec), degrees.
    separation, angle : float
        Length of the way, and its position angle at the start, degrees.

    Returns
    -------
    ndarray of float64, shape (3, 3)
        Rows: the axes that were east and north at the start, and the direction at the end.
    """
    east, north, middle = tangent_axes(*pointing)
    along = np.sin(angle * DEGREE) * east + np.cos(angle * DEGREE) * north
    across = np.cos(angle * DEGREE) * east - np.sin(angle * DEGREE) * north
    sin, cos = np.sin(separation * DEGREE), np.cos(separation * DEGREE)
    ahead = cos * along - sin * middle
    return np.stack(
        [
            np.sin(angle * DEGREE) * ahead + np.cos(angle * DEGREE) * across,
            np.cos(angle * DEGREE) * ahead - np.sin(angle * DEGREE) * across,
            cos * middle + sin * along,
        ]
    )


def corner_geometry(
    corners: Corners, pointing: tuple[float, float], rotation: float, window: Window
) -> TanSip:
    """Lay a gnomonic projection without distortion through known places of a chip.

    Parameters
    ----------
    corners : Corners
    pointing : tuple of float
        (ra, dec) of the telescope, degrees ICRS.
    rotation : float
        Rotator angle, degrees.
    window : Window
        The active area of the frame.

    Returns
    -------
    TanSip
        Of the active area; least squares over the places.
    """
    turn = rotation - corners.rotation
    places = zip(corners.separation, corners.angle, strict=True)
    directions = np.array([carried_axes(pointing, far, angle + turn)[2] for far, angle in places])
    axes = _axes_towards(pointing, directions.mean(axis=0))
    depth = directions @ axes[2]
    plane = (directions @ axes[:2].T) / depth[:, np.newaxis] / DEGREE
    pixels = [window.position(x - 1.0, y - 1.0) for x, y in zip(corners.x, corners.y, strict=True)]
    design = np.column_stack([np.array(pixels), np.ones(len(pixels))])
    solution = np.linalg.lstsq(design, plane, rcond=None)[0]
    cd = solution[:2].T.copy()
    return TanSip(axes, cd, -invert_pair(cd) @ solution[2], window.shape)


def _axes_towards(pointing: tuple[float, float], target: Float) -> Float:
    """Carry the axes at the pointing to a direction of any length."""
    east, north, middle = tangent_axes(*pointing) @ target
    separation = np.degrees(np.arctan2(np.hypot(east, north), middle))
    return carried_axes(pointing, float(separation), float(np.degrees(np.arctan2(east, north))))
