"""A smooth background, and levels of columns, taken off an image in place: there is no plane of the model."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.mesh import spline_terms

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]


def subtract_mesh(values: Float32, nodes: Float, columns: Float32 | None = None) -> float:
    """Subtract the spline through the nodes of a mesh, and a level of every column, in place.

    Parameters
    ----------
    values : ndarray of float32, shape (ny, nx)
        Image; changed.
    nodes : ndarray of float64, shape (rows, columns)
        From `photomitrus_cli.imaging.meshnodes.mesh_nodes`.
    columns : ndarray of float32, shape (nx,), optional

    Returns
    -------
    float
        Mean of the spline.
    """
    ny, nx = values.shape
    rows, row_weights, bends = spline_terms(ny, nodes.shape[0])
    following = np.minimum(rows + 1, nodes.shape[0] - 1)
    curved = bends @ nodes
    down = row_weights[0, :, None] * nodes[rows] + row_weights[1, :, None] * nodes[following]
    down += row_weights[2, :, None] * curved[rows] + row_weights[3, :, None] * curved[following]
    left, weights, second = spline_terms(nx, nodes.shape[1])
    starts = np.concatenate([[0], np.flatnonzero(np.diff(left)) + 1, [nx]])
    terms = down.astype(np.float32), (down @ second.T).astype(np.float32)
    offsets = np.zeros(nx, np.float32) if columns is None else columns
    _subtract(values, offsets, terms, starts, left, weights.astype(np.float32))
    unit = np.eye(nodes.shape[1])
    after = np.minimum(left + 1, nodes.shape[1] - 1)
    across = (weights[0] @ unit[left] + weights[1] @ unit[after]) + (
        weights[2] @ second[left] + weights[3] @ second[after]
    )
    return float(down.mean(axis=0) @ across / nx)


@kernel
def _subtract(
    values: Float32,
    columns: Float32,
    terms: tuple[Float32, Float32],
    starts: NDArray[np.int64],
    left: NDArray[np.int64],
    weights: Float32,
) -> None:
    nodes, curved = terms
    last = nodes.shape[1] - 1
    for y in range(values.shape[0]):
        for k in range(starts.size - 1):
            first, end = starts[k], starts[k + 1]
            one = left[first]
            two = min(one + 1, last)
            a, b, c, d = nodes[y, one], nodes[y, two], curved[y, one], curved[y, two]
            for x in range(first, end):
                smooth = weights[0, x] * a + weights[1, x] * b + weights[2, x] * c + weights[3, x] * d
                values[y, x] -= columns[x] + smooth
