"""A smooth model of the background of a frame."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.background import NOTHING, BackgroundLevel, masked_median

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

_ROWS = 64
_MAD = 1.4826


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
    edges = _edges(sci.shape[0], size_px), _edges(sci.shape[1], size_px)
    cells = _mesh_levels(sci, bad | objects, edges, every)
    level, error, sigma, n_used = cells
    known = n_used > 0
    if not known.any():
        return np.full(sci.shape, np.nan, dtype=np.float32), NOTHING
    nodes = _fill(level)
    smooth = _median_filter(nodes, filter_cells)
    away = np.abs(nodes - smooth)
    # Of slopes a median keeps most cells as they are, which tells nothing of the others.
    moved = away[away > 0.0]
    limit = outliers * _MAD * float(np.median(moved)) if moved.size else 0.0
    nodes = np.where(away > limit, smooth, nodes)
    across = _spline(sci.shape[1], nodes.shape[1])
    down = _spline(sci.shape[0], nodes.shape[0]) @ nodes
    model = np.empty(sci.shape, dtype=np.float32)
    # A few rows at a time, or there would be the whole model in double precision too.
    for first in range(0, sci.shape[0], _ROWS):
        model[first : first + _ROWS] = down[first : first + _ROWS] @ across.T
    total = BackgroundLevel(
        float(model.mean(dtype=np.float64)),
        float(np.sqrt(np.sum(error[known] ** 2)) / known.sum()),
        float(np.median(sigma[known])),
        int(n_used.sum()),
    )
    return model, total


def _edges(n_pixels: int, size_px: int) -> NDArray[np.int64]:
    """Cell limits along an axis: equal to a pixel."""
    n_cells = max(round(n_pixels / size_px), 1)
    return np.asarray(np.round(np.linspace(0, n_pixels, n_cells + 1)), dtype=np.int64)


def _mesh_levels(
    sci: NDArray[np.floating], out: Bool, edges: tuple[NDArray[np.int64], NDArray[np.int64]], every: int
) -> tuple[Float, Float, Float, NDArray[np.int64]]:
    """Level, error, sigma, number of pixels of the cells; NaN and 0 where under a tenth is good."""
    rows, columns = edges
    shape = (rows.size - 1, columns.size - 1)
    numbers = np.full((3, *shape), np.nan)
    n_used = np.zeros(shape, dtype=np.int64)
    for j, i in np.ndindex(shape):
        part = np.s_[rows[j] : rows[j + 1] : every, columns[i] : columns[i + 1]]
        found = masked_median(sci[part], out[part])
        if found.n_used * 10 >= out[part].size:
            numbers[:, j, i] = found.level, found.error, found.sigma
            n_used[j, i] = found.n_used
    return numbers[0], numbers[1], numbers[2], n_used


def _fill(nodes: Float) -> Float:
    """Fill NaN nodes from their neighbours: means of the known ones around, from the border inwards."""
    nodes = nodes.copy()
    while np.isnan(nodes).any():
        around = _windows(np.pad(nodes, 1, constant_values=np.nan), 3)
        count = (~np.isnan(around)).sum(axis=-1)
        mean = np.nansum(around, axis=-1) / np.maximum(count, 1)
        nodes = np.where(np.isnan(nodes) & (count > 0), mean, nodes)
    return nodes


def _median_filter(nodes: Float, side: int) -> Float:
    """Median filter; beyond the edges the mesh is continued by point reflection, which keeps gradients."""
    half = side // 2
    for axis in (0, 1):
        width = [(0, 0), (0, 0)]
        width[axis] = (half, half)
        if nodes.shape[axis] > 1:
            nodes = np.pad(nodes, width, mode="reflect", reflect_type="odd")
        else:
            nodes = np.pad(nodes, width, mode="edge")
    return np.asarray(np.median(_windows(nodes, 2 * half + 1), axis=-1))


def _windows(nodes: Float, side: int) -> Float:
    """All windows of a side, flattened along the last axis."""
    view = np.lib.stride_tricks.sliding_window_view(nodes, (side, side))
    return view.reshape(*view.shape[:2], -1)


@lru_cache(maxsize=16)
def _spline(n_pixels: int, n_cells: int) -> Float:
    """Matrix (n_pixels, n_cells) from node values to the natural cubic spline through them at all pixels."""
    limits = np.round(np.linspace(0, n_pixels, n_cells + 1))
    x = 0.5 * (limits[1:] + limits[:-1] - 1.0)
    if n_cells == 1:
        return np.ones((n_pixels, 1))
    step = np.diff(x)
    system, right = np.eye(n_cells), np.zeros((n_cells, n_cells))
    for k in range(1, n_cells - 1):
        system[k, k - 1 : k + 2] = step[k - 1] / 6.0, (step[k - 1] + step[k]) / 3.0, step[k] / 6.0
        right[k, k - 1 : k + 2] = 1.0 / step[k - 1], -1.0 / step[k - 1] - 1.0 / step[k], 1.0 / step[k]
    second, unit = np.linalg.solve(system, right), np.eye(n_cells)
    place = np.arange(n_pixels)
    left = np.clip(np.searchsorted(x, place) - 1, 0, n_cells - 2)
    h = step[left, None]
    u = (place - x[left])[:, None] / h
    # The cubic part ends at the outermost nodes, whence its slope goes on; second derivatives are 0 there.
    t = np.clip(u, 0.0, 1.0)
    one, two = second[left], second[left + 1]
    bend = ((1.0 - t) ** 3 - (1.0 - t)) * one + (t**3 - t) * two
    slope = np.where(u < 0.0, -2.0 * one - two, one + 2.0 * two)
    return (1.0 - u) * unit[left] + u * unit[left + 1] + (bend + (u - t) * slope) * h**2 / 6.0
