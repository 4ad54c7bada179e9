"""Outliers by their limits, the stack looked at again only where it decides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.blot import change
from photomitrus_cli.imaging.cubic import value_at
from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.lookrows import BORDER, steep_of

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]
Step = tuple[np.float32, np.float32]
Planes = tuple[Float32, Float32, Float32, Float32, Float32]

# What interpolation makes of an undersampled core beside it: a pixel has at least this share of the gradient
# of its neighbours.
_WIDE = np.float32(0.2)
# The moved stack differs by no more than this many times the move and the gradient, its noise of so many
# sigma included.
_CAUTION = 3.0
_NOISE_SIGMA = 2.5
# A value of the moved stack that nobody has asked for yet.
UNKNOWN = np.float32(np.inf)


@kernel
def beyond(difference: float, noise2: float, gradient: float, sigma: float, softening: float) -> bool:
    """Tell whether a difference exceeds its limit; NaN does not.

    Parameters
    ----------
    difference, noise2, gradient : float
        Difference, its variance, and gradient.
    sigma, softening : float
        Of the limit.

    Returns
    -------
    bool
    """
    rest = abs(difference) - softening * gradient
    return rest > 0.0 and rest * rest > sigma * sigma * noise2


@kernel
def know(
    ref: Float32, places: tuple[Float32, Float32], step: Step, y: int, x: int, around: int, again: Float32
) -> None:
    """Interpolate the moved stack at a pixel and around it, where that was not done yet.

    Parameters
    ----------
    ref, places, step, again
        See `flag_outliers`.
    y, x : int
        Pixel of the planes with a border.
    around : int
        How many pixels to each side; none of them beyond the planes.
    """
    for b in range(y - around, y + around + 1):
        for a in range(x - around, x + around + 1):
            if again[b, a] == UNKNOWN:
                again[b, a] = value_at(ref, places[0][b, a] + step[0], places[1][b, a] + step[1])


@kernel
def wide_steep(var: Float32, of_stack: Float32, value: Float32, y: int, x: int) -> np.float32:
    """Give the gradient of the stack at a pixel, at least a share of that of its neighbours.

    Parameters
    ----------
    var : ndarray of float32, shape (ny, nx)
        Variance of the frame.
    of_stack, value : ndarray of float32, shape (ny + 4, nx + 4)
        Variance of the stack, and the stack, known around the pixel.
    y, x : int
        Pixel of these planes, not of their border.

    Returns
    -------
    float32
    """
    ny, nx = var.shape
    widest = np.float32(0.0)
    for b in range(y - 1, y + 2):
        for a in range(x - 1, x + 2):
            slope_x, bend_x = change(value[b, a - 1], value[b, a], value[b, a + 1])
            slope_y, bend_y = change(value[b - 1, a], value[b, a], value[b + 1, a])
            bend = bend_x + bend_y
            square = slope_x * slope_x + slope_y * slope_y + np.float32(0.25) * bend * bend
            inside = BORDER <= b < ny + BORDER and BORDER <= a < nx + BORDER
            own = var[b - BORDER, a - BORDER] if inside else np.float32(0.0)
            share = np.float32(1.0) if b == y and a == x else _WIDE
            got = share * steep_of(square, of_stack[b, a], own)
            # It is NaN where the variance of the stack is infinite.
            widest = got if got > widest else widest
    return widest


@kernel
def possible_row(rows: Planes, level: np.float32, sigma: float, reach: float, possible: Bool) -> None:
    """Tell which pixels of a row may be outliers.

    Parameters
    ----------
    rows : tuple of ndarray of float32, shape (n,)
        Rows of the planes of `flag_outliers`.
    level, sigma
        See `is_outlier`.
    reach : float
        Length of the move, frame pixels.
    possible : ndarray of bool, shape (n,)
        Result.
    """
    _, of_stack, difference, noise2, steep = rows
    share, limit = np.float32(_CAUTION * reach), np.float32(sigma)
    for x in range(possible.size):
        change_to_come = share * (steep[x] + np.float32(_NOISE_SIGMA) * np.sqrt(of_stack[x]))
        possible[x] = abs(difference[x] - level) + change_to_come > limit * np.sqrt(noise2[x])


@kernel
def flag_outliers(
    ref: Float32,
    var: Float32,
    places: tuple[Float32, Float32],
    planes: Planes,
    step: Step,
    reach: float,
    sigmas: tuple[float, float],
    softening: float,
    level: np.float32,
    again: Float32,
    mask: Bool,
) -> None:
    """Flag pixels beyond the limit, and along with them their neighbours beyond the lower one.

    Parameters
    ----------
    ref : ndarray of float32, shape (h, w)
        The stack.
    var : ndarray of float32, shape (ny, nx)
        Variance of the frame.
    places : tuple of ndarray of float32, shape (ny + 4, nx + 4)
        Positions x and y of the pixels in the stack.
    planes : tuple of ndarray of float32, shape (ny + 4, nx + 4)
        Stack, its variance, difference, its variance, and gradient, see `photomitrus_cli.imaging.look.Look`.
    step : tuple of float32
        Where the frame shows its stars: (x, y) to be added to the positions.
    reach : float
        The same move in frame pixels.
    sigmas : tuple of float
        Limits of outliers and of their neighbours, sigma.
    softening : float
        Share of the gradient that adds to the limits.
    level : float32
        The sky of the differences.
    again : ndarray of float32, shape (ny + 4, nx + 4)
        The stack at the moved positions, as far as it is known, else `UNKNOWN`; changed in place.
    mask : ndarray of bool, shape (ny, nx)
        All False; result.
    """
    ny, nx = mask.shape
    value, of_stack, difference, noise2, steep = planes
    inner = slice(BORDER, nx + BORDER)
    possible = np.empty(nx, np.bool_)
    # A pixel is listed at most twice: when it may be an outlier, alone, and when it is one, with neighbours.
    listed, around = np.empty(2 * mask.size, np.int32), np.empty(2 * mask.size, np.int8)
    n = 0
    for row in range(ny):
        j = row + BORDER
        possible_row(
            (value[j, inner], of_stack[j, inner], difference[j, inner], noise2[j, inner], steep[j, inner]),
            level, sigmas[0], reach, possible,
        )  # fmt: skip
        for x in range(nx):
            if possible[x]:
                listed[n], around[n] = row * nx + x, 0
                n += 1
        while n > 0:
            n -= 1
            y, x, side = listed[n] // nx, listed[n] % nx, around[n]
            sigma = sigmas[side]
            for b in range(max(y - side, 0), min(y + side + 1, ny)):
                for a in range(max(x - side, 0), min(x + side + 1, nx)):
                    if mask[b, a]:
                        continue
                    j, i = b + BORDER, a + BORDER
                    know(ref, places, step, j, i, 0, again)
                    apart = difference[j, i] + (value[j, i] - again[j, i]) - level
                    if not beyond(apart, noise2[j, i], 0.0, sigma, softening):
                        continue
                    know(ref, places, step, j, i, BORDER, again)
                    gradient = wide_steep(var, of_stack, again, j, i)
                    if beyond(apart, noise2[j, i], float(gradient), sigma, softening):
                        mask[b, a] = True
                        listed[n], around[n] = b * nx + a, 1
                        n += 1
