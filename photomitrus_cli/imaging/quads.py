"""Pixels of a frame as quadrilaterals of the grid, and the areas of grid pixels that they cover."""

from __future__ import annotations

from math import ceil, floor, isfinite

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.quadlanes import LANES, ROWS, add_strip, set_edges

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]

# Side of the blocks in which the pixels of a frame are taken.
BLOCK = 16


@kernel
def corner(centre: Float, j: int, i: int) -> float:
    """Give one coordinate of the lower corner of a pixel.

    Parameters
    ----------
    centre : ndarray of float64, shape (ny, nx)
        The coordinate of the pixel centres.
    j, i : int
        The pixel: 0 to ny, 0 to nx.

    Returns
    -------
    float
        Mean of the four nearest centres, extrapolated at the edges of the frame: neighbours share it.
    """
    ny, nx = centre.shape
    low, left = min(max(j - 1, 0), ny - 2), min(max(i - 1, 0), nx - 2)
    up, along = j - 0.5 - low, i - 0.5 - left
    first = centre[low, left] + up * (centre[low + 1, left] - centre[low, left])
    second = centre[low, left + 1] + up * (centre[low + 1, left + 1] - centre[low, left + 1])
    return float(first + along * (second - first))


@kernel
def block_corners(centre: Float, j0: int, i0: int, out: Float) -> None:
    """Give one coordinate of the corners of the pixels of a block.

    Parameters
    ----------
    centre : ndarray of float64, shape (ny, nx)
        The coordinate of the pixel centres.
    j0, i0 : int
        First pixel of the block.
    out : ndarray of float64, shape (BLOCK + 1, BLOCK + 1)
        Written: element (j, i) is the lower corner of pixel (j0 + j, i0 + i).
    """
    ny, nx = centre.shape
    if j0 > 0 and i0 > 0 and j0 + BLOCK < ny and i0 + BLOCK < nx:
        # The same for most blocks, by vectors: indices cannot be negative.
        row, col, side = np.uint64(j0 - 1), np.uint64(i0 - 1), np.uint64(BLOCK + 1)
        one = np.uint64(1)
        for b in range(side):
            y = row + b
            for a in range(side):
                x = col + a
                low, high = centre[y, x] + centre[y, x + one], centre[y + one, x] + centre[y + one, x + one]
                out[b, a] = 0.25 * (low + high)
        return
    for j in range(min(BLOCK, ny - j0) + 1):
        for i in range(min(BLOCK, nx - i0) + 1):
            out[j, i] = corner(centre, j0 + j, i0 + i)


@kernel
def block_boxes(gx: Float, gy: Float) -> Float:
    """Bound the blocks of a frame.

    Parameters
    ----------
    gx, gy : ndarray of float64, shape (ny, nx)
        Positions of the pixel centres, grid pixels.

    Returns
    -------
    ndarray of float64, shape (rows, columns, 4)
        Least and greatest y, least and greatest x of the corners of each block; places that are not finite
        do not count.
    """
    ny, nx = gx.shape
    out = np.empty(((ny + BLOCK - 1) // BLOCK, (nx + BLOCK - 1) // BLOCK, 4))
    corners = np.empty((2, BLOCK + 1, BLOCK + 1))
    for row in range(out.shape[0]):
        for col in range(out.shape[1]):
            j0, i0 = row * BLOCK, col * BLOCK
            block_corners(gy, j0, i0, corners[0])
            block_corners(gx, j0, i0, corners[1])
            for axis in range(2):
                low, high = np.inf, -np.inf
                for j in range(min(BLOCK, ny - j0) + 1):
                    for i in range(min(BLOCK, nx - i0) + 1):
                        low = corners[axis, j, i] if corners[axis, j, i] < low else low
                        high = corners[axis, j, i] if corners[axis, j, i] > high else high
                out[row, col, 2 * axis], out[row, col, 2 * axis + 1] = low, high
    return out


@kernel
def add_quad(
    corners: tuple[float, float, float, float, float, float, float, float],
    value: np.float32,
    variance: np.float32,
    tile: tuple[int, int, int, int],
    edges: Float32,
    sums: Float32,
) -> None:
    """Add one quadrilateral to the sums of a tile.

    Parameters
    ----------
    corners : tuple of float
        x, y of the corners in turn, 0 at the lower left corner of grid pixel (0, 0).
    value, variance : float32
        Of the pixel.
    tile : tuple of int
        (y0, y1, x0, x1) in grid pixels.
    edges : ndarray of float32, shape (EDGE_ROWS, ROWS LANES)
        Work space.
    sums : ndarray of float32, shape (3, >= y1 - y0 + 2 ROWS, >= x1 - x0 + 2 LANES)
        a, a value, a^2 variance; changed in place. The border takes the ends of strips that reach across it.
    """
    ax, ay, bx, by, cx, cy, dx, dy = corners
    y0, y1, x0, x1 = tile
    low_x, high_x = min(ax, bx, cx, dx), max(ax, bx, cx, dx)
    low_y, high_y = min(ay, by, cy, dy), max(ay, by, cy, dy)
    if not (low_x < x1 and low_y < y1 and high_y > y0 and isfinite(ax + ay + bx + by + cx + cy + dx + dy)):
        return
    # Areas are worked out from the quadrilateral's own pixel on, the same for any tile.
    fx, fy = floor(low_x), floor(low_y)
    col, row = fx - x0, fy - y0
    width = ceil(high_x - fx)
    # Lanes beyond the quadrilateral get areas of a rounding error: whole strips count as covered.
    if col + LANES * ((width + LANES - 1) // LANES) <= 0:
        return
    set_edges(edges, ax - fx, ay - fy, bx - fx, by - fy, cx - fx, cy - fy, dx - fx, dy - fy)
    width = min(width, x1 - x0 - col)
    nothing = (np.float32(0.0), np.float32(0.0))
    for up in range(0, min(ceil(high_y - fy), y1 - y0 - row), ROWS):
        if row + up <= -ROWS:
            continue
        before = nothing
        for left in range(0, width, LANES):
            # Strips wholly left of the tile only hand on what lies left of the next: to the border.
            place = max(col + left + LANES, 0)
            before = add_strip(edges, up, left, before, value, variance, sums, row + up + ROWS, place)
