"""Where grid pixels fall in a frame, and frame pixels on the grid: nodes, bilinear between, known error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

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
    spread_nodes,
)
from photomitrus_cli.imaging.skywcs import SkyWcs, sky_wcs

Float = NDArray[np.float64]
Box = tuple[int, int, int, int]

# The part of the tolerance that the polynomial fit may use up.
FIT_SHARE = 0.05


@dataclass(frozen=True, eq=False)
class PixelMap:
    """Grid pixels to frame pixels, for one frame.

    Parameters
    ----------
    step : int
        Node spacing, grid pixels. Node (j, i) lies at grid pixel ((origin[0] + j) step, (origin[1] + i)
        step), whatever the frame or the tile, so that any window of the grid is evaluated to the same bits.
    origin : tuple of int
        Index (y, x) of the first node.
    node_x, node_y : ndarray of float64, shape (nj, ni)
        Frame pixel positions of the nodes, 0-based; NaN for nodes that are not near the frame.
    bbox : tuple of int
        Grid window (y0, y1, x0, x1), half open, that holds the frame; all 0 when they do not overlap.
    shape : tuple of int
        (ny, nx) of the frame.
    max_error_px : float
        Largest measured interpolation error inside the frame, frame pixels.
    """

    step: int
    origin: tuple[int, int]
    node_x: Float
    node_y: Float
    bbox: Box
    shape: tuple[int, int]
    max_error_px: float

    @property
    def empty(self) -> bool:
        """Whether the frame lies outside the grid."""
        return self.bbox[0] >= self.bbox[1] or self.bbox[2] >= self.bbox[3]

    def positions(self, y: ArrayLike, x: ArrayLike) -> tuple[Float, Float]:
        """Frame positions of grid positions inside `bbox`.

        Parameters
        ----------
        y, x : array_like
            Grid pixel positions, broadcast against each other.

        Returns
        -------
        x, y : ndarray of float64
            Frame pixel positions, 0-based; NaN away from the frame.
        """
        return _bilinear(self.node_x, self.node_y, self.origin, self.step, np.asarray(y), np.asarray(x))


@dataclass(frozen=True, eq=False)
class FrameMap:
    """Frame pixels to grid pixels, for one frame.

    Parameters
    ----------
    step : int
        Node spacing, frame pixels. Node (j, i) lies at frame pixel (j step, i step).
    node_x, node_y : ndarray of float64, shape (nj, ni)
        Grid positions of the nodes, 0-based.
    shape : tuple of int
        (ny, nx) of the frame.
    max_error_px : float
        Largest interpolation error, grid pixels.
    """

    step: int
    node_x: Float
    node_y: Float
    shape: tuple[int, int]
    max_error_px: float

    def positions(self) -> tuple[Float, Float]:
        """Grid positions of the centres of all frame pixels.

        Returns
        -------
        x, y : ndarray of float64, shape (ny, nx)
            0-based. In double precision, because 1e-3 px on a large grid is beyond single.
        """
        out = np.empty((2, *self.shape))
        spread_nodes(self.node_x, self.step, out[0])
        spread_nodes(self.node_y, self.step, out[1])
        return out[0], out[1]


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


def frame_map(
    wcs: Any,
    shape: tuple[int, int],
    grid: Grid,
    *,
    max_step: int = 16,
    tolerance: float = 1e-2,
    path: object = "frame",
) -> FrameMap:
    """Map a frame onto a grid.

    Parameters
    ----------
    wcs : SkyWcs or astropy.wcs.WCS
        Celestial, two axes.
    shape : tuple of int
        (ny, nx) of the frame.
    grid : Grid
        The output grid.
    max_step : int, optional
        Largest node spacing, frame pixels; smaller powers of two are taken until the tolerance is met.
    tolerance : float, optional
        Largest position error, grid pixels.
    path : object, optional
        Named in errors.

    Returns
    -------
    FrameMap

    Raises
    ------
    InputError
        If the WCS is unusable (see `sky_wcs`), part of the frame is 90 degrees or more from the tangent point
        of the grid, or no step meets the tolerance.
    """
    frame = sky_wcs(wcs, path)

    def points(x: Float, y: Float) -> Float:
        """Grid positions (x, y) of frame positions."""
        return grid.project(frame.directions(x, y))

    inside = np.stack(lattice(shape))
    place = points(inside[0], inside[1])
    if not np.isfinite(place).all():
        raise InputError(f"{path}: the frame lies 90 degrees or more from the centre of the map")
    error = np.inf
    for step in likely_steps(curvature_of(place, shape), tolerance, tuple(s for s in STEPS if s <= max_step)):
        error = interpolation_error(points, inside, step)
        if error < tolerance:
            rows, cols = (np.arange(max(1, -(-(n - 1) // step)) + 1) * float(step) for n in shape)
            place = points(np.tile(cols, rows.size), np.repeat(rows, cols.size))
            node_x, node_y = place.reshape(2, rows.size, cols.size)
            return FrameMap(step, node_x, node_y, shape, error)
    raise InputError(
        f"{path}: the distortion is too strong to interpolate "
        f"(error {error:.3g} map px, limit {tolerance:g})",
        hint="check the WCS of the frame",
    )


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


def _bilinear(
    node_x: Float, node_y: Float, origin: tuple[int, int], step: int, y: NDArray[Any], x: NDArray[Any]
) -> tuple[Float, Float]:
    """Interpolate both node tables at grid positions; the last cell serves its far edge too."""
    v, u = y / step - origin[0], x / step - origin[1]
    j = np.clip(np.floor(v).astype(np.int64), 0, node_x.shape[0] - 2)
    i = np.clip(np.floor(u).astype(np.int64), 0, node_x.shape[1] - 2)
    v, u = v - j, u - i
    out = []
    for node in (node_x, node_y):
        left = node[j, i] + v * (node[j + 1, i] - node[j, i])
        right = node[j, i + 1] + v * (node[j + 1, i + 1] - node[j, i + 1])
        out.append(left + u * (right - left))
    return out[0], out[1]
