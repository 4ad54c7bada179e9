"""Matching the levels of overlapping frames by one robust least-squares solution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.celltable import Cells, tabulate
from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.laplacian import Factors
from photomitrus_cli.imaging.levelfit import EFFICIENCY, TUKEY, robust_offsets

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

GAUGE = "mean offset 0 in every group of connected frames"


@dataclass(frozen=True, eq=False)
class OverlapSolution:
    """Offsets of frames.

    Attributes
    ----------
    offset : ndarray of float64, shape (n,)
        To be taken off each frame, units of the data; 0 for a frame that overlaps no other.
    error : ndarray of float64, shape (n,)
        Standard error in the gauge, 0 for a frame that overlaps no other. Larger than the noise of the pixels
        says by sqrt(chi2_dof) where chi2_dof > 1, and by 1 / sqrt(0.95), the price of robustness.
    component : ndarray of int64, shape (n,)
        Group of connected frames, numbered from 0 in the order of their first frames.
    gauge : str
        What fixes the level that overlaps do not tell.
    chi2_dof : float
        Robust chi^2 per degree of freedom of the cell means, 1 where the variances are true; NaN where
        nothing overlaps.
    n_pairs : int
        Pairs of frames with a cell in common.
    n_outliers : int
        Cell means without a say.
    """

    offset: Float
    error: Float
    component: Int
    gauge: str
    chi2_dof: float
    n_pairs: int
    n_outliers: int


def bin_frame(
    sci: Float32,
    var: Float32,
    use: Bool,
    gx: Float,
    gy: Float,
    cell_px: float,
    n_cells_x: int,
    *,
    min_pixels: int = 4,
) -> Cells:
    """Mean of a frame in every sky cell that it covers.

    Pixels count where their centres lie, with equal weights: no resampling, so the means of a frame are
    independent of each other.

    Parameters
    ----------
    sci, var : ndarray of float32, shape (ny, nx)
        Frame and its variance.
    use : ndarray of bool, same shape
        Good pixels without objects.
    gx, gy : ndarray of float64, same shape
        Positions of the pixel centres on the grid of the mosaic, 0-based pixels.
    cell_px : float
        Side of a cell, grid pixels.
    n_cells_x : int
        Cells in a row of the grid; what lies outside the rows or below the first is left out.
    min_pixels : int, optional
        Cells with fewer pixels are left out.

    Returns
    -------
    cell : ndarray of int64, shape (k,)
        Row times n_cells_x plus column, ascending.
    mean, weight : ndarray of float64, shape (k,)
        Mean and inverse variance n^2 / sum var.
    """
    x, y = np.asarray(gx, dtype=np.float64), np.asarray(gy, dtype=np.float64)
    return _bin(sci, var, use, x, y, 1.0 / cell_px, n_cells_x, min_pixels)


@kernel
def _bin(
    sci: Float32, var: Float32, use: Bool, gx: Float, gy: Float, scale: float, n_cells_x: int, min_pixels: int
) -> Cells:
    """Do the work of `bin_frame`."""
    ny, nx = sci.shape
    west, east, south, north = np.inf, -np.inf, np.inf, -np.inf
    for j in range(ny):
        for i in range(nx):
            # Comparisons leave positions that are NaN out.
            west, east = min(west, gx[j, i]), max(east, gx[j, i])
            south, north = min(south, gy[j, i]), max(north, gy[j, i])
    x0, y0 = int(max((west + 0.5) * scale, 0.0)), int(max((south + 0.5) * scale, 0.0))
    x1, y1 = int(min((east + 0.5) * scale, n_cells_x - 1.0)), int((north + 0.5) * scale)
    box = (max(y1 - y0 + 1, 0), max(x1 - x0 + 1, 0))
    count = np.zeros(box, np.int32)
    total = np.zeros(box)
    noise = np.zeros(box)
    for j in range(ny):
        for i in range(nx):
            x, y = (gx[j, i] + 0.5) * scale, (gy[j, i] + 0.5) * scale
            if use[j, i] and 0.0 <= x < n_cells_x and y >= 0.0:
                row, column = int(y) - y0, int(x) - x0
                count[row, column] += 1
                total[row, column] += sci[j, i]
                noise[row, column] += var[j, i]
    cell = np.empty(count.size, np.int64)
    mean = np.empty(count.size)
    weight = np.empty(count.size)
    k = 0
    for row in range(box[0]):
        for column in range(box[1]):
            n = count[row, column]
            if n >= max(min_pixels, 1) and noise[row, column] > 0.0 and np.isfinite(total[row, column]):
                cell[k] = (row + y0) * n_cells_x + column + x0
                mean[k] = total[row, column] / n
                weight[k] = n * n / noise[row, column]
                k += 1
    return cell[:k].copy(), mean[:k].copy(), weight[:k].copy()


def solve_overlap(frames: Sequence[Cells]) -> OverlapSolution:
    """Offsets of all frames from what they have in common.

    A cell mean is offset + sky + noise, with a free sky for every cell. The sky is eliminated, which makes
    the normal matrix a Laplacian over all overlapping pairs of frames. Outliers (sources and hits left over)
    lose their say by Huber's weights, whose solution is unique, and then by Tukey's, which free it of them;
    both in units of a robust scale (Huber & Ronchetti 2009, Robust Statistics, chapter 7). Sums have a fixed
    order: the bits depend on nothing but the input and the number of threads of the BLAS.

    Parameters
    ----------
    frames : sequence of (cell, mean, weight)
        From `bin_frame`: int64 cells, each at most once, means and finite positive inverse variances.

    Returns
    -------
    OverlapSolution
        The errors are exact for weights given, whatever the number of frames.
    """
    table, layers = tabulate(frames)
    n = layers.order.size
    if table.value.size == 0:
        return OverlapSolution(np.zeros(n), np.zeros(n), layers.component, GAUGE, np.nan, 0, 0)
    offset, scale = robust_offsets(table, layers)
    limit = TUKEY * scale
    outlying = np.abs(table.deviation) >= limit
    # A little weight is left, lest a frame of outliers only makes the matrix singular.
    table.say[:] = np.where(outlying, np.float32(1e-3), np.float32(1.0))
    matrix = table.normal_matrix(layers)
    variance = Factors(layers, matrix).variances()
    chi2 = scale**2 * _inflation(table.deviation, limit) * EFFICIENCY * table.dof_factor(layers)
    error = np.sqrt(variance * max(chi2, 1.0) / EFFICIENCY)
    n_pairs, n_outliers = int(np.count_nonzero(matrix < 0.0)), int(np.count_nonzero(outlying))
    return OverlapSolution(offset, error, layers.component, GAUGE, chi2, n_pairs, n_outliers)


def _inflation(deviation: Float32, limit: float) -> float:
    """Variance of an M-estimate with Tukey's psi, in units of the scale: mean psi^2 / (mean psi')^2.

    Huber & Ronchetti 2009, Robust Statistics, section 7.6.
    """
    square = np.minimum(np.square(deviation / np.float32(limit)), np.float32(1.0))
    psi = TUKEY**2 * float(np.mean(square * (1.0 - square) ** 4, dtype=np.float64))
    slope = float(np.mean((1.0 - square) * (1.0 - 5.0 * square), dtype=np.float64))
    return psi / max(slope, 0.1) ** 2
