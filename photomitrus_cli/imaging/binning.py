"""Frames at a part of their resolution: means of blocks, and marks on all pixels of a block."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.flatfield import INVALID
from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.pixelmap import PixelMap

Float32 = NDArray[np.float32]
Mask = NDArray[np.uint8]
Bool = NDArray[np.bool_]


def binned(values: Float32, mask: Mask, side: int) -> tuple[Float32, Mask]:
    """Average square blocks of pixels.

    Parameters
    ----------
    values : ndarray of float32, shape (ny, nx)
    mask : ndarray of uint8, shape (ny, nx)
        0 where a pixel is used.
    side : int
        Of a block; rows and columns that fill none are left out.

    Returns
    -------
    means : ndarray of float32, shape (ny // side, nx // side)
        Of good, finite pixels; NaN where less than half is good. The frame itself when `side` is 1.
    mask : ndarray of uint8, same shape
        There the bits of all pixels of the block, `INVALID` where they have none; 0 elsewhere.
    """
    if side == 1:
        return values, mask
    shape = values.shape[0] // side, values.shape[1] // side
    means, bits = np.empty(shape, np.float32), np.empty(shape, np.uint8)
    _bin(values, mask, side, means, bits)
    return means, bits


@kernel
def _bin(values: Float32, mask: Mask, side: int, means: Float32, bits: Mask) -> None:
    zero, one = np.float32(0.0), np.float32(1.0)
    none, half = np.float32(np.inf), np.float32(0.5 * side * side)
    nx = means.shape[1]
    total, count = np.empty(nx, np.float32), np.empty(nx, np.float32)
    for y in range(means.shape[0]):
        total[:], count[:], bits[y] = zero, zero, np.uint8(0)
        for j in range(side):
            row, marks = values[y * side + j], mask[y * side + j]
            for x in range(nx):
                for i in range(side):
                    value = row[x * side + i]
                    good = (marks[x * side + i] == 0) & (abs(value) < none)
                    total[x] += value if good else zero
                    count[x] += one if good else zero
                    bits[y, x] |= marks[x * side + i]
        for x in range(nx):
            enough = count[x] >= half
            means[y, x] = total[x] / count[x] if enough else np.float32(np.nan)
            marked = bits[y, x] if bits[y, x] != 0 else np.uint8(INVALID)
            bits[y, x] = np.uint8(0) if enough else marked


def mark_blocks(found: Bool, side: int, bit: int, mask: Mask) -> None:
    """Set a bit of all pixels of some blocks, in place.

    Parameters
    ----------
    found : ndarray of bool, shape (ny // side, nx // side)
        The blocks; rows and columns beyond the last ones are as these are.
    side : int
    bit : int
    mask : ndarray of uint8, shape (ny, nx)
        Changed.
    """
    _mark(found, side, np.uint8(bit), mask)


@kernel
def _mark(found: Bool, side: int, bit: np.uint8, mask: Mask) -> None:
    ny, nx = found.shape
    for y in range(mask.shape[0]):
        row = found[min(y // side, ny - 1)]
        for x in range(nx * side, mask.shape[1]):
            mask[y, x] |= bit if row[nx - 1] else np.uint8(0)
        for x in range(nx):
            if row[x]:
                for i in range(side):
                    mask[y, x * side + i] |= bit


def binned_grid(grid: Grid, side: int) -> Grid:
    """Give a grid of the same sky in larger pixels.

    Parameters
    ----------
    grid : Grid
    side : int
        Pixels of the grid along a side of a new one.

    Returns
    -------
    Grid
        It holds all pixels of the other one.
    """
    if side == 1:
        return grid
    ny, nx = (-(-size // side) for size in grid.shape)
    x, y = ((place + 0.5) / side - 0.5 for place in grid.crpix)
    return replace(grid, scale=grid.scale * side, shape=(ny, nx), crpix=(x, y))


def binned_map(pixel_map: PixelMap, side: int) -> PixelMap:
    """Map onto a frame after its pixels were averaged in blocks.

    Parameters
    ----------
    pixel_map : PixelMap
        Onto the whole frame.
    side : int
        See `binned`.

    Returns
    -------
    PixelMap
    """
    if side == 1:
        return pixel_map
    x, y = ((place + 0.5) / side - 0.5 for place in (pixel_map.node_x, pixel_map.node_y))
    shape = pixel_map.shape[0] // side, pixel_map.shape[1] // side
    return replace(pixel_map, node_x=x, node_y=y, shape=shape)
