"""Where each output pixel falls in a frame: coarse nodes, bilinear between, with a measured error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.geometry import check_wcs, perimeter, sky_positions
from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.inverse import Inverse, fit_inverse

Float = NDArray[np.float64]
Box = tuple[int, int, int, int]

STEPS = (32, 16, 8, 4, 2, 1, 2, 1)
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


def map_frame(
    wcs: Any, shape: tuple[int, int], grid: Grid, *, tolerance: float = 1e-3, path: object = "frame"
) -> PixelMap:
    """Map a grid onto a frame.

    The forward transform of the frame (pixel to sky, exact for any distortion, unlike the inverse
    polynomials of SIP) is sampled over the frame, and frame position as a function of grid position fitted
    by Chebyshev polynomials: exact to the fit error, which is measured at points between the samples. From
    them come the nodes, at the largest step of 32, 16, 8, 4, 2, 1 grid pixels whose bilinear error within the
    frame meets the tolerance.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
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
        If the WCS is unusable (see `check_wcs`) or no step meets the tolerance.
    """
    check_wcs(wcs, path)
    ra, dec = sky_positions(wcs, *perimeter(shape))
    if not (np.isfinite(ra).all() and np.isfinite(dec).all()):
        raise InputError(f"{path}: the WCS has no sky position at the frame's edge")
    bbox = _overlap(*grid.world_to_pixel(ra, dec), grid.shape)
    if bbox[0] >= bbox[1]:
        none = np.empty((0, 0))
        return PixelMap(STEPS[0], (0, 0), none, none, bbox, shape, 0.0)
    inverse, fit_error = fit_inverse(wcs, shape, grid, FIT_SHARE * tolerance)
    error = fit_error
    for step in STEPS if fit_error < tolerance else ():
        origin, node_x, node_y, bend = _node_table(inverse, bbox, step)
        error = fit_error + bend
        if error < tolerance:
            return PixelMap(step, origin, node_x, node_y, bbox, shape, error)
    raise InputError(
        f"{path}: the distortion is too strong to interpolate (error {error:.3g} px, limit {tolerance:g})",
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


def _node_table(inverse: Inverse, bbox: Box, step: int) -> tuple[tuple[int, int], Float, Float, float]:
    """Nodes of one step: origin, x, y, and the largest bilinear error within the frame, frame pixels.

    The error is taken at cell centres and edge midpoints, where it is largest for a smooth map.
    """
    y0, y1, x0, x1 = bbox
    origin = (y0 // step, x0 // step)
    rows = np.arange(2 * origin[0], 2 * ((y1 - 1) // step + 1) + 1) * np.float64(step / 2.0)
    cols = np.arange(2 * origin[1], 2 * ((x1 - 1) // step + 1) + 1) * np.float64(step / 2.0)
    x, y = inverse.lattice(rows, cols)
    bend = np.hypot(_half_step(x) - x, _half_step(y) - y)
    inside = inverse.near(x, y, 0.5)
    node_x, node_y = x[::2, ::2].copy(), y[::2, ::2].copy()
    # Every cell that holds a frame pixel has its four nodes within a cell diagonal of the frame; beyond that
    # the polynomials are not to be trusted.
    far = ~inverse.near(node_x, node_y, 1.5 * step * inverse.ratio + 2.0)
    node_x[far] = node_y[far] = np.nan
    return origin, node_x, node_y, float(bend[inside].max(initial=0.0))


def _half_step(fine: Float) -> Float:
    """Interpolate all values from every second one."""
    out = fine.copy()
    out[1::2, ::2] = 0.5 * (fine[:-1:2, ::2] + fine[2::2, ::2])
    out[:, 1::2] = 0.5 * (out[:, :-1:2] + out[:, 2::2])
    return out


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
