"""The night of a simulated PRIME: accidents, satellites, the level of the sky."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate import primefacts as facts
from photomitrus_cli.simulate.primeconfig import PrimeSimulation
from photomitrus_cli.simulate.streams import Purpose, stream

Floats = NDArray[np.float64]

CLOUDY, TRAILED, MISPOINTED = "cloudy", "trailed", "mispointed"


def exposure_s(config: PrimeSimulation) -> float:
    """Return EXPTIME: the time from the first to the last read."""
    return round((config.n_reads - 1) * facts.FRAME_S, 2)


def _accidents(config: PrimeSimulation) -> list[str]:
    """Choose what goes wrong in each frame."""
    rng = stream(config.seed, Purpose.PRIME_FRAME)
    order = rng.permutation(config.n_frames)
    kinds = [CLOUDY] * config.cloudy + [TRAILED] * config.trailed + [MISPOINTED] * config.mispointed
    names = [""] * config.n_frames
    for place, kind in zip(order.tolist(), kinds, strict=False):
        names[place] = kind
    return names


def _satellites(config: PrimeSimulation) -> set[int]:
    rng = stream(config.seed, Purpose.PRIME_FRAME, 1)
    return set(rng.permutation(config.n_frames)[: config.satellites].tolist())


def sky_levels(config: PrimeSimulation, minutes: Floats) -> Floats:
    """Return the sky of all frames, ADU per read: a drift that changes its sign, and steps.

    Parameters
    ----------
    config : PrimeSimulation
    minutes : ndarray, shape (n,)
        Times of the frames, growing.

    Returns
    -------
    ndarray, shape (n,)
    """
    rng = stream(config.seed, Purpose.PRIME_SKY)
    magnitude = facts.ZERO_POINT[config.band] - config.sky_mag[config.band_index]
    level = 10.0 ** (0.4 * magnitude) * facts.PIXEL_ARCSEC**2
    rate = config.sky_drift * rng.uniform(-1.0, 1.0, minutes.size)
    course = np.concatenate([[0.0], np.cumsum(rate[1:] * np.diff(minutes))])
    for place in rng.permutation(np.arange(1, minutes.size))[: config.sky_steps]:
        course[place:] += 0.1 * rng.choice([-1.0, 1.0])
    return np.asarray(level * np.exp(course))


@dataclass(frozen=True, slots=True, eq=False)
class Night:
    """What the frames of a set have in common."""

    minutes: Floats
    levels: Floats
    accidents: list[str]
    crossed: set[int]
    error_arcsec: Floats
    tilt_angle: float


def draw_night(config: PrimeSimulation) -> Night:
    """Draw what all frames of a set have in common, and what goes wrong in which.

    Parameters
    ----------
    config : PrimeSimulation

    Returns
    -------
    Night
    """
    rng = stream(config.seed, Purpose.PRIME_POINTING)
    angle, tilt_angle = rng.uniform(0.0, 2.0 * np.pi, 2)
    error = config.pointing_error_px * facts.PIXEL_ARCSEC * np.array([np.sin(angle), np.cos(angle)])
    step_s = exposure_s(config) + facts.FRAME_S + config.overhead_s
    minutes: Floats = np.arange(config.n_frames, dtype=np.float64) * (step_s / 60.0)
    return Night(
        minutes,
        sky_levels(config, minutes),
        _accidents(config),
        _satellites(config),
        error,
        float(tilt_angle),
    )
