"""A smooth model of the background of a frame."""

from __future__ import annotations

from dataclasses import replace
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


def mesh_nodes(
    sci: NDArray[np.floating],
    out: Bool,
    *,
    size_px: int = 64,
    filter_cells: int = 3,
    every: int = 1,
    outliers: float = 0.0,
    columns: Float32 | None = None,
) -> tuple[Float, BackgroundLevel]:
    """Measure the background at the centres of the cells of a mesh.

    Parameters
    ----------
    sci : ndarray of float, shape (ny, nx)
        Image.
    out : ndarray of bool, same shape
        Pixels not to be used.
    size_px, filter_cells, every, outliers
        See `mesh_background`.
    columns : ndarray of float32, shape (nx,), optional
        Offsets of columns that count as subtracted.

    Returns
    -------
    nodes : ndarray of float64, shape (rows, columns)
        Units of sci; NaN everywhere without a good pixel.
    level : BackgroundLevel
        Mean of the cells, its error, and their median scatter.
    """
    edges = _edges(sci.shape[0], size_px), _edges(sci.shape[1], size_px)
    level, error, sigma, n_used = _mesh_levels(sci, out, edges, every, columns)
    known = n_used > 0
    if not known.any():
        return level, NOTHING
    nodes = _fill(level)
    smooth = _median_filter(nodes, filter_cells)
    away = np.abs(nodes - smooth)
    # Of slopes a median keeps most cells as they are, which tells nothing of the others.
    moved = away[away > 0.0]
    limit = outliers * _MAD * float(np.median(moved)) if moved.size else 0.0
    nodes = np.where(away > limit, smooth, nodes)
    total = BackgroundLevel(
        float(nodes.mean()),
        float(np.sqrt(np.sum(error[known] ** 2)) / known.sum()),
        float(np.median(sigma[known])),
        int(n_used.sum()),
    )
    return nodes, total


def _edges(n_pixels: int, size_px: int) -> NDArray[np.int64]:
    """Cell limits along an axis: equal to a pixel."""
    n_cells = max(round(n_pixels / size_px), 1)
    return np.asarray(np.round(np.linspace(0, n_pixels, n_cells + 1)), dtype=np.int64)


def _mesh_levels(
    sci: NDArray[np.floating],
    out: Bool,
    edges: tuple[NDArray[np.int64], NDArray[np.int64]],
    every: int,
    offsets: Float32 | None,
) -> tuple[Float, Float, Float, NDArray[np.int64]]:
    """Level, error, sigma, number of pixels of the cells; NaN and 0 where under a tenth is good."""
    rows, columns = edges
    shape = (rows.size - 1, columns.size - 1)
    numbers = np.full((3, *shape), np.nan)
    n_used = np.zeros(shape, dtype=np.int64)
    for j, i in np.ndindex(shape):
        part = np.s_[rows[j] : rows[j + 1] : every, columns[i] : columns[i + 1]]
        values = sci[part] if offsets is None else sci[part] - offsets[part[1]]
        found = masked_median(values, out[part])
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
