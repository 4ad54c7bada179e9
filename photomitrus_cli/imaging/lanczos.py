"""Lanczos-3 interpolation: the weight table and the kernel that applies it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.support import LANES, support_sums

Float = NDArray[np.float64]

RADIUS = 3
TAPS = 2 * RADIUS
# The kernel reads eight pixels of a row and uses six.
RIGHT_BORDER = RADIUS + LANES - TAPS
ENTRIES = 1024

BAD = np.uint8(1)
NEAR_BAD = np.uint8(2)


def lanczos3(t: Float) -> Float:
    """Evaluate the continuous kernel sinc(t) sinc(t / 3) for abs(t) < 3, else 0 (Duchon 1979).

    Parameters
    ----------
    t : ndarray of float64
        Distance, pixels.

    Returns
    -------
    ndarray of float64
        Not normalised.
    """
    return np.where(np.abs(t) < RADIUS, np.sinc(t) * np.sinc(t / RADIUS), 0.0)


def weight_table(entries: int = ENTRIES) -> Float:
    """Tabulate the six weights of positions between two pixels.

    Each row is normalised to sum 1, and so are then all linear interpolations between rows: a constant sky
    stays constant.

    Parameters
    ----------
    entries : int, optional
        Intervals between two pixels. 1024 give weights good to 3e-7.

    Returns
    -------
    ndarray of float64, shape (entries + 1, 8)
        Row k holds the weights of pixels floor(x) - 2 to floor(x) + 3 at x - floor(x) = k / entries, and two
        zeros.
    """
    fraction = np.arange(entries + 1) / entries
    weights = lanczos3(np.arange(1 - RADIUS, RADIUS + 1)[None, :] - fraction[:, None])
    table = np.zeros((entries + 1, LANES))
    table[:, :TAPS] = weights / weights.sum(axis=1, keepdims=True)
    return table


@kernel
def near_bad(state: NDArray[np.uint8]) -> None:
    """Flag every pixel whose kernel support can hold a bad one.

    Parameters
    ----------
    state : ndarray of uint8, shape (ny, nx)
        Bit `BAD` is read, bit `NEAR_BAD` set in place for pixel (j, i) when any of rows j - 2 to j + 3 and
        columns i - 2 to i + 3 is bad.
    """
    ny, nx = state.shape
    for j in range(ny):
        for i in range(nx):
            if state[j, i] & BAD:
                for b in range(max(j - RADIUS, 0), min(j + RADIUS, ny)):
                    for a in range(max(i - RADIUS, 0), min(i + RADIUS, nx)):
                        state[b, a] |= NEAR_BAD


@kernel
def bad_share(
    state: NDArray[np.uint8], table: Float, j: np.uint64, i: np.uint64, ty: float, tx: float
) -> float:
    """Share of the absolute kernel weight that falls on bad pixels.

    Parameters
    ----------
    state : ndarray of uint8
        Pixel states; bit `BAD` counts.
    table : ndarray of float64
        From `weight_table`.
    j, i : int
        First row and column of the support.
    ty, tx : float
        Place of the weights along each axis in the table.

    Returns
    -------
    float
        From 0 to 1.
    """
    ny, nx = np.uint64(ty), np.uint64(tx)
    bad = 0.0
    total = 0.0
    for b in range(np.uint64(TAPS)):
        wy = abs(table[ny, b] + (ty - ny) * (table[ny + np.uint64(1), b] - table[ny, b]))
        for a in range(np.uint64(TAPS)):
            weight = wy * abs(table[nx, a] + (tx - nx) * (table[nx + np.uint64(1), a] - table[nx, a]))
            total += weight
            if state[j + b, i + a] & BAD:
                bad += weight
    return bad / total


@kernel
def row_positions(
    node: Float, origin: tuple[int, int], step: int, y: int, x0: int, x1: int, out: Float
) -> None:
    """Interpolate one node table along a row of the grid.

    Parameters
    ----------
    node : ndarray of float64
        Frame x or y at the nodes.
    origin, step
        The node table, see `photomitrus_cli.imaging.mapping.PixelMap`.
    y, x0, x1 : int
        Grid pixels (y, x0) to (y, x1 - 1).
    out : ndarray of float64, shape (>= x1 - x0,)
        Result.
    """
    j = y // step - origin[0]
    v = (y - (j + origin[0]) * step) / step
    for i in range(x0 // step - origin[1], (x1 - 1) // step - origin[1] + 1):
        start = (i + origin[1]) * step
        left = node[j, i] + v * (node[j + 1, i] - node[j, i])
        right = node[j, i + 1] + v * (node[j + 1, i + 1] - node[j, i + 1])
        slope = (right - left) / step
        for x in range(max(start, x0), min(start + step, x1)):
            out[x - x0] = left + (x - start) * slope


@kernel
def lanczos_window(
    sci: NDArray[np.float32],
    var: NDArray[np.float32],
    state: NDArray[np.uint8],
    node_x: Float,
    node_y: Float,
    origin: tuple[int, int],
    step: int,
    window: tuple[int, int, int, int],
    corner: tuple[int, int],
    table: Float,
    max_bad_share: float,
    value: NDArray[np.float32],
    variance: NDArray[np.float32],
    valid: NDArray[np.bool_],
) -> None:
    """Interpolate a frame at the pixels of a grid window.

    Parameters
    ----------
    sci, var : ndarray of float32, shape (ny + 6, nx + 8)
        Frame and variance with a border of 3 pixels, 5 on the right, every pixel finite.
    state : ndarray of uint8, same shape
        `BAD` and `NEAR_BAD` bits; the border is bad.
    node_x, node_y, origin, step
        The node table, see `photomitrus_cli.imaging.mapping.PixelMap`.
    window : tuple of int
        (y0, y1, x0, x1) in grid pixels, inside the node table.
    corner : tuple of int
        Grid pixel (y, x) of the first pixel of the results.
    table : ndarray of float64
        From `weight_table`.
    max_bad_share : float
        Largest share of the absolute weight on bad pixels of a valid value.
    value, variance, valid : ndarray of float32, float32, bool
        Results, written where valid.
    """
    y0, y1, x0, x1 = window
    ny, nx = sci.shape[0] - 2 * RADIUS, sci.shape[1] - RADIUS - RIGHT_BORDER
    entries = table.shape[0] - 1
    px, py = np.empty(x1 - x0), np.empty(x1 - x0)
    for y in range(y0, y1):
        row_positions(node_x, origin, step, y, x0, x1, px)
        row_positions(node_y, origin, step, y, x0, x1, py)
        for x in range(x0, x1):
            fx, fy = px[x - x0], py[x - x0]
            # Written so that NaN nodes fail it too.
            if not (fx >= -0.5 and fx <= nx - 0.5 and fy >= -0.5 and fy <= ny - 0.5):
                continue
            # First pixel of the support in the bordered arrays; unsigned, so that no index is taken as negative.
            kx, ky = np.uint64(fx + 1.0), np.uint64(fy + 1.0)
            tx, ty = (fx + 1.0 - kx) * entries, (fy + 1.0 - ky) * entries
            ex, ey = np.uint64(tx), np.uint64(ty)
            if state[ky + np.uint64(2), kx + np.uint64(2)] & NEAR_BAD:
                share = bad_share(state, table, ky, kx, ty, tx)
                if share > max_bad_share:
                    continue
            total, spread = support_sums(sci, var, table, ky, kx, ey, ty - ey, ex, tx - ex)
            value[y - corner[0], x - corner[1]] = total
            variance[y - corner[0], x - corner[1]] = spread
            valid[y - corner[0], x - corner[1]] = True
