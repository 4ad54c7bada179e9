"""A stack of frames as one frame sees it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.jit import kernel

Float32 = NDArray[np.float32]

# Squared gradient of white noise of variance 1: 2 x 1/2 of the slope, (2 x (4 + 1 + 1) + 2 x 4) / 4 of the
# curvature.
NOISE_GRADIENT = 6.0
# A frame is rotated against the map: in blocks, what one row reads is still at hand for the next.
_BLOCK = 16
_ONE, _HALF = np.float32(1.0), np.float32(0.5)


@kernel
def cubic_weights(t: np.float32) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    """Weights of four pixels in cubic convolution (Keys 1981, IEEE ASSP 29, 1153; a = -1/2).

    Parameters
    ----------
    t : float32
        Position, from 0 at the second pixel to 1 at the third.

    Returns
    -------
    tuple of float32
        Sum 1.
    """
    first = t * (t * (_ONE - _HALF * t) - _HALF)
    second = _ONE + t * t * (np.float32(1.5) * t - np.float32(2.5))
    last = _HALF * t * t * (t - _ONE)
    return first, second, _ONE - first - second - last, last


@kernel
def bilinear_present(ref: Float32, x: float, y: float) -> float:
    """Interpolate between those of the four pixels around a position that have a value.

    Parameters
    ----------
    ref : ndarray of float32
        NaN without a value.
    x, y : float
        Position, which may be outside.

    Returns
    -------
    float
        NaN when nothing with weight is there.
    """
    total, weights = 0.0, 0.0
    i, j = int(np.floor(x)), int(np.floor(y))
    for b in range(max(j, 0), min(j + 2, ref.shape[0])):
        for a in range(max(i, 0), min(i + 2, ref.shape[1])):
            weight = (1.0 - abs(x - a)) * (1.0 - abs(y - b))
            if ref[b, a] == ref[b, a]:
                total += weight * ref[b, a]
                weights += weight
    return total / weights if weights > 0.0 else np.nan


@kernel
def cubic(flat: Float32, width: np.uint64, px: np.float32, py: np.float32) -> np.float32:
    """Interpolate inside an image by cubic convolution.

    Parameters
    ----------
    flat : ndarray of float32, shape (h w,)
        The image. With unsigned indices, which are not checked for being counted from the end, this is 2.5
        times faster than rows and columns.
    width : uint64
        w.
    px, py : float32
        Position, at least 1 and less than the size of the image less 2.

    Returns
    -------
    float32
        NaN when one of the sixteen pixels is.
    """
    n1, n2, n3 = np.uint64(1), np.uint64(2), np.uint64(3)
    i, j = np.uint64(px), np.uint64(py)
    a0, a1, a2, a3 = cubic_weights(px - np.float32(i))
    b0, b1, b2, b3 = cubic_weights(py - np.float32(j))
    k = (j - n1) * width + i - n1
    r0 = a0 * flat[k] + a1 * flat[k + n1] + a2 * flat[k + n2] + a3 * flat[k + n3]
    k += width
    r1 = a0 * flat[k] + a1 * flat[k + n1] + a2 * flat[k + n2] + a3 * flat[k + n3]
    k += width
    r2 = a0 * flat[k] + a1 * flat[k + n1] + a2 * flat[k + n2] + a3 * flat[k + n3]
    k += width
    r3 = a0 * flat[k] + a1 * flat[k + n1] + a2 * flat[k + n2] + a3 * flat[k + n3]
    return np.float32(b0 * r0 + b1 * r1 + b2 * r2 + b3 * r3)


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
    h, w = ref.shape
    ny, nx = gx.shape
    flat, width = ref.ravel(), np.uint64(w)
    across = (nx + _BLOCK - 1) // _BLOCK
    for block in range((ny + _BLOCK - 1) // _BLOCK * across):
        y0, x0 = _BLOCK * (block // across), _BLOCK * (block % across)
        for y in range(y0, min(y0 + _BLOCK, ny)):
            for x in range(x0, min(x0 + _BLOCK, nx)):
                px, py = gx[y, x], gy[y, x]
                got = np.float32(np.nan)
                # Written so that NaN fails it too.
                if px >= 1.0 and py >= 1.0 and px < w - 2 and py < h - 2:
                    got = cubic(flat, width, px, py)
                if got != got and px > -1.0 and py > -1.0 and px < w and py < h:
                    got = np.float32(bilinear_present(ref, float(px), float(py)))
                value[y, x] = got


@kernel
def along_axis(before: Float32, here: Float32, after: Float32, slope: Float32, bend: Float32) -> None:
    """Add the squared slope and the curvature along one axis; straight on where a neighbour is missing.

    Parameters
    ----------
    before, here, after : ndarray of float32, shape (n,)
        Values of three neighbours in a line; NaN without a value.
    slope, bend : ndarray of float32, shape (n,)
        Squared central differences and sums of second differences; added to.
    """
    two = np.float32(2.0)
    for x in range(here.size):
        a, c, z = before[x], here[x], after[x]
        first = a if a == a else (two * c - z if z == z else c)
        last = z if z == z else two * c - first
        step = _HALF * (last - first)
        slope[x] += step * step
        bend[x] += two * c - first - last


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
    slope, bend = np.empty(nx, np.float32), np.empty(nx, np.float32)
    none = np.full(nx, np.nan, np.float32)
    line = np.full(nx + 2, np.nan, np.float32)
    for y in range(ny):
        slope[:] = 0.0
        bend[:] = 0.0
        for x in range(nx):
            line[x + 1] = value[y, x]
        along_axis(line[:nx], value[y], line[2:], slope, bend)
        above, below = value[y - 1] if y > 0 else none, value[y + 1] if y + 1 < ny else none
        along_axis(above, value[y], below, slope, bend)
        for x in range(nx):
            gradient[y, x] = np.sqrt(slope[x] + np.float32(0.25) * bend[x] * bend[x])


@kernel
def nearest_pixels(image: Float32, gx: Float32, gy: Float32, value: Float32) -> None:
    """Look up the nearest pixel of positions.

    Parameters
    ----------
    image : ndarray of float32, shape (h, w)
    gx, gy : ndarray of float32, shape (ny, nx)
        Positions in it.
    value : ndarray of float32, shape (ny, nx)
        Result, written everywhere; NaN outside the image.
    """
    h, w = image.shape
    flat = image.ravel()
    for y in range(gx.shape[0]):
        for x in range(gx.shape[1]):
            px, py = gx[y, x] + _HALF, gy[y, x] + _HALF
            got = np.float32(np.nan)
            if px >= 0.0 and py >= 0.0 and px < w and py < h:
                got = flat[np.uint64(py) * np.uint64(w) + np.uint64(px)]
            value[y, x] = got


def _arrays(
    image: Float32, gx: NDArray[np.floating], gy: NDArray[np.floating]
) -> tuple[Float32, Float32, Float32]:
    if image.ndim != 2 or gx.ndim != 2 or gx.shape != gy.shape:
        raise InputError(f"a map {image.shape} cannot be seen at positions {gx.shape}, {gy.shape}")
    return (
        np.ascontiguousarray(image, dtype=np.float32),
        np.ascontiguousarray(gx, dtype=np.float32),
        np.ascontiguousarray(gy, dtype=np.float32),
    )


def blot_nearest(image: Float32, gx: NDArray[np.floating], gy: NDArray[np.floating]) -> Float32:
    """See a map that must not be interpolated, such as a variance, from a frame.

    Parameters
    ----------
    image : ndarray of float32, shape (h, w)
    gx, gy : ndarray of float, shape (ny, nx)
        Position of the frame's pixel centres in it, 0-based; NaN is no position.

    Returns
    -------
    ndarray of float32, shape (ny, nx)
        Of the nearest pixel; NaN outside the map.

    Raises
    ------
    InputError
        If the map or the positions are no images.
    """
    value = np.empty(gx.shape, dtype=np.float32)
    nearest_pixels(*_arrays(image, gx, gy), value)
    return value


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
    value, gradient = np.empty(gx.shape, dtype=np.float32), np.empty(gx.shape, dtype=np.float32)
    blot_pixels(*_arrays(ref, gx, gy), value)
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
