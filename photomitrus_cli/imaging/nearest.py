"""Flags of a frame on the grid of a map: the nearest pixel's, no interpolation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.lanczos import row_positions
from photomitrus_cli.imaging.mapping import Box, PixelMap


@kernel
def nearest_window(
    flags: NDArray[np.bool_],
    node_x: NDArray[np.float64],
    node_y: NDArray[np.float64],
    origin: tuple[int, int],
    step: int,
    window: tuple[int, int, int, int],
    out: NDArray[np.bool_],
) -> None:
    """Look up the nearest frame pixel of every pixel of a grid window.

    Parameters
    ----------
    flags : ndarray of bool, shape (ny, nx)
    node_x, node_y, origin, step
        The node table, see `photomitrus_cli.imaging.mapping.PixelMap`.
    window : tuple of int
        (y0, y1, x0, x1) in grid pixels, inside the node table.
    out : ndarray of bool, shape (y1 - y0, x1 - x0)
        Result; False off the frame.
    """
    y0, y1, x0, x1 = window
    ny, nx = flags.shape
    across, along = np.empty(x1 - x0), np.empty(x1 - x0)
    for y in range(y0, y1):
        row_positions(node_x, origin, step, y, x0, across)
        row_positions(node_y, origin, step, y, x0, along)
        for n in range(x1 - x0):
            i, j = np.floor(across[n] + 0.5), np.floor(along[n] + 0.5)
            # Written so that NaN fails it too.
            inside = i >= 0 and i < nx and j >= 0 and j < ny
            out[y - y0, n] = flags[int(j), int(i)] if inside else False


def nearest_flags(flags: NDArray[np.bool_], pixel_map: PixelMap, window: Box) -> NDArray[np.bool_]:
    """Tell which output pixels lie nearest to a flagged pixel of the frame.

    Parameters
    ----------
    flags : ndarray of bool, shape (ny, nx)
    pixel_map : PixelMap
        Of the frame.
    window : tuple of int
        (y0, y1, x0, x1) in grid pixels, within ``pixel_map.bbox``.

    Returns
    -------
    ndarray of bool, shape (y1 - y0, x1 - x0)
    """
    out = np.zeros((window[1] - window[0], window[3] - window[2]), dtype=np.bool_)
    nearest_window(flags, pixel_map.node_x, pixel_map.node_y, pixel_map.origin, pixel_map.step, window, out)
    return out
