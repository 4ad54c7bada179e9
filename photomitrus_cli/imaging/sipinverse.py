"""SIP polynomials inverted by Newton's method, for many positions at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.sip import BLOCK, ROWS, distort

Float = NDArray[np.float64]
# Newton's method is done when a step is below 1e-3 px: what is left is its square times half the curvature of
# the distortion, which is 5e-5 per pixel for IRAC.
_SMALL = 1e-6
_ITERATIONS = 20


@kernel
def undistort(target_u: Float, target_v: Float, table: Float, u: Float, v: Float, work: Float) -> bool:
    """Solve u + f(u, v) = target_u, v + g(u, v) = target_v by Newton's method.

    Parameters
    ----------
    target_u, target_v : ndarray of float64, shape (n,)
        Pixels from CRPIX, without distortion.
    table : ndarray of float64, shape (2, m + 1, 4 k)
        See `sip_table`.
    u, v : ndarray of float64, shape (n,)
        Frame positions relative to CRPIX; result.
    work : ndarray of float64, shape (ROWS, n)
        To work in.

    Returns
    -------
    bool
        Whether all positions converged.
    """
    u[:] = target_u
    v[:] = target_v
    f, g, fu, gu, fv, gv = work[0], work[1], work[2], work[3], work[4], work[5]
    for _ in range(_ITERATIONS):
        distort(u, v, table, work)
        unsolved = 0
        for n in range(u.size):
            rest_u, rest_v = target_u[n] - u[n] - f[n], target_v[n] - v[n] - g[n]
            scale = 1.0 / ((1.0 + fu[n]) * (1.0 + gv[n]) - fv[n] * gu[n])
            step_u = ((1.0 + gv[n]) * rest_u - fv[n] * rest_v) * scale
            step_v = ((1.0 + fu[n]) * rest_v - gu[n] * rest_u) * scale
            u[n] += step_u
            v[n] += step_v
            # A count, and not a maximum, for the sake of vector instructions; NaN is never small.
            unsolved += not (step_u * step_u + step_v * step_v < _SMALL)
        if unsolved == 0:
            return True
    return False


@kernel
def invert_points(
    gx: Float, gy: Float, matrix: Float, crpix: Float, table: Float, box: Float, reach: float, out: Float
) -> bool:
    """Find the frame positions of grid positions.

    Parameters
    ----------
    gx, gy : ndarray of float64, shape (n,)
        Grid positions.
    matrix : ndarray of float64, shape (3, 3)
        From (gx, gy, 1) to a multiple of (u + f, v + g, 1); a negative multiple lies behind the frame.
    crpix : ndarray of float64, shape (2,)
        0-based (x, y).
    table : ndarray of float64, shape (2, m + 1, 4 k)
        See `sip_table`.
    box : ndarray of float64, shape (4,)
        Frame positions outside x0, x1, y0, y1 are not wanted.
    reach : float
        How far from the box a position may be before its distortion is taken off, pixels.
    out : ndarray of float64, shape (2, n)
        x and y, NaN where not wanted; result.

    Returns
    -------
    bool
        False when Newton's method failed for a position that may be wanted.
    """
    room, work, index = np.empty((4, BLOCK)), np.empty(ROWS * BLOCK), np.empty(BLOCK, np.int64)
    low_x, high_x, low_y, high_y = box[0] - reach, box[1] + reach, box[2] - reach, box[3] + reach
    filled = 0
    for n in range(gx.size):
        out[0, n] = out[1, n] = np.nan
        depth = matrix[2, 0] * gx[n] + matrix[2, 1] * gy[n] + matrix[2, 2]
        scale = 1.0 / depth if depth > 0.0 else np.nan
        u = (matrix[0, 0] * gx[n] + matrix[0, 1] * gy[n] + matrix[0, 2]) * scale
        v = (matrix[1, 0] * gx[n] + matrix[1, 1] * gy[n] + matrix[1, 2]) * scale
        # Written so that NaN fails it too.
        if low_x <= u + crpix[0] <= high_x and low_y <= v + crpix[1] <= high_y:
            room[0, filled], room[1, filled], index[filled] = u, v, n
            filled += 1
        if filled == BLOCK or (filled and n == gx.size - 1):
            k = filled
            filled = 0
            shifts = work[: ROWS * k].reshape(ROWS, k)
            if not undistort(room[0, :k], room[1, :k], table, room[2, :k], room[3, :k], shifts):
                return False
            for m in range(k):
                x, y = room[2, m] + crpix[0], room[3, m] + crpix[1]
                if box[0] <= x <= box[1] and box[2] <= y <= box[3]:
                    out[0, index[m]], out[1, index[m]] = x, y
    return True
