"""The residual pattern of a detector: what all frames of an observation have in common, pixel by pixel.

Whatever stays at one place of the detector while the sky moves over it (the dark of the first frames, stray
light, latents) is the median of the frames after their objects are masked and their levels taken off.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]
Bool = NDArray[np.bool_]

_TOP = 2**31 - 1


def residual_pattern(stack: Float32, use: Bool, *, min_frames: int = 5) -> tuple[Float32, Int32]:
    """Residual pattern of the frames of one observation.

    Parameters
    ----------
    stack : ndarray of float32, shape (n, ny, nx)
        Frames with their levels taken off.
    use : ndarray of bool, same shape
        Good pixels without objects.
    min_frames : int, optional
        Fewest values that a median is taken of.

    Returns
    -------
    pattern : ndarray of float32, shape (ny, nx)
        Its own median is 0; 0 where there are too few values.
    n_used : ndarray of int32, shape (ny, nx)
        Number of values, also where there are too few.
    """
    middle, n_used = pattern_rows(stack, use, min_frames=min_frames)
    return centre_pattern(middle), n_used


def pattern_rows(stack: Float32, use: Bool, *, min_frames: int = 5) -> tuple[Float32, Int32]:
    """Medians over the frames of some rows of the detector; the first step of `residual_pattern`.

    Parameters
    ----------
    stack : ndarray of float32, shape (n, ny, nx)
        The rows of every frame, levels taken off.
    use : ndarray of bool, same shape
        Good pixels without objects; they must be finite.
    min_frames : int, optional
        Fewest values that a median is taken of.

    Returns
    -------
    middle : ndarray of float32, shape (ny, nx)
        Median, for an even number the mean of the two middle values; NaN where there are too few values.
    n_used : ndarray of int32, shape (ny, nx)
        Number of values.
    """
    shape = stack.shape[1:]
    middle, n_used = np.empty(shape, dtype=np.float32), np.empty(shape, dtype=np.int32)
    bits = np.ascontiguousarray(stack, dtype=np.float32).view(np.int32)
    _row_medians(bits, use, max(min_frames, 1), middle, n_used)
    return middle, n_used


def centre_pattern(middle: Float32) -> Float32:
    """Take the median off the medians of all rows; the second step of `residual_pattern`.

    Parameters
    ----------
    middle : ndarray of float32, shape (ny, nx)
        From `pattern_rows`, rows joined.

    Returns
    -------
    ndarray of float32, same shape
        0 where the input is NaN.
    """
    known = ~np.isnan(middle)
    if not known.any():
        return np.zeros_like(middle)
    return np.where(known, middle - np.median(middle[known]), np.float32(0.0))


@kernel
def _row_medians(bits: Int32, use: Bool, min_frames: int, middle: Float32, n_used: Int32) -> None:
    """Fill middle and n_used; bits are the values of the stack read as integers.

    The median is found bit by bit, by counting the values below a trial value: more passes than a selection
    takes, but without branches and for many pixels at a time.
    """
    n, ny, nx = bits.shape
    keys = np.empty((n, nx), np.int32)
    found = np.empty(nx, np.int32)
    upper = np.empty(nx, np.int32)
    for j in range(ny):
        count = n_used[j]
        count[:] = 0
        for f in range(n):
            for i in range(nx):
                value = bits[f, j, i]
                # Integers in the order of the floats: those of negative floats run backwards.
                key = value ^ ((value >> np.int32(31)) & np.int32(_TOP))
                keys[f, i] = key if use[f, j, i] else np.int32(_TOP)
                count[i] += np.int32(use[f, j, i])
        _select(keys, count, found, upper)
        for i in range(nx):
            found[i] ^= (found[i] >> np.int32(31)) & np.int32(_TOP)
            upper[i] ^= (upper[i] >> np.int32(31)) & np.int32(_TOP)
        low, high = found.view(np.float32), upper.view(np.float32)
        for i in range(nx):
            mean = np.float32(0.5) * (low[i] + high[i])
            middle[j, i] = mean if count[i] >= min_frames else np.float32(np.nan)


@kernel
def _select(keys: Int32, count: Int32, found: Int32, upper: Int32) -> None:
    """Find the two middle ones of the count smallest keys of every column."""
    n, nx = keys.shape
    trial = np.empty(nx, np.int32)
    below = np.empty(nx, np.int32)
    found[:] = np.int32(-_TOP - 1)
    for bit in range(31, -1, -1):
        for i in range(nx):
            trial[i] = np.int32(found[i] + (1 << bit))
        below[:] = 0
        for f in range(n):
            for i in range(nx):
                below[i] += np.int32(keys[f, i] < trial[i])
        for i in range(nx):
            found[i] = trial[i] if 2 * below[i] <= count[i] - 1 else found[i]
    below[:] = 0
    upper[:] = np.int32(_TOP)
    for f in range(n):
        for i in range(nx):
            key = keys[f, i]
            below[i] += np.int32(key <= found[i])
            upper[i] = min(upper[i], key if key > found[i] else np.int32(_TOP))
    for i in range(nx):
        upper[i] = found[i] if 2 * below[i] > count[i] else upper[i]
