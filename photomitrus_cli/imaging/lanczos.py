"""Lanczos-3 interpolation: the weight table and the kernel that applies it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.support import LANES, support_sums

Float = NDArray[np.float64]
Index = NDArray[np.int32]

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
    state: NDArray[np.uint8],
    table: Float,
    row: np.uint64,
    col: np.uint64,
    entry_y: np.uint64,
    share_y: float,
    entry_x: np.uint64,
    share_x: float,
    held: Float,
) -> float:
    """Share of the absolute kernel weight that falls on bad pixels.

    Parameters
    ----------
    state : ndarray of uint8
        Pixel states; bit `BAD` counts.
    table : ndarray of float64
        From `weight_table`.
    row, col : uint64
        First pixel of the support.
    entry_y, share_y, entry_x, share_x : uint64, float
        Row of the weight table and share of the next, along each axis.
    held : ndarray of float64, shape (6,)
        Room to work in.

    Returns
    -------
    float
        From 0 to 1.
    """
    one = np.uint64(1)
    total_x, total_y, bad = 0.0, 0.0, 0.0
    for a in range(np.uint64(TAPS)):
        held[a] = abs(table[entry_x, a] + share_x * (table[entry_x + one, a] - table[entry_x, a]))
        total_x += held[a]
    for b in range(np.uint64(TAPS)):
        line = 0.0
        for a in range(np.uint64(TAPS)):
            line += held[a] * (state[row + b, col + a] & BAD)
        weight = abs(table[entry_y, b] + share_y * (table[entry_y + one, b] - table[entry_y, b]))
        total_y += weight
        bad += weight * line
    return bad / (total_x * total_y)


@kernel
def row_positions(node: Float, origin: tuple[int, int], step: int, y: int, x0: int, out: Float) -> None:
    """Interpolate one node table along a row of the grid.

    Parameters
    ----------
    node : ndarray of float64
        Frame x or y at the nodes.
    origin, step
        The node table, see `photomitrus_cli.imaging.mapping.PixelMap`.
    y, x0 : int
        First grid pixel of the row.
    out : ndarray of float64, shape (n,)
        Frame positions of grid pixels (y, x0) to (y, x0 + n - 1).
    """
    j = y // step - origin[0]
    v = (y - (j + origin[0]) * step) / step
    x1 = x0 + out.size
    for i in range(x0 // step - origin[1], (x1 - 1) // step - origin[1] + 1):
        start = (i + origin[1]) * step
        left = node[j, i] + v * (node[j + 1, i] - node[j, i])
        right = node[j, i + 1] + v * (node[j + 1, i + 1] - node[j, i + 1])
        slope = (right - left) / step
        for x in range(max(start, x0), min(start + step, x1)):
            out[x - x0] = left + (x - start) * slope


@kernel
def split_positions(
    position: Float, size: int, entries: int, first: Index, entry: Index, share: Float
) -> None:
    """Turn positions along one axis into supports and places in the weight table.

    Parameters
    ----------
    position : ndarray of float64, shape (n,)
        Frame positions; NaN away from the frame.
    size : int
        Frame size along the axis, pixels.
    entries : int
        Intervals of the weight table.
    first : ndarray of int32, shape (n,)
        First pixel of the support in the bordered arrays, -1 off the frame; result.
    entry, share : ndarray of int32 and float64, shape (n,)
        Row of the weight table and the share of the next; result.
    """
    for n in range(position.size):
        place = position[n] + 1.0
        # Written so that NaN fails it too.
        inside = place >= 0.5 and place <= size + 0.5
        place = place if inside else 0.0
        whole = np.floor(place)
        place = (place - whole) * entries
        row = np.floor(place)
        first[n] = np.int32(whole) if inside else np.int32(-1)
        entry[n] = np.int32(row)
        share[n] = place - row


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
        Results, written everywhere in the window; NaN, NaN, False where there is no value.
    """
    y0, y1, x0, x1 = window
    ny, nx = sci.shape[0] - 2 * RADIUS, sci.shape[1] - RADIUS - RIGHT_BORDER
    entries = table.shape[0] - 1
    position, held = np.empty(x1 - x0), np.empty(TAPS)
    first_x, first_y = np.empty(x1 - x0, np.int32), np.empty(x1 - x0, np.int32)
    entry_x, entry_y = np.empty(x1 - x0, np.int32), np.empty(x1 - x0, np.int32)
    share_x, share_y = np.empty(x1 - x0), np.empty(x1 - x0)
    for y in range(y0, y1):
        row_positions(node_x, origin, step, y, x0, position)
        split_positions(position, nx, entries, first_x, entry_x, share_x)
        row_positions(node_y, origin, step, y, x0, position)
        split_positions(position, ny, entries, first_y, entry_y, share_y)
        value[y - corner[0], x0 - corner[1] : x1 - corner[1]] = np.nan
        variance[y - corner[0], x0 - corner[1] : x1 - corner[1]] = np.nan
        valid[y - corner[0], x0 - corner[1] : x1 - corner[1]] = False
        for n in range(x1 - x0):
            if first_x[n] < 0 or first_y[n] < 0:
                continue
            # Unsigned, so that no index is taken as counted from the end.
            row, col = np.uint64(first_y[n]), np.uint64(first_x[n])
            ey, ex = np.uint64(entry_y[n]), np.uint64(entry_x[n])
            ty, tx = share_y[n], share_x[n]
            near = state[row + np.uint64(2), col + np.uint64(2)] & NEAR_BAD
            if near and bad_share(state, table, row, col, ey, ty, ex, tx, held) > max_bad_share:
                continue
            total, spread = support_sums(sci, var, table, row, col, ey, ty, ex, tx)
            value[y - corner[0], x0 + n - corner[1]] = total
            variance[y - corner[0], x0 + n - corner[1]] = spread
            valid[y - corner[0], x0 + n - corner[1]] = True
