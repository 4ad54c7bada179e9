"""Offsets of the readout channels of a frame: steps where one channel ends and the next begins."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.background import masked_median
from photomitrus_cli.imaging.columnsums import column_sums

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

# Columns of a strip beside a border: this part of a channel, but not fewer than that.
_STRIP, _LEAST_PX = 4, 4
# Good pixels of a strip, at least, over all that it has.
_LEAST_GOOD = 0.05
# About so many pixels of a strip tell what values it has, and values within so many sigma of it count.
_SAMPLE, _CLIP = 1 << 13, 2.5


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
    borders = np.arange(width - first % width, nx, width)
    strips = borders[:, None] + strip * np.arange(-2, 2)
    left2, left1, right1, right2 = _levels(values, out, strips, strip).T
    steps = 1.5 * (right1 - left1) - 0.5 * (right2 - left2)
    offsets = np.zeros(nx)
    for border, step in zip(borders, np.nan_to_num(steps, nan=0.0), strict=True):
        offsets[border:] += step
    return np.asarray(offsets - offsets.mean(), np.float32)


def _levels(values: Float32, out: Bool, starts: NDArray[np.int64], count: int) -> Float:
    """Give the levels of strips of so many columns; NaN for those not all there or hardly known.

    A clipped mean about a median of some rows: it has less noise than a median of all, in less time.
    """
    ny, nx = values.shape
    level, reach = np.full((2, nx), np.nan, np.float32)
    edges = np.unique(np.clip(np.concatenate([starts, starts + count]), 0, nx))
    every = max(ny * count // _SAMPLE, 1)
    for left, right in pairwise(edges.tolist()):
        part = np.s_[every // 2 :: every, left:right]
        found = masked_median(np.ascontiguousarray(values[part]), out[part])
        level[left:right], reach[left:right] = found.level, _CLIP * found.sigma
    total, number = column_sums(values, out, level, reach)
    total += np.where(number > 0.0, number * level, 0.0)
    sums = [np.concatenate([[0.0], np.cumsum(one)]) for one in (total, number)]
    inside = (starts >= 0) & (starts + count <= nx)
    first, last = (np.clip(one, 0, nx) for one in (starts, starts + count))
    light, weight = (one[last] - one[first] for one in sums)
    known = inside & (weight > _LEAST_GOOD * ny * count)
    return np.where(known, light / np.where(known, weight, 1.0), np.nan)
