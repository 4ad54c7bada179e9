"""Where the Sun, the Moon and the planets are, as seen from the centre of the Earth; no tables, no network.

ERFA's analytical series, which astropy's built-in ephemeris uses, too: the Moon of Meeus (1998, Astronomical
Algorithms, 2nd ed., ch. 47) to some arcseconds, and the planets of Simon et al. (1994, A&A 282, 663) to a
minute of arc. Light time and aberration are left out: 0.01 deg at most. From the orbit of WISE, 530 km up,
the Moon stands up to 1 deg beside its geocentric place.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli.imaging.healpix import rotation_from_fk5

Floats = NDArray[np.float64]

MOON = "Moon"
# Their numbers in the series of Simon et al.
_PLANETS = {"Mars": 4, "Jupiter": 5, "Saturn": 6}
PLANETS = tuple(_PLANETS)
_EARTH = 3  # the barycentre of Earth and Moon, never further than 0.002 deg of the Sun's direction
_MJD_ZERO = 2400000.5
# TDB - UTC between 2009 and today is 66 to 70 s; the Moon moves 2" in 4 s.
_TDB_LESS_UTC = 68.0 / 86400.0


def sun_longitude(mjd: ArrayLike) -> Floats:
    """Give the Sun's geometric ecliptic longitude (mean, J2000).

    Parameters
    ----------
    mjd : array_like of float64, any shape
        UTC, d.

    Returns
    -------
    ndarray of float64, of the same shape
        Degrees, 0 to 360; good to 0.01.
    """
    times = np.asarray(mjd, np.float64)
    sun = -_heliocentric(_EARTH, times)
    x, y, _ = rotation_from_fk5("ecliptic") @ rotation_from_fk5("equatorial").T @ sun.reshape(3, -1)
    return np.asarray(np.degrees(np.arctan2(y, x)) % 360.0).reshape(times.shape)


def body_directions(body: str, mjd: ArrayLike, system: str) -> Floats:
    """Give the geocentric directions of a body.

    Parameters
    ----------
    body : {'Moon', 'Mars', 'Jupiter', 'Saturn'}
    mjd : array_like of float64, shape (n,)
        UTC, d.
    system : {'galactic', 'ecliptic', 'equatorial'}

    Returns
    -------
    ndarray of float64, shape (3, n)
        Unit vectors, good to 0.05 deg between 2000 and 2030.

    Raises
    ------
    ValueError
        For another body or system.
    """
    import erfa  # type: ignore[import-untyped]

    times = np.asarray(mjd, np.float64)
    if body == MOON:
        seen = erfa.moon98(_MJD_ZERO, times + _TDB_LESS_UTC)["p"].T
    elif body in _PLANETS:
        seen = _heliocentric(_PLANETS[body], times) - _heliocentric(_EARTH, times)
    else:
        raise ValueError(f"no body {body!r}; there are {', '.join((MOON, *PLANETS))}")
    turned = rotation_from_fk5(system) @ rotation_from_fk5("equatorial").T @ seen
    return np.asarray(turned / np.sqrt((turned**2).sum(axis=0)))


def _heliocentric(planet: int, times: Floats) -> Floats:
    """Give places in ICRS axes, AU, shape (3, ...)."""
    import erfa

    places = erfa.plan94(_MJD_ZERO, times + _TDB_LESS_UTC, planet)["p"]
    return np.moveaxis(np.asarray(places, np.float64), -1, 0)
