"""Bad pixels are filled from their good neighbours before interpolation, so that they cannot ring."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.lanczos import (
    BAD,
    DOUBTFUL,
    MAX_BAD_SHARE,
    NEAR_BAD,
    RADIUS,
    RIGHT_BORDER,
    SATURATED,
    TAPS,
    share_table,
)  # fmt: skip

Float32 = NDArray[np.float32]
State = NDArray[np.uint8]

# Pixels to each side that are looked at, and how often what was filled serves to fill what is deeper in a
# hole.
REACH = 2
PASSES = 3
# Set only while filling.
_UNKNOWN = np.uint8(128)


def _distance_weights() -> Float32:
    """Give inverse fourth powers of the distance to the middle of 5 x 5 pixels."""
    y, x = np.mgrid[-REACH : REACH + 1, -REACH : REACH + 1]
    square = (y**2 + x**2).astype(np.float64)
    square[REACH, REACH] = 1
    return np.asarray(1.0 / square**2, dtype=np.float32)


_WEIGHTS = _distance_weights()
# Largest share of the absolute weight along one axis that each pixel of a support can have, and the sum that
# makes sure, with all rounding, that the true share is below the limit.
_LARGEST = share_table()[:, :TAPS].max(axis=0)
_LIMIT = np.float32(0.999 * MAX_BAD_SHARE)


@kernel
def load_frame(
    sci: Float32,
    var: Float32,
    bad: NDArray[np.bool_],
    saturated: NDArray[np.bool_],
    pixels: Float32,
    state: State,
) -> None:
    """Copy a frame into its bordered form.

    Parameters
    ----------
    sci, var : ndarray of float32, shape (ny, nx)
        Frame and variance.
    bad : ndarray of bool, shape (ny, nx)
        Pixels not to be used; those not finite are added, and those of negative variance.
    saturated : ndarray of bool, shape (ny, nx) or (0, 0)
        Pixels to flag, if any.
    pixels : ndarray of float32, shape (ny + 6, nx + 8, 2)
        Frame and variance side by side, 0 where bad; result.
    state : ndarray of uint8, shape (ny + 6, nx + 8)
        `BAD` and `SATURATED` bits; result.
    """
    ny, nx = sci.shape
    pixels[:RADIUS], pixels[ny + RADIUS :] = np.float32(0.0), np.float32(0.0)
    state[:RADIUS], state[ny + RADIUS :] = BAD, BAD
    none = np.float32(0.0)
    # Rows of their own between, because pairs side by side and three kinds of number do not go together.
    value, noise = np.empty(nx, dtype=np.float32), np.empty(nx, dtype=np.float32)
    for j in range(ny):
        line, flags = pixels[j + RADIUS], state[j + RADIUS]
        line[:RADIUS], line[nx + RADIUS :] = none, none
        flags[:RADIUS], flags[nx + RADIUS :] = BAD, BAD
        marks = flags[RADIUS : nx + RADIUS]
        for i in range(nx):
            one, two = sci[j, i], var[j, i]
            # The difference of an infinite value with itself is NaN, which fails any test.
            good = (one - one == none) & (two - two == none) & (two >= none) & (not bad[j, i])
            value[i], noise[i] = one if good else none, two if good else none
            marks[i] = np.uint8(0) if good else BAD
        for i in range(nx):
            line[i + RADIUS, 0] = value[i]
            line[i + RADIUS, 1] = noise[i]
        if saturated.size:
            for i in range(nx):
                marks[i] |= SATURATED if saturated[j, i] else np.uint8(0)


@kernel
def finish_frame(pixels: Float32, state: State) -> None:
    """Fill bad pixels, border and all, and flag the pixels near them.

    A bad pixel gets the mean of the good ones within `REACH`, weighted by distance^-4; what was filled in one
    of the `PASSES` serves the next. What is deeper in a hole takes the mean of the good pixels (0 if none is
    good): no valid output pixel reaches there.

    Parameters
    ----------
    pixels : ndarray of float32, shape (ny, nx, 2)
        Frame and variance, changed in place; bad pixels may hold anything.
    state : ndarray of uint8, shape (ny, nx)
        Bit `BAD` is read, `NEAR_BAD` set for pixel (j, i) when any of rows j - 2 to j + 3 and columns i - 2
        to i + 3 is bad, `DOUBTFUL` when these may carry more than `MAX_BAD_SHARE` of the absolute weight at
        a position between (j, i) and (j + 1, i + 1); both are cleared elsewhere. Other bits below 128 are
        kept.
    """
    left = _list_bad(state)
    if left.shape[0] < state.size:
        for n in range(PASSES):
            if left.shape[0]:
                left = _fill_pass(pixels, state, left, n * REACH)
    if left.shape[0]:
        _fill_rest(pixels, state, left)
    _mark_near(state)


@kernel
def _list_bad(state: State) -> NDArray[np.int32]:
    """List the bad pixels, and mark them unknown."""
    ny, nx = state.shape
    total = 0
    for j in range(ny):
        for i in range(nx):
            total += state[j, i] & BAD
    out = np.empty((total, 2), dtype=np.int32)
    n = 0
    for j in range(ny):
        for i in range(nx):
            if state[j, i] & BAD:
                out[n, 0], out[n, 1] = j, i
                state[j, i] |= _UNKNOWN
                n += 1
    return out


@kernel
def _fill_pass(pixels: Float32, state: State, todo: NDArray[np.int32], grown: int) -> NDArray[np.int32]:
    """Fill what has known pixels within reach, and list what has not.

    All known pixels are on the frame or, by former passes, up to `grown` pixels beside it.
    """
    low = max(RADIUS - grown, 0)
    high_y = min(state.shape[0] - RADIUS + grown, state.shape[0])
    high_x = min(state.shape[1] - RIGHT_BORDER + grown, state.shape[1])
    rest = np.empty_like(todo)
    n_done = n_rest = 0
    for n in range(todo.shape[0]):
        j, i = todo[n, 0], todo[n, 1]
        total, value, noise = np.float32(0.0), np.float32(0.0), np.float32(0.0)
        # Unsigned, so that no index is taken as counted from the end.
        row, col = np.uint64(REACH - j), np.uint64(REACH - i)
        left, right = np.uint64(max(i - REACH, low)), np.uint64(min(i + REACH + 1, high_x))
        for b in range(np.uint64(max(j - REACH, low)), np.uint64(min(j + REACH + 1, high_y))):
            for a in range(left, right):
                # A branch: with choices in its place some sums would be rounded otherwise (no fused steps).
                if state[b, a] < _UNKNOWN:
                    weight = _WEIGHTS[b + row, a + col]
                    total += weight
                    value += weight * pixels[b, a, 0]
                    noise += weight * pixels[b, a, 1]
        # The two lists cannot overtake the reading of the first.
        if total > np.float32(0.0):
            pixels[j, i, 0], pixels[j, i, 1] = value / total, noise / total
            todo[n_done, 0], todo[n_done, 1] = j, i
            n_done += 1
        else:
            rest[n_rest, 0], rest[n_rest, 1] = j, i
            n_rest += 1
    # Filled ones become known at the end, so that the order of filling does not matter.
    for n in range(n_done):
        state[todo[n, 0], todo[n, 1]] &= ~_UNKNOWN
    return rest[:n_rest]


@kernel
def _fill_rest(pixels: Float32, state: State, todo: NDArray[np.int32]) -> None:
    """Give the remaining pixels the mean of the good ones."""
    ny, nx = state.shape
    count, value, noise = 0, 0.0, 0.0
    for j in range(ny):
        for i in range(nx):
            if not state[j, i] & BAD:
                count += 1
                value += pixels[j, i, 0]
                noise += pixels[j, i, 1]
    for n in range(todo.shape[0]):
        j, i = todo[n, 0], todo[n, 1]
        pixels[j, i, 0], pixels[j, i, 1] = value / max(count, 1), noise / max(count, 1)
        state[j, i] &= ~_UNKNOWN


@kernel
def _mark_near(state: State) -> None:
    """Set `NEAR_BAD` and `DOUBTFUL` by the sum of the largest shares that bad pixels can have."""
    ny, nx = state.shape
    m = _LARGEST
    # Two rows above and three below stay empty, and as many columns: no tests for the edge.
    bad = np.zeros(nx + TAPS, dtype=np.float32)
    rows = np.zeros((ny + TAPS, nx), dtype=np.float32)
    for j in range(ny):
        flags, line = state[j], rows[j + RADIUS - 1]
        for i in range(nx):
            bad[i + RADIUS - 1] = np.float32(flags[i] & BAD)
        for i in range(nx):
            line[i] = (
                m[0] * bad[i] + m[1] * bad[i + 1] + m[2] * bad[i + 2]
                + m[3] * bad[i + 3] + m[4] * bad[i + 4] + m[5] * bad[i + 5]
            )  # fmt: skip
    for j in range(ny):
        flags = state[j]
        for i in range(nx):
            share = (
                m[0] * rows[j, i] + m[1] * rows[j + 1, i] + m[2] * rows[j + 2, i]
                + m[3] * rows[j + 3, i] + m[4] * rows[j + 4, i] + m[5] * rows[j + 5, i]
            )  # fmt: skip
            near = NEAR_BAD if share > np.float32(0.0) else np.uint8(0)
            doubt = DOUBTFUL if share > _LIMIT else np.uint8(0)
            flags[i] = (flags[i] & ~(NEAR_BAD | DOUBTFUL)) | near | doubt


def bordered_shape(shape: tuple[int, int]) -> tuple[int, int]:
    """Shape of a frame with its border.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx) of the frame.

    Returns
    -------
    tuple of int
        (ny + 6, nx + 8).
    """
    return shape[0] + 2 * RADIUS, shape[1] + RADIUS + RIGHT_BORDER
