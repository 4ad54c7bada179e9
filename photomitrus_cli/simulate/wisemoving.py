"""Asteroids of a simulated survey: points that move between the visits of a place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate.sphere import unit_vectors
from photomitrus_cli.simulate.streams import Purpose, stream
from photomitrus_cli.simulate.wiseconfig import WiseSimulation
from photomitrus_cli.simulate.wiseplan import plan_frames, plan_scans

Floats = NDArray[np.float64]

_ACROSS_DEG = 0.3
_ARCSEC_HR_TO_RAD_DAY = float(np.radians(24.0 / 3600.0))


@dataclass(frozen=True, eq=False)
class Asteroids:
    """Moving points.

    Attributes
    ----------
    mjd : ndarray, shape (n,)
        When they are at ``place``.
    place, motion : ndarray, shape (3, n)
        Equatorial unit vectors; rad/day at right angles to them.
    """

    mjd: Floats
    place: Floats
    motion: Floats

    def at(self, mjd: float) -> Floats:
        """Return the directions, shape (3, n), at a time."""
        moved = self.place + self.motion * (mjd - self.mjd)
        return np.asarray(moved / np.linalg.norm(moved, axis=0))


@lru_cache(maxsize=2)
def asteroids(config: WiseSimulation) -> Asteroids:
    """Draw the asteroids of a survey: each crosses the field of one of its frames.

    Parameters
    ----------
    config : WiseSimulation

    Returns
    -------
    Asteroids
    """
    rng = stream(config.seed, Purpose.WISE_ASTEROIDS)
    scans = plan_scans(config)
    mjd, places, motions = [], [], []
    for _ in range(config.n_asteroids):
        which, frame, turn = rng.uniform(size=3)
        across, along = rng.uniform(-_ACROSS_DEG, _ACROSS_DEG, 2)
        frames = plan_frames(config, scans[int(which * len(scans))])
        if not frames:
            continue
        plan = frames[int(frame * len(frames))]
        ra = plan.ra_deg + across / max(0.05, float(np.cos(np.radians(plan.dec_deg))))
        place = unit_vectors(ra, np.clip(plan.dec_deg + along, -90.0, 90.0))
        east = np.array([-np.sin(np.radians(ra)), np.cos(np.radians(ra)), 0.0])
        angle = 2.0 * np.pi * turn
        heading = np.cos(angle) * east + np.sin(angle) * np.cross(place, east)
        mjd.append(plan.mjd)
        places.append(place)
        motions.append(heading * config.asteroid_rate_arcsec_hr * _ARCSEC_HR_TO_RAD_DAY)
    return Asteroids(np.array(mjd), np.array(places).reshape(-1, 3).T, np.array(motions).reshape(-1, 3).T)
