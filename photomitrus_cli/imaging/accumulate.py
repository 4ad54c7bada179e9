"""The per-pixel loops of the combiners."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.blocks import BLOCK, add_pairs, add_values
from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.lanczos import RADIUS, RIGHT_BORDER, row_places, row_values

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]


@kernel
def add_window(
    value: Float32,
    variance: Float32,
    valid: Bool,
    share: Float32,
    offset: tuple[int, int],
    numbers: tuple[np.float32, np.float32, np.float32],
    sums: Float32,
) -> None:
    """Add one resampled frame to the sums of a weighted mean.

    Parameters
    ----------
    value, variance : ndarray of float32, shape (ny, nx)
        Values and their variances.
    valid : ndarray of bool, same shape
        Which to use.
    share : ndarray of float32, same shape or (0, 0)
        Factors of the weight, if any.
    offset : tuple of int
        Position (y, x) of the first value in the sums.
    numbers : tuple of float32
        Weight, exposure time and large-area ratio of the frame.
    sums : ndarray of float32, shape (Ny, n, 8, 16)
        Sums of `photomitrus_cli.imaging.blocks`; n blocks hold a row; changed in place.
    """
    weight, exptime, large_ratio = numbers
    ny, nx = value.shape
    first, blocks = offset[1] // BLOCK, sums.shape[1]
    before = offset[1] - first * BLOCK
    held = np.zeros(((before + nx + BLOCK - 1) // BLOCK, 3, BLOCK), dtype=np.float32)
    none = np.float32(0.0)
    for j in range(ny):
        for i in range(nx):
            k, n = (before + i) // BLOCK, (before + i) % BLOCK
            use = valid[j, i]
            held[k, 0, n] = value[j, i] if use else none
            held[k, 1, n] = variance[j, i] if use else none
            held[k, 2, n] = weight if use else none
            if share.size and use:
                held[k, 2, n] = weight * share[j, i]
        for k in range(held.shape[0]):
            add_values(sums, (offset[0] + j) * blocks + first + k, held, k, exptime, large_ratio)


@kernel
def add_lanczos(
    pixels: Float32,
    state: NDArray[np.uint8],
    nodes: tuple[Float, Float],
    origin: tuple[int, int],
    step: int,
    window: tuple[int, int, int, int],
    corner: tuple[int, int],
    tables: tuple[Float32, Float32],
    max_bad_share: float,
    numbers: tuple[np.float32, np.float32, np.float32],
    offset_value: np.float32,
    sums: Float32,
) -> None:
    """Interpolate a frame and add it to the sums of a weighted mean, row by row.

    Parameters
    ----------
    pixels, state, nodes, origin, step, window, corner, tables, max_bad_share
        See `photomitrus_cli.imaging.lanczos.lanczos_window`; `corner` is that of the sums.
    numbers : tuple of float32
        Weight, exposure time and large-area ratio of the frame.
    offset_value : float32
        Taken off every value.
    sums : ndarray of float32, shape (Ny, n, 8, 16)
        See `add_window`.
    """
    weight, exptime, large_ratio = numbers
    y0, y1, x0, x1 = window
    shape = (state.shape[0] - 2 * RADIUS, state.shape[1] - RADIUS - RIGHT_BORDER)
    # Rows are held from the edge of a block on.
    block = (x0 - corner[1]) // BLOCK
    start = corner[1] + block * BLOCK
    places = np.full(x1 - start + BLOCK, -1, dtype=np.int64)
    held = np.zeros((x1 - start + BLOCK, 2), dtype=np.float32)
    for y in range(y0, y1):
        first, stop = row_places(nodes, origin, step, y, (x0, x1), shape, places, start)
        row_values(pixels, state, places, (first - start, stop - start), tables, max_bad_share, held)
        row = (y - corner[0]) * sums.shape[1] + block
        for k in range((first - start) // BLOCK, (stop - start + BLOCK - 1) // BLOCK):
            add_pairs(sums, row + k, held, places, k, weight, exptime, large_ratio, offset_value)


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
