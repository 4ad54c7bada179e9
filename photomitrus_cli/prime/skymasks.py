"""Masks of objects for the sky: from a frame less its sky, and from a stack."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.background import BackgroundLevel, masked_median
from photomitrus_cli.imaging.framemap import FrameMap
from photomitrus_cli.imaging.meshnodes import mesh_nodes
from photomitrus_cli.imaging.meshrows import subtract_mesh
from photomitrus_cli.imaging.nearest import nearest_window
from photomitrus_cli.imaging.objects import object_mask
from photomitrus_cli.imaging.skyobjects import LEAST, MOST, grow_objects

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

# About so many pixels are enough for the level of a frame, and for that of a cell.
_SAMPLE, _CELL_SAMPLE = 1 << 20, 1 << 12
# Cells of the background that differ by so many sigma from those around hold something else.
_OUTLIERS = 4.0
# Threshold in means of blocks over that in pixels.
_BLOCKS = 1.25


def find_objects(
    residual: Float32,
    bad: Bool,
    *,
    kappa: float = 4.0,
    mesh_px: int = 128,
    least_sigma: float = 0.0,
    binning: int = 1,
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
    binning : int, optional
        Pixels of the detector along a side of a pixel.

    Returns
    -------
    ndarray of bool, shape (ny, nx)
        Objects with what surrounds them, see `photomitrus_cli.imaging.skyobjects.grow_objects`.
    """
    level = blank_level(residual, bad)
    rough = object_mask(residual, bad, level.level, max(level.sigma, least_sigma), kappa=kappa)
    flat = residual.copy()
    subtract_background(flat, bad | rough, mesh_px)
    level = blank_level(flat, bad)
    sigma = max(level.sigma, least_sigma)
    # Blocks show extended light of half the brightness: masked as deeply, noise would be, too.
    limit = kappa * (_BLOCKS if binning > 1 else 1.0)
    found = object_mask(flat, bad, level.level, sigma, kappa=limit, grow=0)
    return grow_objects(found, least=LEAST / binning, most=MOST / binning)


def subtract_background(values: Float32, out: Bool, mesh_px: int, columns: Float32 | None = None) -> float:
    """Subtract the smooth background of a frame, in place; it is measured in large cells, in some rows.

    Parameters
    ----------
    values : ndarray of float32, shape (ny, nx)
        Changed.
    out : ndarray of bool, shape (ny, nx)
        Pixels not to be used.
    mesh_px : int
        Side of the cells; 0 for no such background.
    columns : ndarray of float32, shape (nx,), optional
        Offsets of columns, which are subtracted before.

    Returns
    -------
    float
        Mean of the background.
    """
    if not mesh_px:
        if columns is not None:
            values -= columns
        return 0.0
    every = max(mesh_px**2 // _CELL_SAMPLE - 1, 1)
    nodes, _ = mesh_nodes(values, out, size_px=mesh_px, every=every, outliers=_OUTLIERS, columns=columns)
    return subtract_mesh(values, nodes, columns)


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
