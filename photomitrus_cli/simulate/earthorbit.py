"""Where the Earth is: a two-body orbit with slowly changing elements, enough for the zodiacal light."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

_MJD_J2000 = 51544.5
_DAYS_PER_CENTURY = 36525.0
_PRECESSION = 1.396971  # deg a Julian century, general precession in longitude


def mean_longitude(mjd: float) -> float:
    """Compute the Earth's mean heliocentric longitude.

    Parameters
    ----------
    mjd : float
        Modified Julian date.

    Returns
    -------
    float
        Ecliptic J2000, rad, 0 to 2 pi; from the Sun's mean longitude of Meeus, ch. 25.
    """
    t = (mjd - _MJD_J2000) / _DAYS_PER_CENTURY
    sun = 280.46646 + t * (36000.76983 + 0.0003032 * t)
    return math.radians((sun - _PRECESSION * t + 180.0) % 360.0)


def earth_position(mjd: float) -> npt.NDArray[np.float64]:
    """Compute the Earth's heliocentric position.

    The Sun's geometric longitude and distance of low accuracy (J. Meeus, Astronomical Algorithms, 2nd ed.,
    ch. 25), turned from the equinox of date to J2000. Good to 2e-4 AU between 1980 and 2030; the pull of the
    Moon and planets is left out.

    Parameters
    ----------
    mjd : float
        Modified Julian date; the minute between UTC and TT is 1e-5 AU and ignored.

    Returns
    -------
    ndarray, shape (3,)
        Heliocentric position, ecliptic J2000 axes, AU; the motion of the ecliptic itself is ignored.
    """
    t = (mjd - _MJD_J2000) / _DAYS_PER_CENTURY
    anomaly = math.radians(357.52911 + t * (35999.05029 - 0.0001537 * t))
    eccentricity = 0.016708634 - t * (0.000042037 + 0.0000001267 * t)
    centre = (
        (1.914602 - t * (0.004817 + 0.000014 * t)) * math.sin(anomaly)
        + (0.019993 - 0.000101 * t) * math.sin(2 * anomaly)
        + 0.000289 * math.sin(3 * anomaly)
    )
    true_anomaly = anomaly + math.radians(centre)
    distance = 1.000001018 * (1 - eccentricity**2) / (1 + eccentricity * math.cos(true_anomaly))
    longitude = mean_longitude(mjd) + math.radians(centre)
    return np.array([distance * math.cos(longitude), distance * math.sin(longitude), 0.0])
