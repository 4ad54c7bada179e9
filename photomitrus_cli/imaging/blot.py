"""A stack of frames as one frame sees it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.cubic import value_row
from photomitrus_cli.imaging.jit import kernel

Float32 = NDArray[np.float32]

# Squared gradient of white noise of variance 1: 2 x 1/2 of the slope, (2 x (4 + 1 + 1) + 2 x 4) / 4 of the
# curvature.
NOISE_GRADIENT = 6.0
# A frame is rotated against the map: in blocks, what one row reads is still at hand for the next.
_BLOCK = 16
_HALF = np.float32(0.5)


@kernel
def blot_pixels(ref: Float32, gx: Float32, gy: Float32, value: Float32) -> None:
    """Interpolate a map at positions.

    Parameters
    ----------
    ref : ndarray of float32, shape (h, w)
        NaN without a value.
    gx, gy : ndarray of float32, shape (ny, nx)
        Positions in it.
    value : ndarray of float32, shape (ny, nx)
        Result, written everywhere.
    """
    ny, nx = gx.shape
    across = (nx + _BLOCK - 1) // _BLOCK
    for block in range((ny + _BLOCK - 1) // _BLOCK * across):
        y0, x0 = _BLOCK * (block // across), _BLOCK * (block % across)
        for y in range(y0, min(y0 + _BLOCK, ny)):
            x1 = min(x0 + _BLOCK, nx)
            value_row(ref, gx[y, x0:x1], gy[y, x0:x1], value[y, x0:x1])


@kernel
def change(before: np.float32, here: np.float32, after: np.float32) -> tuple[np.float32, np.float32]:
    """Give the central difference and the second difference of three neighbours in a line.

    Parameters
    ----------
    before, here, after : float32
        NaN without a value; straight on where a neighbour is missing.

    Returns
    -------
    slope, bend : float32
    """
    two = np.float32(2.0)
    first = before if before == before else (two * here - after if after == after else here)
    last = after if after == after else two * here - first
    return _HALF * (last - first), two * here - first - last


@kernel
def squared_gradients(
    along: tuple[Float32, Float32], here: Float32, across: tuple[Float32, Float32], square: Float32
) -> None:
    """Find how much a row of a map changes within a pixel, see `blot`; on its own, it is compiled to vectors.

    Parameters
    ----------
    along, across : tuple of ndarray of float32, shape (n,)
        Neighbours to both sides along the row, and above and below.
    here : ndarray of float32, shape (n,)
        The row; NaN without a value.
    square : ndarray of float32, shape (n,)
        Squared gradients; result.
    """
    left, right = along
    above, below = across
    quarter = np.float32(0.25)
    for x in range(square.size):
        slope_x, bend_x = change(left[x], here[x], right[x])
        slope_y, bend_y = change(above[x], here[x], below[x])
        bend = bend_x + bend_y
        square[x] = slope_x * slope_x + slope_y * slope_y + quarter * bend * bend


@kernel
def gradient_row(value: Float32, y: int, line: Float32, square: Float32) -> None:
    """Find how much one row of a map changes within a pixel, see `blot`.

    Parameters
    ----------
    value : ndarray of float32, shape (ny, nx)
        NaN without a value.
    y : int
        The row.
    line : ndarray of float32, shape (2, nx + 2)
        Work space; all NaN at the first row.
    square : ndarray of float32, shape (nx,)
        Squared gradients; result.
    """
    ny, nx = value.shape
    line[0, 1 : nx + 1] = value[y]
    none = line[1, :nx]
    above, below = value[y - 1] if y > 0 else none, value[y + 1] if y + 1 < ny else none
    squared_gradients((line[0, :nx], line[0, 2:]), value[y], (above, below), square)


@kernel
def steepness(value: Float32, gradient: Float32) -> None:
    """Find how much a map changes within a pixel, see `blot`.

    Parameters
    ----------
    value : ndarray of float32, shape (ny, nx)
        NaN without a value.
    gradient : ndarray of float32, shape (ny, nx)
        Result.
    """
    ny, nx = value.shape
    line = np.full((2, nx + 2), np.nan, np.float32)
    for y in range(ny):
        gradient_row(value, y, line, gradient[y])
        for x in range(nx):
            gradient[y, x] = np.sqrt(gradient[y, x])


def single(plane: NDArray[np.floating]) -> Float32:
    """Give a plane as contiguous float32, itself if it is that already."""
    return np.ascontiguousarray(plane, dtype=np.float32)


def blot(ref: Float32, gx: NDArray[np.floating], gy: NDArray[np.floating]) -> tuple[Float32, Float32]:
    """See a map from a frame.

    Parameters
    ----------
    ref : ndarray of float32, shape (h, w)
        A map, such as `photomitrus_cli.imaging.reference.reference_map` makes; NaN without a value.
    gx, gy : ndarray of float, shape (ny, nx)
        Position of the frame's pixel centres in it, 0-based; NaN is no position.

    Returns
    -------
    value : ndarray of float32, shape (ny, nx)
        Interpolated by cubic convolution, near missing values and edges linearly between those that there
        are; NaN where there is none of the four around the position.
    gradient : ndarray of float32, shape (ny, nx)
        How much the value changes within a frame pixel: sqrt(s^2 + c^2 / 4) of its slope s (central
        differences, in quadrature) and its curvature c (sum of the second differences along both axes).
        What a shift by a fraction of a pixel changes goes with the slope, what smoothing or the response
        within a pixel changes with the curvature. NaN where the value is.

    Raises
    ------
    InputError
        If the map or the positions are no images.
    """
    if ref.ndim != 2 or gx.ndim != 2 or gx.shape != gy.shape:
        raise InputError(f"a map {ref.shape} cannot be seen at positions {gx.shape}, {gy.shape}")
    value, gradient = np.empty((2, *gx.shape), dtype=np.float32)
    blot_pixels(single(ref), single(gx), single(gy), value)
    steepness(value, gradient)
    return value, gradient


def local_contrast(image: Float32, variance: Float32, *, reach: int = 2) -> Float32:
    """Find how much a map changes within a pixel of the frames it was made of.

    Parameters
    ----------
    image, variance : ndarray of float32, shape (h, w)
        Map and its variance; NaN without a value.
    reach : int, optional
        Frame pixel over map pixel, rounded.

    Returns
    -------
    ndarray of float32, shape (h, w)
        The gradient of `blot` between pixels `reach` apart, less what noise makes of it; 0 where it is not
        known.
    """
    out = np.empty(image.shape, dtype=np.float32)
    for part in ((slice(y, None, reach), slice(x, None, reach)) for y in range(reach) for x in range(reach)):
        value = np.ascontiguousarray(image[part], dtype=np.float32)
        gradient = np.empty_like(value)
        steepness(value, gradient)
        out[part] = gradient
    square = np.square(out) - np.float32(NOISE_GRADIENT) * variance
    return np.sqrt(np.where(square > 0.0, square, np.float32(0.0)))
