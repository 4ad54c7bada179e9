"""Robust lines through the samples of scans, and the scatter about them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_MAD = 1.4826
_ROUNDS = 6
_HUBER = 1.3
# A line has two parameters; fewer samples do not tell a gain.
_FEW = 20


def robust_spreads(values: Floats, used: NDArray[np.bool_], first: NDArray[np.int64]) -> Floats:
    """Give the robust standard deviation of each scan's used values about 0, shape (S,).

    Parameters
    ----------
    values : ndarray, shape (n,)
    used : ndarray of bool, shape (n,)
    first : ndarray of int64, shape (S + 1,)

    Returns
    -------
    ndarray, shape (S,)
        NaN for scans without any.
    """
    spreads = np.full(len(first) - 1, np.nan)
    for s, (low, high) in enumerate(zip(first[:-1].tolist(), first[1:].tolist(), strict=True)):
        mine = values[low:high][used[low:high]]
        if len(mine):
            spreads[s] = _MAD * float(np.median(np.abs(mine)))
    return spreads


def robust_lines(
    value: Floats, template: Floats, used: NDArray[np.bool_], first: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    """Fit ``value = gain template + offset`` to each scan (Huber's weights, 1.3 sigma).

    Parameters
    ----------
    value : ndarray, shape (n,)
        DN.
    template : ndarray, shape (n,)
        MJy/sr.
    used : ndarray of bool, shape (n,)
    first : ndarray of int64, shape (S + 1,)

    Returns
    -------
    gain, offset : ndarray, shape (S,)
        DN per MJy/sr, DN; NaN for scans with fewer than 20 used samples, or none of different brightness.
    """
    gain = np.full(len(first) - 1, np.nan)
    offset = gain.copy()
    for s, (low, high) in enumerate(zip(first[:-1].tolist(), first[1:].tolist(), strict=True)):
        mine = used[low:high]
        x, y = template[low:high][mine], value[low:high][mine]
        if len(x) >= _FEW and np.ptp(x) > 0:
            gain[s], offset[s] = _robust_line(x, y)
    return gain, offset


def _robust_line(x: Floats, y: Floats) -> tuple[float, float]:
    weight = np.ones(len(x))
    slope = level = 0.0
    for _ in range(_ROUNDS):
        total = float(weight.sum())
        middle_x, middle_y = float(weight @ x) / total, float(weight @ y) / total
        slope = float(weight @ ((x - middle_x) * (y - middle_y))) / float(weight @ (x - middle_x) ** 2)
        level = middle_y - slope * middle_x
        apart = np.abs(y - slope * x - level)
        spread = _MAD * float(np.median(apart))
        if spread == 0.0:
            break
        weight = 1.0 / np.maximum(apart / (_HUBER * spread), 1.0)
    return slope, level
