"""First look at a frame beside the stack: what differs, by how much it may, and how steep the stack is there.

All planes of a look have a border of `BORDER` pixels around the frame: a star just beyond it is known of.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.blot import blot_pixels, single
from photomitrus_cli.imaging.lookrows import BORDER, look_rows, nearest_pixels

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Look:
    """A frame beside the stack; every plane is float32 of shape (ny + 4, nx + 4).

    Attributes
    ----------
    gx, gy : ndarray
        Positions of the pixel centres in the stack, carried on in a straight line beyond the frame.
    value : ndarray
        The stack seen from the frame; NaN where there is none.
    of_stack : ndarray
        Its variance, 0 where it has none.
    difference : ndarray
        Frame less stack; NaN where it cannot be judged.
    noise2 : ndarray
        Its variance.
    steep : ndarray
        Gradient of the stack without what noise makes of it, larger the fewer frames the stack has.
    """

    gx: Float32
    gy: Float32
    value: Float32
    of_stack: Float32
    difference: Float32
    noise2: Float32
    steep: Float32

    @property
    def inner(self) -> Float32:
        """The stack seen from the frame, without the border; a view."""
        return self.value[BORDER:-BORDER, BORDER:-BORDER]


def carried_on(place: NDArray[np.floating]) -> Float32:
    """Give the positions of a frame's pixels a border, carried on in a straight line.

    Parameters
    ----------
    place : ndarray of float, shape (ny, nx), each side at least 3
        Positions along one axis.

    Returns
    -------
    ndarray of float32, shape (ny + 4, nx + 4)
    """
    ny, nx = place.shape
    out = np.empty((ny + 2 * BORDER, nx + 2 * BORDER), dtype=np.float32)
    rows = slice(BORDER, ny + BORDER)
    out[rows, BORDER:-BORDER] = place
    for k in range(1, BORDER + 1):
        out[rows, BORDER - k] = 2.0 * place[:, 0] - place[:, k]
        out[rows, nx + BORDER - 1 + k] = 2.0 * place[:, -1] - place[:, -1 - k]
    for k in range(1, BORDER + 1):
        out[BORDER - k] = 2.0 * out[BORDER] - out[BORDER + k]
        out[ny + BORDER - 1 + k] = 2.0 * out[ny + BORDER - 1] - out[ny + BORDER - 1 - k]
    return out


def first_look(
    frame: tuple[Float32, Float32, Bool],
    stack: tuple[Float32, Float32],
    gx: NDArray[np.floating],
    gy: NDArray[np.floating],
) -> Look:
    """Compare a frame with the stack.

    Parameters
    ----------
    frame : tuple of ndarray, shape (ny, nx)
        Values and variances, float32, and pixels that are not to be judged, bool.
    stack : tuple of ndarray of float32, shape (h, w)
        The stack and its variance, contiguous.
    gx, gy : ndarray of float, shape (ny, nx), each side at least 3
        Position of the frame's pixel centres in the stack, 0-based.

    Returns
    -------
    Look

    Raises
    ------
    InputError
        If the shapes differ.
    """
    shapes = [plane.shape for plane in (*frame, gx, gy)]
    if len(set(shapes)) > 1 or min(shapes[0]) <= BORDER:
        raise InputError(f"frame and positions differ in shape or are too small: {shapes}")
    if stack[0].shape != stack[1].shape:
        raise InputError(f"stack {stack[0].shape} and its variance {stack[1].shape} differ in shape")
    px, py = carried_on(gx), carried_on(gy)
    value, of_stack, difference, noise2, steep = np.empty((5, *px.shape), dtype=np.float32)
    blot_pixels(single(stack[0]), px, py, value)
    nearest_pixels(single(stack[1]), px, py, of_stack)
    sci, var, bad = frame
    look_rows(
        (single(sci), single(var), np.ascontiguousarray(bad)), value, of_stack, difference, noise2, steep
    )
    return Look(px, py, value, of_stack, difference, noise2, steep)
