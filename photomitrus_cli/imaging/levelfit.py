"""The robust fit of the offsets of overlapping frames to a table of their cell means."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.background import SIGMA_PER_MAD
from photomitrus_cli.imaging.celltable import CellTable
from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.laplacian import Factors, Layers

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Int = NDArray[np.int64]
Int32 = NDArray[np.int32]

# Huber's and Tukey's tuning constants for 95 % efficiency with normal errors.
HUBER = 1.345
TUKEY = 4.685
EFFICIENCY = 0.95
# Offsets have settled when their steps, as shares of the frames' own noise, have less than these rms: for a
# start, and for good. Single cells that hover at the limit of Tukey's weights forbid less. After larger steps
# than the first number the matrix is made anew.
_FAR = 0.5
_NEAR = 0.02
_SETTLED = 2e-3
_MAX_SWEEPS = 30
# Deviations below this, in sigma, are rounding errors and no measure of a scale.
_MIN_SCALE = 1e-6


def robust_offsets(table: CellTable, layers: Layers) -> tuple[Float, float]:
    """Fit the offsets: reweighted least squares with Huber's weights, and on with Tukey's.

    It begins at the medians of the frames, because least squares itself may start too far away. Tukey's
    weights are smaller than Huber's, so the last matrix of those is good for all of Tukey's steps: each
    lowers the loss (a majorisation).

    Parameters
    ----------
    table : CellTable
        Its deviation, say and sky are changed in place.
    layers : Layers

    Returns
    -------
    offset : ndarray of float64, shape (n,)
    scale : float
        Robust standard deviation of the deviations, 1 where the variances are true.
    """
    n = layers.order.size
    own = np.sqrt(np.bincount(table.member, table.weight, n))
    offset = table.level.copy()
    _median_sky(table.start, table.member, table.value, table.weight, offset, table.sky, table.deviation)
    scale, moved = _scale(table.deviation), np.inf
    for _ in range(_MAX_SWEEPS):
        gradient = _gradient(table, offset, HUBER * scale, tukey=False)
        if moved > _FAR:
            factors = Factors(layers, table.normal_matrix(layers))
        step = factors.solve(gradient[layers.rank])[layers.order]
        offset += step
        scale = _scale(table.deviation)
        moved = float(np.sqrt(np.mean(np.square(step * own))))
        if moved < _NEAR:
            break
    for _ in range(_MAX_SWEEPS):
        gradient = _gradient(table, offset, TUKEY * scale, tukey=True)
        step = factors.solve(gradient[layers.rank])[layers.order]
        offset += step
        if np.mean(np.square(step * own)) < _SETTLED**2:
            break
    return factors.centre(offset[layers.rank]), scale


def _gradient(table: CellTable, offset: Float, limit: float, *, tukey: bool) -> Float:
    """Sweep over all cells; offset and what is returned are in the order of the layers."""
    gradient = np.zeros(offset.size)
    _sweep(
        table.start, table.member, table.value, table.weight, offset, table.sky, table.deviation, table.say,
        limit, tukey, gradient,
    )  # fmt: skip
    return gradient


def _scale(deviation: Float32) -> float:
    return max(SIGMA_PER_MAD * float(np.median(np.abs(deviation))), _MIN_SCALE)


@kernel
def _sweep(
    start: Int,
    member: Int32,
    value: Float,
    weight: Float,
    offset: Float,
    sky: Float,
    deviation: Float32,
    say: Float32,
    limit: float,
    tukey: bool,
    gradient: Float,
) -> None:
    """Weigh the means by their deviations, fit the skies; fill deviation, say and the frames' gradient."""
    for c in range(start.size - 1):
        first, last = start[c], start[c + 1]
        full, total, moment = 0.0, 0.0, 0.0
        for a in range(first, last):
            full += weight[a]
        for a in range(first, last):
            residual = value[a] - offset[member[a]] - sky[c]
            # The sky is fitted to the mean itself too, which narrows the residual.
            own = np.sqrt(weight[a] / max(1.0 - weight[a] / full, 1e-6))
            ratio = abs(residual) * own / limit
            say[a] = max(1.0 - ratio * ratio, 0.0) ** 2 if tukey else 1.0 / max(ratio, 1.0)
            deviation[a] = own
            total += weight[a] * say[a]
            moment += weight[a] * say[a] * residual
        if total > 0.0:
            sky[c] += moment / total
        for a in range(first, last):
            residual = value[a] - offset[member[a]] - sky[c]
            gradient[member[a]] += weight[a] * say[a] * residual
            deviation[a] *= np.float32(residual)


@kernel
def _median_sky(
    start: Int, member: Int32, value: Float, weight: Float, offset: Float, sky: Float, deviation: Float32
) -> None:
    """Set the skies to the medians of their cells, and the deviations from them."""
    for c in range(start.size - 1):
        first, last = start[c], start[c + 1]
        full = 0.0
        held = np.empty(last - first)
        for a in range(first, last):
            held[a - first] = value[a] - offset[member[a]]
            full += weight[a]
        sky[c] = np.median(held)
        for a in range(first, last):
            own = np.sqrt(weight[a] / max(1.0 - weight[a] / full, 1e-6))
            deviation[a] = np.float32(own * (held[a - first] - sky[c]))
