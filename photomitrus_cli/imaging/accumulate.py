"""The per-pixel loops of the combiners."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]


@kernel
def add_weighted(
    value: Float32,
    variance: Float32,
    valid: Bool,
    offset: tuple[int, int],
    weight: float,
    exptime: float,
    large_ratio: float,
    sums: Float,
    count: NDArray[np.int32],
) -> None:
    """Add one frame to the sums of a weighted mean.

    Parameters
    ----------
    value, variance : ndarray of float32, shape (ny, nx)
        Values and their variances.
    valid : ndarray of bool, same shape
        Which to use.
    offset : tuple of int
        Position (y, x) of the first value in the sums.
    weight, exptime, large_ratio : float
        Of the frame, see `photomitrus_cli.imaging.combine.WeightedMean.add`.
    sums : ndarray of float64, shape (7, Ny, Nx)
        Weight, weighted mean, weighted sum of squared deviations, sum of squared weights, w^2 variance,
        w^2 large-area variance, exposure; changed in place. Mean and deviations by West (1979, CACM 22, 532),
        which unlike the sum of squares loses no digits.
    count : ndarray of int32, shape (Ny, Nx)
        Number of values, changed in place.
    """
    ny, nx = value.shape
    for j in range(ny):
        y = j + offset[0]
        for i in range(nx):
            if not valid[j, i]:
                continue
            x = i + offset[1]
            noise = weight * weight * variance[j, i]
            total = sums[0, y, x] + weight
            delta = value[j, i] - sums[1, y, x]
            move = delta * weight / total
            sums[1, y, x] += move
            sums[2, y, x] += weight * delta * (delta - move)
            sums[0, y, x] = total
            sums[3, y, x] += weight * weight
            sums[4, y, x] += noise
            sums[5, y, x] += noise * large_ratio
            sums[6, y, x] += exptime
            count[y, x] += 1


@kernel
def add_class(
    values: Float32,
    variances: Float32,
    valid: Bool,
    weights: Float,
    exptime: float,
    ratios: tuple[float, float],
    efficiency: Float,
    sums: Float,
    count: NDArray[np.int32],
) -> None:
    """Add the medians of one exposure class to the sums of a class median.

    Parameters
    ----------
    values, variances : ndarray of float32, shape (n, ny, nx)
        Values of the class and their variances.
    valid : ndarray of bool, same shape
        Which to use.
    weights : ndarray of float64, shape (n,)
        Of each frame: electrons per data unit.
    exptime : float
        Of a frame, s.
    ratios : tuple of float
        Large-area to pixel variance of a mean, and of what a median adds to it.
    efficiency : ndarray of float64, shape (>= n + 1,)
        Variance of the mean over variance of the median for k values.
    sums : ndarray of float64, shape (7, ny, nx)
        Weight, w median, w^2 variance of the median, the same for large areas, mean of all values, sum of
        their squared deviations, exposure; changed in place.
    count : ndarray of int32, shape (ny, nx)
        Number of values of all classes, changed in place.
    """
    n, ny, nx = values.shape
    held = np.empty(n)
    for j in range(ny):
        for i in range(nx):
            k = 0
            weight = 0.0
            noise = 0.0
            for f in range(n):
                if not valid[f, j, i]:
                    continue
                new = float(values[f, j, i])
                weight += weights[f]
                noise += variances[f, j, i]
                count[j, i] += 1
                delta = new - sums[4, j, i]
                sums[4, j, i] += delta / count[j, i]
                sums[5, j, i] += delta * (new - sums[4, j, i])
                # Insertion keeps the values sorted.
                p = k
                while p > 0 and held[p - 1] > new:
                    held[p] = held[p - 1]
                    p -= 1
                held[p] = new
                k += 1
            if k == 0:
                continue
            middle = 0.5 * (held[(k - 1) // 2] + held[k // 2])
            mean_noise = weight * weight * noise / (k * k)
            share = efficiency[k]
            sums[0, j, i] += weight
            sums[1, j, i] += weight * middle
            sums[2, j, i] += mean_noise / share
            # Median = mean + independent remainder (Basu): their variances relate as share to 1 - share.
            sums[3, j, i] += mean_noise / share * (share * ratios[0] + (1.0 - share) * ratios[1])
            sums[6, j, i] += k * exptime
