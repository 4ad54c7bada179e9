"""What one frame says about its quality: its median, lower percentile, noise, and the slope of its sky."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.localmodel import CELL, FEWEST, LOW_SHARE, LocalModel
from photomitrus_cli.imaging.selection import select

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
State = NDArray[np.uint8]

# Every third pixel of every third row tells the numbers of a frame: 115 000 of 1016 x 1016.
_STRIDE = 3
_NORMAL = 1.482602218505602
# Fits of the plane, each without the cells beyond 3 sigma of the one before.
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class FrameNumbers:
    """What decides whether a frame can be trusted.

    Attributes
    ----------
    median : float
        Median of the used pixels, from every ninth of them. NaN where no pixel is used.
    low16 : float
        Median less 16th percentile of these pixels: unWISE's measure of stray moonlight, ``intmed16ptile``.
    sigma : float
        1.4826 times the median absolute deviation from the median.
    gradient_x, gradient_y : float
        Slope of a plane through the levels of the cells, per 1000 pixels.
    rms : float
        Scatter of the cells' levels about the plane, clipped at 3 sigma.
    used : int
        Pixels that are used in the cells.
    """

    median: float
    low16: float
    sigma: float
    gradient_x: float
    gradient_y: float
    rms: float
    used: int


def frame_numbers(sci: Float32, state: State, model: LocalModel) -> FrameNumbers:
    """Sum a frame up.

    Parameters
    ----------
    sci : ndarray of float32, shape (ny, nx), C order
    state : ndarray of uint8, shape (ny, nx), C order
        0 where a pixel is used.
    model : LocalModel
        Of this frame.

    Returns
    -------
    FrameNumbers
        In the units of the image. Median and percentile are those of every third pixel of every third row,
        with a noise of 0.004 sigma for 1016 x 1016 pixels.
    """
    sample = np.empty(-(-sci.shape[0] // _STRIDE) * -(-sci.shape[1] // _STRIDE), np.float32)
    size = _gather(sci, state, sample)
    used = int(model.count.sum(dtype=np.int64))
    if size == 0 or not np.isfinite(model.level[0, 0]):
        nan = float("nan")
        return FrameNumbers(nan, nan, nan, nan, nan, nan, used)
    guess, step = np.median(model.level), max(np.median(model.sigma), np.float32(1e-6))
    median, low, mad = _middle_low_mad(sample[:size], guess, np.float32(step))
    slope_x, slope_y, rms = _plane(model)
    return FrameNumbers(float(median), float(median - low), _NORMAL * float(mad), slope_x, slope_y, rms, used)


@kernel
def _gather(sci: Float32, state: State, out: Float32) -> int:
    """Collect used pixels of every third row, the columns of all of them in turn."""
    n = 0
    turn = 0
    for y in range(1, sci.shape[0], _STRIDE):
        for x in range(turn, sci.shape[1], _STRIDE):
            if state[y, x] == 0:
                out[n] = sci[y, x]
                n += 1
        turn = (turn + 1) % _STRIDE
    return n


@kernel
def _middle_low_mad(
    values: Float32, guess: np.float32, step: np.float32
) -> tuple[np.float32, np.float32, np.float32]:
    """Median, 16th percentile and median absolute deviation; the values are replaced by their deviations."""
    work = np.empty(1, np.float32)
    last = values.size - 1
    tenth = np.float32(0.1) * step
    median = select(values, last // 2, guess, tenth, work)
    low = select(values, int(LOW_SHARE * last), np.float32(median - step), tenth, work)
    for i in range(values.size):
        values[i] = abs(values[i] - median)
    return median, low, select(values, last // 2, np.float32(0.67) * step, tenth, work)


def _plane(model: LocalModel) -> tuple[float, float, float]:
    """Fit a plane to the levels of the cells, clipped at 3 sigma: slopes per 1000 pixels and scatter."""
    keep = np.flatnonzero(model.count.ravel() >= FEWEST)
    level = model.level.ravel()[keep].astype(np.float64)
    y, x = np.divmod(keep, model.level.shape[1])
    places = np.stack([x - x.mean(), y - y.mean()]) * (CELL / 1000.0)
    # Cells in one row tell nothing about the slope across it: it counts as level.
    tie = np.diag([1e-12, 1e-12, 1e-12])
    sums, rest = np.zeros((4, 4)), np.empty(keep.size, np.float32)
    fit = np.asarray([level[keep.size // 2], 0.0, 0.0])
    scatter = _deviation(level, places, fit, rest)
    for _ in range(_ROUNDS):
        _add_moments(level, places, fit, 3.0 * scatter, sums)
        fit[:] = np.linalg.solve(sums[:3, :3] + tie, sums[3, :3])
        scatter = _deviation(level, places, fit, rest)
    _add_moments(level, places, fit, 3.0 * scatter, sums)
    # Levels near the largest float leave no cell within the limits.
    rms = float(np.sqrt(sums[3, 3] / sums[0, 0])) if sums[0, 0] > 0 else float("nan")
    return float(fit[1]), float(fit[2]), rms


@kernel
def _deviation(level: Float, places: Float, fit: Float, rest: Float32) -> float:
    """Sigma of the levels about a plane, from their median absolute deviation."""
    largest = np.float32(0.0)
    for k in range(level.size):
        rest[k] = abs(level[k] - fit[0] - fit[1] * places[0, k] - fit[2] * places[1, k])
        largest = max(largest, rest[k])
    half = np.float32(0.01) * largest + np.float32(1e-12)
    return float(_NORMAL * select(rest, (level.size - 1) // 2, half, half, np.empty(1, np.float32)))


@kernel
def _add_moments(level: Float, places: Float, fit: Float, limit: float, sums: Float) -> None:
    """Sum 1, x and y, times themselves and times the level, and the squared rest, over the cells near."""
    sums[:] = 0.0
    for k in range(level.size):
        x, y, z = places[0, k], places[1, k], level[k]
        rest = z - fit[0] - fit[1] * x - fit[2] * y
        if abs(rest) <= limit:
            sums[0, 0] += 1.0
            sums[0, 1] += x
            sums[0, 2] += y
            sums[1, 1] += x * x
            sums[1, 2] += x * y
            sums[2, 2] += y * y
            sums[3, 0] += z
            sums[3, 1] += x * z
            sums[3, 2] += y * z
            sums[3, 3] += rest * rest
    sums[1, 0], sums[2, 0], sums[2, 1] = sums[0, 1], sums[0, 2], sums[1, 2]
