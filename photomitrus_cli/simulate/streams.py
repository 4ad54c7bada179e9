"""Random streams that depend on what they are for and on nothing drawn before."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a stream is for; the numbers are part of the recipe and never change."""

    STARS = 1
    GALAXIES = 2
    POINTING = 3
    POINTING_ERROR = 4
    BACKGROUND = 5
    NOISE = 6
    COSMIC_RAYS = 7
    BAD_PIXELS = 8
    HOUSEKEEPING = 9
    PLANE_JITTER = 10
    WISE_STARS = 11
    WISE_CIRRUS = 12
    WISE_SCAN = 13
    WISE_FRAME = 14
    WISE_ASTEROIDS = 15
    WISE_BAD_PIXELS = 16
    WISE_NOISE = 17
    WISE_HITS = 18
    WISE_TRAILS = 19
    WISE_GAIN = 20
    WISE_ODD = 21
    PRIME_STARS = 22
    PRIME_GALAXIES = 23
    PRIME_POINTING = 24
    PRIME_SKY = 25
    PRIME_FRAME = 26
    PRIME_DETECTOR = 27
    PRIME_NOISE = 28
    PRIME_HITS = 29
    PRIME_FLAT = 30
    PRIME_REFERENCE = 31


def stream(seed: int, purpose: Purpose, aor: int = 0, frame: int = 0) -> np.random.Generator:
    """Return the generator of one purpose in one frame.

    Parameters
    ----------
    seed : int
        Seed of the simulation.
    purpose : Purpose
        What is drawn.
    aor, frame : int
        0-based numbers of the AOR and of the frame in it (0 for what belongs to the field).

    Returns
    -------
    numpy.random.Generator
    """
    return np.random.default_rng([seed, aor, frame, int(purpose)])
