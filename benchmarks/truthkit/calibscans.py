"""Half orbits of a satellite that scans circles 90 deg from the Sun: their map pixels and times."""

from __future__ import annotations

from dataclasses import dataclass

import healpy
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

START = 55238.0  # 2010-02-11
ORBITS_PER_DAY = 15.1
SWATH = 47.0 / 60.0  # deg
POLAR = 80.0  # deg, latitude beyond which the swath is not looked up by longitude


@dataclass(frozen=True, slots=True)
class PixelFrame:
    """The pixels of a Galactic RING map in ecliptic coordinates, found by longitude.

    Attributes
    ----------
    nside : int
    vectors : ndarray of float64, shape (3, 12 nside^2)
        Ecliptic (J2000) directions.
    longitude, latitude, galactic_latitude : ndarray of float32, shape (12 nside^2,)
        Ecliptic and Galactic, deg.
    polar : ndarray of int64
        Pixels beyond +-80 deg of ecliptic latitude.
    belt, belt_longitude : ndarray
        The others, ascending in ecliptic longitude, and their longitudes, deg.
    """

    nside: int
    vectors: Floats
    longitude: NDArray[np.float32]
    latitude: NDArray[np.float32]
    galactic_latitude: NDArray[np.float32]
    polar: Ints
    belt: Ints
    belt_longitude: Floats


def pixel_frame(nside: int) -> PixelFrame:
    """Lay out the pixels of a map.

    Parameters
    ----------
    nside : int

    Returns
    -------
    PixelFrame
    """
    vectors = np.array(healpy.pix2vec(nside, np.arange(12 * nside**2)))
    galactic_latitude = np.degrees(np.arcsin(vectors[2]))
    vectors = np.array(healpy.Rotator(coord=["G", "E"])(vectors))
    longitude = np.degrees(np.arctan2(vectors[1], vectors[0])) % 360.0
    latitude = np.degrees(np.arcsin(np.clip(vectors[2], -1.0, 1.0)))
    belt = np.flatnonzero(np.abs(latitude) <= POLAR)
    belt = belt[np.argsort(longitude[belt], kind="stable")]
    return PixelFrame(
        nside,
        vectors,
        longitude.astype(np.float32),
        latitude.astype(np.float32),
        galactic_latitude.astype(np.float32),
        np.flatnonzero(np.abs(latitude) > POLAR),
        belt,
        longitude[belt],
    )


def sun_longitude(mjd: Floats) -> Floats:
    """Give the Sun's geocentric ecliptic (J2000) longitude, deg, to 0.02 deg (low-precision almanac formula).

    Parameters
    ----------
    mjd : ndarray of float64
        d.
    """
    days = mjd - 51544.5
    anomaly = np.radians(357.528 + 0.9856003 * days)
    of_date = 280.460 + 0.9856474 * days + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2.0 * anomaly)
    return np.asarray((of_date - 1.397 * days / 36525.0) % 360.0)


def swath(frame: PixelFrame, sun: float, side: int) -> tuple[Ints, Floats]:
    """Find the pixels whose centres a half orbit passes.

    Parameters
    ----------
    frame : PixelFrame
    sun : float
        Longitude of the Sun, deg.
    side : int
        1: the half circle at `sun` - 90 deg; -1: at `sun` + 90 deg.

    Returns
    -------
    pixels : ndarray of int64
        Ascending in angle.
    angle : ndarray of float64
        Along the half circle, -90 at the south ecliptic pole to 90 at the north pole, deg.
    """
    middle = (sun - 90.0 * side) % 360.0
    reach = 0.5 * SWATH / np.cos(np.radians(POLAR)) + 0.1
    parts = [frame.polar]
    for turn in (-360.0, 0.0, 360.0):
        low, high = np.searchsorted(frame.belt_longitude, [middle + turn - reach, middle + turn + reach])
        parts.append(frame.belt[low:high])
    pixels = np.concatenate(parts)
    x, y, z = frame.vectors[:, pixels]
    cos, sin = np.cos(np.radians(middle)), np.sin(np.radians(middle))
    ahead, across = cos * x + sin * y, cos * y - sin * x
    keep = (ahead >= 0.0) & (np.abs(across) < np.sin(np.radians(0.5 * SWATH)))
    angle = np.degrees(np.arctan2(z[keep], ahead[keep]))
    order = np.argsort(angle, kind="stable")
    return pixels[keep][order], angle[order]


@dataclass(frozen=True, slots=True)
class HalfOrbits:
    """What S scans see, sample by sample; the scan towards evening ascends, the one towards morning descends.

    Attributes
    ----------
    first : ndarray of int64, shape (S + 1,)
    pixel : ndarray of int32, shape (n,)
        RING number, Galactic.
    angle : ndarray of float32, shape (n,)
        Along the half circle, deg, -90 at the south ecliptic pole to 90.
    mjd : ndarray of float64, shape (n,)
        d.
    middle : ndarray of float64, shape (S,)
        Time of crossing the ecliptic, d.
    side : ndarray of int8, shape (S,)
        1 towards morning (longitude below the Sun's), -1 towards evening.
    """

    first: Ints
    pixel: NDArray[np.int32]
    angle: NDArray[np.float32]
    mjd: Floats
    middle: Floats
    side: NDArray[np.int8]


def half_orbits(frame: PixelFrame, n_scans: int, start: float = START) -> HalfOrbits:
    """Scan the sky pole to pole, 15.1 orbits a day, both sides of the Sun in turn.

    Parameters
    ----------
    frame : PixelFrame
    n_scans : int
    start : float
        Time of the first pole, d.

    Returns
    -------
    HalfOrbits
    """
    length = 0.5 / ORBITS_PER_DAY
    middle = np.asarray(start + length * (np.arange(n_scans) + 0.5), np.float64)
    side = np.where(np.arange(n_scans) % 2 == 0, -1, 1).astype(np.int8)
    pixels, angles, times = [], [], []
    for when, sun, which in zip(middle, sun_longitude(middle), side, strict=True):
        mine, angle = swath(frame, float(sun), int(which))
        step = -int(which)  # the evening side ascends, the morning side is seen from north to south
        pixels.append(mine[::step].astype(np.int32))
        angles.append(angle[::step].astype(np.float32))
        times.append(when + length * step * angle[::step] / 180.0)
    first = np.concatenate([[0], np.cumsum([len(mine) for mine in pixels])])
    return HalfOrbits(
        first, np.concatenate(pixels), np.concatenate(angles), np.concatenate(times), middle, side
    )
