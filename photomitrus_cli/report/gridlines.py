"""Thin, dashed and smooth lines laid over an image: how much of each pixel they cover."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

_DASH = 3.0


def line_cover(lines: Iterable[tuple[Float, Float]], width: int, height: int) -> Float:
    """Tell how much of each pixel lines cover.

    Parameters
    ----------
    lines : iterable of (x, y)
        Curves, pixels from the left and from the bottom, integers at pixel centres; NaN where there is none.
    width, height : int
        Of the image as drawn.

    Returns
    -------
    ndarray of float64, shape (height, width)
        0 to 1, the first row on top.
    """
    parts = [(np.zeros(0),) * 3]
    for x, y in lines:
        parts.append(_finely(x, height - 1 - y, max(width, height)))
    x, y, length = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return np.minimum(_splat(x, y, length, width, height), 1.0)


def lay_over(colours: NDArray[np.uint8], cover: Float, grey: float, strength: float) -> None:
    """Draw lines on an image, in place.

    Parameters
    ----------
    colours : ndarray of uint8, shape (height, width, 3)
    cover : ndarray of float64, shape (height, width)
        From `line_cover`.
    grey : float
        Of the lines, 0 to 255.
    strength : float
        How little of the image shows through them, 0 to 1.
    """
    touched = np.nonzero(cover)
    share = strength * cover[touched][:, None]
    colours[touched] = np.rint(colours[touched] * (1.0 - share) + grey * share)


def _finely(x: NDArray[Any], y: NDArray[Any], side: int) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Cut a curve into points about half a pixel apart, those in the dashes, each with its length of line."""
    near = (np.abs(x) < 2.0 * side) & (np.abs(y) < 2.0 * side)
    x, y = x[near], y[near]
    if x.size < 2:
        return (np.zeros(0),) * 3
    along = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    count = int(2 * along[-1]) + 1
    places = np.linspace(0.0, along[-1], count)
    dashed = (places // _DASH) % 2 == 0
    places, spacing = places[dashed], along[-1] / max(1, count - 1)
    return np.interp(places, along, x), np.interp(places, along, y), np.full(places.size, spacing)


def _splat(x: NDArray[Any], y: NDArray[Any], length: NDArray[Any], width: int, height: int) -> Float:
    """Share points out to the four pixels around each: how much of every pixel the line covers."""
    column, row = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    right, down = x - column, y - row
    total = np.zeros(height * width)
    for shift_x, shift_y in ((0, 0), (1, 0), (0, 1), (1, 1)):
        at_x, at_y = column + shift_x, row + shift_y
        inside = (at_x >= 0) & (at_x < width) & (at_y >= 0) & (at_y < height)
        weight = length * (right if shift_x else 1.0 - right) * (down if shift_y else 1.0 - down)
        total += np.bincount((at_y * width + at_x)[inside], weight[inside], height * width)
    return total.reshape(height, width)
