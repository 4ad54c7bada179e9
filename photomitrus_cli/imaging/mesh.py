"""A smooth model of the background of a frame."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.background import NOTHING, BackgroundLevel
from photomitrus_cli.imaging.meshnodes import mesh_nodes

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

_ROWS = 64


def mesh_background(
    sci: NDArray[np.floating],
    bad: Bool,
    objects: Bool,
    *,
    size_px: int = 64,
    filter_cells: int = 3,
    every: int = 1,
    outliers: float = 0.0,
) -> tuple[Float32, BackgroundLevel]:
    """Smooth background from a mesh of cells.

    The clipped median of every cell without its objects, a median filter over neighbouring cells (which
    passes gradients unchanged, at the edges too) and a natural bicubic spline through the cell centres,
    continued straight beyond the outermost ones. As SExtractor does it (Bertin & Arnouts 1996, A&AS 117,
    393), with the median instead of its mode because objects are masked.

    Parameters
    ----------
    sci : ndarray of float, shape (ny, nx)
        Image.
    bad, objects : ndarray of bool, same shape
        Pixels not to be used.
    size_px : int, optional
        Wanted side of a cell; the image is divided evenly.
    filter_cells : int, optional
        Side of the median filter, odd; 1 for none.
    every : int, optional
        Only one of so many rows of a cell is looked at, for large cells.
    outliers : float, optional
        The filter replaces only cells that differ from it by more than so many times the robust scatter of
        such differences, and leaves the curvature of the background alone; 0 replaces all.

    Returns
    -------
    model : ndarray of float32, shape (ny, nx)
        Units of sci; NaN everywhere without a good pixel.
    level : BackgroundLevel
        Mean of the model; the error is that of the mean of the cells, sigma their median scatter.
    """
    nodes, cells = mesh_nodes(
        sci, bad | objects, size_px=size_px, filter_cells=filter_cells, every=every, outliers=outliers
    )
    if not cells.n_used:
        return np.full(sci.shape, np.nan, dtype=np.float32), NOTHING
    across = _spline(sci.shape[1], nodes.shape[1])
    down = _spline(sci.shape[0], nodes.shape[0]) @ nodes
    model = np.empty(sci.shape, dtype=np.float32)
    # A few rows at a time, or there would be the whole model in double precision too.
    for first in range(0, sci.shape[0], _ROWS):
        model[first : first + _ROWS] = down[first : first + _ROWS] @ across.T
    return model, replace(cells, level=float(model.mean(dtype=np.float64)))


@lru_cache(maxsize=16)
def _spline(n_pixels: int, n_cells: int) -> Float:
    """Matrix (n_pixels, n_cells) from node values to the natural cubic spline through them at all pixels."""
    left, weights, second = spline_terms(n_pixels, n_cells)
    right = np.minimum(left + 1, n_cells - 1)
    unit = np.eye(n_cells)
    straight = weights[0, :, None] * unit[left] + weights[1, :, None] * unit[right]
    return straight + weights[2, :, None] * second[left] + weights[3, :, None] * second[right]


@lru_cache(maxsize=16)
def spline_terms(n_pixels: int, n_cells: int) -> tuple[NDArray[np.int64], Float, Float]:
    """Give what a natural cubic spline through the centres of cells is made of.

    Parameters
    ----------
    n_pixels, n_cells : int
        Along one axis.

    Returns
    -------
    left : ndarray of int64, shape (n_pixels,)
        The node before each pixel, but the last one only where it is the only one.
    weights : ndarray of float64, shape (4, n_pixels)
        Of the values of that node and the next, and of the second derivatives there.
    second : ndarray of float64, shape (n_cells, n_cells)
        From node values to second derivatives.
    """
    limits = np.round(np.linspace(0, n_pixels, n_cells + 1))
    x = 0.5 * (limits[1:] + limits[:-1] - 1.0)
    weights = np.zeros((4, n_pixels))
    if n_cells == 1:
        weights[0] = 1.0
        return np.zeros(n_pixels, np.int64), weights, np.zeros((1, 1))
    step = np.diff(x)
    system, right = np.eye(n_cells), np.zeros((n_cells, n_cells))
    for k in range(1, n_cells - 1):
        system[k, k - 1 : k + 2] = step[k - 1] / 6.0, (step[k - 1] + step[k]) / 3.0, step[k] / 6.0
        right[k, k - 1 : k + 2] = 1.0 / step[k - 1], -1.0 / step[k - 1] - 1.0 / step[k], 1.0 / step[k]
    second = np.linalg.solve(system, right)
    place = np.arange(n_pixels)
    left = np.clip(np.searchsorted(x, place) - 1, 0, n_cells - 2)
    h = step[left]
    u = (place - x[left]) / h
    # The cubic part ends at the outermost nodes, whence its slope goes on; second derivatives are 0 there.
    t = np.clip(u, 0.0, 1.0)
    before = np.where(u < 0.0, -2.0, 1.0), np.where(u < 0.0, -1.0, 2.0)
    weights[0], weights[1] = 1.0 - u, u
    weights[2] = ((1.0 - t) ** 3 - (1.0 - t) + (u - t) * before[0]) * h**2 / 6.0
    weights[3] = (t**3 - t + (u - t) * before[1]) * h**2 / 6.0
    return left.astype(np.int64), weights, np.asarray(second, dtype=np.float64)
