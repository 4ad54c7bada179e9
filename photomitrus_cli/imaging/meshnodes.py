"""The nodes of a background model: levels of cells, gaps filled, outlying cells smoothed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.background import NOTHING, BackgroundLevel, masked_median

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]
_MAD = 1.4826


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
