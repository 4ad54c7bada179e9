"""How far apart the nodes of a bilinear table may lie, and values between them."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.geometry import LATTICE
from photomitrus_cli.imaging.jit import kernel

Float = NDArray[np.float64]

STEPS = (32, 16, 8, 4, 2, 1)
# Above this share of the tolerance an estimate is not worth a measurement: it tends to be too small.
CLEARLY = 1.2
# What the interpolation error may exceed the largest one measured by.
SAFETY = 1.05
# A cell's corners, edge midpoints and centre (x, y), and what bilinear interpolation from the corners gets
# wrong at the other five.
_STENCIL = np.array([[-1, 1, -1, 1, 0, 0, -1, 1, 0], [-1, -1, 1, 1, -1, 1, 0, 0, 0]], dtype=np.float64)
_DEPARTURE = np.array(
    [
        [0.5, 0.5, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.5, 0.5, 0.0, -1.0, 0.0, 0.0, 0.0],
        [0.5, 0.0, 0.5, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0],
        [0.0, 0.5, 0.0, 0.5, 0.0, 0.0, 0.0, -1.0, 0.0],
        [0.25, 0.25, 0.25, 0.25, 0.0, 0.0, 0.0, 0.0, -1.0],
    ]
)


def likely_steps(bend: float, tolerance: float, steps: tuple[int, ...] = STEPS) -> tuple[int, ...]:
    """Choose the node spacings worth a measurement.

    Parameters
    ----------
    bend : float
        About the error at a spacing of one pixel; it grows with the square of the spacing.
    tolerance : float
        What the error must not exceed.
    steps : tuple of int, optional
        Those to choose from, in falling order.

    Returns
    -------
    tuple of int
        In falling order, at least the smallest one.
    """
    likely = tuple(step for step in steps if not bend * step * step > CLEARLY * tolerance)
    return likely or steps[-1:]


def scale_ratio(inside: Float, shape: tuple[int, int]) -> float:
    """Compare the pixels of a frame and a grid.

    Parameters
    ----------
    inside : ndarray of float64, shape (2, LATTICE^2)
        Grid positions (x, y) of the frame's `lattice`.
    shape : tuple of int
        (ny, nx) of the frame.

    Returns
    -------
    float
        Frame pixels per grid pixel in the middle of the frame, the larger of the two axes.
    """
    middle = inside.shape[1] // 2
    spread = (LATTICE - 1) / 2.0
    along_x = (inside[:, middle + 1] - inside[:, middle - 1]) * (spread / shape[1])
    along_y = (inside[:, middle + LATTICE] - inside[:, middle - LATTICE]) * (spread / shape[0])
    # The smaller singular value of the matrix with these columns, grid pixels per frame pixel.
    square = float(along_x @ along_x + along_y @ along_y)
    area = float(along_x[0] * along_y[1] - along_x[1] * along_y[0])
    smaller = 0.5 * (square - math.sqrt(max(square * square - 4.0 * area * area, 0.0)))
    return 1.0 / math.sqrt(smaller) if smaller > 0.0 else math.inf


def curvature_of(inside: Float, shape: tuple[int, int]) -> float:
    """Estimate the error of bilinear interpolation over one frame pixel.

    Parameters
    ----------
    inside, shape
        See `scale_ratio`.

    Returns
    -------
    float
        Grid pixels.
    """
    error = half_step_error(inside.reshape(2, LATTICE, LATTICE))
    return error * (0.5 * (LATTICE - 1) / max(shape)) ** 2


def interpolation_error(points: Callable[[Float, Float], Float], inside: Float, step: int) -> float:
    """Measure the error of bilinear interpolation between nodes.

    It is taken at cell centres and edge midpoints, where it is largest for a smooth map.

    Parameters
    ----------
    points : callable
        From positions x, y of shape (9, n) to the mapped positions, shape (2, 9, n).
    inside : ndarray of float64, shape (2, n)
        Positions (x, y) about which cells are laid.
    step : int
        Size of the cells.

    Returns
    -------
    float
        The largest, with a little in hand; infinite when a position has no image.
    """
    around = inside[:, None, :] + (0.5 * step) * _STENCIL[:, :, None]
    errors = _DEPARTURE @ points(around[0], around[1])
    worst = float((errors[0] * errors[0] + errors[1] * errors[1]).max())
    return SAFETY * math.sqrt(worst) if math.isfinite(worst) else math.inf


@kernel
def half_step_error(place: Float) -> float:
    """Measure what bilinear interpolation between every second position gets wrong.

    Parameters
    ----------
    place : ndarray of float64, shape (2, 2 n + 1, 2 m + 1)
        x and y at nodes, edge midpoints and cell centres.

    Returns
    -------
    float
        The largest distance; NaN counts as none.
    """
    worst = 0.0
    for j in range(place.shape[1]):
        below, above = j - j % 2, j + j % 2
        for i in range(place.shape[2]):
            left, right = i - i % 2, i + i % 2
            square = 0.0
            for axis in range(2):
                total = place[axis, below, left] + place[axis, below, right]
                total += place[axis, above, left] + place[axis, above, right]
                square += (0.25 * total - place[axis, j, i]) ** 2
            worst = max(worst, square)
    return math.sqrt(worst)


@kernel
def spread_nodes(node: Float, step: int, out: Float) -> None:
    """Interpolate a node table at every frame pixel.

    Parameters
    ----------
    node : ndarray of float64, shape (nj, ni)
        Values at pixels (j step, i step).
    step : int
        Node spacing, pixels.
    out : ndarray of float64, shape (ny, nx)
        Interpolated values; result.
    """
    ny, nx = out.shape
    for y in range(ny):
        j = min(y // step, node.shape[0] - 2)
        v = (y - j * step) / step
        row = out[y]
        for i in range(node.shape[1] - 1):
            left = node[j, i] + v * (node[j + 1, i] - node[j, i])
            right = node[j, i + 1] + v * (node[j + 1, i + 1] - node[j, i + 1])
            slope = (right - left) / step
            start = i * step
            # The last node may be a pixel itself.
            stop = start + step if i < node.shape[1] - 2 else nx
            for x in range(start, min(stop, nx)):
                row[x] = left + (x - start) * slope
