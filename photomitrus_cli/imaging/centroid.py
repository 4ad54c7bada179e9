"""Where a source is: first moment in a box, Gaussian on a constant, or where the caller says."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.centroidfit import box_moments, fit_gaussian, frame_level
from photomitrus_cli.imaging.stamp import Stamp

Float = NDArray[np.float64]

FWHM_PER_SIGMA = 2.0 * math.sqrt(2.0 * math.log(2.0))
# Half side of the box of the moments, px, and what lies beyond it: the inner and the outer side of the square
# frame that gives the background. With a border of 3 and a width of 6 px they are those of box_centroider of
# the Spitzer Science Center.
MOMENT_HALF = 3
_FRAME = (3, 9)
MOMENT_REACH = MOMENT_HALF + _FRAME[1]
_MAX_MOVES = 5
_SETTLED_PX = 1e-6
_MAX_MIRRORS = 20
GAUSSIAN_HALF = 5
_START_SIGMA = 0.8
_MAX_FITS = 3


@dataclass(frozen=True)
class Centroid:
    """Position and width of a source.

    Attributes
    ----------
    x, y : float
        0-based pixels of the frame; NaN where there is none.
    x_err, y_err : float
        Standard errors by the pixels' variances, pixels; NaN where no variance is known.
    fwhm_x, fwhm_y : float
        Full widths at half maximum along x and y, pixels: of the fitted Gaussian whatever its tilt, or of the
        Gaussian with the second moments in the box. NaN for a position that was given.
    converged : bool
        Whether the position settled.
    """

    x: float
    y: float
    x_err: float
    y_err: float
    fwhm_x: float
    fwhm_y: float
    converged: bool


_NOWHERE = Centroid(math.nan, math.nan, math.nan, math.nan, math.nan, math.nan, False)


def fixed_centroid(x: float, y: float, x_err: float = 0.0, y_err: float = 0.0) -> Centroid:
    """Take a position as it is.

    Parameters
    ----------
    x, y : float
        0-based pixels.
    x_err, y_err : float, optional
        Its standard errors, pixels.

    Returns
    -------
    Centroid
        Without widths.
    """
    return Centroid(x, y, x_err, y_err, math.nan, math.nan, math.isfinite(x) and math.isfinite(y))


def moment_centroid(stamp: Stamp, x: float, y: float, *, half: int = MOMENT_HALF) -> Centroid:
    """Find a source by the first moments of a box of whole pixels.

    The median of a square frame around the box is taken off; the box moves until the nearest pixel to the
    centroid is its middle, at most five times. A bad pixel gets the value of the one opposite. Pixels below
    the background count with their sign: without them faint sources would be drawn to the middle of the box
    and look wide.

    Parameters
    ----------
    stamp : Stamp
        At least `half` + 12 pixels to all sides, as far as the frame goes.
    x, y : float
        Where to begin, 0-based pixels of the frame.
    half : int, optional
        Pixels of the box to either side of its middle.

    Returns
    -------
    Centroid
        Not converged without a background, without light, where the box leaves the frame or does not settle.
    """
    at_x, at_y = stamp.local(x, y)
    ci, cj = round(at_x), round(at_y)
    inner, outer = half + _FRAME[0], half + _FRAME[1]
    out = np.empty(7)
    off = math.inf
    for _ in range(_MAX_MOVES):
        if not _holds_box(stamp, ci, cj, half):
            return _NOWHERE
        level = frame_level(stamp.sci, stamp.bad, ci, cj, inner, outer)
        _settle(stamp, (ci, cj, half), level, out)
        off = max(abs(float(out[1]) - ci), abs(float(out[2]) - cj))
        # Not so without a background, when the sum is NaN.
        if not (out[0] > 0.0 and off <= half):
            return _NOWHERE
        if off <= 0.5:
            break
        ci, cj = round(float(out[1])), round(float(out[2]))
    # A source on the border of two pixels may go to and fro between their boxes.
    return _from_moments(stamp, out.tolist(), converged=off <= 1.0)


def gaussian_centroid(stamp: Stamp, x: float, y: float, *, half: int = GAUSSIAN_HALF) -> Centroid:
    """Find a source by a fit of a Gaussian of any shape and a constant.

    The fit to the values at the pixels' centres is without weights, bad pixels left out, in a box around the
    nearest pixel; it starts at the first moment where there is one and is repeated when it ends nearer to
    another pixel. Errors are those of an unweighted fit, by the pixels' variances.

    Parameters
    ----------
    stamp : Stamp
        At least 15 pixels and `half` + 2 to all sides, as far as the frame goes.
    x, y, half
        See `moment_centroid`.

    Returns
    -------
    Centroid
        Not converged without a peak, and where the box leaves the frame.
    """
    start = moment_centroid(stamp, x, y)
    cx, cy = stamp.local(start.x, start.y) if start.converged else stamp.local(x, y)
    p, errors = np.empty(7), np.empty(2)
    for _ in range(_MAX_FITS):
        ci, cj = round(cx), round(cy)
        if not _holds_box(stamp, ci, cj, half):
            return _NOWHERE
        if not _start_fit(stamp, (ci, cj, half), (cx, cy), p):
            return _NOWHERE
        converged = fit_gaussian(stamp.sci, stamp.var, stamp.bad, (ci, cj, half), p, errors)
        cx, cy = p[1:3].tolist()
        if not converged or max(abs(cx - ci), abs(cy - cj)) > half:
            return _NOWHERE
        if max(abs(cx - ci), abs(cy - cj)) <= 1.0:
            break
    xx, xy, yy = p[3:6].tolist()
    spread = FWHM_PER_SIGMA / math.sqrt(xx * yy - xy * xy)
    x_err, y_err = (error if error > 0.0 else math.nan for error in errors.tolist())
    # The variance along x is the yy element of the inverse matrix over its determinant, and so on.
    widths = (spread * math.sqrt(yy), spread * math.sqrt(xx))
    return Centroid(cx + stamp.left, cy + stamp.bottom, x_err, y_err, *widths, converged=True)


def _holds_box(stamp: Stamp, ci: int, cj: int, half: int) -> bool:
    ny, nx = stamp.sci.shape
    return min(ci, cj) >= half and ci + half < nx and cj + half < ny


def _settle(stamp: Stamp, box: tuple[int, int, int], level: float, out: Float) -> None:
    """Moments of a box; repeated where bad pixels are mirrored about the centre that they change."""
    ci, cj, half = box
    cx, cy = float(ci), float(cj)
    whole = not stamp.bad[cj - half : cj + half + 1, ci - half : ci + half + 1].any()
    for _ in range(_MAX_MIRRORS):
        box_moments(stamp.sci, stamp.var, stamp.bad, box, cx, cy, level, out)
        before, (total, cx, cy) = (cx, cy), out[:3].tolist()
        far = max(abs(cx - ci), abs(cy - cj))
        if whole or not (total > 0.0 and far <= half):
            return
        if math.hypot(cx - before[0], cy - before[1]) < _SETTLED_PX:
            return


def _from_moments(stamp: Stamp, moments: list[float], *, converged: bool) -> Centroid:
    _, cx, cy, *seconds = moments
    fwhm_x, fwhm_y = (FWHM_PER_SIGMA * math.sqrt(max(second, 0.0)) for second in seconds[:2])
    x_err, y_err = (math.sqrt(second) if second > 0.0 else math.nan for second in seconds[2:])
    return Centroid(cx + stamp.left, cy + stamp.bottom, x_err, y_err, fwhm_x, fwhm_y, converged)


def _start_fit(stamp: Stamp, box: tuple[int, int, int], at: tuple[float, float], p: Float) -> bool:
    """Set the parameters of a start; tell whether there is a peak."""
    ci, cj, half = box
    where = (slice(cj - half, cj + half + 1), slice(ci - half, ci + half + 1))
    good = stamp.sci[where][~stamp.bad[where]]
    level = float(np.median(good)) if good.size else 0.0
    core = (slice(cj - 1, cj + 2), slice(ci - 1, ci + 2))
    height = float(np.max(stamp.sci[core], initial=level, where=~stamp.bad[core])) - level
    sharp = 1.0 / _START_SIGMA**2
    p[:] = (height, *at, sharp, 0.0, sharp, level)
    return height > 0.0
