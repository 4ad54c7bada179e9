"""The pointing error of one frame against a stack, from the differences of the two."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.look import Look

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
    difference: Float32,
    noise2: Float32,
    value: Float32,
    steep: Float32,
    level: np.float32,
    least: np.float32,
    out: Float,
) -> int:
    """Pick the pixels that tell of a shift.

    Parameters
    ----------
    difference, noise2, value, steep : ndarray of float32, shape (ny, nx)
        Frame less stack, its variance, the stack and its gradient; NaN where unknown.
    level : float32
        Sky of the differences.
    least : float32
        Least gradient, sigma, squared.
    out : ndarray of float64, shape (5, ny nx)
        Slopes of the stack along x and y, difference, variance and gradient of the picked ones; result.

    Returns
    -------
    int
        How many they are.
    """
    ny, nx = difference.shape
    half = np.float32(0.5)
    n = 0
    for y in range(1, ny - 1):
        for x in range(1, nx - 1):
            # Written so that NaN fails it too.
            if not steep[y, x] * steep[y, x] > least * noise2[y, x]:
                continue
            slope_x = half * (value[y, x + 1] - value[y, x - 1])
            slope_y = half * (value[y + 1, x] - value[y - 1, x])
            apart = difference[y, x] - level
            if slope_x + slope_y + apart == slope_x + slope_y + apart:
                out[0, n], out[1, n], out[2, n] = slope_x, slope_y, apart
                out[3, n], out[4, n] = noise2[y, x], steep[y, x]
                n += 1
    return n


@kernel
def clipped_fit(picked: Float, rounds: int) -> tuple[float, float, float]:
    """Fit differences by the slopes of the stack, by least squares with clipping.

    Parameters
    ----------
    picked : ndarray of float64, shape (5, n)
        From `steep_pixels`.
    rounds : int
        How often to clip.

    Returns
    -------
    x, y : float
        Shift.
    error2 : float
        Its variance along the axis that is known worse; infinite when it is not known.
    """
    x, y, error2 = 0.0, 0.0, np.inf
    for _ in range(rounds):
        xx, xy, yy, xd, yd = 0.0, 0.0, 0.0, 0.0, 0.0
        for n in range(picked.shape[1]):
            slope_x, slope_y, rest = picked[0, n], picked[1, n], picked[2, n]
            spread = picked[3, n] + (_MODEL_SHARE * picked[4, n]) ** 2
            apart = rest - x * slope_x - y * slope_y
            if apart * apart < _CLIP_SIGMA**2 * spread:
                xx += slope_x * slope_x / spread
                xy += slope_x * slope_y / spread
                yy += slope_y * slope_y / spread
                xd += slope_x * rest / spread
                yd += slope_y * rest / spread
        determinant = xx * yy - xy * xy
        if determinant <= 0.0:
            return 0.0, 0.0, np.inf
        x, y = (xd * yy - yd * xy) / determinant, (yd * xx - xd * xy) / determinant
        # Variances of the fit are yy and xx over the determinant.
        error2 = max(xx, yy) / determinant
        if error2 > _LARGEST_ERROR**2:
            break
    return x, y, error2


def fit_shift(look: Look, level: float) -> tuple[float, float]:
    """Fit the shift that explains how a frame differs from a stack.

    Parameters
    ----------
    look : Look
        Frame beside the stack.
    level : float
        Sky of its differences.

    Returns
    -------
    x, y : float
        The stack at the position of a pixel plus this is what the pixel shows, frame pixels; zero when the
        frame has too few stars to tell, or is off by more than half a pixel.
    """
    room = np.empty((5, look.difference.size))
    planes = look.difference, look.noise2, look.value, look.steep
    found = steep_pixels(*planes, np.float32(level), np.float32(_STEEP_SIGMA**2), room)
    x, y, error2 = clipped_fit(np.ascontiguousarray(room[:, :found]), _ROUNDS)
    usable = error2 <= _LARGEST_ERROR**2 and max(abs(x), abs(y)) < _LARGEST_SHIFT
    return (x, y) if usable else (0.0, 0.0)


def move_of(
    gx: NDArray[np.floating], gy: NDArray[np.floating], shift: tuple[float, float]
) -> tuple[np.float32, np.float32]:
    """Tell by how much the positions of a frame's pixels change when it moves by a fraction of a pixel.

    Parameters
    ----------
    gx, gy : ndarray of float, shape (ny, nx)
        Positions in another array.
    shift : tuple of float
        (x, y), frame pixels.

    Returns
    -------
    x, y : float32
        The map between the arrays is taken as linear with its mean slopes along the middle row and column:
        good to 1 % of the shift for distortions of 1 %. NaN when an end of these has no position.
    """
    moves = []
    for place in (gx, gy):
        row, column = place[place.shape[0] // 2], place[:, place.shape[1] // 2]
        move = shift[0] * (row[-1] - row[0]) / (row.size - 1)
        move += shift[1] * (column[-1] - column[0]) / (column.size - 1)
        moves.append(np.float32(move))
    return moves[0], moves[1]
