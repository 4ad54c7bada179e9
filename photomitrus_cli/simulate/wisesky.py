"""The smooth sky that a simulated WISE sees: zodiacal light, Galaxy and cirrus, stray light."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate.kelsall import zodi_brightness
from photomitrus_cli.simulate.sphere import unit_vectors
from photomitrus_cli.simulate.streams import Purpose, stream
from photomitrus_cli.simulate.wisebodies import (
    PLANETS,
    equatorial_axes,
    galactic_axes,
    planet_direction,
    separation_deg,
)
from photomitrus_cli.simulate.wiseconfig import WiseSimulation
from photomitrus_cli.simulate.wisefacts import BANDS
from photomitrus_cli.simulate.wiseplan import moon_at
from photomitrus_cli.simulate.wisescanframes import FramePlan

Floats = NDArray[np.float64]

_N_WAVES = 48
_WAVELENGTHS_DEG = (1.0 / 6.0, 5.0)
_CIRRUS_SLOPE = 0.45  # amplitude per decade of wavelength, for a power spectrum k**-2.9
_SOFT_LATITUDE = np.sin(np.radians(3.0))
_MOON_SCALE_DEG = 10.0
_PLANET_REACH_DEG = 5.0


def cosecant(latitude_sine: Floats) -> Floats:
    """Give the path through a layer in units of that at the pole, finite in its plane.

    Parameters
    ----------
    latitude_sine : ndarray of float64

    Returns
    -------
    ndarray of float64
        Of the same shape.
    """
    return 1.0 / np.hypot(latitude_sine, _SOFT_LATITUDE)


@lru_cache(maxsize=4)
def _waves(seed: int) -> tuple[Floats, Floats, Floats]:
    """Wave vectors (3, n) in rad/rad, phases and amplitudes of the cirrus, whose variance is 1."""
    rng = stream(seed, Purpose.WISE_CIRRUS)
    low, high = np.log(np.radians(_WAVELENGTHS_DEG))
    # One wave in each of equal steps of the logarithm, so that no scale is missing by chance.
    wavelength = np.exp(low + (high - low) * (np.arange(_N_WAVES) + rng.uniform(size=_N_WAVES)) / _N_WAVES)
    direction = rng.standard_normal((3, _N_WAVES))
    direction /= np.linalg.norm(direction, axis=0)
    amplitude = wavelength**_CIRRUS_SLOPE
    amplitude *= np.sqrt(2.0 / (amplitude**2).sum())
    return direction * (2.0 * np.pi / wavelength), rng.uniform(0.0, 2.0 * np.pi, _N_WAVES), amplitude


def cirrus(seed: int, vectors: Floats) -> Floats:
    """Return a random field on the sphere: plane waves of 10 arcmin to 5 deg (and longer, seen aslant).

    Parameters
    ----------
    seed : int
    vectors : ndarray, shape (3, n)
        Equatorial unit vectors.

    Returns
    -------
    ndarray, shape (n,)
        Mean 0, variance 1 over the sphere.
    """
    wave, phase, amplitude = _waves(seed)
    total = np.zeros(vectors.shape[1])
    for k in range(_N_WAVES):
        x, y, z = wave[:, k]
        total += amplitude[k] * np.cos(x * vectors[0] + y * vectors[1] + z * vectors[2] + phase[k])
    return total


def galaxy(config: WiseSimulation, band: int, vectors: Floats) -> Floats:
    """Return the diffuse Galaxy, MJy/sr: a cosecant law in latitude times one plus the cirrus.

    Parameters
    ----------
    config : WiseSimulation
    band : int
    vectors : ndarray, shape (3, n)
        Equatorial unit vectors.

    Returns
    -------
    ndarray, shape (n,)
    """
    level = config.galaxy_mjy_sr[band - 1]
    if level == 0.0:
        return np.zeros(vectors.shape[1])
    pole = galactic_axes()[2]
    sine = pole[0] * vectors[0] + pole[1] * vectors[1] + pole[2] * vectors[2]
    return np.asarray(level * cosecant(sine) * (1.0 + config.cirrus * cirrus(config.seed, vectors)))


def zodi(config: WiseSimulation, plan: FramePlan, band: int, vectors: Floats) -> Floats:
    """Return the zodiacal light of the simulation, MJy/sr, shape (n,), for equatorial unit vectors (3, n)."""
    if config.zodi == 0.0:
        return np.zeros(vectors.shape[1])
    ecliptic = equatorial_axes().T @ vectors
    model = zodi_brightness(ecliptic, plan.mjd, BANDS[band].isophotal_um)
    excess = plan.scan.side * config.zodi_side_excess * np.hypot(ecliptic[0], ecliptic[1])
    return np.asarray(config.zodi * model * (1.0 + excess))


def planets(config: WiseSimulation, mjd: float) -> dict[str, Floats]:
    """Return the planets that may shine into a frame, equatorial unit vectors by name."""
    places = {name: planet_direction(name, mjd) for name in PLANETS}
    if config.planet_ecliptic_deg is not None:
        places["placed"] = unit_vectors(*config.planet_ecliptic_deg)
    return {name: equatorial_axes() @ place for name, place in places.items()}


def stray_light(config: WiseSimulation, plan: FramePlan, band: int, vectors: Floats) -> Floats:
    """Return what the Moon and planets beside the frame add.

    Parameters
    ----------
    config : WiseSimulation
    plan : FramePlan
    band : int
    vectors : ndarray, shape (3, n)
        Equatorial unit vectors.

    Returns
    -------
    ndarray, shape (n,)
        DN. The Moon's light is ``moon_dn ((moon_reach_deg - distance) / 10 deg)^3``, a planet's halo
        ``planet_dn (1 + (distance / planet_halo_arcmin)^2)^-1.5``.
    """
    moon = separation_deg(vectors, equatorial_axes() @ moon_at(config, plan.mjd))
    near = np.maximum(config.moon_reach_deg - moon, 0.0) / _MOON_SCALE_DEG
    total = config.moon_dn[band - 1] * near**3
    for place in planets(config, plan.mjd).values():
        distance = separation_deg(vectors, place)
        if distance.min() < _PLANET_REACH_DEG:
            scaled = distance * 60.0 / config.planet_halo_arcmin
            total = total + config.planet_dn[band - 1] * (1.0 + scaled**2) ** -1.5
    return np.asarray(total)
