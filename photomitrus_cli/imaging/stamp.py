"""A small piece of a frame around a source, in the one form that the photometry kernels take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Stamp:
    """A piece of a frame.

    Attributes
    ----------
    sci : ndarray of float64, shape (ny, nx)
        Image.
    var : ndarray of float64, shape (ny, nx)
        Variance; 0 where it is not known.
    bad : ndarray of bool, shape (ny, nx)
        Pixels not to be used, among them all that are not finite.
    left, bottom : int
        Frame position of the first pixel.
    """

    sci: Float
    var: Float
    bad: Bool
    left: int
    bottom: int

    def local(self, x: float, y: float) -> tuple[float, float]:
        """Turn a position in the frame, pixels, into one in the stamp."""
        return float(x) - self.left, float(y) - self.bottom

    def holds_circle(self, x: float, y: float, radius: float) -> bool:
        """Tell whether a circle, in frame pixels, lies on the stamp whole."""
        at_x, at_y = self.local(x, y)
        ny, nx = self.sci.shape
        near = min(at_x, at_y) - radius >= -0.5
        return near and at_x + radius <= nx - 0.5 and at_y + radius <= ny - 0.5


def cut_stamp(
    sci: NDArray[np.floating],
    unc: NDArray[np.floating] | None,
    bad: Bool | None,
    x: float,
    y: float,
    half: int,
) -> Stamp:
    """Cut the pixels around a position out of a frame; nothing else of the frame is looked at.

    Parameters
    ----------
    sci : ndarray of float, shape (ny, nx)
        Frame.
    unc : ndarray of float, shape (ny, nx), or None
        Standard error of every pixel; not known where it is not a positive number.
    bad : ndarray of bool, shape (ny, nx), or None
        Pixels not to be used; those not finite are left out too.
    x, y : float
        Position, 0-based pixels, finite.
    half : int
        Pixels to either side of the nearest one. A stamp at an edge of the frame is smaller, one beyond it
        is empty.

    Returns
    -------
    Stamp
        With copies.
    """
    ny, nx = sci.shape
    column, row = round(x), round(y)
    left, bottom = min(max(column - half, 0), nx), min(max(row - half, 0), ny)
    where = (slice(bottom, max(row + half + 1, bottom)), slice(left, max(column + half + 1, left)))
    image = np.array(sci[where], dtype=np.float64, order="C")
    no = ~np.isfinite(image)
    if bad is not None:
        no |= bad[where]
    if unc is None:
        return Stamp(image, np.zeros_like(image), no, left, bottom)
    error = np.array(unc[where], dtype=np.float64, order="C")
    known = (error > 0.0) & (error < np.inf)
    error[~known] = 0.0
    return Stamp(image, np.square(error, out=error), no, left, bottom)
