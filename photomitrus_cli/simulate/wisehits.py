"""Spikes and tracks of cosmic rays on a simulated WISE frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate.cosmicrays import cosmic_rays
from photomitrus_cli.simulate.streams import Purpose, stream
from photomitrus_cli.simulate.wiseconfig import WiseSimulation
from photomitrus_cli.simulate.wisescanframes import FramePlan

Floats = NDArray[np.float64]

SPIKE, TRACK = 0, 1  # kinds of hits
_CR_SPREAD_DEX = 0.4


@dataclass(frozen=True, eq=False)
class Hits:
    """What struck a frame.

    Attributes
    ----------
    pixel : ndarray of int64, shape (n,)
        Flat pixels.
    dn : ndarray, shape (n,)
        Deposit, negative for some spikes.
    kind : ndarray of int8, shape (n,)
        `SPIKE` or `TRACK`.
    flagged : ndarray of bool, shape (n,)
        Whether the mask has bit 28 there.
    """

    pixel: NDArray[np.int64]
    dn: Floats
    kind: NDArray[np.int8]
    flagged: NDArray[np.bool_]


def draw_hits(config: WiseSimulation, plan: FramePlan, band: int, sigma: Floats) -> Hits:
    """Draw the spikes and cosmic-ray tracks of a frame.

    Parameters
    ----------
    config : WiseSimulation
    plan : FramePlan
    band : int
    sigma : ndarray, shape (n, n)
        Noise, DN.

    Returns
    -------
    Hits
        A pixel may be hit by a spike and a track.
    """
    rng = stream(config.seed, Purpose.WISE_HITS, plan.scan.index, plan.index * 8 + band)
    side = sigma.shape[0]
    count = int(rng.poisson(config.spike_fraction * sigma.size))
    pixel = rng.integers(0, sigma.size, count)
    low, high = np.log(config.spike_sigma)
    height = np.exp(rng.uniform(low, high, count)) * sigma.reshape(-1)[pixel]
    height *= np.where(rng.uniform(size=count) < config.negative_spikes, -1.0, 1.0)
    known = rng.uniform(size=count) < config.spike_flagged
    kind = np.full(count, SPIKE, dtype=np.int8)
    expected = config.cosmic_rays_mpx * sigma.size / 1e6
    if expected == 0.0:
        return Hits(pixel, height, kind, known)
    rays = cosmic_rays(
        rng,
        (side, side),
        expected,
        energy_e=config.cosmic_ray_dn[band - 1],
        spread_dex=_CR_SPREAD_DEX,
        max_length_px=config.cosmic_ray_max_length_px,
        completeness=config.spike_flagged,
    )
    struck = np.flatnonzero(rays.deposit)
    deposit, found = rays.deposit.reshape(-1)[struck], rays.flagged_deposit.reshape(-1)[struck]
    return Hits(
        np.concatenate([pixel, struck]),
        np.concatenate([height, deposit]),
        np.concatenate([kind, np.full(struck.size, TRACK, dtype=np.int8)]),
        np.concatenate([known, found > 0.5 * deposit]),
    )
