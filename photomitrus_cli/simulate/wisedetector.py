"""What the detectors of a simulated WISE add: bad pixels, noise, spikes, cosmic rays, saturation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate import wisefacts as facts
from photomitrus_cli.simulate.artefacts import cosmic_rays
from photomitrus_cli.simulate.streams import Purpose, stream
from photomitrus_cli.simulate.wiseconfig import WiseSimulation
from photomitrus_cli.simulate.wiseplan import FramePlan

Floats = NDArray[np.float64]

SPIKE, TRACK = 0, 1  # kinds of hits
_NOISY_FACTOR = 3.0
_CR_SPREAD_DEX = 0.4
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
