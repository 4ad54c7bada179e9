"""Where the Moon and the planets are, to a fraction of a degree: enough to decide what shines on a frame."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate.earthorbit import earth_position
from photomitrus_cli.simulate.sphere import unit_vectors

Floats = NDArray[np.float64]

OBLIQUITY_DEG = 23.43929111  # of the ecliptic of J2000
_MJD_J2000 = 51544.5
_PRECESSION_DEG_CENTURY = 1.396971
# North pole of the Galaxy, and the Galactic longitude of the celestial pole (J2000), deg.
_GALACTIC_POLE_DEG = (192.85948, 27.12825)
_GALACTIC_NODE_DEG = 122.93192

# Semi-major axis (AU), eccentricity, inclination, mean longitude, its motion (deg/century), longitudes of the
# perihelion and of the node (deg, J2000): E. M. Standish, Keplerian elements for 1800-2050.
_ELEMENTS = {
    "Mars": (1.52371034, 0.09339410, 1.84969142, -4.55343205, 19140.30268499, -23.94362959, 49.55953891),
    "Jupiter": (5.20288700, 0.04838624, 1.30439695, 34.39644051, 3034.74612775, 14.72847983, 100.47390909),
    "Saturn": (9.53667594, 0.05386179, 2.48599187, 49.95424423, 1222.49362201, 92.59887831, 113.66242448),
}
PLANETS = tuple(_ELEMENTS)


def _constant(matrix: Floats) -> Floats:
    """Guard an array that all callers share."""
    matrix.setflags(write=False)
    return matrix


@lru_cache(maxsize=1)
def equatorial_axes() -> Floats:
    """Return the rotation, shape (3, 3), from ecliptic to equatorial axes (J2000)."""
    cosine, sine = np.cos(np.radians(OBLIQUITY_DEG)), np.sin(np.radians(OBLIQUITY_DEG))
    return _constant(np.array([[1.0, 0.0, 0.0], [0.0, cosine, -sine], [0.0, sine, cosine]]))


@lru_cache(maxsize=1)
def galactic_axes() -> Floats:
    """Return the rotation, shape (3, 3), from equatorial to Galactic axes (J2000)."""
    pole = unit_vectors(*_GALACTIC_POLE_DEG)
    # The zero of longitude is that far from the celestial pole's meridian.
    celestial = np.array([0.0, 0.0, 1.0])
    across = np.cross(pole, celestial)
    across /= np.linalg.norm(across)
    along = np.cross(across, pole)
    node = np.radians(_GALACTIC_NODE_DEG)
    first = np.cos(node) * along - np.sin(node) * across
    return _constant(np.stack([first, np.cross(pole, first), pole]))


def sun_ecliptic(mjd: float) -> tuple[float, float]:
    """Return the Sun's ecliptic longitude (J2000, deg) and distance (AU)."""
    sun = -earth_position(mjd)
    return float(np.degrees(np.arctan2(sun[1], sun[0]))) % 360.0, float(np.linalg.norm(sun))


def moon_direction(mjd: float) -> Floats:
    """Return the Moon's geocentric direction, ecliptic J2000 unit vector, good to 0.3 deg.

    The largest terms of the lunar theory (J. Meeus, Astronomical Algorithms, 2nd ed., ch. 47).
    """
    t = (mjd - _MJD_J2000) / 36525.0
    mean, elongation = 218.3164477 + 481267.88123421 * t, np.radians(297.8501921 + 445267.1114034 * t)
    sun, moon = np.radians(357.5291092 + 35999.0502909 * t), np.radians(134.9633964 + 477198.8675055 * t)
    node = np.radians(93.2720950 + 483202.0175233 * t)
    longitude = mean + (
        6.288774 * np.sin(moon)
        + 1.274027 * np.sin(2 * elongation - moon)
        + 0.658314 * np.sin(2 * elongation)
        + 0.213618 * np.sin(2 * moon)
        - 0.185116 * np.sin(sun)
        - 0.114332 * np.sin(2 * node)
    )
    latitude = (
        5.128122 * np.sin(node)
        + 0.280602 * np.sin(moon + node)
        + 0.277693 * np.sin(moon - node)
        + 0.173237 * np.sin(2 * elongation - node)
    )
    return unit_vectors(longitude - _PRECESSION_DEG_CENTURY * t, latitude)


def planet_direction(name: str, mjd: float) -> Floats:
    """Return a planet's geocentric direction (ecliptic J2000 unit vector), good to 0.2 deg.

    Parameters
    ----------
    name : {'Mars', 'Jupiter', 'Saturn'}
    mjd : float

    Returns
    -------
    ndarray, shape (3,)
    """
    axis, eccentricity, inclination, longitude, motion, perihelion, node = _ELEMENTS[name]
    mean = np.radians(longitude + motion * (mjd - _MJD_J2000) / 36525.0 - perihelion)
    anomaly = mean
    for _ in range(8):
        anomaly = mean + eccentricity * np.sin(anomaly)
    x = axis * (np.cos(anomaly) - eccentricity)
    y = axis * np.sqrt(1.0 - eccentricity**2) * np.sin(anomaly)
    w, n, i = np.radians(perihelion - node), np.radians(node), np.radians(inclination)
    along, across = x * np.cos(w) - y * np.sin(w), x * np.sin(w) + y * np.cos(w)
    place = np.array(
        [
            along * np.cos(n) - across * np.cos(i) * np.sin(n),
            along * np.sin(n) + across * np.cos(i) * np.cos(n),
            across * np.sin(i),
        ]
    )
    seen = place - earth_position(mjd)
    return np.asarray(seen / np.linalg.norm(seen))


def separation_deg(first: Floats, second: Floats) -> Floats:
    """Return the angle between unit vectors of shapes (3, ...) and (3,), deg."""
    cosine = np.tensordot(second, first, axes=1)
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))
