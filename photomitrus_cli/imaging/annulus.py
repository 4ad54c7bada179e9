"""The background around a source, from the pixels of an annulus."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.background import MEDIAN_ERROR, SIGMA_PER_MAD
from photomitrus_cli.imaging.circle import overlap_area
from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.sorting import middle_and_mad, sort_part
from photomitrus_cli.imaging.stamp import Stamp

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
Int = NDArray[np.int64]
Statistic = Literal["clipped", "median", "mean"]

_MAX_RINGS = 8
_MAX_CLIPS = 20
# Of normal values clipped at 3 sigma, over that of all: standard deviation, and standard error of the mean.
_CLIPPED_STD = 0.98658
_CLIPPED_ERROR = 1.01498
_CLIP_AT = 3.0


@dataclass(frozen=True, eq=False)
class Background:
    """The background level in an annulus.

    Attributes
    ----------
    level, error : float
        Level and its standard error, image units; NaN without a pixel.
    sigma : float
        Scatter of the pixels.
    n_used, n_bad : int
        Pixels used; pixels left out for being bad. Those clipped are in neither.
    on_frame : float
        Part of the annulus that lies on the frame, 0 to 1.
    say : ndarray of float64, shape of the stamp
        Derivative of the level by each pixel.
    """

    level: float
    error: float
    sigma: float
    n_used: int
    n_bad: int
    on_frame: float
    say: Float


@kernel
def _collect(
    sci: Float,
    bad: Bool,
    x: float,
    y: float,
    inner: float,
    outer: float,
    full: Float,
    where: Int,
    values: Float,
) -> tuple[int, int, float]:
    """List the good pixels (place and ring; value and weight): numbers of good and bad, area on the frame."""
    ny, nx = sci.shape
    n_rings = full.size
    n, n_bad, area = 0, 0, 0.0
    # No pixel reaches farther from its centre than half its diagonal.
    middle, reach = 0.5 * (inner + outer), 0.5 * (outer - inner) + 0.7072
    for j in range(int(np.floor(y - outer)), int(y + outer) + 3):
        for i in range(int(np.floor(x - outer)), int(x + outer) + 3):
            d = math.sqrt((i - x) ** 2 + (j - y) ** 2)
            if abs(d - middle) > reach:
                continue
            w = overlap_area(i - x, j - y, outer) - overlap_area(i - x, j - y, inner)
            if w <= 0.0:
                continue
            ring = min(max(int((d - inner) / (outer - inner) * n_rings), 0), n_rings - 1)
            full[ring] += w
            if i < 0 or j < 0 or i >= nx or j >= ny:
                continue
            area += w
            if bad[j, i]:
                n_bad += 1
                continue
            where[n, 0], where[n, 1], where[n, 2] = j, i, ring
            values[n, 0], values[n, 1] = sci[j, i], w
            n += 1
    return n, n_bad, area


@kernel
def _order(values: Float, where: Int, n: int, n_rings: int, start: Int) -> Float:
    """Give the values ring by ring, ascending in each; `start` gets where rings begin, the end last."""
    start[:] = 0
    for k in range(n):
        start[where[k, 2] + 1] += 1
    for ring in range(n_rings):
        start[ring + 1] += start[ring]
    ordered, free = np.empty(n), start.copy()
    for k in range(n):
        ring = where[k, 2]
        ordered[free[ring]] = values[k, 0]
        free[ring] += 1
    for ring in range(n_rings):
        sort_part(ordered, start[ring], start[ring + 1])
    return ordered


@kernel
def _clip(values: Float, where: Int, keep: Bool, n: int, n_rings: int, kappa: float) -> None:
    """Take out pixels far from the median of their ring, until none is."""
    start = np.empty(n_rings + 1, np.int64)
    ordered = _order(values, where, n, n_rings, start)
    low, high = start[:-1].copy(), start[1:].copy()
    middle, spread, few = np.zeros(n_rings), np.zeros(n_rings), np.empty(n_rings)
    for _ in range(_MAX_CLIPS):
        rings = 0
        for ring in range(n_rings):
            if high[ring] > low[ring]:
                middle[ring], spread[ring] = middle_and_mad(ordered, low[ring], high[ring])
                rings += 1
        # Rings without a pixel have a spread of 0 and sort to the front.
        few[:] = spread
        sort_part(few, 0, n_rings)
        usual = few[n_rings - rings + rings // 2] if rings > 0 else 0.0
        changed = False
        for ring in range(n_rings):
            # A ring full of the source's wings scatters more than the others.
            limit = kappa * SIGMA_PER_MAD * max(usual, spread[ring])
            while high[ring] > low[ring] and middle[ring] - ordered[low[ring]] > limit:
                low[ring] += 1
                changed = True
            while high[ring] > low[ring] and ordered[high[ring] - 1] - middle[ring] > limit:
                high[ring] -= 1
                changed = True
        if not changed:
            break
    for k in range(n):
        ring = where[k, 2]
        keep[k] = high[ring] > low[ring] and ordered[low[ring]] <= values[k, 0] <= ordered[high[ring] - 1]


@kernel
def _sum_rings(values: Float, where: Int, keep: Bool, n: int, sums: Float) -> None:
    """Sum up the rings: weight; mean; weighted squares of the deviations from it; number of pixels."""
    sums[:] = 0.0
    for k in range(n):
        if keep[k]:
            ring = where[k, 2]
            sums[0, ring] += values[k, 1]
            sums[1, ring] += values[k, 1] * values[k, 0]
            sums[3, ring] += 1.0
    for ring in range(sums.shape[1]):
        if sums[0, ring] > 0.0:
            sums[1, ring] /= sums[0, ring]
    for k in range(n):
        if keep[k]:
            sums[2, where[k, 2]] += values[k, 1] * (values[k, 0] - sums[1, where[k, 2]]) ** 2


@kernel
def _scatter(sums: Float) -> float:
    """Variance of the pixels about their rings' means, from the outer half of the rings that have two."""
    n_rings, square, weight, count, rings = sums.shape[1], 0.0, 0.0, 0.0, 0
    useful = np.sum(sums[3] >= 2.0)
    for ring in range(n_rings - 1, -1, -1):
        if sums[3, ring] >= 2.0 and 2 * rings < useful:
            square += sums[2, ring]
            weight += sums[0, ring]
            count += sums[3, ring]
            rings += 1
    return square / weight * count / (count - rings) if rings > 0 else np.nan


