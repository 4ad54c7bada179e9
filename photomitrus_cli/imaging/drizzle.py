"""Drizzle: frames onto the grid of a map by the exact areas in which shrunken pixels overlap its pixels."""

from __future__ import annotations

from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import ConfigError, InputError
from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.pixelmap import Box
from photomitrus_cli.imaging.quadlanes import EDGE_ROWS, LANES, ROWS
from photomitrus_cli.imaging.quads import BLOCK, add_quad, block_boxes, block_corners
from photomitrus_cli.imaging.resample import Resampled

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

# Least share of a valid value, of what one pixel of the frame can give. Less changes a mean by less than the
# hundredth part of the value's noise, yet counts as a frame; and areas are good to 1e-6 of a grid pixel.
# With pixfrac 0.3 and 0.6" from 1.22", 0.3 % of the weight is lost.
MIN_SHARE = 0.01
# Side of the tiles of the grid whose sums stay in the processor's cache, 0.4 MB.
TILE = 176


def drizzle_frame(
    sci: NDArray[np.floating],
    var: NDArray[np.floating],
    bad: Bool,
    gx: NDArray[np.floating],
    gy: NDArray[np.floating],
    window: Box,
    *,
    pixfrac: float,
) -> Resampled:
    """Drizzle a frame onto a window of the grid (Fruchter & Hook 2002, PASP 114, 144).

    Each pixel of the frame is shrunk about its centre and covers a quadrilateral of the grid; a_i is the
    area, in grid pixels, of what of quadrilateral i falls on an output pixel. The value is sum a s / sum a,
    its variance sum a^2 var / (sum a)^2, exact for independent pixels, and its share sum a.

    Parameters
    ----------
    sci, var : ndarray of float, shape (ny, nx)
        Frame in surface brightness, and variance; ny and nx at least 2.
    bad : ndarray of bool, same shape
        Pixels not to be used; those not finite are added, and those of negative variance.
    gx, gy : ndarray of float, same shape
        Positions of the pixel centres, grid pixels. Corners lie midway between four centres.
    window : tuple of int
        (y0, y1, x0, x1) in grid pixels. Values do not depend on it.
    pixfrac : float
        Side of the shrunken pixel over that of the pixel, above 0 and at most 1.

    Returns
    -------
    Resampled
        With `share`, a factor of the weight of the frame at each value: 1 where its pixels cover an output
        pixel once, 0 where there is no value. A value is valid with a share of at least `MIN_SHARE` of the
        largest that one pixel can give.

    Raises
    ------
    ConfigError
        If pixfrac is out of range.
    InputError
        If the shapes differ, the frame is too small, or the positions are not known.
    """
    check_drizzle(sci, var, bad, gx, gy, pixfrac)
    y0, y1, x0, x1 = (int(side) for side in window)
    value, variance, share = (np.empty((y1 - y0, x1 - x0), dtype=np.float32) for _ in range(3))
    valid = np.empty(value.shape, dtype=np.bool_)
    least = MIN_SHARE * min(1.0, drop_area(gx, gy, pixfrac))
    drizzle_window(
        np.ascontiguousarray(sci, dtype=np.float32), np.ascontiguousarray(var, dtype=np.float32),
        np.ascontiguousarray(bad), np.ascontiguousarray(gx, dtype=np.float64),
        np.ascontiguousarray(gy, dtype=np.float64), float(pixfrac), np.float32(least), (y0, y1, x0, x1),
        value, variance, valid, share,
    )  # fmt: skip
    return Resampled(value, variance, valid, share)


