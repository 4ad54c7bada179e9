"""Weighted mean of a cube of resampled frames after clipping about the median."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.blot import local_contrast
from photomitrus_cli.imaging.combine import Combined
from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.reference import (
    RUN,
    SPLIT_SIGMA,
    check_cube,
    gather,
    middle,
    reference_map,
    sort_columns,
)
from photomitrus_cli.imaging.settle import settle

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

# Frames of one undersampled star, pointing errors of 0.15" included, differ by this share of the contrast.
SOFTENING = 0.5
# The fewer values, the less their centre knows of a star: softening grows by this over their number.
_FEW = 2.0
# Sums of a run: values, weight, weighted deviation, its square, squared weight, w^2 variance, the same of
# large areas, exposure.
_SUMS = 8


@kernel
def add_near(
    row: Float32, noise: Float32, centre: Float32, sigma: float, frame: Float32, share: Float32, sums: Float32
) -> None:
    """Add one frame's values that lie near the centre to the sums of a run.

    Parameters
    ----------
    row, centre : ndarray of float32, shape (RUN,)
        Values, infinite where there is none, and centres.
    noise : ndarray of float32, shape (m,)
        Variances, of as many as there are in the run.
    sigma : float
        Largest deviation over the noise.
    frame : ndarray of float32, shape (3,)
        Weight, exposure time, and large-area ratio of the frame.
    share : ndarray of float32, shape (m,) or (0,)
        Factors of the weight, if any.
    sums : ndarray of float32, shape (8, RUN)
        Added to.
    """
    weight, exptime, ratio = frame
    zero, one, most = np.float32(0.0), np.float32(1.0), np.float32(sigma * sigma)
    count, total, shift, square = sums[0], sums[1], sums[2], sums[3]
    weight2, spread, large, time = sums[4], sums[5], sums[6], sums[7]
    for x in range(noise.size):
        apart = row[x] - centre[x]
        # Where there is no value its variance is anything, infinite perhaps.
        near = (apart * apart <= most * noise[x]) & (row[x] < np.float32(np.inf))
        own = weight * share[x] if share.size else weight
        w = own if near else zero
        d = apart if near else zero
        v = noise[x] if near else zero
        count[x] += one if near else zero
        total[x] += w
        shift[x] += w * d
        square[x] += w * d * d
        weight2[x] += w * w
        spread[x] += w * w * v
        large[x] += w * w * v * ratio
        time[x] += exptime if near else zero


@kernel
def add_settled(
    held: Float32,
    variances: Float32,
    place: tuple[int, int, int],
    rows: int,
    frames: NDArray[np.int64],
    about: Float32,
    shares: Float32,
    limits: tuple[float, float],
    centre: float,
    sums: Float32,
) -> None:
    """Clip one pixel thoroughly and put what is kept into its sums.

    Parameters
    ----------
    held, rows, frames
        Values of the run, see `photomitrus_cli.imaging.reference.gather`.
    variances : ndarray of float32, shape (n, h, w)
    place : tuple of int
        Row and column of the pixel in the cube, and its column in the run.
    about : ndarray of float32, shape (n, 3)
        Weight, exposure time and large-area ratio of the frames.
    shares : ndarray of float32, shape (n, h, w) or (0, 0, 0)
        Factors of the weights, if any.
    limits : tuple of float
        Sigma and soft, see `settle`.
    centre : float
        What deviations are counted from.
    sums : ndarray of float32, shape (8, RUN)
        Those of the pixel are replaced.
    """
    y, x, column = place
    value, noise2, work = np.empty(rows, np.float32), np.empty(rows, np.float32), np.empty(rows, np.float32)
    origin, keep = np.empty(rows, np.int64), np.empty(rows, np.bool_)
    k = 0
    for r in range(rows):
        if held[r, column] < np.inf:
            value[k], noise2[k], origin[k] = held[r, column], variances[frames[r], y, x], frames[r]
            k += 1
    settle(value[:k], noise2[:k], limits[0], limits[1], keep[:k], work[:k])
    sums[:, column] = 0.0
    for f in range(k):
        if keep[f]:
            weight, exptime, ratio = about[origin[f]]
            if shares.size:
                weight *= shares[origin[f], y, x]
            apart = value[f] - np.float32(centre)
            noise = weight * weight * noise2[f]
            sums[0, column] += 1
            sums[1, column] += weight
            sums[2, column] += weight * apart
            sums[3, column] += weight * apart * apart
            sums[4, column] += weight * weight
            sums[5, column] += noise
            sums[6, column] += noise * ratio
            sums[7, column] += exptime


@kernel
def finish(sums: Float32, centre: Float32, factor: float, out: Float32, count: NDArray[np.int32]) -> None:
    """Turn the sums of a run into its part of the result.

    Parameters
    ----------
    sums : ndarray of float32, shape (8, RUN)
    centre : ndarray of float32, shape (RUN,)
    factor : float
        Of the variances.
    out : ndarray of float32, shape (5, m)
        Mean, uncertainty, exposure, scatter and large-area variance; result.
    count : ndarray of int32, shape (m,)
        Result.
    """
    for x in range(count.size):
        n = int(sums[0, x])
        count[x] = n
        weight = sums[1, x]
        out[2, x] = sums[7, x]
        if n == 0:
            out[0, x] = out[1, x] = out[3, x] = out[4, x] = np.nan
            continue
        move = sums[2, x] / weight
        out[0, x] = centre[x] + move
        out[1, x] = np.sqrt(factor * sums[5, x]) / weight
        out[4, x] = factor * sums[6, x] / (weight * weight)
        freedom = weight - sums[4, x] / weight
        square = sums[3, x] - weight * move * move
        out[3, x] = np.sqrt(max(square, np.float32(0.0)) / freedom) if n > 1 else np.nan


@kernel
def clip_runs(
    values: Float32,
    variances: Float32,
    valid: Bool,
    about: Float32,
    shares: Float32,
    soft: Float32,
    limits: tuple[float, float],
    out: Float32,
    count: NDArray[np.int32],
) -> None:
    """Combine a cube run by run.

    Where no value is far from the median, as almost everywhere, there is nothing to clip; the other pixels
    are worked on one by one.

    Parameters
    ----------
    values, variances, valid : ndarray of float32, float32 and bool, shape (n, h, w)
    about : ndarray of float32, shape (n, 3)
        Weight, exposure time and large-area ratio of the frames.
    shares : ndarray of float32, shape (n, h, w) or (0, 0, 0)
        Factors of the weights, if any.
    soft : ndarray of float32, shape (h, w)
        What many frames may differ by beside their noise.
    limits : tuple of float
        Sigma, and factor of the variances.
    out : ndarray of float32, shape (5, h, w)
        See `finish`; result.
    count : ndarray of int32, shape (h, w)
        Result.
    """
    n, h, w = values.shape
    held, work = np.empty((n, RUN), np.float32), np.empty((n, RUN), np.float32)
    totals, sums = np.empty((2, RUN), np.float32), np.empty((_SUMS, RUN), np.float32)
    nothing = np.empty(0, np.float32)
    frames, centre, give = np.empty(n, np.int64), np.zeros(RUN, np.float32), np.empty(RUN, np.float32)
    for y in range(h):
        for x0 in range(0, w, RUN):
            size = min(RUN, w - x0)
            rows = gather(values, variances, valid, (y, x0), held, totals, frames)
            for r in range(rows):
                for x in range(RUN):
                    work[r, x] = held[r, x]
            sort_columns(work, rows)
            for x in range(size):
                k = int(totals[0, x])
                if k > 0:
                    give[x] = soft[y, x0 + x] * np.float32(1.0 + _FEW / k)
                    single = float(np.sqrt(totals[1, x] / np.float32(k)))
                    centre[x] = middle(work, x, k, single, (SPLIT_SIGMA, 0.0, float(give[x])))[0]
            sums[:] = 0.0
            for r in range(rows):
                noise = variances[frames[r], y, x0 : x0 + size]
                share = shares[frames[r], y, x0 : x0 + size] if shares.size else nothing
                add_near(held[r], noise, centre, limits[0], about[frames[r]], share, sums)
            for x in range(size):
                if sums[0, x] < totals[0, x]:
                    add_settled(
                        held, variances, (y, x0 + x, x), rows, frames, about, shares,
                        (limits[0], float(give[x])), float(centre[x]), sums,
                    )  # fmt: skip
            finish(sums, centre, limits[1], out[:, y, x0 : x0 + size], count[y, x0 : x0 + size])


def clipped_mean(
    values: Float32,
    variances: Float32,
    valid: Bool,
    weights: ArrayLike,
    exptimes: ArrayLike,
    large_ratios: ArrayLike,
    *,
    shares: Float32 | None = None,
    contrast: Float32 | None = None,
    sigma: float = 4.0,
    softening: float = SOFTENING,
) -> Combined:
    """Combine frames by a weighted mean of the values near their median.

    A value is left out when it is further from the median than sigma s + t; again with the median of the
    rest, until nothing changes. t is softening (1 + 2 / n) times the local contrast of the map, for n values;
    s is the value's standard deviation, or the scatter of all values (1.4826 x median absolute deviation,
    n >= 5) if that is larger, but at most t more. Cores of undersampled stars, where contrast and scatter
    are high, are so left alone. Of two values too far apart the lower one counts, see
    `photomitrus_cli.imaging.reference.reference_map`.

    Parameters
    ----------
    values, variances : ndarray of float32, shape (n, h, w)
        Resampled frames, sky near zero, and their variances; not read where not valid.
    valid : ndarray of bool, shape (n, h, w)
        Which to use.
    weights : array_like of float, shape (n,)
        Of each frame, > 0.
    exptimes : array_like of float, shape (n,)
        Exposure times, s.
    large_ratios : array_like of float, shape (n,)
        Noise variance of large areas over that of single pixels, see
        `photomitrus_cli.imaging.noise.large_area_ratio`.
    shares : ndarray of float32, shape (n, h, w), optional
        Factors of the weights, as drizzled frames have; > 0 where valid.
    contrast : ndarray of float32, shape (h, w), optional
        How much the map changes within a frame pixel: `photomitrus_cli.imaging.blot.local_contrast` of a
        stack. By default of the stack of these values, which near the edges of the cube knows less than one
        that goes on: maps that are put together of parts are best made with one contrast for all.
    sigma : float, optional
        Limit.
    softening : float, optional
        Share of the contrast.

    Returns
    -------
    Combined
        Of the values that are kept. The variance is that of their mean times 1 + 2 sigma p(sigma), p the
        normal density: what clipping good values costs.

    Raises
    ------
    InputError
        If shapes differ, a weight is not positive, or sigma is not.
    """
    check_cube(values, variances, valid)
    about = _about(values.shape[0], weights, exptimes, large_ratios)
    if not sigma > 0.0:
        raise InputError(f"clipped mean: a limit of {sigma} sigma is not positive")
    if contrast is None:
        ref, ref_var, _ = reference_map(values, variances, valid)
        contrast = local_contrast(ref, ref_var)
    shape = values.shape[1:]
    if contrast.shape != shape:
        raise InputError(f"clipped mean: contrast {contrast.shape} of a map {shape}")
    if shares is not None and shares.shape != values.shape:
        raise InputError(f"clipped mean: shares {shares.shape} of values {values.shape}")
    factors = np.empty((0, 0, 0), np.float32) if shares is None else np.ascontiguousarray(shares, np.float32)
    soft = np.nan_to_num(np.float32(softening) * contrast.astype(np.float32), nan=0.0)
    factor = 1.0 + 2.0 * sigma * math.exp(-0.5 * sigma**2) / math.sqrt(2.0 * math.pi)
    out, count = np.empty((5, *shape), dtype=np.float32), np.empty(shape, dtype=np.int32)
    clip_runs(
        np.ascontiguousarray(values, dtype=np.float32), np.ascontiguousarray(variances, dtype=np.float32),
        np.ascontiguousarray(valid), about, factors, soft, (float(sigma), factor), out, count,
    )  # fmt: skip
    return Combined(out[0], out[1], count, out[2], out[3], out[4])


def _about(n: int, weights: ArrayLike, exptimes: ArrayLike, large_ratios: ArrayLike) -> Float32:
    """Put the numbers of each frame into rows; the mean does not depend on the scale of the weights."""
    columns = [np.asarray(column, dtype=np.float64) for column in (weights, exptimes, large_ratios)]
    if any(column.shape != (n,) for column in columns):
        raise InputError(f"clipped mean: {n} frames, but numbers of {[c.shape for c in columns]}")
    weight = columns[0]
    if not (np.isfinite(weight).all() and (weight > 0.0).all()):
        raise InputError("clipped mean: the weight of every frame must be positive")
    return np.stack([weight / weight.max(initial=0.0), *columns[1:]], axis=1).astype(np.float32)
