"""Masks of objects for the sky: from a frame less its sky, and from a stack."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.background import BackgroundLevel, masked_median
from photomitrus_cli.imaging.mapping import FrameMap
from photomitrus_cli.imaging.mesh import mesh_background
from photomitrus_cli.imaging.nearest import nearest_window
from photomitrus_cli.imaging.objects import object_mask
from photomitrus_cli.imaging.skyobjects import grow_objects

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

# About so many pixels are enough for the level of a frame, and for that of a cell.
_SAMPLE, _CELL_SAMPLE = 1 << 20, 1 << 12
# Cells of the background that differ by so many sigma from those around hold something else.
_OUTLIERS = 4.0


def find_objects(
    residual: Float32, bad: Bool, *, kappa: float = 4.0, mesh_px: int = 128, least_sigma: float = 0.0
) -> Bool:
    """Find the objects of a frame less its sky.

    Parameters
    ----------
    residual : ndarray of float32, shape (ny, nx)
    bad : ndarray of bool, shape (ny, nx)
        Pixels not to be used.
    kappa : float, optional
        Threshold in the lightly smoothed frame, see `photomitrus_cli.imaging.objects.object_mask`.
    mesh_px : int, optional
        Side of the cells of the background that they must stand out from; objects much larger are found
        where they stand out from the whole frame.
    least_sigma : float, optional
        The noise of a pixel is not less.

    Returns
    -------
    ndarray of bool, shape (ny, nx)
        Objects with what surrounds them, see `photomitrus_cli.imaging.skyobjects.grow_objects`.
    """
    level = blank_level(residual, bad)
    rough = object_mask(residual, bad, level.level, max(level.sigma, least_sigma), kappa=kappa)
    flat = residual - smooth_background(residual, bad | rough, mesh_px)[0]
    level = blank_level(flat, bad)
    sigma = max(level.sigma, least_sigma)
    return grow_objects(object_mask(flat, bad, level.level, sigma, kappa=kappa, grow=0))


def smooth_background(values: Float32, out: Bool, mesh_px: int) -> tuple[Float32, float]:
    """Measure the smooth background of a frame, in large cells from some of their rows.

    Parameters
    ----------
    values : ndarray of float32, shape (ny, nx)
    out : ndarray of bool, shape (ny, nx)
        Pixels not to be used.
    mesh_px : int
        Side of the cells.

    Returns
    -------
    model : ndarray of float32, shape (ny, nx)
        See `photomitrus_cli.imaging.mesh.mesh_background`.
    level : float
        Its mean.
    """
    every = max(mesh_px**2 // _CELL_SAMPLE - 1, 1)
    model, level = mesh_background(
        values, out, np.zeros_like(out), size_px=mesh_px, every=every, outliers=_OUTLIERS
    )
    return model, level.level


def blank_level(values: Float32, out: Bool) -> BackgroundLevel:
    """Measure level and noise of a frame, a large one in some of its rows.

    Parameters
    ----------
    values : ndarray of float32, shape (ny, nx)
    out : ndarray of bool, shape (ny, nx)
        Pixels not to be used.

    Returns
    -------
    BackgroundLevel
        See `photomitrus_cli.imaging.background.masked_median`.
    """
    part = np.s_[:: max(values.size // _SAMPLE, 1)]
    return masked_median(np.ascontiguousarray(values[part]), out[part])


def mask_on_frame(stack_mask: Bool, place: FrameMap) -> Bool:
    """See a mask of a stack from a frame.

    Parameters
    ----------
    stack_mask : ndarray of bool, shape (h, w)
        Pixels of objects in the stack.
    place : FrameMap
        Of the frame on the stack's grid.

    Returns
    -------
    ndarray of bool, shape (ny, nx)
        The nearest pixel's; False outside the stack.
    """
    ny, nx = place.shape
    out = np.zeros(place.shape, dtype=np.bool_)
    plain = np.ascontiguousarray(stack_mask)
    nearest_window(plain, place.node_x, place.node_y, (0, 0), place.step, (0, ny, 0, nx), out)
    return out