def check_drizzle(
    sci: NDArray[Any], var: NDArray[Any], bad: Bool, gx: NDArray[Any], gy: NDArray[Any], pixfrac: float
) -> None:
    """Check what `drizzle_frame` is given.

    Parameters
    ----------
    sci, var, bad, gx, gy, pixfrac
        See there.

    Raises
    ------
    ConfigError, InputError
        See there.
    """
    if not 0.0 < pixfrac <= 1.0:
        raise ConfigError(f"pixfrac {pixfrac}: must be above 0 and at most 1")
    if not sci.shape == var.shape == bad.shape == gx.shape == gy.shape or sci.ndim != 2:
        raise InputError(
            f"frame {sci.shape}, variance {var.shape}, mask {bad.shape} and positions {gx.shape}, {gy.shape} "
            "differ in shape"
        )
    if min(sci.shape) < 2:
        raise InputError(f"a frame of shape {sci.shape} is too small to drizzle: at least 2 pixels a side")


def drop_area(gx: NDArray[np.floating], gy: NDArray[np.floating], pixfrac: float) -> float:
    """Give the mean area that a shrunken pixel of a frame covers.

    Parameters
    ----------
    gx, gy : ndarray of float, shape (ny, nx)
        Positions of the pixel centres, grid pixels.
    pixfrac : float
        Side of the shrunken pixel over that of the pixel.

    Returns
    -------
    float
        Grid pixels.

    Raises
    ------
    InputError
        If the positions of the frame's corners are not finite.
    """
    x, y = (np.array([g[0, 0], g[0, -1], g[-1, -1], g[-1, 0]], dtype=np.float64) for g in (gx, gy))
    size = 0.5 * abs((x[2] - x[0]) * (y[3] - y[1]) - (x[3] - x[1]) * (y[2] - y[0]))
    if not np.isfinite(size):
        raise InputError("a frame has corners without a place on the grid: check its WCS")
    return float(pixfrac**2 * size / ((gx.shape[0] - 1) * (gx.shape[1] - 1)))


@kernel
def add_block(
    sci: Float32,
    var: Float32,
    bad: Bool,
    gx: Float,
    gy: Float,
    pixfrac: float,
    first: tuple[int, int],
    tile: tuple[int, int, int, int],
    work: tuple[Float, Float, Float32],
    sums: Float32,
) -> None:
    """Add a block of pixels of a frame to the sums of a tile.

    Parameters
    ----------
    sci, var, bad, gx, gy, pixfrac
        As `drizzle_window`.
    first : tuple of int
        First pixel (y, x) of the block.
    tile : tuple of int
        (y0, y1, x0, x1) in grid pixels.
    work : tuple of ndarray
        Work space of `block_corners`, twice, and of `add_quad`.
    sums : ndarray of float32
        See `add_quad`.
    """
    j0, i0 = first
    x, y, edges = work
    block_corners(gx, j0, i0, x)
    block_corners(gy, j0, i0, y)
    # Places in grid pixels count from their corner, positions from their centre.
    keep, half = 1.0 - pixfrac, 0.5
    for j in range(min(BLOCK, sci.shape[0] - j0)):
        for i in range(min(BLOCK, sci.shape[1] - i0)):
            value, variance = sci[j0 + j, i0 + i], var[j0 + j, i0 + i]
            if bad[j0 + j, i0 + i] or not (isfinite(value) and isfinite(variance) and variance >= 0.0):
                continue
            mx, my = keep * gx[j0 + j, i0 + i] + half, keep * gy[j0 + j, i0 + i] + half
            corners = (
                mx + pixfrac * x[j, i], my + pixfrac * y[j, i],
                mx + pixfrac * x[j, i + 1], my + pixfrac * y[j, i + 1],
                mx + pixfrac * x[j + 1, i + 1], my + pixfrac * y[j + 1, i + 1],
                mx + pixfrac * x[j + 1, i], my + pixfrac * y[j + 1, i],
            )  # fmt: skip
            add_quad(corners, value, variance, tile, edges, sums)


@kernel
def reaches(box: Float, tile: tuple[int, int, int, int]) -> bool:
    """Tell whether a block may add to a tile.

    Parameters
    ----------
    box : ndarray of float64, shape (4,)
        From `block_boxes`.
    tile : tuple of int
        (y0, y1, x0, x1) in grid pixels.

    Returns
    -------
    bool
    """
    # From centres to corners of grid pixels is half a pixel; strips reach further to the right.
    upright = box[0] - 1.0 < tile[1] and box[1] + 1.0 > tile[0]
    return bool(upright and box[2] - 1.0 < tile[3] and box[3] + 1.0 + LANES > tile[2])


