"""Corrections of a TAN-SIP geometry: shift, linear terms and a polynomial, in pixels of the frame.

A correction moves the undistorted position p of a pixel (its offsets u, v from the tangent point plus the
SIP polynomials) to p + e + E p + c(u, v), in pixels. What comes out is a TAN-SIP geometry again: e turns
the frame on the sky, E goes into CD, and c is added to the SIP polynomials.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.sphere import rotation_matrix
from photomitrus_cli.imaging.tangent import DEGREE
from photomitrus_cli.imaging.tansip import TanSip

Float = NDArray[np.float64]
Index = NDArray[np.int64]

# Terms of a correction that are not part of the distortion: 1, u, v.
LINEAR = 3


def powers(degree: int) -> tuple[Index, Index]:
    """Give the powers of u and of v of the terms above linear, by rising degree.

    Parameters
    ----------
    degree : int
        Highest total degree; below 2 there are no terms.

    Returns
    -------
    p, q : ndarray of int64, shape (t,)
    """
    pairs = [(total - q, q) for total in range(2, degree + 1) for q in range(total + 1)]
    table = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def reach(wcs: TanSip) -> float:
    """Half of the longer side of a frame, pixels: positions are divided by it before they get powers."""
    return 0.5 * max(wcs.shape)


def plate_rows(wcs: TanSip, x: Float, y: Float, degree: int) -> Float:
    """Evaluate the terms of a correction.

    Parameters
    ----------
    wcs : TanSip
        For its tangent point and its size.
    x, y : ndarray of float64, shape (n,)
        0-based frame positions.
    degree : int
        Of the polynomial; 1 for linear terms alone, 0 for the shift alone.

    Returns
    -------
    ndarray of float64, shape (n, terms)
        1, u, v, then the products of `powers`, with u and v in units of `reach`.
    """
    u, v = (x - wcs.crpix[0]) / reach(wcs), (y - wcs.crpix[1]) / reach(wcs)
    if degree < 1:
        return np.ones((u.size, 1))
    p, q = powers(degree)
    up = np.stack([u**n for n in range(degree + 1)])
    vp = np.stack([v**n for n in range(degree + 1)])
    return np.concatenate([np.stack([np.ones_like(u), u, v]), up[p] * vp[q]]).T


def corrected(wcs: TanSip, terms: Float) -> TanSip:
    """Apply a correction.

    Parameters
    ----------
    wcs : TanSip
    terms : ndarray of float64, shape (2, t)
        Along u and v, pixels; columns as of `plate_rows`.

    Returns
    -------
    TanSip
        With the tangent point at the same pixel. Exact but for the products of two corrections.
    """
    full = np.zeros((2, max(terms.shape[1], LINEAR)))
    full[:, : terms.shape[1]] = terms
    step = wcs.cd @ full[:, 0] * DEGREE
    # From one tangent point to another by the turn that does not roll the frame.
    length = float(np.hypot(*step))
    if length > 0.0:
        axis = step[0] * wcs.axes[1] - step[1] * wcs.axes[0]
        wcs = wcs.moved(rotation_matrix(axis * (np.arctan(length) / length)))
    cd = wcs.cd @ (np.eye(2) + full[:, 1:LINEAR] / reach(wcs))
    return replace(wcs, cd=cd, sip=with_terms(wcs, full[:, LINEAR:]))


def with_terms(wcs: TanSip, terms: Float) -> Float:
    """Add the terms above linear of a correction to the SIP polynomials of a frame.

    Parameters
    ----------
    wcs : TanSip
    terms : ndarray of float64, shape (2, t)
        In the order of `powers`.

    Returns
    -------
    ndarray of float64, shape (2, n + 1, n + 1)
        As `TanSip.sip`.
    """
    degree = degree_of(terms.shape[1])
    size = max(wcs.sip.shape[1], degree + 1 if degree > 1 else 1)
    sip = np.zeros((2, size, size))
    sip[:, : wcs.sip.shape[1], : wcs.sip.shape[1]] = wcs.sip
    p, q = powers(degree)
    sip[:, p, q] += terms / reach(wcs) ** (p + q)
    return sip


def degree_of(count: int) -> int:
    """Degree of a polynomial that has this many terms above linear; 1 for none."""
    degree = 1
    while count > 0:
        degree += 1
        count -= degree + 1
    return degree


def n_terms(degree: int) -> int:
    """Count the terms above linear of a polynomial of some degree."""
    return max((degree + 1) * (degree + 2) // 2 - LINEAR, 0)
