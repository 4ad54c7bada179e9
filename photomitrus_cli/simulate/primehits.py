"""Hits of cosmic rays and trails of satellites on the chips of a simulated PRIME."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate import primefacts as facts
from photomitrus_cli.simulate.primeconfig import PrimeSimulation
from photomitrus_cli.simulate.primedetector import slope_variance
from photomitrus_cli.simulate.primeplan import FramePlan
from photomitrus_cli.simulate.streams import Purpose, stream

Floats = NDArray[np.float64]

Image = NDArray[np.float32]

_HIT_STEP_PX = 0.25
_HIT_SPREAD_DEX = 0.3
_HIT_LONGEST_PX = 40.0


def draw_hits(config: PrimeSimulation, plan: FramePlan, chip: int) -> tuple[NDArray[np.int64], Floats]:
    """Draw the cosmic rays of a frame.

    In reduced frames there are fewer, and they stand out as much as in whole ones.

    Parameters
    ----------
    config : PrimeSimulation
    plan : FramePlan
    chip : int

    Returns
    -------
    pixel : ndarray of int64, shape (n,)
        Different flat pixels of the frame without its border.
    adu : ndarray, shape (n,)
        What they add to the slopes.
    """
    rng = stream(config.seed, Purpose.PRIME_HITS, chip, plan.index)
    side = facts.frame_shape(config.scale).active
    count = int(rng.poisson(config.cosmic_rays / config.scale))
    x, y = rng.uniform(0.0, side, (2, count))
    length = (1.0 - rng.uniform(size=count) * (1.0 - _HIT_LONGEST_PX**-0.5)) ** -2.0
    angle = rng.uniform(0.0, 2.0 * np.pi, count)
    # A jump after the part f of the reads changes a slope by 6 f (1 - f) of what it is worth.
    when = rng.uniform(size=count)
    energy = config.cosmic_ray_e * 10.0 ** (_HIT_SPREAD_DEX * rng.standard_normal(count))
    worth = 6.0 * when * (1.0 - when) / (config.n_reads * facts.GAIN_E_ADU * config.scale)
    steps = np.maximum(np.rint(length / _HIT_STEP_PX).astype(np.int64), 1)
    hit = np.repeat(np.arange(count), steps)
    along = (np.arange(hit.size) - np.repeat(np.cumsum(steps) - steps, steps) + 0.5) * _HIT_STEP_PX
    column = np.floor(x[hit] + along * np.cos(angle[hit])).astype(np.int64)
    row = np.floor(y[hit] + along * np.sin(angle[hit])).astype(np.int64)
    inside = (column >= 0) & (column < side) & (row >= 0) & (row < side)
    deposit = (energy * worth * _HIT_STEP_PX)[hit][inside]
    pixel, owner = np.unique((row * side + column)[inside], return_inverse=True)
    return pixel.astype(np.int64), np.bincount(owner, deposit, pixel.size).astype(np.float64)


def add_satellite(config: PrimeSimulation, plan: FramePlan, chip: int, image: Image, width_px: float) -> None:
    """Add the trail of a satellite across a frame in place, some hundred sigmas of the sky bright."""
    rng = stream(config.seed, Purpose.PRIME_HITS, chip, 100_000 + plan.index)
    side = image.shape[0]
    start, slope = rng.uniform(0.2, 0.8) * side, rng.uniform(-0.6, 0.6)
    upright = bool(rng.integers(2))
    sigma = width_px / 2.355
    across = np.arange(-int(np.ceil(4.0 * sigma)), int(np.ceil(4.0 * sigma)) + 1)
    place = np.arange(side)
    centre = start + slope * (place - 0.5 * side)
    nearest = np.rint(centre).astype(np.int64)[:, None] + across[None, :]
    distance = (nearest - centre[:, None]) / np.sqrt(1.0 + slope**2)
    level = 100.0 * float(
        np.sqrt(slope_variance(config, np.array([plan.sky_adu], dtype=np.float32), config.n_reads)[0])
    )
    light = (level * np.exp(-0.5 * (distance / sigma) ** 2)).astype(np.float32)
    inside = (nearest >= 0) & (nearest < side)
    other = np.broadcast_to(place[:, None], nearest.shape)
    rows, columns = (other, nearest) if upright else (nearest, other)
    image[rows[inside], columns[inside]] += light[inside]