@kernel
def drizzle_window(
    sci: Float32,
    var: Float32,
    bad: Bool,
    gx: Float,
    gy: Float,
    pixfrac: float,
    min_share: np.float32,
    window: tuple[int, int, int, int],
    value: Float32,
    variance: Float32,
    valid: Bool,
    share: Float32,
) -> None:
    """Drizzle a frame onto a window, by tiles that fit in the processor's cache.

    Parameters
    ----------
    sci, var : ndarray of float32, shape (ny, nx)
        Frame and variance.
    bad : ndarray of bool, same shape
        Pixels not to be used.
    gx, gy : ndarray of float64, same shape
        Positions of their centres, grid pixels.
    pixfrac : float
        Side of the shrunken pixels.
    min_share : float32
        Least share of a valid value, > 0.
    window : tuple of int
        (y0, y1, x0, x1) in grid pixels.
    value, variance : ndarray of float32, shape (y1 - y0, x1 - x0)
        Written; NaN where not valid.
    valid : ndarray of bool, same shape
        Written.
    share : ndarray of float32, same shape
        Written; 0 where not valid.
    """
    y0, y1, x0, x1 = window
    boxes = block_boxes(gx, gy)
    work = (
        np.empty((BLOCK + 1, BLOCK + 1)), np.empty((BLOCK + 1, BLOCK + 1)),
        np.empty((EDGE_ROWS, ROWS * LANES), dtype=np.float32),
    )  # fmt: skip
    sums = np.empty((3, TILE + 2 * ROWS, TILE + 2 * LANES), dtype=np.float32)
    for ty in range(y0, y1, TILE):
        for tx in range(x0, x1, TILE):
            tile = (ty, min(ty + TILE, y1), tx, min(tx + TILE, x1))
            sums[:] = 0.0
            # Blocks and pixels follow in the same order for any tile, so sums are the same to the bit.
            for row in range(boxes.shape[0]):
                for col in range(boxes.shape[1]):
                    if reaches(boxes[row, col], tile):
                        first = (row * BLOCK, col * BLOCK)
                        add_block(sci, var, bad, gx, gy, pixfrac, first, tile, work, sums)
            first, size = (ty - y0, tx - x0), (tile[1] - ty, tile[3] - tx)
            finish(sums, min_share, first, size, value, variance, valid, share)


@kernel
def finish(
    sums: Float32,
    min_share: np.float32,
    first: tuple[int, int],
    size: tuple[int, int],
    value: Float32,
    variance: Float32,
    valid: Bool,
    share: Float32,
) -> None:
    """Turn the sums of a tile into values.

    Parameters
    ----------
    sums : ndarray of float32
        See `add_quad`.
    min_share : float32
        Least share of a valid value, > 0.
    first, size : tuple of int
        First pixel (y, x) of the tile in the window, and its shape.
    value, variance, valid, share
        See `drizzle_window`.
    """
    # One loop for each result, divisions that do not check for zero and indices that cannot be negative: LLVM
    # makes vectors of these only.
    none, nan = np.float32(0.0), np.float32(np.nan)
    width, left, border = np.uint64(size[1]), np.uint64(first[1]), np.uint64(LANES)
    for j in range(size[0]):
        y, row = np.uint64(first[0] + j), np.uint64(j + ROWS)
        for i in range(width):
            valid[y, left + i] = sums[0, row, border + i] >= min_share
        for i in range(width):
            area = sums[0, row, border + i]
            share[y, left + i] = area if area >= min_share else none
        for i in range(width):
            area = sums[0, row, border + i]
            mean = np.true_divide(sums[1, row, border + i], area)
            value[y, left + i] = mean if area >= min_share else nan
        for i in range(width):
            area = sums[0, row, border + i]
            mean = np.true_divide(sums[2, row, border + i], area * area)
            variance[y, left + i] = mean if area >= min_share else nan
