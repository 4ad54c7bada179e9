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
def undistorted(
    x: Float, y: Float, start: int, crpix: Float, table: Float, work: Float
) -> tuple[Float, Float]:
    """Give a block of frame positions as they would be without distortion, relative to CRPIX.

    Parameters
    ----------
    x, y : ndarray of float64, shape (n,)
        0-based frame positions.
    start : int
        The first of the block.
    crpix : ndarray of float64, shape (2,)
        0-based (x, y).
    table : ndarray of float64, shape (2, m + 1, 4 k)
        See `sip_table`.
    work : ndarray of float64, shape (ROWS * min(n, BLOCK),)
        To work in.

    Returns
    -------
    right, up : ndarray of float64, shape (BLOCK,)
        u + f and v + g, pixels; fewer in the last block.
    """
    right, up = x[start : start + BLOCK] - crpix[0], y[start : start + BLOCK] - crpix[1]
    shift = work[: ROWS * right.size].reshape(ROWS, right.size)
    distort(right, up, table, shift)
    for n in range(right.size):
        right[n] += shift[0, n]
        up[n] += shift[1, n]
    return right, up


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
        right, up = undistorted(x, y, start, crpix, table, work)
        for n in range(right.size):
            a = matrix[0, 0] * right[n] + matrix[0, 1] * up[n] + matrix[0, 2]
            b = matrix[1, 0] * right[n] + matrix[1, 1] * up[n] + matrix[1, 2]
            c = matrix[2, 0] * right[n] + matrix[2, 1] * up[n] + matrix[2, 2]
            scale = 1.0 / np.sqrt(a * a + b * b + c * c)
            k = start + n
            out[0, k], out[1, k], out[2, k] = a * scale, b * scale, c * scale
