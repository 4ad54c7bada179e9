"""Stars on one frame, undersampled or not: peaks of the smoothed frame, centroids in a recentred box."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.peaks import find_peaks, lone_peaks, measure_peaks, smooth_image

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]

# Limits of `detect_stars` on shapes; the tests hold them against stars at every pixel phase.
MAX_SHARPNESS = 0.6
MAX_ELONGATION = 0.3
# A neighbour this bright, relative to the star, moves its centroid.
MAX_NEIGHBOUR = 0.15

_FIELDS = 7  # of `measure_peaks`: x, y, flux, error, sharpness, elongation, usable
_MAX_PEAKS = 8192


@dataclass(frozen=True)
class Stars:
    """Stars of one frame, brightest first.

    Attributes
    ----------
    x, y : ndarray of float64, shape (n,)
        0-based pixel positions.
    flux : ndarray of float64, shape (n,)
        Light above the local background in a box of two FWHM, image units times pixels; a ranking, not
        photometry.
    snr : ndarray of float64, shape (n,)
        Height of the smoothed peak over its noise.
    err_px : ndarray of float64, shape (n,)
        Standard error of x and of y, pixels, pixel-phase floor included.
    """

    x: Float
    y: Float
    flux: Float
    snr: Float
    err_px: Float


def detect_stars(
    sci: Float32,
    var: Float32 | None,
    bad: NDArray[np.bool_],
    level: float,
    sigma: float,
    *,
    snr: float = 8.0,
    max_stars: int = 200,
    fwhm: float = 1.5,
    saturation: float = np.inf,
    floor_px: float = 0.05,
) -> Stars:
    """Detect stars on a frame and measure their positions.

    Left out are peaks with a bad or saturated pixel in their box, peaks sharper than a star (cosmic rays),
    elongated ones (tracks, blends) and those with a neighbour of a comparable brightness.

    Parameters
    ----------
    sci : ndarray of float32, shape (ny, nx)
        Image; NaN pixels are bad.
    var : ndarray of float32, shape (ny, nx), or None
        Variance of every pixel; `sigma` squared is its lower limit.
    bad : ndarray of bool, shape (ny, nx)
        Pixels not to be used: those flagged as saturated are to be among them.
    level, sigma : float
        Background and pixel noise of the frame, image units.
    snr : float, optional
        Smallest height of a smoothed peak over its noise.
    max_stars : int, optional
        The brightest are kept.
    fwhm : float, optional
        Of a star, pixels; sets the smoothing and the box. 1.5 suits IRAC; it need not be exact.
    saturation : float, optional
        Pixel value that makes a star unusable.
    floor_px : float, optional
        Error that brightness does not reduce, added in quadrature: 0.05 px was measured on IRAC channel 1,
        whose pixels are not evenly sensitive.

    Returns
    -------
    Stars
        Ordered by falling flux.
    """
    half = max(3.0, float(np.round(2.0 * fwhm))) / 2.0
    margin = int(np.ceil(half + 2.5)) + 2
    if not (np.isfinite(level) and sigma > 0.0) or min(sci.shape) <= 2 * margin:
        return _stars(np.empty((0, _FIELDS)), np.empty(0), floor_px)
    sci, bad = np.ascontiguousarray(sci, dtype=np.float32), np.ascontiguousarray(bad, dtype=np.bool_)
    min_var = float(sigma) ** 2
    var = np.full_like(sci, min_var) if var is None else np.ascontiguousarray(var, dtype=np.float32)
    where, height = _peaks(sci, var, bad, (float(level), min_var), snr, fwhm, margin)
    rows = np.empty((where.shape[0], _FIELDS))
    measure_peaks(sci, var, bad, min_var, float(saturation), where, half, rows)
    error = rows[:, 3]
    # Noise makes faint stars look sharper and longer.
    keep = (rows[:, 4] < MAX_SHARPNESS + error) & (rows[:, 5] < MAX_ELONGATION + 3.0 * error)
    keep &= rows[:, 6] > 0.0
    rows, height = rows[keep], height[keep]
    order = np.argsort(-rows[:, 2], kind="stable")[:max_stars]
    return _stars(rows[order], height[order], floor_px)


def _peaks(
    sci: Float32,
    var: Float32,
    bad: NDArray[np.bool_],
    noise: tuple[float, float],
    snr: float,
    fwhm: float,
    margin: int,
) -> tuple[NDArray[np.int64], Float]:
    """Find the lone peaks above `snr`: their pixels and heights over the noise; `noise`: level, variance."""
    taps = _taps(fwhm)
    scratch, smooth = np.empty_like(sci), np.empty_like(sci)
    smooth_image(sci, bad, noise[0], taps, scratch, smooth)
    # Noise of the smoothed frame over that of a pixel.
    quiet = float(np.sum(np.square(taps, dtype=np.float64)))
    where, height = np.empty((_MAX_PEAKS, 2), np.int64), np.empty(_MAX_PEAKS)
    # Neighbours below the limit disturb too.
    n = find_peaks(smooth, var, noise[1], 0.5 * snr * quiet, margin, where, height)
    alone = np.empty(n, np.bool_)
    lone_peaks(smooth, where[:n], 2.0 * fwhm + 1.0, MAX_NEIGHBOUR, alone)
    chosen = np.flatnonzero(alone & (height[:n] > snr * quiet))
    return where[chosen], height[chosen] / quiet


def _stars(rows: Float, height: Float, floor_px: float) -> Stars:
    return Stars(rows[:, 0], rows[:, 1], rows[:, 2], height, np.hypot(rows[:, 3], floor_px))


def _taps(fwhm: float) -> Float32:
    """Give a Gaussian of the stars' width along one axis, of sum 1; at least 1 2 1."""
    sigma = max(fwhm / 2.3548, 0.75)
    k = max(1, int(np.ceil(1.5 * sigma)) - 1)
    taps = np.exp(-0.5 * (np.arange(-k, k + 1) / sigma) ** 2)
    return np.asarray(taps / taps.sum(), dtype=np.float32)
