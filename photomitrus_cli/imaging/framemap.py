"""Where frame pixels fall on the grid of a map: nodes, bilinear between, known error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.geometry import lattice
from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.nodes import (
    STEPS,
    curvature_of,
    interpolation_error,
    likely_steps,
    spread_nodes,
)
from photomitrus_cli.imaging.skywcs import sky_wcs

Float = NDArray[np.float64]


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
    wcs, shape, grid, path
        See `photomitrus_cli.imaging.mapping.map_frame`.
    max_step : int, optional
        Largest node spacing, frame pixels; smaller powers of two are taken until the tolerance is met.
    tolerance : float, optional
        Largest position error, grid pixels.

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
