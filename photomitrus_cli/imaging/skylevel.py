"""The sky of the differences between a frame and the stack, and how much they scatter about it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.cubic import value_row
from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.look import Look
from photomitrus_cli.imaging.settle import select

Float32 = NDArray[np.float32]

# Every so many pixels are enough to measure a level and a scatter.
_SAMPLE = 9
_FEWEST = 100
# Pixels steeper than this many sigma hold sources, and say nothing about the sky.
_FLAT_SIGMA = 3.0
# Median absolute deviation of normal values over their standard deviation.
_MAD = 0.6744898


@kernel
def sample_sky(
    look: tuple[Float32, Float32, Float32, Float32, Float32, Float32], flat: float, out: Float32
) -> int:
    """Pick every ninth pixel, as far as it can be judged and is flat.

    Parameters
    ----------
    look : tuple of ndarray of float32, shape (n,)
        Difference, its variance, stack, positions x and y, and gradient, see
        `photomitrus_cli.imaging.look.Look`.
    flat : float
        Largest gradient, sigma.
    out : ndarray of float32, shape (5, >= n / 9)
        Difference, its standard deviation, stack, and positions x and y of the picked ones; result.

    Returns
    -------
    int
        How many they are.
    """
    difference, noise2, value, gx, gy, steep = look
    limit, zero = np.float32(flat * flat), np.float32(0.0)
    n = 0
    for k in range(0, difference.size, _SAMPLE):
        # The difference of an infinite or undefined number with itself is not 0.
        judged = (difference[k] - difference[k] == zero) & (noise2[k] > zero)
        if judged & (steep[k] * steep[k] < limit * noise2[k]):
            out[0, n], out[1, n], out[2, n] = difference[k], np.sqrt(noise2[k]), value[k]
            out[3, n], out[4, n] = gx[k], gy[k]
            n += 1
    return n


@kernel
def median_of(values: Float32) -> np.float32:
    """Give the median of values.

    Parameters
    ----------
    values : ndarray of float32, shape (n,), n > 0
        Without NaN; reordered.

    Returns
    -------
    float32
    """
    k = values.size // 2
    select(values, k)
    high = values[k]
    low = values[0]
    for n in range(k):
        low = max(low, values[n])
    return np.float32(high if values.size % 2 else np.float32(0.5) * (low + high))


@kernel
def level_and_scatter(value: Float32, sigma: Float32) -> tuple[np.float32, np.float32]:
    """Find the sky of differences, and their scatter in units of the noise.

    Parameters
    ----------
    value, sigma : ndarray of float32, shape (n,), n > 0
        Differences and their noise.

    Returns
    -------
    level, scatter : float32
    """
    work = value.copy()
    level = median_of(work)
    for n in range(value.size):
        work[n] = abs(value[n] - level) / sigma[n]
    scatter = median_of(work) / np.float32(_MAD)
    # Hits pull the median to their side; without the strong ones it is nearer the sky.
    near = 0
    for n in range(value.size):
        work[near] = value[n]
        near += abs(value[n] - level) <= np.float32(_FLAT_SIGMA) * scatter * sigma[n]
    return median_of(work[:near]), scatter


@dataclass(frozen=True, eq=False)
class Sky:
    """The sky of the differences.

    Attributes
    ----------
    sample : ndarray of float32, shape (5, n)
        Pixels that show it: difference, its standard deviation, stack, and positions x and y in the stack.
    level : float
        Median of their differences, without strong hits.
    raised : float
        Their scatter in units of the noise, at least 1.
    """

    sample: Float32
    level: float
    raised: float


def find_sky(look: Look) -> Sky:
    """Measure the sky of the differences.

    Parameters
    ----------
    look : Look

    Returns
    -------
    Sky
        Of flat pixels; where there are next to none, of all.
    """
    rows = (
        look.difference.ravel(), look.noise2.ravel(), look.value.ravel(),
        look.gx.ravel(), look.gy.ravel(), look.steep.ravel(),
    )  # fmt: skip
    room = np.empty((5, look.difference.size // _SAMPLE + 1), dtype=np.float32)
    count = sample_sky(rows, _FLAT_SIGMA, room)
    if count < _FEWEST:
        count = sample_sky(rows, np.inf, room)
    return _measured(room[:, :count], room[0, :count])


def sky_again(sky: Sky, ref: Float32, step: tuple[np.float32, np.float32]) -> Sky:
    """Measure the sky where it was found, the stack moved.

    Parameters
    ----------
    sky : Sky
    ref : ndarray of float32, shape (h, w)
        The stack.
    step : tuple of float32
        (x, y) to be added to the positions.

    Returns
    -------
    Sky
    """
    difference, _, value, gx, gy = sky.sample
    moved = np.empty_like(value)
    value_row(ref, gx + step[0], gy + step[1], moved)
    # A place that the move takes off the stack tells nothing new.
    return _measured(sky.sample, difference + np.where(moved == moved, value - moved, np.float32(0.0)))


def _measured(sample: Float32, difference: Float32) -> Sky:
    if not difference.size:
        return Sky(sample, 0.0, 1.0)
    level, scatter = level_and_scatter(difference, sample[1])
    return Sky(sample, float(level), max(float(scatter), 1.0))
