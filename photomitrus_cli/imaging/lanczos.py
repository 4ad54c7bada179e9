"""Lanczos-3 interpolation: the weight tables and the kernels that apply them, a row of the grid at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.support import (
    INDEX_BITS,
    LANES,
    PLACES,
    separate,
    stride_places,
    support_share,
    support_sums,
)  # fmt: skip

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Places = NDArray[np.int64]

RADIUS = 3
TAPS = 2 * RADIUS
# The kernel reads eight pixels of a row and uses six.
RIGHT_BORDER = RADIUS + LANES - TAPS

BAD = np.uint8(1)
NEAR_BAD = np.uint8(2)
SATURATED = np.uint8(4)
DOUBTFUL = np.uint8(64)

# Chosen on stars of FWHM 1.4 px with wings, tracks on 1.5 % of the pixels, four frames, apertures of 3 px:
# star fluxes scatter by 0.29 % at 0.1, 0.21 % at 0.2 and 0.29 % at 0.3 (bias within 0.03 %), and 96.6, 97.7
# and 98.2 % of the pixels of a frame keep a value.
MAX_BAD_SHARE = 0.2


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


def weight_table(entries: int = PLACES) -> Float:
    """Tabulate the six weights of positions between two pixels.

    Parameters
    ----------
    entries : int, optional
        Intervals between two pixels.

    Returns
    -------
    ndarray of float64, shape (entries + 1, 8)
        Row k holds the weights of pixels floor(x) - 2 to floor(x) + 3 at x - floor(x) = k / entries,
        normalised to sum 1, and two zeros.
    """
    fraction = np.arange(entries + 1) / entries
    weights = lanczos3(np.arange(1 - RADIUS, RADIUS + 1)[None, :] - fraction[:, None])
    table = np.zeros((entries + 1, LANES))
    table[:, :TAPS] = weights / weights.sum(axis=1, keepdims=True)
    return table


def _aligned(table: Float32) -> Float32:
    """Copy a table to a place where no row of it straddles two cache lines; read-only."""
    room = np.empty(table.nbytes + 64, dtype=np.uint8)
    start = -room.ctypes.data % 64
    out = room[start : start + table.nbytes].view(np.float32).reshape(table.shape)
    out[:] = table
    out.setflags(write=False)
    return out


def pair_table() -> Float32:
    """Tabulate weights and their squares for `support_sums`.

    Returns
    -------
    ndarray of float32, shape (2048, 16)
        (w, w^2) of eight pixels; the float32 weights of a row sum to 1 within 3e-8, so that a constant sky
        stays constant.
    """
    exact = weight_table()[:PLACES]
    weights = exact.astype(np.float32)
    rows = np.arange(PLACES)
    largest = exact.argmax(axis=1)
    rest = exact.sum(axis=1) - weights.sum(axis=1, dtype=np.float64)
    weights[rows, largest] = weights[rows, largest] + rest
    return _aligned(np.stack([weights, weights * weights], axis=-1).reshape(PLACES, 2 * LANES))


def share_table() -> Float32:
    """Tabulate absolute weights over their sum for `support_share`.

    Returns
    -------
    ndarray of float32, shape (2048, 8)
    """
    size = np.abs(weight_table()[:PLACES])
    return _aligned((size / size.sum(axis=1, keepdims=True)).astype(np.float32))


@kernel
def row_positions(node: Float, origin: tuple[int, int], step: int, y: int, x0: int, out: Float) -> None:
    """Interpolate one node table along a row of the grid.

    Parameters
    ----------
    node : ndarray of float64
        Frame x or y at the nodes.
    origin, step
        The node table, see `photomitrus_cli.imaging.pixelmap.PixelMap`.
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
def row_places(
    nodes: tuple[Float, Float],
    origin: tuple[int, int],
    step: int,
    y: int,
    span: tuple[int, int],
    shape: tuple[int, int],
    places: Places,
    start: int,
) -> tuple[int, int]:
    """Find the places of a row of grid pixels.

    Parameters
    ----------
    nodes, origin, step
        The node tables of x and y, see `photomitrus_cli.imaging.pixelmap.PixelMap`.
    y : int
        The row.
    span : tuple of int
        Its grid pixels (x0, x1).
    shape : tuple of int
        (ny, nx) of the frame without its border.
    places : ndarray of int64, shape (>= x1 - start + 8,)
        Places as in `photomitrus_cli.imaging.support`, -1 off the frame and in the eight behind the row;
        result.
    start : int
        Grid pixel of the first place.

    Returns
    -------
    first, stop : int
        Grid pixels of the row outside of which nothing lies on the frame.
    """
    x0, x1 = span
    ny, nx = shape
    width = nx + RADIUS + RIGHT_BORDER
    j = y // step - origin[0]
    v, inverse = (y - (j + origin[0]) * step) / step, 1.0 / step
    i = x0 // step - origin[1]
    begin = (i + origin[1]) * step
    # Unsigned, so that no index is taken as counted from the end.
    top, bottom, cell = np.uint64(j), np.uint64(j + 1), np.uint64(i)
    node_x, node_y = nodes
    end_x = node_x[top, cell] + v * (node_x[bottom, cell] - node_x[top, cell])
    end_y = node_y[top, cell] + v * (node_y[bottom, cell] - node_y[top, cell])
    first, stop = x1, x0
    places[: x1 - start + LANES] = -1
    while begin < x1:
        cell += np.uint64(1)
        at_x, at_y = end_x, end_y
        end_x = node_x[top, cell] + v * (node_x[bottom, cell] - node_x[top, cell])
        end_y = node_y[top, cell] + v * (node_y[bottom, cell] - node_y[top, cell])
        low, high = max(begin, x0), min(begin + step, x1)
        if _meets(at_x, end_x, nx) and _meets(at_y, end_y, ny):
            first, stop = min(first, low), high
            slope_x, slope_y = (end_x - at_x) * inverse, (end_y - at_y) * inverse
            for x in range(low, high, LANES):
                stride_places(
                    at_x, slope_x, at_y, slope_y, x - begin, high - x, ny, nx, width, places, x - start
                )
        begin += step
    return min(first, stop), stop


