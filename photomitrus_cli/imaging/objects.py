"""Pixels of objects, to be left out where the background is measured."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]


def object_mask(
    sci: NDArray[np.floating], bad: Bool, level: float, sigma: float, *, kappa: float = 4.0, grow: int = 2
) -> Bool:
    """Find the pixels of objects: above the background after a light smoothing, and their surroundings.

    The smoothing is the 3x3 tent 1-2-1 of the good pixels, near the best filter for undersampled stars. The
    threshold is kappa times the noise of the smoothed image (0.375 sigma where all nine pixels are good), so
    extended light is found from 0.375 kappa sigma, a star from a peak of kappa sigma.

    Parameters
    ----------
    sci : ndarray of float, shape (ny, nx)
        Image; worked on as float32.
    bad : ndarray of bool, same shape
        Pixels not to be used; those not finite are left out too.
    level, sigma : float
        Background and noise of a pixel, units of sci, as from `photomitrus_cli.imaging.background`.
    kappa : float, optional
        Threshold in sigma of the smoothed image. Peaks of noise above it are lost from the background: at 3
        the mean of what is left is 0.01 sigma too low, at 4 it is 3e-4.
    grow : int, optional
        Radius in pixels by which what was found is grown.

    Returns
    -------
    ndarray of bool, same shape
        True on objects. Nothing where level or sigma is NaN.
    """
    found = np.zeros(sci.shape, dtype=np.bool_)
    if math.isfinite(level) and sigma >= 0.0:
        image = np.ascontiguousarray(sci, dtype=np.float32)
        _mark(image, bad, np.float32(level), np.float32((kappa * sigma) ** 2), grow, found)
    return found


@kernel
def _mark(sci: Float32, bad: Bool, level: np.float32, limit: np.float32, grow: int, found: Bool) -> None:
    """Set found, changed in place; limit is the squared threshold for a single pixel."""
    ny, nx = sci.shape
    # Sums along x of weight value and of weight^2 for three rows; those outside the image are empty.
    values = np.zeros((3, nx), np.float32)
    squares = np.zeros((3, nx), np.float32)
    line = np.zeros(nx + 2, np.float32)
    here = np.zeros(nx + 2, np.float32)
    over = np.empty(nx, np.bool_)
    for j in range(ny + 1):
        if j < ny:
            _smooth_row(sci[j], bad[j], level, line, here, values[j % 3], squares[j % 3])
        else:
            values[j % 3] = np.float32(0.0)
            squares[j % 3] = np.float32(0.0)
        if j > 0 and _above(values, squares, j, limit, over):
            for i in range(nx):
                if over[i]:
                    _disk(found, j - 1, i, grow)


@kernel
def _smooth_row(
    row: Float32,
    bad: Bool,
    level: np.float32,
    line: Float32,
    here: Float32,
    value: Float32,
    square: Float32,
) -> None:
    """Fill value and square; line and here are work space with empty ends."""
    for i in range(row.size):
        above = row[i] - level
        # The difference of an infinite or undefined number with itself is not 0.
        good = (not bad[i]) & (above - above == np.float32(0.0))
        line[i + 1] = above if good else np.float32(0.0)
        here[i + 1] = np.float32(1.0) if good else np.float32(0.0)
    for i in range(row.size):
        value[i] = line[i] + line[i + 1] + line[i + 1] + line[i + 2]
        square[i] = here[i] + np.float32(4.0) * here[i + 1] + here[i + 2]


@kernel
def _above(values: Float32, squares: Float32, j: int, limit: np.float32, over: Bool) -> bool:
    """Find the pixels of row j - 1 above the threshold, and whether there is one."""
    v0, v1, v2 = values[(j + 1) % 3], values[(j + 2) % 3], values[j % 3]
    s0, s1, s2 = squares[(j + 1) % 3], squares[(j + 2) % 3], squares[j % 3]
    n = 0
    for i in range(over.size):
        total = v0[i] + v1[i] + v1[i] + v2[i]
        spread = s0[i] + np.float32(4.0) * s1[i] + s2[i]
        # total / weights > kappa sigma sqrt(spread) / weights
        over[i] = (total > np.float32(0.0)) & (total * total > limit * spread)
        n += over[i]
    return n > 0


@kernel
def _disk(found: Bool, y: int, x: int, radius: int) -> None:
    """Set the pixels within about a radius: squared distance up to radius (radius + 1)."""
    ny, nx = found.shape
    for dy in range(-radius, radius + 1):
        if not 0 <= y + dy < ny:
            continue
        reach = 0
        while (reach + 1) ** 2 + dy * dy <= radius * (radius + 1):
            reach += 1
        found[y + dy, max(x - reach, 0) : min(x + reach + 1, nx)] = True