@kernel
def _ring_means(
    values: Float, where: Int, keep: Bool, n: int, full: Float, var: Float, widen: float, say: Float
) -> tuple[float, float, float, int]:
    """Mean of the rings, each with its full area: level, its error, scatter, number of pixels."""
    sums = np.empty((4, full.size))
    _sum_rings(values, where, keep, n, sums)
    variance = _scatter(sums) * widen * widen
    area = np.sum(full[sums[0] > 0.0])
    level, square, count = 0.0, 0.0, 0
    for k in range(n):
        if keep[k]:
            j, i, ring = where[k, 0], where[k, 1], where[k, 2]
            say[j, i] = full[ring] / area * values[k, 1] / sums[0, ring]
            level += say[j, i] * values[k, 0]
            # The source's own photons make the inner pixels noisier than the outer ones.
            square += say[j, i] ** 2 * max(var[j, i], variance)
            count += 1
    return (level if count > 0 else np.nan), np.sqrt(square), np.sqrt(variance), count


@kernel
def measure_annulus(
    sci: Float,
    var: Float,
    bad: Bool,
    x: float,
    y: float,
    inner: float,
    outer: float,
    n_rings: int,
    kappa: float,
    say: Float,
    out: Float,
) -> None:
    """Measure the background in an annulus.

    Parameters
    ----------
    sci, var : ndarray of float64, shape (ny, nx)
        Image and variance, 0 where not known.
    bad : ndarray of bool, shape (ny, nx)
    x, y, inner, outer : float
        Annulus, pixels of the image.
    n_rings : int
        Rings into which it is divided.
    kappa : float
        Clipping limit, sigma; inf for none, 0 for the median instead of a mean.
    say : ndarray of float64, shape (ny, nx)
        Result: derivative of the level by each pixel.
    out : ndarray of float64, shape (6,)
        Result: level, its error, scatter, numbers of used and of bad pixels, area on the image.
    """
    room = (int(2.0 * outer) + 4) ** 2
    where, values = np.empty((room, 3), np.int64), np.empty((room, 2))
    full = np.zeros(n_rings)
    n, n_bad, area = _collect(sci, bad, x, y, inner, outer, full, where, values)
    keep = np.ones(n, np.bool_)
    say[:] = 0.0
    widen = 1.0
    if 0.0 < kappa < np.inf:
        _clip(values, where, keep, n, n_rings, kappa)
        widen = 1.0 / _CLIPPED_STD
    if kappa == 0.0:
        for k in range(n):
            keep[k] = values[k, 1] >= 0.5
    level, error, sigma, count = _ring_means(values, where, keep, n, full, var, widen, say)
    if kappa == 0.0 and count > 0:
        ordered, place = np.empty(count), 0
        for k in range(n):
            if keep[k]:
                ordered[place] = values[k, 0]
                place += 1
        sort_part(ordered, 0, count)
        level, spread = middle_and_mad(ordered, 0, count)
        sigma = SIGMA_PER_MAD * spread
        error = MEDIAN_ERROR * sigma / np.sqrt(count)
    out[0], out[1], out[2], out[3], out[4], out[5] = level, error, sigma, count, n_bad, area


