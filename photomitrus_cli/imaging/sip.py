"""SIP polynomials (Shupe et al. 2005) of many positions at once: forward, inverse, and how strong they are.

The innermost loops run over positions, so that the compiler turns them into vector instructions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel

Float = NDArray[np.float64]

# Positions worked on together; their tables stay in the processor's fastest memory.
BLOCK = 256
# Newton's method is done when a step is below 1e-3 px: what is left is its square times half the curvature of
# the distortion, which is 5e-5 per pixel for IRAC.
_SMALL = 1e-6
_ITERATIONS = 20
_POWERS = 4
# Of a table to work in: the result of `distort`, and as much again.
ROWS = 12


def sip_table(coefficients: Float) -> Float:
    """Lay out SIP coefficients for the kernels.

    Parameters
    ----------
    coefficients : ndarray of float64, shape (2, m + 1, m + 1)
        A and B of degree m, [power of u, power of v]; terms of total degree above m must be 0.

    Returns
    -------
    ndarray of float64, shape (2, m + 1, 4 k)
        With zeros up to a multiple of four powers of v.
    """
    count = coefficients.shape[1]
    table = np.zeros((2, count, -(-count // _POWERS) * _POWERS))
    table[:, :, :count] = coefficients
    return table


@kernel
def distort(u: Float, v: Float, table: Float, out: Float) -> None:
    """Evaluate both polynomials and their slopes.

    Parameters
    ----------
    u, v : ndarray of float64, shape (n,)
        Frame positions relative to CRPIX, pixels.
    table : ndarray of float64, shape (2, m + 1, 4 k)
        See `sip_table`.
    out : ndarray of float64, shape (ROWS, n)
        Rows: f, g (the shifts of u and v, pixels), df/du, dg/du, df/dv, dg/dv; result. Six more to work in.
    """
    top = (table.shape[1] - 1) // _POWERS * _POWERS
    _four_powers(u, v, table, top, out[0], out[1], out[2], out[3], out[4], out[5])
    f, g, fu, gu, fv, gv = out[6], out[7], out[8], out[9], out[10], out[11]
    for q in range(top - _POWERS, -1, -_POWERS):
        _four_powers(u, v, table, q, f, g, fu, gu, fv, gv)
        for n in range(u.size):
            cube = v[n] * v[n] * v[n]
            fourth = cube * v[n]
            out[4, n] = out[4, n] * fourth + 4.0 * cube * out[0, n] + fv[n]
            out[5, n] = out[5, n] * fourth + 4.0 * cube * out[1, n] + gv[n]
            out[0, n] = out[0, n] * fourth + f[n]
            out[1, n] = out[1, n] * fourth + g[n]
            out[2, n] = out[2, n] * fourth + fu[n]
            out[3, n] = out[3, n] * fourth + gu[n]


@kernel
def _four_powers(
    u: Float,
    v: Float,
    table: Float,
    q: int,
    f: Float,
    g: Float,
    fu: Float,
    gu: Float,
    fv: Float,
    gv: Float,
) -> None:
    """Evaluate the terms of v^q to v^(q + 3), divided by v^q (Horner's scheme)."""
    for n in range(u.size):
        f[n] = g[n] = fu[n] = gu[n] = fv[n] = gv[n] = 0.0
    for p in range(table.shape[1] - 1 - q, -1, -1):
        a0, a1, a2, a3 = table[0, p, q], table[0, p, q + 1], table[0, p, q + 2], table[0, p, q + 3]
        b0, b1, b2, b3 = table[1, p, q], table[1, p, q + 1], table[1, p, q + 2], table[1, p, q + 3]
        for n in range(u.size):
            x, y = u[n], v[n]
            fu[n] = fu[n] * x + f[n]
            gu[n] = gu[n] * x + g[n]
            f[n] = f[n] * x + (((a3 * y + a2) * y + a1) * y + a0)
            g[n] = g[n] * x + (((b3 * y + b2) * y + b1) * y + b0)
            fv[n] = fv[n] * x + ((3.0 * a3 * y + 2.0 * a2) * y + a1)
            gv[n] = gv[n] * x + ((3.0 * b3 * y + 2.0 * b2) * y + b1)


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
def tangent_directions(x: Float, y: Float, crpix: Float, table: Float, matrix: Float, out: Float) -> None:
    """Give the directions in which frame positions look.

    Parameters
    ----------
    x, y : ndarray of float64, shape (n,)
        0-based frame positions.
    crpix : ndarray of float64, shape (2,)
        0-based (x, y).
    table : ndarray of float64, shape (2, m + 1, 4 k)
        See `sip_table`.
    matrix : ndarray of float64, shape (3, 3)
        From (u + f, v + g, 1) to a direction of any length.
    out : ndarray of float64, shape (3, n)
        Unit vectors; result.
    """
    work = np.empty(ROWS * min(x.size, BLOCK))
    for start in range(0, x.size, BLOCK):
        u, v = x[start : start + BLOCK] - crpix[0], y[start : start + BLOCK] - crpix[1]
        shift = work[: ROWS * u.size].reshape(ROWS, u.size)
        distort(u, v, table, shift)
        for n in range(u.size):
            right, up = u[n] + shift[0, n], v[n] + shift[1, n]
            a = matrix[0, 0] * right + matrix[0, 1] * up + matrix[0, 2]
            b = matrix[1, 0] * right + matrix[1, 1] * up + matrix[1, 2]
            c = matrix[2, 0] * right + matrix[2, 1] * up + matrix[2, 2]
            scale = 1.0 / np.sqrt(a * a + b * b + c * c)
            k = start + n
            out[0, k], out[1, k], out[2, k] = a * scale, b * scale, c * scale


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
