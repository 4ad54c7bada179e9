"""Where grid pixels fall in a frame, as a table: nodes and bilinear values between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]
Box = tuple[int, int, int, int]


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


def widened(box: Box, margin: int) -> Box:
    """Give a window with a margin all around.

    Parameters
    ----------
    box : tuple of int
        (y0, y1, x0, x1), half open.
    margin : int
        Pixels.
    """
    return box[0] - margin, box[1] + margin, box[2] - margin, box[3] + margin


def common_part(a: Box, b: Box) -> Box | None:
    """Give the common part of two windows (y0, y1, x0, x1), or None."""
    y0, y1, x0, x1 = max(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), min(a[3], b[3])
    return (y0, y1, x0, x1) if y0 < y1 and x0 < x1 else None
