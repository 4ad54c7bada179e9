"""The pointing error of one frame against a stack, from the differences of the two."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]

# Only pixels this much steeper than their noise tell of a shift, and differences of a star from its stack
# scatter by this share of the gradient whatever the shift.
_STEEP_SIGMA = 6.0
_MODEL_SHARE = 0.2
_CLIP_SIGMA = 3.0
_ROUNDS = 4
# A fit that is worse is not used, nor is a shift that is larger: it would be no pointing error.
_LARGEST_ERROR = 0.03
_LARGEST_SHIFT = 0.5


@kernel
def steep_pixels(
    difference: Float32, noise2: Float32, value: Float32, steep: Float32, least: float, out: Float
) -> int:
    """Pick the pixels that tell of a shift.

    Parameters
    ----------
    difference, noise2, value, steep : ndarray of float32, shape (ny, nx)
        Frame less stack, its variance, the stack and its gradient; NaN where unknown.
    least : float
        Least gradient, sigma.
    out : ndarray of float64, shape (5, ny nx)
        Slopes of the stack along x and y, difference, variance and gradient of the picked ones; result.

    Returns
    -------
    int
        How many they are.
    """
    ny, nx = difference.shape
    n = 0
    for y in range(1, ny - 1):
        for x in range(1, nx - 1):
            # Written so that NaN fails it too.
            if not steep[y, x] * steep[y, x] > least * least * noise2[y, x]:
                continue
            slope_x = 0.5 * (value[y, x + 1] - value[y, x - 1])
            slope_y = 0.5 * (value[y + 1, x] - value[y - 1, x])
            if slope_x + slope_y + difference[y, x] == slope_x + slope_y + difference[y, x]:
                out[0, n], out[1, n], out[2, n] = slope_x, slope_y, difference[y, x]
                out[3, n], out[4, n] = noise2[y, x], steep[y, x]
                n += 1
    return n


def fit_shift(difference: Float32, noise2: Float32, value: Float32, steep: Float32) -> tuple[float, float]:
    """Fit the shift that explains how a frame differs from a stack, by least squares with clipping.

    Parameters
    ----------
    difference : ndarray of float32, shape (ny, nx)
        Frame less stack; NaN where it is not known.
    noise2 : ndarray of float32, shape (ny, nx)
        Its variance.
    value, steep : ndarray of float32, shape (ny, nx)
        The stack seen from the frame, and its gradient.

    Returns
    -------
    x, y : float
        The stack at the position of a pixel plus this is what the pixel shows, frame pixels; zero when the
        frame has too few stars to tell, or is off by more than half a pixel.
    """
    room = np.empty((5, difference.size))
    picked = room[:, : steep_pixels(difference, noise2, value, steep, _STEEP_SIGMA, room)]
    slopes, rest = picked[:2], picked[2]
    spread = picked[3] + np.square(_MODEL_SHARE * picked[4])
    shift = np.zeros(2)
    for _ in range(_ROUNDS):
        near = np.square(rest - shift @ slopes) < _CLIP_SIGMA**2 * spread
        weighted = np.where(near, slopes / spread, 0.0)
        (xx, xy), (_, yy) = weighted @ slopes.T
        determinant = xx * yy - xy * xy
        # Variances of the fit are yy and xx over the determinant.
        if determinant <= 0.0 or max(xx, yy) > determinant * _LARGEST_ERROR**2:
            return 0.0, 0.0
        xd, yd = weighted @ rest
        shift = np.array([xd * yy - yd * xy, yd * xx - xd * xy]) / determinant
    return (float(shift[0]), float(shift[1])) if np.abs(shift).max() < _LARGEST_SHIFT else (0.0, 0.0)


def moved(
    gx: NDArray[np.floating], gy: NDArray[np.floating], shift: tuple[float, float]
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Move the positions of a frame's pixels by a fraction of a pixel.

    Parameters
    ----------
    gx, gy : ndarray of float, shape (ny, nx)
        Positions in another array.
    shift : tuple of float
        (x, y), frame pixels.

    Returns
    -------
    gx, gy : ndarray of float, shape (ny, nx)
        The map between the arrays is taken as linear with its mean slopes along the middle row and column:
        good to 1 % of the shift for distortions of 1 %.
    """
    out = []
    for place in (gx, gy):
        steps = (np.diff(place[place.shape[0] // 2]), np.diff(place[:, place.shape[1] // 2]))
        slopes = [
            float(np.mean(step[np.isfinite(step)])) if np.isfinite(step).any() else 0.0 for step in steps
        ]
        out.append(place + place.dtype.type(shift[0] * slopes[0] + shift[1] * slopes[1]))
    return out[0], out[1]
