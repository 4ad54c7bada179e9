"""Outliers of a cube of frames with what is beside them: the tails of hits and trails."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.settle import centre_of

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

# Pixels to each side that an outlier reaches, and the part of its limit that holds for them.
_REACH, _PART = 2, 0.5
# Frames that must be left in a pixel.
_FEWEST = 3
# As in `photomitrus_cli.imaging.settle`.
_SCATTER_FROM, _MAD = 5, 1.4826022


@kernel
def _candidates(
    value: Float32, variance: Float32, valid: Bool, about: tuple[Float32, Float32], most: float, out: Bool
) -> int:
    """Mark what is beyond the least limit there may be, `most` times the variance, and count it."""
    centre, soft = about
    found, factor = np.int32(0), np.float32(most)
    for x in range(out.size):
        away = abs(value[x] - centre[x]) - soft[x]
        far = valid[x] & (away > np.float32(0.0)) & (away * away > factor * variance[x])
        out[x] = far
        found += np.int32(far)
    return int(found)


@kernel
def _beyond(
    cube: tuple[Float32, Float32, Bool],
    place: tuple[int, int, int],
    about: tuple[Float32, Float32],
    sigma: float,
    work: Float32,
) -> float:
    """Give the distance of a value over its limit, that of `photomitrus_cli.imaging.settle.settle`."""
    values, variances, valid = cube
    f, y, x = place
    centre, soft = about[0][y, x], float(about[1][y, x])
    n = 0
    for g in range(values.shape[0]):
        if valid[g, y, x]:
            work[n] = abs(values[g, y, x] - centre)
            n += 1
    noise = float(np.sqrt(variances[f, y, x]))
    scatter = _MAD * centre_of(work[:n], 0.0, np.inf) if n >= _SCATTER_FROM else 0.0
    limit = sigma * max(noise, min(scatter, noise + soft)) + soft
    return float(abs(values[f, y, x] - centre)) / limit


@kernel
def _reject(
    cube: tuple[Float32, Float32, Bool], about: tuple[Float32, Float32], sigma: float, out: Bool
) -> None:
    """Mark outliers, and what is beside them."""
    values, variances, valid = cube
    n, h, w = values.shape
    row, work = np.empty(w, np.bool_), np.empty(n, np.float32)
    for f in range(n):
        for y in range(h):
            here = (about[0][y], about[1][y])
            if not _candidates(values[f, y], variances[f, y], valid[f, y], here, sigma**2, row):
                continue
            for x in range(w):
                if not row[x] or _beyond(cube, (f, y, x), about, sigma, work) <= 1.0:
                    continue
                for v in range(max(y - _REACH, 0), min(y + _REACH + 1, h)):
                    for u in range(max(x - _REACH, 0), min(x + _REACH + 1, w)):
                        if valid[f, v, u] and not out[f, v, u]:
                            out[f, v, u] = _beyond(cube, (f, v, u), about, sigma, work) > _PART


@kernel
def _leave(reject: Bool, valid: Bool) -> None:
    """Take rejected values out as long as enough are left."""
    n, h, w = valid.shape
    for f in range(n):
        for y in range(h):
            if not reject[f, y].any():
                continue
            for x in range(w):
                if reject[f, y, x]:
                    left = 0
                    for g in range(n):
                        left += valid[g, y, x]
                    valid[f, y, x] = left <= _FEWEST


def reject_near(
    values: Float32, variances: Float32, valid: Bool, ref: Float32, soft: Float32, sigma: float
) -> None:
    """Take values far from a stack out of a cube, and those beside them in a frame that are half as far.

    What a hit or a trail leaves around it is too little to be found alone, but in the mean it is not nothing.
    Three values of a pixel are left.

    Parameters
    ----------
    values, variances : ndarray of float32, shape (n, h, w)
        Resampled frames and their variances.
    valid : ndarray of bool, shape (n, h, w)
        Which to use; changed.
    ref : ndarray of float32, shape (h, w)
        Their stack, see `photomitrus_cli.imaging.reference.reference_map`.
    soft : ndarray of float32, shape (h, w)
        What good values may differ by beside their noise.
    sigma : float
        Limit, as in `photomitrus_cli.imaging.clip.clipped_mean`.
    """
    reject = np.zeros(valid.shape, np.bool_)
    _reject((values, variances, valid), (ref, soft), float(sigma), reject)
    _leave(reject, valid)
