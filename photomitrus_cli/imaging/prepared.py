"""A frame made ready for interpolation: bad pixels filled, and a border."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.lanczos import (
    BAD,
    RADIUS,
)
from photomitrus_cli.imaging.repair import bordered_shape, finish_frame, load_frame

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]
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
