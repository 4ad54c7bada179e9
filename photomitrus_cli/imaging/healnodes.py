"""Directions at the corners of a frame's cells, in the system of a map."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.healpix import ring_pixels

Float = NDArray[np.float64]
Index = NDArray[np.int64]

# Detector pixels along a side of a cell.
CELL = 16


def frame_nodes(
    directions: Callable[[Float, Float], Float], shape: tuple[int, int], rotation: Float
) -> Float:
    """Give the directions of the corners of cells of 16 x 16 detector pixels.

    Parameters
    ----------
    directions : callable
        From 0-based frame positions x and y to unit vectors, shape (3, ...), FK5
        (`SinSip.directions`).
    shape : tuple of int
        (ny, nx) of the frame.
    rotation : ndarray of float64, shape (3, 3)
        To the system of the map (`rotation_from_fk5`).

    Returns
    -------
    ndarray of float64, shape (3, my, mx)
        Unit vectors at x = -0.5 + 16 i, y = -0.5 + 16 j. The cells cover the frame; the last corners may
        be outside of it.
    """
    y, x = (np.arange(0.0, size + CELL, CELL) - 0.5 for size in shape)
    found = directions(*np.meshgrid(x, y))
    return np.asarray(rotation @ found.reshape(3, -1)).reshape(found.shape)


def cell_pixels(nodes: Float, nside: int) -> Index:
    """Find the map pixels of the centres of cells.

    Parameters
    ----------
    nodes : ndarray of float64, shape (3, my, mx)
        See `frame_nodes`.
    nside : int
        A power of two up to 8192.

    Returns
    -------
    ndarray of int64, shape (my - 1, mx - 1)
        RING indices. Of cells that the frame's edge cuts, too, it is the centre of the whole cell.

    Raises
    ------
    ValueError
        For another nside.
    """
    centres = nodes[:, :-1, :-1] + nodes[:, :-1, 1:] + nodes[:, 1:, :-1] + nodes[:, 1:, 1:]
    return ring_pixels(centres.reshape(3, -1), nside).reshape(centres.shape[1:])
