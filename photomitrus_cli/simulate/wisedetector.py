"""What the detectors of a simulated WISE add: bad pixels, noise, saturation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate import wisefacts as facts
from photomitrus_cli.simulate.streams import Purpose, stream
from photomitrus_cli.simulate.wiseconfig import WiseSimulation
from photomitrus_cli.simulate.wisescanframes import FramePlan

Floats = NDArray[np.float64]

_NOISY_FACTOR = 3.0
_DEAD_BITS = (facts.BIT_DEAD, facts.BIT_LOW, facts.BIT_NONLINEAR, facts.BIT_BROKEN_NOISY)


@dataclass(frozen=True, eq=False)
class Detector:
    """The permanent blemishes of a band.

    Attributes
    ----------
    mask : ndarray of int32, shape (n, n)
        Static mask bits.
    dead : ndarray of int64, shape (k,)
        Flat pixels that are NaN in every frame; the uncertainty is 0 in the first half of them, NaN in the
        others.
    noisy : ndarray of int64, shape (j,)
        Flat pixels with more noise than their uncertainty says.
    """

    mask: NDArray[np.int32]
    dead: NDArray[np.int64]
    noisy: NDArray[np.int64]


@lru_cache(maxsize=4)
def detector(seed: int, band: int, side: int, bad_fraction: float, noisy_fraction: float) -> Detector:
    """Draw the bad pixels of a band; all frames share them."""
    rng = stream(seed, Purpose.WISE_BAD_PIXELS, band)
    size = side * side
    chosen = rng.permutation(size)
    n_dead, n_noisy = round(bad_fraction * size), round(noisy_fraction * size)
    dead, noisy = chosen[:n_dead], chosen[n_dead : n_dead + n_noisy]
    mask = np.zeros(size, dtype=np.int32)
    mask[dead] = 1 << rng.choice(_DEAD_BITS, dead.size)
    mask[noisy] = 1 << facts.BIT_NOISY
    mask[noisy[::2]] |= 1 << facts.BIT_NOISY_DARK
    return Detector(mask.reshape(side, side), dead, noisy)


def add_noise(config: WiseSimulation, plan: FramePlan, band: int, value: Floats, sigma: Floats) -> None:
    """Add normal noise in place, more in the noisy pixels and in frames of bad quality."""
    if not config.noise:
        return
    side = value.shape[0]
    rng = stream(config.seed, Purpose.WISE_NOISE, plan.scan.index, plan.index * 8 + band)
    scatter = rng.standard_normal(value.shape, dtype=np.float32)
    noisy = detector(config.seed, band, side, config.bad_fraction[band - 1], config.noisy_fraction).noisy
    scatter.reshape(-1)[noisy] *= _NOISY_FACTOR
    if plan.qual_frame == 0:
        scatter *= _NOISY_FACTOR
    value += scatter * sigma


def saturate(mask: NDArray[np.int32], value: Floats, light: Floats, full_dn: float) -> int:
    """Set the saturation bits and clip in place; pixels that are full from the first sample on become NaN.

    Parameters
    ----------
    mask : ndarray of int32
        Changed in place.
    value : ndarray
        Values with noise and hits, DN; changed in place.
    light : ndarray
        Light that fills the pixels, DN.
    full_dn : float
        Light that fills a pixel at the last sample.

    Returns
    -------
    int
        Number of saturated pixels.
    """
    full = np.flatnonzero(light >= full_dn)
    if full.size == 0:
        return 0
    sample = np.clip(np.ceil(facts.N_SAMPLES * full_dn / light.reshape(-1)[full]), 1, facts.N_SAMPLES)
    bits = np.left_shift(1, facts.BIT_FIRST_SATURATED + sample.astype(np.int32) - 1)
    mask.reshape(-1)[full] |= bits.astype(np.int32)
    flat = value.reshape(-1)
    flat[full] = np.where(sample == 1, np.nan, np.minimum(flat[full], full_dn))
    return int(full.size)
