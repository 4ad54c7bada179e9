"""The stars that a simulated WISE sees: drawn cell by cell of the sky."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate.sphere import unit_vectors
from photomitrus_cli.simulate.streams import Purpose, stream
from photomitrus_cli.simulate.wisebodies import (
    galactic_axes,
)
from photomitrus_cli.simulate.wiseconfig import WiseSimulation
from photomitrus_cli.simulate.wisesky import cosecant

Floats = NDArray[np.float64]

_MOST_STARS = 8.0  # at low latitude, times the density at the pole


@dataclass(frozen=True, eq=False)
class Stars:
    """Stars of a part of the sky.

    Attributes
    ----------
    id : ndarray of int64, shape (n,)
    vectors : ndarray, shape (3, n)
        Equatorial unit vectors.
    flux_jy : ndarray, shape (n,)
        Before the factor of the band, ``star_flux_scale``.
    """

    id: NDArray[np.int64]
    vectors: Floats
    flux_jy: Floats


def _cells_of_zone(zone: int) -> int:
    """Give the number of cells of about a square degree in the zone from ``zone`` to ``zone + 1`` deg."""
    return max(1, round(360.0 * float(np.cos(np.radians(zone + 0.5)))))


@lru_cache(maxsize=256)
def _cell(
    seed: int, density: float, flux: tuple[float, float], slope: float, zone: int, number: int
) -> Stars:
    """Draw the stars of one cell: the same whichever frames look at it."""
    cells = _cells_of_zone(zone)
    low, high = np.sin(np.radians(zone)), np.sin(np.radians(zone + 1))
    middle = unit_vectors((number + 0.5) * 360.0 / cells, zone + 0.5)
    crowding = min(_MOST_STARS, float(cosecant(np.asarray(galactic_axes()[2] @ middle))))
    area = float(np.degrees(high - low)) * 360.0 / cells
    rng = stream(seed, Purpose.WISE_STARS, zone + 90, number)
    count = int(rng.poisson(density * crowding * area))
    ra = (number + rng.uniform(size=count)) * 360.0 / cells
    sine = rng.uniform(low, high, count)
    rest = 1.0 - rng.uniform(size=count) * (1.0 - (flux[1] / flux[0]) ** -slope)
    first = ((zone + 90) * 1000 + number) * 100_000
    return Stars(
        first + np.arange(count, dtype=np.int64),
        unit_vectors(ra, np.degrees(np.arcsin(sine))),
        flux[0] * rest ** (-1.0 / slope),
    )


def stars_near(config: WiseSimulation, ra_deg: float, dec_deg: float, radius_deg: float) -> Stars:
    """Return the stars within a radius of a place.

    Parameters
    ----------
    config : WiseSimulation
    ra_deg, dec_deg : float
    radius_deg : float

    Returns
    -------
    Stars
    """
    parts = []
    centre, limit = unit_vectors(ra_deg, dec_deg), np.cos(np.radians(radius_deg))
    first, last = np.floor([dec_deg - radius_deg, dec_deg + radius_deg]).astype(int)
    for zone in range(max(first, -90), min(last, 89) + 1):
        cells = _cells_of_zone(zone)
        # The widest a circle of this radius gets in right ascension, somewhere in the zone.
        cosine = np.cos(np.radians(min(90.0, max(abs(zone), abs(zone + 1)) + radius_deg)))
        half = 180.0 if cosine < 0.05 else min(180.0, radius_deg / cosine)
        width = 360.0 / cells
        low, high = int(np.floor((ra_deg - half) / width)), int(np.floor((ra_deg + half) / width))
        for number in sorted({cell % cells for cell in range(low, min(high, low + cells - 1) + 1)}):
            stars = _cell(
                config.seed, config.star_density_deg2, config.star_flux_jy, config.star_slope, zone, number
            )
            inside = np.flatnonzero(np.tensordot(centre, stars.vectors, axes=1) > limit)
            parts.append((stars.id[inside], stars.vectors[:, inside], stars.flux_jy[inside]))
    return Stars(*(np.concatenate([part[k] for part in parts], axis=-1) for k in range(3)))
