"""Independent measurements on images: photutils apertures, nothing of the library under test."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from photutils.aperture import CircularAperture

Float = NDArray[np.float64]


def aperture_sums(image: Float, x: Float, y: Float, radius: float) -> Float:
    """Sum exact circular apertures; NaN pixels make the sum NaN.

    Parameters
    ----------
    image : ndarray of float, shape (ny, nx)
    x, y : ndarray of float, shape (n,)
        0-based pixel positions.
    radius : float
        Pixels.
    """
    apertures = CircularAperture(np.column_stack([x, y]), radius)
    sums, _ = apertures.do_photometry(image, method="exact")
    return np.asarray(sums, dtype=np.float64)


def annulus_levels(image: Float, x: Float, y: Float, inner: float, outer: float) -> Float:
    """Give the mean of each annulus after clipping at 3 sigma about the median, NaN left out.

    A pixel belongs to an annulus when its centre does; where fewer than ten are left there is no level.
    """
    levels = np.full(len(x), np.nan)
    ny, nx = image.shape
    for i, (x0, y0) in enumerate(zip(x, y, strict=True)):
        cols = np.arange(max(int(np.floor(x0 - outer)), 0), min(int(np.ceil(x0 + outer)) + 1, nx))
        rows = np.arange(max(int(np.floor(y0 - outer)), 0), min(int(np.ceil(y0 + outer)) + 1, ny))
        if not (cols.size and rows.size):
            continue
        distance = np.hypot((cols - x0)[None, :], (rows - y0)[:, None])
        values = image[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
        values = values[(distance > inner) & (distance < outer)]
        levels[i] = _clipped_mean(np.sort(values[np.isfinite(values)]))
    return levels


def _clipped_mean(values: Float) -> float:
    """Give the mean of sorted values within 3 sigma of their median, found in up to five steps."""
    for _ in range(5):
        if values.size < 10:
            break
        middle = _median(values)
        sigma = 1.4826 * _median(np.sort(np.abs(values - middle)))
        if not sigma > 0:
            break
        # What is left of sorted values is a slice of them.
        first, last = np.searchsorted(values, [middle - 3 * sigma, middle + 3 * sigma])
        if first == 0 and last == values.size:
            break
        values = values[first:last]
    return float(values.mean()) if values.size >= 10 else float("nan")


def _median(values: Float) -> float:
    """Give the median of sorted values; ``numpy.median`` takes longer to begin than these to be sorted."""
    half = values.size // 2
    return float(values[half] if values.size % 2 else 0.5 * (values[half - 1] + values[half]))


def net_fluxes(image: Float, x: Float, y: Float, radius: float, inner: float, outer: float) -> Float:
    """Give aperture sums less the annulus level, in the image's unit times pixels."""
    area = np.pi * radius**2
    return aperture_sums(image, x, y, radius) - area * annulus_levels(image, x, y, inner, outer)


def centroids(image: Float, x: Float, y: Float, *, sigma: float, n_iter: int = 12) -> tuple[Float, Float]:
    """Give Gaussian-windowed centroids (as XWIN of SExtractor).

    Parameters
    ----------
    image : ndarray of float, shape (ny, nx)
        Background near zero.
    x, y : ndarray of float, shape (n,)
        Starting positions, pixels.
    sigma : float
        Width of the window, pixels.
    n_iter : int
    """
    half = int(np.ceil(4 * sigma))
    xs, ys = np.array(x, dtype=np.float64), np.array(y, dtype=np.float64)
    for i in range(xs.size):
        for _ in range(n_iter):
            x0, y0 = round(xs[i]) - half, round(ys[i]) - half
            stamp = image[max(y0, 0) : y0 + 2 * half + 1, max(x0, 0) : x0 + 2 * half + 1]
            if stamp.shape != (2 * half + 1, 2 * half + 1) or not np.isfinite(stamp).all():
                xs[i] = ys[i] = np.nan
                break
            jj, ii = np.mgrid[y0 : y0 + 2 * half + 1, x0 : x0 + 2 * half + 1]
            window = stamp * np.exp(-0.5 * ((ii - xs[i]) ** 2 + (jj - ys[i]) ** 2) / sigma**2)
            total = window.sum()
            if not total > 0:
                xs[i] = ys[i] = np.nan
                break
            xs[i] += 2 * float((window * (ii - xs[i])).sum() / total)
            ys[i] += 2 * float((window * (jj - ys[i])).sum() / total)
    return xs, ys


def robust_sigma(values: Float) -> float:
    """Give 1.4826 times the median absolute deviation."""
    return float(1.4826 * np.median(np.abs(values - np.median(values))))