@kernel
def _meets(a: float, b: float, size: int) -> bool:
    """Whether anything between two positions is on the frame, or almost; not if one is NaN."""
    # A little more than half a pixel, because positions are rounded.
    return (a >= -0.51 or b >= -0.51) and (a <= size - 0.49 or b <= size - 0.49) and a - b == a - b


@kernel
def row_values(
    pixels: Float32,
    state: NDArray[np.uint8],
    places: Places,
    span: tuple[int, int],
    tables: tuple[Float32, Float32],
    max_bad_share: float,
    out: Float32,
) -> None:
    """Interpolate a frame at a row of places.

    Parameters
    ----------
    pixels : ndarray of float32, shape (ny + 6, nx + 8, 2)
        Frame and variance with a border of 3 pixels, 5 on the right, every pixel finite.
    state : ndarray of uint8, shape (ny + 6, nx + 8)
        `BAD`, `NEAR_BAD` and `DOUBTFUL` bits; the border is bad.
    places : ndarray of int64, shape (n,)
        From `row_places`; made -1 where bad pixels carry too much weight.
    span : tuple of int
        First place and one behind the last.
    tables : tuple of ndarray of float32
        From `pair_table` and `share_table`.
    max_bad_share : float
        Largest share of the absolute weight on bad pixels of a valid value.
    out : ndarray of float32, shape (n, 2)
        Value and variance, written where the place is not -1.
    """
    pairs, shares = tables
    width = np.uint64(state.shape[1])
    middle = np.uint64(2) * width + np.uint64(2)
    flags = state.reshape(-1)
    index = np.int64((1 << INDEX_BITS) - 1)
    asks = DOUBTFUL if max_bad_share >= MAX_BAD_SHARE else NEAR_BAD
    for n in range(np.uint64(span[0]), np.uint64(span[1])):
        place = places[n]
        if place < 0:
            continue
        asked = flags[np.uint64(place & index) + middle] & asks
        if asked and support_share(state, shares, place, width) > max_bad_share:
            places[n] = -1
            continue
        support_sums(pixels, pairs, place, width, out, n)


@kernel
def lanczos_window(
    pixels: Float32,
    state: NDArray[np.uint8],
    nodes: tuple[Float, Float],
    origin: tuple[int, int],
    step: int,
    window: tuple[int, int, int, int],
    corner: tuple[int, int],
    tables: tuple[Float32, Float32],
    max_bad_share: float,
    value: Float32,
    variance: Float32,
    valid: NDArray[np.bool_],
) -> None:
    """Interpolate a frame at the pixels of a grid window.

    Parameters
    ----------
    pixels, state : ndarray
        The frame, see `row_values`.
    nodes, origin, step
        The node tables of x and y, see `photomitrus_cli.imaging.pixelmap.PixelMap`.
    window : tuple of int
        (y0, y1, x0, x1) in grid pixels, inside the node table.
    corner : tuple of int
        Grid pixel (y, x) of the first pixel of the results.
    tables, max_bad_share
        See `row_values`.
    value, variance, valid : ndarray of float32, float32, bool
        Results, written everywhere in the window; NaN, NaN, False where there is no value.
    """
    y0, y1, x0, x1 = window
    shape = (state.shape[0] - 2 * RADIUS, state.shape[1] - RADIUS - RIGHT_BORDER)
    places = np.empty(x1 - x0 + LANES, dtype=np.int64)
    held = np.empty((x1 - x0, 2), dtype=np.float32)
    for y in range(y0, y1):
        first, stop = row_places(nodes, origin, step, y, (x0, x1), shape, places, x0)
        row_values(pixels, state, places, (first - x0, stop - x0), tables, max_bad_share, held)
        row = (y - corner[0]) * value.shape[1] + x0 - corner[1]
        whole = (x1 - x0) // LANES * LANES
        for n in range(0, whole, LANES):
            separate(held, places, n, value, variance, valid, row + n)
        for n in range(whole, x1 - x0):
            there = places[n] >= 0
            valid[y - corner[0], x0 - corner[1] + n] = there
            value[y - corner[0], x0 - corner[1] + n] = held[n, 0] if there else np.float32(np.nan)
            variance[y - corner[0], x0 - corner[1] + n] = held[n, 1] if there else np.float32(np.nan)