def annulus_background(
    stamp: Stamp, x: float, y: float, inner: float, outer: float, statistic: Statistic = "clipped"
) -> Background:
    """Measure the background around a source.

    Pixels count with the area of their part in the annulus. The annulus is divided into rings about a pixel
    wide. "clipped" leaves out pixels more than 3 sigma (MAD) from the median of their ring, until none is,
    and gives the mean of the rings' means, each with the whole area of its ring: neither a bad or clipped
    pixel nor the edge of the frame shifts the level by way of the source's own wings. "mean" does so
    without clipping; without bad pixels it is the sum in the annulus over its area. "median" is that of the
    pixels with half their area or more in the annulus.

    Parameters
    ----------
    stamp : Stamp
        The frame around the source: at least what of the annulus is on the frame.
    x, y : float
        Centre, 0-based pixels of the frame.
    inner, outer : float
        Radii, pixels, inner < outer.
    statistic : {"clipped", "median", "mean"}, optional

    Returns
    -------
    Background
        The scatter is that of the outer half of the rings, where the source's wings are faint. The error is
        that of a sum of pixels with this scatter, or with their own variance where that is more; for the
        median 1.2533 times the scatter over the root of the number of pixels.
    """
    at_x, at_y = stamp.local(x, y)
    n_rings = 1 if statistic == "median" else min(max(round(outer - inner), 1), _MAX_RINGS)
    kappa = {"clipped": _CLIP_AT, "median": 0.0, "mean": np.inf}[statistic]
    say, out = np.empty(stamp.sci.shape), np.empty(6)
    circles = (at_x, at_y, float(inner), float(outer))
    measure_annulus(stamp.sci, stamp.var, stamp.bad, *circles, n_rings, kappa, say, out)
    level, error, sigma, n_used, n_bad, area = out.tolist()
    if statistic == "clipped":
        error *= _CLIPPED_ERROR
    on_frame = area / (np.pi * (outer**2 - inner**2))
    return Background(level, error, sigma, int(n_used), int(n_bad), on_frame, say)
