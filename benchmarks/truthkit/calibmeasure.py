"""How far a calibration is from the truth of its benchmark."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from truthkit.calibsky import Bench

Floats = NDArray[np.float64]

GALACTIC = 20.0  # deg, maps are judged beyond
LEAST_SCANS = 3
MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True, slots=True)
class Measured:
    """Errors of a calibration: found minus true.

    Attributes
    ----------
    gain_mean, gain_rms : float
        Error of the gain, mean over the scans and rms about it, %.
    offset_mean, offset_rms : float
        Error of the scans' mean offsets, mean over the scans and rms about it, DN.
    drift_rms : float
        Error of the offset along the scan: rms over samples about each scan's mean error, DN.
    monopole : float
        Mean error of the map over its pixels with |b| > 20 deg, MJy/sr.
    residual, residual_robust : float
        rms of that error about the monopole, and 1.4826 times its median deviation from its median, MJy/sr.
    scatter, scatter_robust : float
        Between scans in a pixel, see `scan_scatter`, MJy/sr.
    used : float
        Fraction of the samples at |b| > 20 deg with a weight.
    """

    gain_mean: float
    gain_rms: float
    offset_mean: float
    offset_rms: float
    drift_rms: float
    monopole: float
    residual: float
    residual_robust: float
    scatter: float
    scatter_robust: float
    used: float


def robust_sigma(values: Floats) -> float:
    """Give 1.4826 times the median deviation from the median."""
    return MAD_TO_SIGMA * float(np.median(np.abs(values - np.median(values))))


def pixel_mean(index: NDArray[np.int32], values: Floats, weights: Floats, n_pixels: int) -> Floats:
    """Average samples in their pixels.

    Parameters
    ----------
    index : ndarray of int32, shape (n,)
        Pixels.
    values, weights : ndarray of float64, shape (n,)
        A sample of weight 0 takes no part.
    n_pixels : int

    Returns
    -------
    ndarray of float64, shape (n_pixels,)
        Weighted means; NaN without samples.
    """
    total = np.bincount(index, weights, n_pixels)
    summed = np.bincount(index, weights * values, n_pixels)
    return np.asarray(np.divide(summed, total, out=np.full(n_pixels, np.nan), where=total > 0))


def calibrated(bench: Bench, gains: Floats, offsets: Floats, zodi: Floats) -> Floats:
    """Give (value - offset) / gain - zodi of every sample, MJy/sr.

    Parameters
    ----------
    bench : Bench
    gains : ndarray of float64, shape (S,)
        DN per MJy/sr.
    offsets : ndarray of float64, shape (n,)
        DN.
    zodi : ndarray of float64, shape (n,)
        MJy/sr.
    """
    samples = bench.samples
    return np.asarray((samples.value - offsets) / gains[samples.scan_of_sample()] - zodi)


def scan_scatter(bench: Bench, values: Floats, weights: Floats) -> tuple[float, float]:
    """Measure how scans differ in the pixels that they share.

    Over the samples with a weight, in pixels with |b| > 20 deg and three such samples or more:
    sqrt(sum (x - mean)^2 / sum (n - 1)), sums over samples and pixels; and 1.4826 times the median deviation
    of (x - mean) sqrt(n / (n - 1)). Means are unweighted.

    Parameters
    ----------
    bench : Bench
    values, weights : ndarray of float64, shape (n,)
        Calibrated, zodi-subtracted samples, MJy/sr, and their weights in the map.

    Returns
    -------
    scatter, robust : float
        MJy/sr; NaN without such pixels.
    """
    samples = bench.samples
    good = (weights > 0) & (np.abs(samples.galactic_latitude)[samples.index] > GALACTIC)
    index, mine = samples.index[good], values[good]
    count = np.bincount(index, minlength=len(samples.pixels))
    apart = mine - pixel_mean(index, mine, np.ones(len(mine)), len(count))[index]
    enough = count[index] >= LEAST_SCANS
    if not enough.any():
        return np.nan, np.nan
    n = count[index[enough]]
    apart = apart[enough]
    freedom = int(np.sum(count[count >= LEAST_SCANS] - 1))
    return float(np.sqrt(np.sum(apart**2) / freedom)), robust_sigma(apart * np.sqrt(n / (n - 1.0)))


def measure(
    bench: Bench,
    gains: Floats,
    offsets: Floats,
    zodi: Floats,
    sky_map: Floats,
    weights: Floats | None = None,
) -> Measured:
    """Compare a calibration with the truth.

    Parameters
    ----------
    bench : Bench
    gains : ndarray of float64, shape (S,)
        DN per MJy/sr.
    offsets : ndarray of float64, shape (n,)
        Of every sample, DN.
    zodi : ndarray of float64, shape (n,)
        What the method subtracts from every sample, MJy/sr.
    sky_map : ndarray of float64, shape (P,)
        MJy/sr; pixels that are not finite do not count.
    weights : ndarray of float64, shape (n,), optional
        Of the samples in the map; 0 for those left out.

    Returns
    -------
    Measured
    """
    samples = bench.samples
    weights = np.ones(len(samples)) if weights is None else weights
    scan, count = samples.scan_of_sample(), np.diff(samples.first)
    wrong = offsets - bench.true_offset()
    by_scan = np.bincount(scan, wrong, len(count)) / count
    gain = 100.0 * (gains / bench.gains - 1.0)
    judged = (np.abs(samples.galactic_latitude) > GALACTIC) & np.isfinite(sky_map)
    error = (sky_map - bench.sky)[judged]
    scatter, robust = scan_scatter(bench, calibrated(bench, gains, offsets, zodi), weights)
    far = np.abs(samples.galactic_latitude)[samples.index] > GALACTIC
    return Measured(
        gain_mean=float(gain.mean()),
        gain_rms=float(gain.std()),
        offset_mean=float(by_scan.mean()),
        offset_rms=float(by_scan.std()),
        drift_rms=float(np.sqrt(np.mean((wrong - by_scan[scan]) ** 2))),
        monopole=float(error.mean()),
        residual=float(error.std()),
        residual_robust=robust_sigma(error),
        scatter=scatter,
        scatter_robust=robust,
        used=float(np.mean(weights[far] > 0)),
    )
