"""Where grid pixels fall in a frame: the nodes of its table, with a known error between them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.geometry import lattice, perimeter
from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.inverse import NoSolutionError, find_inverse
from photomitrus_cli.imaging.nodes import (
    STEPS,
    curvature_of,
    interpolation_error,
    likely_steps,
    scale_ratio,
)
from photomitrus_cli.imaging.pixelmap import Box, PixelMap
from photomitrus_cli.imaging.skywcs import SkyWcs, sky_wcs

Float = NDArray[np.float64]

# The part of the tolerance that the polynomial fit may use up.
FIT_SHARE = 0.05


def map_frame(
    wcs: Any, shape: tuple[int, int], grid: Grid, *, tolerance: float = 1e-3, path: object = "frame"
) -> PixelMap:
    """Map a grid onto a frame.

    For a TAN-SIP frame the nodes are exact (`ExactInverse`); for others, frame position as a function of grid
    position is fitted to the forward transform, which is exact for any distortion, and the error of the fit
    is measured. The nodes are those of the largest step of 32, 16, 8, 4, 2, 1 grid pixels whose bilinear
    error within the frame meets the tolerance.

    Parameters
    ----------
    wcs : SkyWcs or astropy.wcs.WCS
        Celestial, two axes.
    shape : tuple of int
        (ny, nx) of the frame.
    grid : Grid
        The output grid.
    tolerance : float, optional
        Largest position error, frame pixels.
    path : object, optional
        Named in errors.

    Returns
    -------
    PixelMap

    Raises
    ------
    InputError
        If the WCS is unusable (see `sky_wcs`) or no step meets the tolerance.
    """
    frame = sky_wcs(wcs, path)
    edge, inside = _place(frame, shape, grid, path)
    bbox = _overlap(edge[0], edge[1], grid.shape)
    if bbox[0] >= bbox[1]:
        none = np.empty((0, 0))
        return PixelMap(STEPS[0], (0, 0), none, none, bbox, shape, 0.0)
    inverse = find_inverse(frame, shape, grid, FIT_SHARE * tolerance)
    ratio, curvature = scale_ratio(inside, shape), curvature_of(inside, shape)
    error = inverse.error
    for step in likely_steps(curvature * ratio**3, tolerance) if error < tolerance else ():
        # Every cell that holds a frame pixel has its four nodes within a cell diagonal of the frame; beyond
        # that the polynomials are not to be trusted.
        margin = 1.5 * step * ratio + 2.0
        points = partial(inverse.points, margin=margin)
        try:
            error = inverse.error + interpolation_error(points, inside, step)
            if error < tolerance:
                return PixelMap(step, *_node_table(points, bbox, step), bbox, shape, error)
        except NoSolutionError:
            # The polynomials fail outside the frame, where a smaller step may not need them.
            error = np.inf
    raise InputError(
        f"{path}: the distortion is too strong to interpolate (error {error:.3g} px, limit {tolerance:g})",
        hint="check the WCS of the frame",
    )


def _place(frame: SkyWcs, shape: tuple[int, int], grid: Grid, path: object) -> tuple[Float, Float]:
    """Grid positions (x, y) of the frame's `perimeter` and of its `lattice`, shapes (2, n)."""
    x, y = (np.concatenate(pair) for pair in zip(perimeter(shape), lattice(shape), strict=True))
    directions = frame.directions(x, y)
    if not np.isfinite(directions).all():
        raise InputError(f"{path}: the WCS has no sky position at the frame's edge")
    place = grid.project(directions)
    count = perimeter(shape)[0].size
    return place[:, :count], place[:, count:]


def _overlap(x: Float, y: Float, shape: tuple[int, int]) -> Box:
    """Grid window of the pixels whose centres may lie in the frame, from the frame's outer edge."""
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return (0, 0, 0, 0)
    ny, nx = shape
    # Sides may bulge between the sampled edge points, by far less than a pixel of slack.
    low_y, high_y = max(int(np.floor(y.min())), 0), min(int(np.ceil(y.max())) + 1, ny)
    low_x, high_x = max(int(np.floor(x.min())), 0), min(int(np.ceil(x.max())) + 1, nx)
    return (low_y, high_y, low_x, high_x) if low_y < high_y and low_x < high_x else (0, 0, 0, 0)


def _node_table(
    points: Callable[[Float, Float], Float], bbox: Box, step: int
) -> tuple[tuple[int, int], Float, Float]:
    """Nodes of one step: origin, x, y."""
    y0, y1, x0, x1 = bbox
    origin = (y0 // step, x0 // step)
    rows = np.arange(origin[0], (y1 - 1) // step + 2) * float(step)
    cols = np.arange(origin[1], (x1 - 1) // step + 2) * float(step)
    gx, gy = np.tile(cols, rows.size), np.repeat(rows, cols.size)
    node_x, node_y = points(gx, gy).reshape(2, rows.size, cols.size)
    return origin, node_x, node_y
