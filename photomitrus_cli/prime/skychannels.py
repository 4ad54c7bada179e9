"""Offsets of the readout channels of a frame: steps where one channel ends and the next begins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.prime.skymasks import blank_level

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

# Columns of a strip beside a border: this part of a channel, but not fewer than that.
_STRIP, _LEAST_PX = 4, 4
# Good pixels of a strip, at least, over all that it has.
_LEAST_GOOD = 0.05


def channel_offsets(values: Float32, out: Bool, width: int, first: int = 0) -> Float32:
    """Measure the offsets of readout channels from the steps between them.

    The level of a channel is not its median: what a smooth background is there is not known yet, and a
    background that is fitted first follows the steps. A step is the difference of the levels on both sides of
    a border, each continued straight to it from the two strips next to it; offsets are sums of steps.

    Parameters
    ----------
    values : ndarray of float32, shape (ny, nx)
        Frame less its sky, with a smooth background.
    out : ndarray of bool, shape (ny, nx)
        Pixels not to be used.
    width : int
        Columns of a channel.
    first : int, optional
        Columns of the first channel that the frame lacks.

    Returns
    -------
    ndarray of float32, shape (nx,)
        Of mean 0; no step where a strip has hardly any good pixels.
    """
    nx = values.shape[1]
    strip = min(max(width // _STRIP, _LEAST_PX), max(width // 2, 1))
    offsets = np.zeros(nx)
    for border in range(width - first % width, nx, width):
        left2, left1, right1, right2 = (
            _level(values, out, border + k * strip, strip) for k in (-2, -1, 0, 1)
        )
        step = 1.5 * (right1 - left1) - 0.5 * (right2 - left2)
        offsets[border:] += step if np.isfinite(step) else 0.0
    return np.asarray(offsets - offsets.mean(), np.float32)


def _level(values: Float32, out: Bool, start: int, count: int) -> float:
    """Give the level of some columns; NaN when they are not all there or hardly known."""
    if start < 0 or start + count > values.shape[1]:
        return float("nan")
    part = np.s_[:, start : start + count]
    found = blank_level(values[part], out[part])
    return found.level if found.n_used > _LEAST_GOOD * out[part].size else float("nan")
