"""Interpolation of a map that may have holes: cubic convolution, or what is there of four pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numba.core.typing.templates import Signature
from numba.extending import intrinsic
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.vectors import (
    FLOAT,
    LONG,
    WORD,
    address,
    constant,
    everywhere,
    fold,
    load,
    multiply_add,
    pick,
    vector,
)  # fmt: skip

Float32 = NDArray[np.float32]

_TAPS = 4
# Weights of the four pixels in cubic convolution (Keys 1981, IEEE ASSP 29, 1153; a = -1/2) as polynomials of
# the place between the second and the third, highest power first.
_WEIGHTS = ((-0.5, 1.5, -1.5, 0.5), (1.0, -2.5, 2.0, -0.5), (-0.5, 0.0, 0.5, 0.0), (0.0, 1.0, 0.0, 0.0))

# numba has type hints for some of its parts only.
_signature: Any = Signature


def _emit_cubic(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    """Emit `cubic_sum`."""
    image, first, width, part_x, part_y = args
    base = address(context, builder, sig.args[0], image)
    four, both = vector(FLOAT, _TAPS), vector(FLOAT, 2 * _TAPS)
    places = builder.shuffle_vector(
        everywhere(builder, part_x, _TAPS), everywhere(builder, part_y, _TAPS),
        constant(vector(WORD, 2 * _TAPS), list(range(2 * _TAPS))),
    )  # fmt: skip
    weights = constant(both, list(_WEIGHTS[0] * 2))
    for power in _WEIGHTS[1:]:
        weights = multiply_add(builder, weights, places, constant(both, list(power * 2)))
    total = None
    for k in range(_TAPS):
        line = builder.add(first, builder.mul(width, constant(LONG, k)))
        weight = builder.shuffle_vector(weights, weights, constant(vector(WORD, _TAPS), [_TAPS + k] * _TAPS))
        total = multiply_add(builder, weight, load(builder, base, line, four), total)
    across = pick(builder, weights, range(_TAPS))
    return builder.extract_element(fold(builder, builder.fmul(across, total), 1), constant(WORD, 0))


def _cubic_sum(
    typingctx: Any,  # noqa: ARG001 - numba's protocol
    image: Any,
    first: Any,  # noqa: ARG001
    width: Any,  # noqa: ARG001
    part_x: Any,  # noqa: ARG001
    part_y: Any,  # noqa: ARG001
) -> Any:
    """Type the interpolation between 4 x 4 pixels, and name what emits it.

    `image` is C-contiguous float32 with rows of `width` pixels, `first` the flat index of the first of the
    sixteen, `part_x` and `part_y` are the place, 0 at the second pixel and 1 at the third.
    """
    index, number = types.uint64, types.float32
    return _signature(number, (image, index, index, number, number), None), _emit_cubic


cubic_sum: Any = intrinsic(_cubic_sum)


@kernel
def bilinear_present(image: Float32, x: np.float32, y: np.float32) -> np.float32:
    """Interpolate between those of the four pixels around a position that have a value.

    Parameters
    ----------
    image : ndarray of float32, shape (h, w)
        NaN without a value.
    x, y : float32
        Position, which may be outside.

    Returns
    -------
    float32
        NaN when nothing with weight is there.
    """
    if not (x > -1.0 and y > -1.0 and x < image.shape[1] and y < image.shape[0]):
        return np.float32(np.nan)
    i, j = int(np.floor(x)), int(np.floor(y))
    total, weights = 0.0, 0.0
    for b in range(max(j, 0), min(j + 2, image.shape[0])):
        for a in range(max(i, 0), min(i + 2, image.shape[1])):
            weight = (1.0 - abs(float(x) - a)) * (1.0 - abs(float(y) - b))
            if image[b, a] == image[b, a]:
                total += weight * float(image[b, a])
                weights += weight
    return np.float32(total / weights) if weights > 0.0 else np.float32(np.nan)


@kernel
def cubic_row(image: Float32, x: Float32, y: Float32, value: Float32) -> int:
    """Interpolate a map by cubic convolution at a row of positions.

    Parameters
    ----------
    image : ndarray of float32, shape (h, w)
        NaN without a value.
    x, y : ndarray of float32, shape (n,)
        Positions, 0-based, which may be outside; NaN is no position.
    value : ndarray of float32, shape (n,)
        NaN where one of the sixteen pixels is missing; result.

    Returns
    -------
    int
        How many have no value.
    """
    h, w = image.shape
    one, right, top = np.float32(1.0), np.float32(w - 2), np.float32(h - 2)
    missing = 0
    for n in range(x.size):
        at_x, at_y = x[n], y[n]
        got = np.float32(np.nan)
        # Written so that NaN fails it too.
        if at_x >= one and at_y >= one and at_x < right and at_y < top:
            i, j = np.int32(at_x), np.int32(at_y)
            first = np.int64(j - np.int32(1)) * w + np.int64(i - np.int32(1))
            got = cubic_sum(image, first, w, at_x - np.float32(i), at_y - np.float32(j))
        value[n] = got
        missing += 1 if got != got else 0
    return missing


@kernel
def value_row(image: Float32, x: Float32, y: Float32, value: Float32) -> None:
    """Interpolate a map at a row of positions.

    Parameters
    ----------
    image, x, y
        See `cubic_row`.
    value : ndarray of float32, shape (n,)
        By cubic convolution; where one of its sixteen pixels is missing, linearly between those that there
        are of the four around; NaN where none is. Result.
    """
    if cubic_row(image, x, y, value):
        for n in range(x.size):
            if value[n] != value[n]:
                value[n] = bilinear_present(image, x[n], y[n])


@kernel
def value_at(image: Float32, x: np.float32, y: np.float32) -> np.float32:
    """Interpolate a map at one position, see `value_row`.

    Parameters
    ----------
    image : ndarray of float32, shape (h, w)
        NaN without a value.
    x, y : float32
        Position.

    Returns
    -------
    float32
    """
    h, w = image.shape
    got = np.float32(np.nan)
    # Written so that NaN fails it too.
    if x >= np.float32(1.0) and y >= np.float32(1.0) and x < np.float32(w - 2) and y < np.float32(h - 2):
        i, j = np.int32(x), np.int32(y)
        first = np.int64(j - np.int32(1)) * w + np.int64(i - np.int32(1))
        got = cubic_sum(image, first, w, x - np.float32(i), y - np.float32(j))
    return got if got == got else bilinear_present(image, x, y)
