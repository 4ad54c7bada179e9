"""Resampling of frames onto the grid of a map: surface brightness, its variance and its validity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.lanczos import (
    BAD,
    MAX_BAD_SHARE,
    RADIUS,
    lanczos_window,
    pair_table,
    share_table,
)
from photomitrus_cli.imaging.mapping import Box, PixelMap
from photomitrus_cli.imaging.repair import bordered_shape, finish_frame, load_frame

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

TABLES = (pair_table(), share_table())
_NONE = np.empty((0, 0), dtype=np.bool_)


@dataclass(frozen=True, eq=False)
class PreparedFrame:
    """A frame ready for interpolation: bad pixels filled, and a border of 3 pixels (5 on the right).

    Parameters
    ----------
    pixels : ndarray of float32, shape (ny + 6, nx + 8, 2)
        Frame and variance side by side, finite everywhere.
    state : ndarray of uint8, shape (ny + 6, nx + 8)
        Bits of `photomitrus_cli.imaging.lanczos`; the border is bad.
    """

    pixels: Float32
    state: NDArray[np.uint8]

    @property
    def sci(self) -> Float32:
        """The frame with its border, a view."""
        return self.pixels[..., 0]

    @property
    def var(self) -> Float32:
        """The variance with its border, a view."""
        return self.pixels[..., 1]

    @property
    def inner(self) -> NDArray[np.uint8]:
        """The state without its border, a view of shape (ny, nx)."""
        ny, nx = bordered_shape((0, 0))
        return self.state[
            RADIUS : self.state.shape[0] - ny + RADIUS, RADIUS : self.state.shape[1] - nx + RADIUS
        ]


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


def prepare_frame(
    sci: NDArray[np.floating], var: NDArray[np.floating], bad: Bool, saturated: Bool | None = None
) -> PreparedFrame:
    """Fill bad pixels and add the border; once a frame, however many windows follow.

    Parameters
    ----------
    sci, var : ndarray of float, shape (ny, nx)
        Frame and variance, any byte order.
    bad : ndarray of bool, shape (ny, nx)
        Pixels not to be used; those not finite are added, and those of negative variance.
    saturated : ndarray of bool, shape (ny, nx), optional
        Pixels to flag `SATURATED`; they are used all the same unless they are bad.

    Returns
    -------
    PreparedFrame

    Raises
    ------
    InputError
        If the shapes differ.
    """
    flags = _NONE if saturated is None else saturated
    if not sci.shape == var.shape == bad.shape or sci.ndim != 2 or flags.shape not in {(0, 0), sci.shape}:
        raise InputError(f"frame {sci.shape}, variance {var.shape} and mask {bad.shape} differ in shape")
    shape = bordered_shape((sci.shape[0], sci.shape[1]))
    pixels, state = np.empty((*shape, 2), dtype=np.float32), np.empty(shape, dtype=np.uint8)
    with np.errstate(over="ignore"):
        value, noise = (np.ascontiguousarray(image, dtype=np.float32) for image in (sci, var))
    load_frame(value, noise, np.ascontiguousarray(bad), np.ascontiguousarray(flags), pixels, state)
    finish_frame(pixels, state)
    return PreparedFrame(pixels, state)


def reprepare(frame: PreparedFrame, bad: Bool) -> PreparedFrame:
    """Add bad pixels to a prepared frame; all bad ones, old and new, are filled from the good ones.

    Parameters
    ----------
    frame : PreparedFrame
        Not changed.
    bad : ndarray of bool, shape (ny, nx)
        Pixels not to be used either.

    Returns
    -------
    PreparedFrame
        As if all bad pixels had been known when the frame was prepared.

    Raises
    ------
    InputError
        If the shape is not that of the frame.
    """
    out = PreparedFrame(frame.pixels.copy(), frame.state.copy())
    if bad.shape != out.inner.shape:
        raise InputError(f"mask {bad.shape} does not fit a frame {out.inner.shape}")
    out.inner[bad] |= BAD
    finish_frame(out.pixels, out.state)
    return out


def resample(
    sci: NDArray[np.floating],
    var: NDArray[np.floating],
    bad: Bool,
    pixel_map: PixelMap,
    window: Box | None = None,
    *,
    max_bad_share: float = MAX_BAD_SHARE,
) -> Resampled:
    """Interpolate a frame at the pixels of a window of the grid.

    `prepare_frame` and `resample_frame` in one; use those for several windows of a frame.

    Parameters
    ----------
    sci, var : ndarray of float, shape (ny, nx)
        Frame in surface brightness, and variance.
    bad : ndarray of bool, shape (ny, nx)
        Pixels not to be used.
    pixel_map : PixelMap
        From `photomitrus_cli.imaging.mapping.map_frame`.
    window : tuple of int, optional
        (y0, y1, x0, x1) in grid pixels; by default the box of the frame.
    max_bad_share : float, optional
        See `resample_frame`.

    Returns
    -------
    Resampled
    """
    return resample_frame(prepare_frame(sci, var, bad), pixel_map, window, max_bad_share=max_bad_share)


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
