"""Noise correlation of drizzled maps, from the part that single pixels of the frames have in them."""

from __future__ import annotations

from math import ceil, floor, isfinite

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.drizzle import check_drizzle
from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.pixelmap import Box
from photomitrus_cli.imaging.quadlanes import EDGE_ROWS, LANES, ROWS
from photomitrus_cli.imaging.quads import add_quad, corner

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

# Part of its run of pixels at which a sample lies: multiples of the golden section never repeat and are even.
_GOLDEN = 0.6180339887498949


def drizzle_noise_sums(
    var: NDArray[np.floating],
    bad: Bool,
    gx: NDArray[np.floating],
    gy: NDArray[np.floating],
    window: Box,
    weight_sum: NDArray[np.floating],
    *,
    pixfrac: float,
    weight: float,
    every: int = 16,
) -> tuple[float, float]:
    """Noise variance that a frame brings to a finished weighted mean, in pixels and in large areas.

    A pixel i of the frame enters output pixel o of the mean with the factor p = weight a_io / weight_sum_o,
    a_io the area of `drizzle_frame`. With variance var_i it adds p^2 var_i to the variance of each, and
    (sum p)^2 var_i to that of a large area. Unlike a formula for even coverage this holds for any, holes
    included. A sample of the pixels is enough, as only the ratio of the two sums is used; and both are taken
    times the mean weight_sum about pixel i, so that every part of the map counts by its area.

    Parameters
    ----------
    var, bad, gx, gy, window, pixfrac
        As `photomitrus_cli.imaging.drizzle.drizzle_frame`.
    weight_sum : ndarray of float, shape (y1 - y0, x1 - x0)
        Sum of weight times share over the values of all frames; 0 or NaN where there is none.
    weight : float
        Of this frame.
    every : int, optional
        One pixel out of each run of this many is taken.

    Returns
    -------
    pixel, large : float
        Sums over the sampled pixels that lie in the window wholly. With them added up over the frames,
        R^2 = large / pixel: the noise of a large blank aperture is R sqrt(sum unc^2).

    Raises
    ------
    ConfigError
        If pixfrac is out of range.
    InputError
        If shapes differ or the frame is too small.
    """
    check_drizzle(var, var, bad, gx, gy, pixfrac)
    y0, y1, x0, x1 = (int(side) for side in window)
    if weight_sum.shape != (y1 - y0, x1 - x0) or every < 1:
        raise InputError(f"weights {weight_sum.shape} do not fit window {window}, or 1 out of {every} pixels")
    pixel, large = sample_noise(
        np.ascontiguousarray(var, dtype=np.float32), np.ascontiguousarray(bad),
        np.ascontiguousarray(gx, dtype=np.float64), np.ascontiguousarray(gy, dtype=np.float64),
        (y0, y1, x0, x1), np.ascontiguousarray(weight_sum, dtype=np.float32), float(pixfrac), float(weight),
        int(every),
    )  # fmt: skip
    return float(pixel), float(large)


@kernel
def pixel_corners(
    gx: Float, gy: Float, j: int, i: int, pixfrac: float
) -> tuple[float, float, float, float, float, float, float, float]:
    """Give the corners of one shrunken pixel, as `photomitrus_cli.imaging.quads.add_quad` takes them.

    Parameters
    ----------
    gx, gy : ndarray of float64, shape (ny, nx)
        Positions of the pixel centres, grid pixels.
    j, i : int
        The pixel.
    pixfrac : float
        Side of the shrunken pixel.

    Returns
    -------
    tuple of float
        x, y of the corners in turn, 0 at the lower left corner of grid pixel (0, 0).
    """
    mx, my = (1.0 - pixfrac) * gx[j, i] + 0.5, (1.0 - pixfrac) * gy[j, i] + 0.5
    return (
        mx + pixfrac * corner(gx, j, i), my + pixfrac * corner(gy, j, i),
        mx + pixfrac * corner(gx, j, i + 1), my + pixfrac * corner(gy, j, i + 1),
        mx + pixfrac * corner(gx, j + 1, i + 1), my + pixfrac * corner(gy, j + 1, i + 1),
        mx + pixfrac * corner(gx, j + 1, i), my + pixfrac * corner(gy, j + 1, i),
    )  # fmt: skip


@kernel
def sample_noise(
    var: Float32,
    bad: Bool,
    gx: Float,
    gy: Float,
    window: tuple[int, int, int, int],
    weight_sum: Float32,
    pixfrac: float,
    weight: float,
    every: int,
) -> tuple[float, float]:
    """Sum noise variances over a sample of the pixels of a frame.

    Parameters
    ----------
    var, bad, gx, gy, window, weight_sum, pixfrac, weight
        As `drizzle_noise_sums`, contiguous.
    every : int
        One pixel out of each run of this many is taken.

    Returns
    -------
    pixel, large : float
        See there.
    """
    ny, nx = var.shape
    y0, y1, x0, x1 = window
    edges = np.empty((EDGE_ROWS, ROWS * LANES), dtype=np.float32)
    areas = np.zeros((3, 8, 16), dtype=np.float32)
    one = np.float32(1.0)
    pixel = large = 0.0
    for n in range((ny * nx + every - 1) // every):
        place = n * every + int(n * _GOLDEN % 1.0 * every)
        j, i = place // nx, place % nx
        if j >= ny or bad[j, i] or not (isfinite(var[j, i]) and var[j, i] >= 0.0):
            continue
        corners = pixel_corners(gx, gy, j, i, pixfrac)
        low_x, high_x = min(corners[0::2]), max(corners[0::2])
        low_y, high_y = min(corners[1::2]), max(corners[1::2])
        if not (low_x >= x0 and high_x <= x1 and low_y >= y0 and high_y <= y1):
            continue
        col, row = floor(low_x), floor(low_y)
        width, height = ceil(high_x) - col, ceil(high_y) - row
        if areas.shape[1] < height + 2 * ROWS or areas.shape[2] < width + 2 * LANES:
            areas = np.zeros((3, height + 2 * ROWS, width + 2 * LANES), dtype=np.float32)
        areas[:] = 0.0
        add_quad(corners, one, one, (row, row + height, col, col + width), edges, areas)
        part = squares = whole = near = 0.0
        for y in range(height):
            for x in range(width):
                total = weight_sum[row + y - y0, col + x - x0]
                if total > 0.0:
                    area = areas[0, y + ROWS, x + LANES]
                    share = weight * area / total
                    part += share
                    squares += share * share
                    whole += area
                    near += area * total
        if whole > 0.0:
            # In units of the local variance, lest the edges of a map, of few frames, outweigh all the rest.
            local = var[j, i] * near / whole
            pixel += local * squares
            large += local * part * part
    return pixel, large
