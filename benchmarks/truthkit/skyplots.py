"""Maps of many shapes on the sky, and the views of their pictures; shared by tests of both."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.healpix import pixel_directions, ring_pixels
from photomitrus_cli.report.skyproject import directions_of
from photomitrus_cli.report.skyview import View, choose_view

Floats = NDArray[np.float64]
Pixels = NDArray[np.int64]


def directions(longitude: float | Floats, latitude: float | Floats) -> Floats:
    """Turn positions into directions.

    Parameters
    ----------
    longitude, latitude : float or ndarray of float64, shape (n,)
        deg.

    Returns
    -------
    ndarray of float64, shape (3, n)
    """
    lon, lat = np.broadcast_arrays(np.atleast_1d(longitude), np.atleast_1d(latitude))
    return directions_of(np.radians(lon), np.radians(lat))


def disc(nside: int, longitude: float, latitude: float, radius: float) -> Pixels:
    """List the pixels of a disc on the sky.

    Parameters
    ----------
    nside : int
    longitude, latitude, radius : float
        deg.

    Returns
    -------
    ndarray of int64, shape (n,)
    """
    centres = pixel_directions(np.arange(12 * nside**2), nside)
    near = directions(longitude, latitude)[:, 0] @ centres > np.cos(np.radians(radius))
    return np.flatnonzero(near)


def scan(nside: int, longitude: float, length: float, tilt: float = 57.0) -> Pixels:
    """List the pixels of a strip 0.8 degrees wide along a meridian of a system that is tilted.

    Parameters
    ----------
    nside : int
    longitude, length, tilt : float
        deg.

    Returns
    -------
    ndarray of int64, shape (n,)
    """
    along, across = np.meshgrid(np.arange(-length / 2, length / 2, 0.02), np.arange(-0.4, 0.4, 0.02))
    flat = directions(across.ravel(), along.ravel())
    angle, turn = np.radians(tilt), np.radians(longitude)
    tilted = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    turned = np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])
    return np.unique(ring_pixels(turned @ tilted @ flat, nside))


# By name: nside and pixels.
PLACES: dict[str, tuple[int, Pixels]] = {
    "scan": (64, scan(64, 40.0, 179.0)),
    "scan without tilt": (64, scan(64, 200.0, 150.0, tilt=0.0)),
    "scan all round": (64, scan(64, 10.0, 359.9)),
    "scan along the equator": (64, scan(64, 170.0, 60.0, tilt=90.0)),
    "frames": (256, np.union1d(disc(256, 120.0, 5.0, 0.5), disc(256, 120.3, 5.8, 0.5))),
    "half turn": (128, disc(128, 180.0, 10.0, 3.0)),
    "zero": (128, disc(128, 0.1, -40.0, 5.0)),
    "north": (128, disc(128, 77.0, 89.0, 4.0)),
    "south": (64, disc(64, 10.0, -80.0, 15.0)),
    "near a pole": (128, disc(128, 300.0, 86.0, 3.0)),
    "one pixel": (64, np.array([30000])),
    "pixel at the pole": (64, np.array([0])),
    "half sky": (16, disc(16, 20.0, 10.0, 90.0)),
    "whole sky": (16, np.arange(12 * 16**2)),
}


def size_of(nside: int) -> float:
    """Give the side of a pixel, rad."""
    return float(np.sqrt(np.pi / 3.0) / nside)


def view_of(name: str, view: str = "auto") -> View:
    """Choose the view of a map of `PLACES`.

    Parameters
    ----------
    name : str
    view : str
        As `choose_view` takes it.

    Returns
    -------
    View
    """
    nside, pixels = PLACES[name]
    return choose_view(pixel_directions(pixels, nside), size_of(nside), view)
