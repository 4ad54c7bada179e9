"""What the chips of a simulated PRIME add: response, bad pixels, outputs, noise, saturation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate import primefacts as facts
from photomitrus_cli.simulate.primeconfig import PrimeSimulation
from photomitrus_cli.simulate.primeplan import FramePlan
from photomitrus_cli.simulate.primesky import area_image, smooth_image
from photomitrus_cli.simulate.primewcs import PrimeWcs
from photomitrus_cli.simulate.sphere import local_axes, sky_to_tan, unit_vectors
from photomitrus_cli.simulate.streams import Purpose, stream

Floats = NDArray[np.float64]
Image = NDArray[np.float32]

_CORNER_DEG = 0.84  # from the axis, where vignetting is what the settings say
_HOT_ADU = 800.0  # mean excess of hot pixels
_CORRELATION = 1.2  # reads of a ramp share their noise


@dataclass(frozen=True, eq=False)
class Detector:
    """What is the same in all frames of a chip; images are without the border.

    Attributes
    ----------
    response : ndarray of float32, shape (n, n)
        Signal per light; 0 where dead. Its product with the pixels' areas has the median 1.
    hot : ndarray of int64, shape (k,)
        Flat pixels with a constant excess.
    hot_adu : ndarray of float32, shape (k,)
        That excess, ADU per read.
    bad : ndarray of bool, shape (n, n)
        Dead, hot and in bad columns.
    offsets : ndarray, shape (side / channel,)
        Level of each output, ADU per read.
    """

    response: Image
    hot: NDArray[np.int64]
    hot_adu: Image
    bad: NDArray[np.bool_]
    offsets: Floats


def _vignetting(config: PrimeSimulation, chip: int) -> Image:
    wcs = PrimeWcs(chip, "tpv", config.scale, 0.0, 0.0, facts.ROTATION_DEG)
    axes = local_axes(0.0, 0.0)

    def fall(x: Floats, y: Floats) -> Floats:
        """Light that arrives."""
        xi, eta = sky_to_tan(axes, unit_vectors(*wcs.pixel_to_sky(x, y)))
        return np.asarray(1.0 - config.vignetting * (xi**2 + eta**2) / _CORNER_DEG**2)

    span = (0, facts.frame_shape(config.scale).active)
    return smooth_image(fall, span, span)


@lru_cache(maxsize=1)
def detector(config: PrimeSimulation, chip: int) -> Detector:
    """Draw what is permanent of a chip.

    Parameters
    ----------
    config : PrimeSimulation
    chip : int

    Returns
    -------
    Detector
    """
    rng = stream(config.seed, Purpose.PRIME_DETECTOR, chip)
    shape = facts.frame_shape(config.scale)
    response = _vignetting(config, chip)
    response *= 1.0 + np.float32(config.flat_rms / config.scale) * rng.standard_normal(
        response.shape, dtype=np.float32
    )
    area = area_image(chip, config.distortion, config.scale)
    response /= np.median(response * area)
    count = round(config.bad_fraction * response.size)
    chosen = rng.choice(response.size, count, replace=False, shuffle=True)
    hot, dead = chosen[: count // 2], chosen[count // 2 :]
    bad = np.zeros(response.shape, dtype=bool)
    bad.reshape(-1)[chosen] = True
    response.reshape(-1)[dead] = 0.0
    for column in rng.integers(0, shape.active, config.bad_columns).tolist():
        first = int(rng.integers(0, shape.active // 2))
        bad[first:, column] = True
        response[first:, column] = 0.0
    hot_adu = rng.exponential(_HOT_ADU, hot.size).astype(np.float32)
    offsets = config.channel_adu / config.scale * rng.standard_normal(shape.side // shape.channel)
    return Detector(response, hot, hot_adu, bad, offsets)


def gain(config: PrimeSimulation) -> float:
    """Return electrons per ADU: pixels of reduced frames are means of native ones."""
    return facts.GAIN_E_ADU * config.scale**2


def slope_variance(config: PrimeSimulation, light: Image, reads: float | Image) -> Image:
    """Return the variance of slopes, ADU^2 per read^2.

    Of the signal ``n S`` of all reads it is ``1.2 n S + 12 RN^2 / n`` in electrons.

    Parameters
    ----------
    config : PrimeSimulation
    light : ndarray
        Slope, ADU per read.
    reads : float or ndarray
        Reads that are used.

    Returns
    -------
    ndarray of float32
    """
    noise = (facts.READ_NOISE_E * config.scale / gain(config)) ** 2
    variance = np.maximum(light, np.float32(0.0)) * np.float32(_CORRELATION / gain(config))
    variance += np.float32(12.0 * noise) / np.square(reads, dtype=np.float32)
    variance /= reads
    return np.asarray(variance)


def measure(config: PrimeSimulation, rng: np.random.Generator, light: Image) -> int:
    """Add noise to slopes in place; pixels that fill up use fewer reads or become invalid.

    Parameters
    ----------
    config : PrimeSimulation
    rng : numpy.random.Generator
    light : ndarray of float32
        ADU per read.

    Returns
    -------
    int
        Number of invalid pixels.
    """
    flat = light.reshape(-1)
    full = np.flatnonzero(flat > facts.FULL_ADU / config.n_reads)
    bright = flat[full]
    reads = np.maximum(np.floor(facts.FULL_ADU / bright), 2.0).astype(np.float32)
    invalid = full[bright * 2.0 > facts.FULL_ADU]
    if config.noise:
        sigma = slope_variance(config, light, float(config.n_reads))
        sigma.reshape(-1)[full] = slope_variance(config, bright, reads)
        np.sqrt(sigma, out=sigma)
        sigma *= rng.standard_normal(light.shape, dtype=np.float32)
        light += sigma
    flat[invalid] = facts.INVALID
    return int(invalid.size)


def channel_offsets(config: PrimeSimulation, plan: FramePlan, chip: int) -> Image:
    """Return the level of every column of a frame with its border, ADU per read."""
    rng = stream(config.seed, Purpose.PRIME_DETECTOR, chip, 1 + plan.index)
    fixed = detector(config, chip).offsets
    offsets = fixed + config.channel_drift_adu / config.scale * rng.standard_normal(fixed.size)
    return np.repeat(offsets, facts.frame_shape(config.scale).channel).astype(np.float32)
