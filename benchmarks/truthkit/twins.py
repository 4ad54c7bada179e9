"""Slow, obvious twins of the imaging kernels: plain formulas, exact WCS, no tables, no streaming."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]


def lanczos_weights(position: float) -> tuple[int, Float]:
    """Return the first pixel and the six normalised weights of Lanczos-3 at a position along one axis.

    Parameters
    ----------
    position : float
        Pixels.

    Returns
    -------
    first : int
        First pixel of the support.
    weights : ndarray of float64, shape (6,)
        Weights, sum 1.
    """
    first = int(np.floor(position)) - 2
    t = position - np.arange(first, first + 6)
    weights = np.sinc(t) * np.sinc(t / 3.0)
    return first, weights / weights.sum()


def interpolate(
    sci: Float, var: Float, bad: Bool, x: float, y: float, max_bad_share: float
) -> tuple[float, float, bool]:
    """Interpolate a frame, already filled, at one position.

    Parameters
    ----------
    sci, var : ndarray of float64, shape (ny, nx)
        Frame and variance; they must reach 3 pixels beyond the position.
    bad : ndarray of bool, shape (ny, nx)
        Bad pixels.
    x, y : float
        Position, 0-based pixels.
    max_bad_share : float
        Largest share of the absolute weight on bad pixels.

    Returns
    -------
    value, variance, valid : float, float, bool
        NaN, NaN, False without a value.
    """
    i, wx = lanczos_weights(x)
    j, wy = lanczos_weights(y)
    weight = np.outer(wy, wx)
    part = np.s_[j : j + 6, i : i + 6]
    if np.abs(weight[bad[part]]).sum() / np.abs(weight).sum() > max_bad_share:
        return np.nan, np.nan, False
    return float((weight * sci[part]).sum()), float((weight**2 * var[part]).sum()), True


def resample(
    bordered: tuple[Float, Float, Bool],
    shape: tuple[int, int],
    wcs: Any,
    grid: Any,
    window: tuple[int, int, int, int],
    max_bad_share: float,
) -> tuple[Float, Float, Bool]:
    """Interpolate a frame at every pixel of a grid window through the exact WCS.

    Parameters
    ----------
    bordered : tuple of ndarray
        Frame, already filled, its variance and its bad pixels, with a border of at least 3 pixels; the first
        frame pixel is (3, 3).
    shape : tuple of int
        (ny, nx) of the frame without the border.
    wcs : astropy.wcs.WCS
        Of the frame, ICRS.
    grid : Grid
        Output grid.
    window : tuple of int
        (y0, y1, x0, x1).
    max_bad_share : float
        See `interpolate`.

    Returns
    -------
    value, variance, valid : ndarray
        Shape (y1 - y0, x1 - x0).
    """
    y0, y1, x0, x1 = window
    value = np.full((y1 - y0, x1 - x0), np.nan)
    variance, valid = value.copy(), np.zeros(value.shape, dtype=np.bool_)
    for row, col in np.ndindex(*value.shape):
        sky = grid.pixel_to_world(float(x0 + col), float(y0 + row))
        x, y = (float(v) for v in wcs.all_world2pix(*sky, 0, quiet=True))
        if -0.5 <= x <= shape[1] - 0.5 and -0.5 <= y <= shape[0] - 0.5:
            value[row, col], variance[row, col], valid[row, col] = interpolate(
                *bordered, x + 3.0, y + 3.0, max_bad_share
            )
    return value, variance, valid


def weighted_mean(
    values: Float, variances: Float, valid: Bool, weights: Float, exptimes: Float
) -> dict[str, NDArray[Any]]:
    """Combine whole frames by the textbook formulas.

    Parameters
    ----------
    values, variances, valid : ndarray, shape (n, ny, nx)
        All frames.
    weights, exptimes : ndarray of float64, shape (n,)
        Of each frame.

    Returns
    -------
    dict
        sci, unc, coverage, exptime, std.
    """
    w = np.where(valid, weights[:, None, None], 0.0)
    v = np.where(valid, values, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        total = w.sum(0)
        sci = (w * v).sum(0) / total
        unc = np.sqrt((w**2 * np.where(valid, variances, 0.0)).sum(0)) / total
        std = np.sqrt((w * (v - sci) ** 2).sum(0) / (total - (w**2).sum(0) / total))
    std[valid.sum(0) < 2] = np.nan
    exptime = (valid * exptimes[:, None, None]).sum(0)
    return {"sci": sci, "unc": unc, "coverage": valid.sum(0), "exptime": exptime, "std": std}


def class_median(values: Float, valid: Bool, conversion: Float, exptimes: Float) -> dict[str, NDArray[Any]]:
    """Median per exposure class, weighted mean of the classes, one pixel at a time.

    Parameters
    ----------
    values, valid : ndarray, shape (n, ny, nx)
        All frames.
    conversion, exptimes : ndarray of float64, shape (n,)
        GAIN/FLUXCONV and exposure time of each frame.

    Returns
    -------
    dict
        sci, coverage, exptime, std.
    """
    shape = values.shape[1:]
    sci, std = np.full(shape, np.nan), np.full(shape, np.nan)
    for y, x in np.ndindex(*shape):
        medians, weights = [], []
        for exptime in np.unique(exptimes):
            use = valid[:, y, x] & (exptimes == exptime)
            if use.any():
                medians.append(np.median(values[use, y, x]))
                weights.append(np.sum(conversion[use] * exptime))
        if medians:
            sci[y, x] = np.average(medians, weights=weights)
        used = values[valid[:, y, x], y, x]
        if used.size > 1:
            std[y, x] = np.sqrt(np.sum((used - sci[y, x]) ** 2) / (used.size - 1))
    exptime = (valid * exptimes[:, None, None]).sum(0)
    return {"sci": sci, "coverage": valid.sum(0), "exptime": exptime, "std": std}
