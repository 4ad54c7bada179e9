"""Resampling of frames onto the grid of a map: surface brightness, its variance and its validity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.lanczos import (
    MAX_BAD_SHARE,
    lanczos_window,
    pair_table,
    share_table,
)
from photomitrus_cli.imaging.pixelmap import Box, PixelMap
from photomitrus_cli.imaging.prepared import PreparedFrame
from photomitrus_cli.imaging.repair import bordered_shape

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

TABLES = (pair_table(), share_table())


@dataclass(frozen=True, eq=False)
class Resampled:
    """One frame on a window of the grid.

    Parameters
    ----------
    value, variance : ndarray of float32, shape (ny, nx)
        Surface brightness in the frame's units, and its variance; NaN where not valid.
    valid : ndarray of bool, shape (ny, nx)
        Whether the frame has a value here.
    share : ndarray of float32, shape (ny, nx), optional
        Factor of the weight of each value, 0 to 1; None means 1.
    """

    value: Float32
    variance: Float32
    valid: Bool
    share: Float32 | None = None


def resample_frame(
    frame: PreparedFrame,
    pixel_map: PixelMap,
    window: Box | None = None,
    *,
    max_bad_share: float = MAX_BAD_SHARE,
) -> Resampled:
    """Interpolate a prepared frame by Lanczos-3.

    Parameters
    ----------
    frame : PreparedFrame
        The frame.
    pixel_map : PixelMap
        Its map.
    window : tuple of int, optional
        (y0, y1, x0, x1) in grid pixels; by default the box of the frame. Values do not depend on it.
    max_bad_share : float, optional
        A value is valid when bad pixels, and places off the frame, carry no more than this share of the
        absolute kernel weight.

    Returns
    -------
    Resampled
        The variance is the sum of squared weights times pixel variances: exact for independent pixels.
        Values of neighbouring grid pixels are correlated, see `photomitrus_cli.imaging.noise`.

    Raises
    ------
    InputError
        If the map is not of this frame.
    """
    check_map(frame, pixel_map)
    y0, y1, x0, x1 = pixel_map.bbox if window is None else window
    shape = (y1 - y0, x1 - x0)
    by0, by1, bx0, bx1 = pixel_map.bbox
    inner = (max(y0, by0), min(y1, by1), max(x0, bx0), min(x1, bx1))
    # The kernel writes all of the inner window.
    value, variance = np.empty(shape, dtype=np.float32), np.empty(shape, dtype=np.float32)
    valid = np.empty(shape, dtype=np.bool_)
    out = Resampled(value, variance, valid)
    if inner != (y0, y1, x0, x1):
        value[:], variance[:], valid[:] = np.nan, np.nan, False
    if inner[0] >= inner[1] or inner[2] >= inner[3]:
        return out
    lanczos_window(
        frame.pixels, frame.state, (pixel_map.node_x, pixel_map.node_y), pixel_map.origin, pixel_map.step,
        inner, (y0, x0), TABLES, max_bad_share, out.value, out.variance, out.valid,
    )  # fmt: skip
    return out


def resample_into(
    frame: PreparedFrame, pixel_map: PixelMap, window: Box, corner: tuple[int, int], out: Resampled
) -> None:
    """Interpolate a prepared frame by Lanczos-3 into a part of larger arrays.

    Parameters
    ----------
    frame, pixel_map
        See `resample_frame`.
    window : tuple of int
        (y0, y1, x0, x1) in grid pixels, inside the box of the frame.
    corner : tuple of int
        Grid pixel (y, x) of the first pixel of the arrays.
    out : Resampled
        C-contiguous arrays; written everywhere in the window, and nowhere else.

    Raises
    ------
    InputError
        If the map is not of this frame.
    """
    check_map(frame, pixel_map)
    lanczos_window(
        frame.pixels, frame.state, (pixel_map.node_x, pixel_map.node_y), pixel_map.origin, pixel_map.step,
        window, corner, TABLES, MAX_BAD_SHARE, out.value, out.variance, out.valid,
    )  # fmt: skip


def check_map(frame: PreparedFrame, pixel_map: PixelMap) -> None:
    """Refuse a map of another frame.

    Parameters
    ----------
    frame : PreparedFrame
    pixel_map : PixelMap

    Raises
    ------
    InputError
        If the shapes differ.
    """
    if bordered_shape(pixel_map.shape) != frame.state.shape:
        raise InputError(
            f"a map of a {pixel_map.shape} frame does not fit a frame stored as {frame.state.shape}"
        )
