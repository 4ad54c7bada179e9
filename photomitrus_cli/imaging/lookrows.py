"""Kernels of the first look at a frame beside the stack, row by row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.blot import NOISE_GRADIENT, gradient_row
from photomitrus_cli.imaging.jit import kernel

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

# A pixel has at least a share of the gradient of its neighbours; with theirs, which hang on the next ones,
# that takes two pixels beyond the frame.
BORDER = 2
# The variance of the stack over that of the frame, times this, adds to the gradient.
FEW = 2.0
BLOCK = 16
_HALF = np.float32(0.5)


@kernel
def nearest_pixels(image: Float32, gx: Float32, gy: Float32, value: Float32) -> None:
    """Look up the nearest pixel of positions.

    Parameters
    ----------
    image : ndarray of float32, shape (h, w)
    gx, gy : ndarray of float32, shape (ny, nx)
        Positions in it; NaN is no position.
    value : ndarray of float32, shape (ny, nx)
        Result, written everywhere; NaN outside the image.
    """
    h, w = image.shape
    ny, nx = gx.shape
    right, top = np.float32(w), np.float32(h)
    across = (nx + BLOCK - 1) // BLOCK
    for block in range((ny + BLOCK - 1) // BLOCK * across):
        y0, x0 = BLOCK * (block // across), BLOCK * (block % across)
        for y in range(y0, min(y0 + BLOCK, ny)):
            for x in range(x0, min(x0 + BLOCK, nx)):
                px, py = gx[y, x] + _HALF, gy[y, x] + _HALF
                got = np.float32(np.nan)
                if px >= np.float32(0.0) and py >= np.float32(0.0) and px < right and py < top:
                    got = image[np.uint32(py), np.uint32(px)]
                value[y, x] = got


@kernel
def steep_of(square: np.float32, of_stack: np.float32, var: np.float32) -> np.float32:
    """Take what noise makes of a gradient off it, and raise it where the stack has few frames.

    Parameters
    ----------
    square, of_stack, var : float32
        Squared gradient, variance of the stack, and of the frame, which may be 0.

    Returns
    -------
    float32
    """
    zero = np.float32(0.0)
    rest = square - np.float32(NOISE_GRADIENT) * of_stack
    few = of_stack / var if var > zero else zero
    return np.float32(np.sqrt(rest if rest > zero else zero) * (np.float32(1.0) + np.float32(FEW) * few))


@kernel
def look_row(
    frame: tuple[Float32, Float32, Bool],
    value: Float32,
    of_stack: Float32,
    difference: Float32,
    noise2: Float32,
) -> None:
    """Take the stack off one row of a frame.

    Parameters
    ----------
    frame : tuple of ndarray, shape (n,)
        Values and variances, float32, and bad pixels, bool.
    value, of_stack : ndarray of float32, shape (n,)
        The stack and its variance.
    difference, noise2 : ndarray of float32, shape (n,)
        Results.
    """
    sci, var, bad = frame
    infinite = np.float32(np.inf)
    for x in range(sci.size):
        noise2[x] = var[x] + of_stack[x]
        judged = (not bad[x]) & (noise2[x] < infinite)
        difference[x] = sci[x] - value[x] if judged else np.float32(np.nan)


@kernel
def look_rows(
    frame: tuple[Float32, Float32, Bool],
    value: Float32,
    of_stack: Float32,
    difference: Float32,
    noise2: Float32,
    steep: Float32,
) -> None:
    """Compare a frame with the stack.

    Parameters
    ----------
    frame : tuple of ndarray, shape (ny, nx)
        Values and variances, float32, and bad pixels, bool.
    value : ndarray of float32, shape (ny + 4, nx + 4)
        The stack.
    of_stack : ndarray of float32, same shape
        Its variance; what is not above 0 is made 0.
    difference, noise2, steep : ndarray of float32, same shape
        Results, see `Look`.
    """
    sci, var, bad = frame
    ny, nx = value.shape
    zero = np.float32(0.0)
    square, own = np.empty(nx, np.float32), np.zeros(nx, np.float32)
    line = np.full((2, nx + 2), np.nan, np.float32)
    for y in range(ny):
        known = of_stack[y]
        for x in range(nx):
            known[x] = known[x] if known[x] > zero else zero
        difference[y] = np.float32(np.nan)
        noise2[y] = known
        own[:] = zero
        if BORDER <= y < ny - BORDER:
            inner, j = slice(BORDER, nx - BORDER), y - BORDER
            own[inner] = var[j]
            look_row(
                (sci[j], var[j], bad[j]),
                value[y, inner],
                known[inner],
                difference[y, inner],
                noise2[y, inner],
            )
        gradient_row(value, y, line, square)
        for x in range(nx):
            steep[y, x] = steep_of(square[x], known[x], own[x])
