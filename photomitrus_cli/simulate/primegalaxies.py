"""Galaxies of a simulated PRIME: each a row of round parts along its major axis."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate.primeconfig import PrimeSimulation
from photomitrus_cli.simulate.primeplan import widening
from photomitrus_cli.simulate.primestars import colours, magnitudes, scatter
from photomitrus_cli.simulate.streams import Purpose, stream

Floats = NDArray[np.float64]

_BRIGHT, _SLOPE = 13.0, 0.45
_PLACES = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])  # of the parts, semi-major axes
_SHARES = np.array([0.1, 0.2, 0.4, 0.2, 0.1])
_RADIUS_ARCSEC = 1.5  # median semi-major axis at J = 17


@dataclass(frozen=True, eq=False)
class GalaxyParts:
    """Round parts of all galaxies, arrays of shape (n,).

    Attributes
    ----------
    ra_deg, dec_deg : ndarray
    mags : ndarray, shape (4, n)
        Vega magnitudes in Z, Y, J, H.
    width_arcsec : ndarray
        Full width at half maximum without seeing.
    """

    ra_deg: Floats
    dec_deg: Floats
    mags: Floats
    width_arcsec: Floats


@lru_cache(maxsize=2)
def galaxy_points(config: PrimeSimulation) -> GalaxyParts:
    """Return the parts of every galaxy of the field."""
    rng = stream(config.seed, Purpose.PRIME_GALAXIES)
    ra, dec = scatter(config, rng, config.galaxy_density_deg2)
    mag = magnitudes(rng, ra.size, _BRIGHT, config.star_mag[1] - 1.0, _SLOPE)
    mags = colours(rng, mag)
    major = _RADIUS_ARCSEC * 10.0 ** (0.1 * (17.0 - mag) + 0.15 * rng.standard_normal(ra.size))
    minor, angle = major * rng.uniform(0.3, 1.0, ra.size), rng.uniform(0.0, np.pi, ra.size)
    kept = mag < config.star_mag[1] - 2.5 * np.log10(widening(config))
    along = _PLACES[:, None] * major / 3600.0
    east, north = along * np.sin(angle), along * np.cos(angle)
    every = np.broadcast_to(kept, along.shape)
    parts = mags[:, None, :] - 2.5 * np.log10(_SHARES)[None, :, None]
    return GalaxyParts(
        (ra + east / np.cos(np.radians(dec)))[every],
        (dec + north)[every],
        parts[:, every],
        np.broadcast_to(1.5 * minor, along.shape)[every],
    )
