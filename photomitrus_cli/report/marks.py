"""Marks of a chart as masks: symbols, bars of errors. Many points cost little more than one."""

from __future__ import annotations

from math import ceil, cos, radians, sin

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Mask = NDArray[np.uint8]

# Okabe & Ito (2008, Color Universal Design), without the yellow that is lost on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
SYMBOLS = ("circle", "square", "diamond", "triangle up", "triangle down")
RIM = 1.5
_FINE = 8
# Directions of the sides of each symbol, degrees, and their distance that gives the area of a circle.
_SIDES = {
    "square": ((0, 90, 180, 270), 0.886),
    "diamond": ((45, 135, 225, 315), 0.886),
    "triangle up": ((90, 210, 330), 0.778),
    "triangle down": ((30, 150, 270), 0.778),
}


def style(place: int) -> tuple[str, str]:
    """Give colour and symbol of a series.

    Parameters
    ----------
    place : int
        0 for the first series.

    Returns
    -------
    colour, symbol : str
        The first 35 differ.
    """
    return COLOURS[place % len(COLOURS)], SYMBOLS[place % len(SYMBOLS)]


def symbol_mask(symbol: str, radius: float, rim: float | None = None) -> Mask:
    """Give how much of each pixel a symbol covers.

    Parameters
    ----------
    symbol : str
        One of `SYMBOLS`.
    radius : float
        Of the circle of the same area, pixels.
    rim : float or None
        Width of the line of a hollow symbol, pixels; None fills it.

    Returns
    -------
    ndarray of uint8, shape (n, n)
        0 to 255, n odd, the symbol's centre at the middle pixel's.
    """
    half = ceil(1.6 * radius)
    places = (np.arange((2 * half + 1) * _FINE) + 0.5) / _FINE - 0.5 - half
    y, x = np.meshgrid(places, places, indexing="ij")
    distance = _distance(symbol, x, y)
    covered = distance <= radius
    if rim is not None:
        covered &= distance > radius - rim
    fine = covered.reshape(2 * half + 1, _FINE, 2 * half + 1, _FINE)
    mask: Mask = np.rint(255.0 * fine.mean(axis=(1, 3))).astype(np.uint8)
    return mask


def scatter_mask(shape: tuple[int, int], x: Int, y: Int, symbol: Mask, strength: float = 1.0) -> Mask:
    """Put a symbol at many places.

    Parameters
    ----------
    shape : tuple of int
        (height, width).
    x, y : ndarray of int64, shape (n,)
        Pixels within the shape.
    symbol : ndarray of uint8, shape (m, m)
        From `symbol_mask`.
    strength : float
        Of one point; where several share a pixel, what shows through one shows through less.

    Returns
    -------
    ndarray of uint8, shape (height, width)
        0 to 255. Where symbols overlap, the strongest counts.
    """
    half = symbol.shape[0] // 2
    width = shape[1] + 2 * half
    centres, counts = np.unique((y + half) * width + x + half, return_counts=True)
    weight = 1.0 - (1.0 - strength) ** counts
    flat = np.zeros((shape[0] + 2 * half) * width, np.uint8)
    for row, column in zip(*np.nonzero(symbol), strict=True):
        place = centres + ((row - half) * width + column - half)
        value = np.rint(weight * symbol[row, column]).astype(np.uint8)
        # The centres differ, so that no place comes twice.
        flat[place] = np.maximum(flat[place], value)
    return flat.reshape(-1, width)[half : half + shape[0], half : half + shape[1]]


def bars_mask(shape: tuple[int, int], x: Int, top: Int, bottom: Int) -> NDArray[np.bool_]:
    """Draw upright bars.

    Parameters
    ----------
    shape : tuple of int
        (height, width).
    x, top, bottom : ndarray of int64, shape (n,)
        Column, first and last row of each; what is outside is cut off.

    Returns
    -------
    ndarray of bool, shape (height, width)
    """
    height, columns = shape
    inside = (x >= 0) & (x < columns) & (bottom >= 0) & (top < height) & (top <= bottom)
    x, top, bottom = x[inside], np.maximum(top[inside], 0), np.minimum(bottom[inside], height - 1)
    size = (height + 1) * columns
    change = np.bincount(top * columns + x, minlength=size)
    change -= np.bincount((bottom + 1) * columns + x, minlength=size)
    covered: NDArray[np.bool_] = np.cumsum(change.reshape(height + 1, columns), axis=0)[:-1] > 0
    return covered


def _distance(symbol: str, x: Float, y: Float) -> Float:
    """Distance from the centre, in units in which the rim of the symbol has its radius."""
    if symbol == "circle":
        return np.hypot(x, y)
    directions, side = _SIDES[symbol]
    # Rows run downwards: 90 degrees is the lower side, which is flat in a triangle that points up.
    along = [x * cos(radians(angle)) + y * sin(radians(angle)) for angle in directions]
    return np.asarray(np.max(along, axis=0) / side)
