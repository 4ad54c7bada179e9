"""Corrections of a TAN-SIP geometry: shift, linear terms and a polynomial, in pixels of the frame.

A correction moves the undistorted position p of a pixel (its offsets u, v from the tangent point plus the
SIP polynomials) to p + e + E p + c(u, v), in pixels. What comes out is a TAN-SIP geometry again: e turns
the frame on the sky, E goes into CD, and c is added to the SIP polynomials.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.alignfit import MEDIAN_LENGTH, TUKEY
from photomitrus_cli.imaging.sphere import rotation_matrix
from photomitrus_cli.imaging.tangent import DEGREE, invert_pair, positions_of, tangent_axes
from photomitrus_cli.imaging.tansip import TanSip

if TYPE_CHECKING:
    from photomitrus_cli.imaging.skywcs import SkyWcs

Float = NDArray[np.float64]
Index = NDArray[np.int64]

# Terms of a correction that are not part of the distortion: 1, u, v.
LINEAR = 3
# Of the SIP polynomials that take the place of another geometry.
SIP_DEGREE = 5
_FIT_NODES = 15
_REWEIGHTINGS = 3
# Pull of every number to zero, relative to what is known of it: decides what the data leave open.
_PULL = 1e-10


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


def plane_pixels(wcs: TanSip, vectors: Float) -> Float:
    """Project directions onto the tangent plane of a frame, in its undistorted pixels.

    Parameters
    ----------
    wcs : TanSip
    vectors : ndarray of float64, shape (3, n)
        Unit vectors, ICRS.

    Returns
    -------
    ndarray of float64, shape (2, n)
        From the tangent point, along columns and rows; NaN for directions behind.
    """
    right, up, depth = wcs.axes @ vectors
    depth = np.where(depth > 0.0, depth, np.nan)
    return np.asarray(invert_pair(wcs.cd * DEGREE) @ np.stack([right / depth, up / depth]))


def centred(wcs: SkyWcs, degree: int = SIP_DEGREE, *, exact: bool = False) -> TanSip:
    """Give a geometry as TAN-SIP with the tangent point in the middle of the frame.

    Parameters
    ----------
    wcs : SkyWcs
        Any geometry without poles inside the frame.
    degree : int, optional
        Of the SIP polynomials that are fitted.
    exact : bool, optional
        Whether a tangent point near the middle is moved too.

    Returns
    -------
    TanSip
        A TAN-SIP geometry that has its tangent point near there is given back as it is.
    """
    ny, nx = wcs.shape
    middle = np.array([0.5 * (nx - 1), 0.5 * (ny - 1)])
    near = 0.0 if exact else 0.02 * max(nx, ny)
    if isinstance(wcs, TanSip) and np.abs(wcs.crpix - middle).max() <= near:
        return wcs
    return polynomials_through(wcs, wcs.shape, degree=degree)[0]


def polynomials_through(
    wcs: SkyWcs, shape: tuple[int, int], origin: tuple[int, int] = (0, 0), degree: int = SIP_DEGREE
) -> tuple[TanSip, float]:
    """Fit TAN-SIP to a geometry, or to a part of it, with the tangent point in the middle.

    Parameters
    ----------
    wcs : SkyWcs
        Any geometry without poles inside the frame.
    shape : tuple of int
        (ny, nx) of the part.
    origin : tuple of int, optional
        (x, y) of its first pixel.
    degree : int, optional
        Of the SIP polynomials, fitted to Chebyshev nodes over the part.

    Returns
    -------
    fitted : TanSip
    off : float
        Its largest deviation, pixels.
    """
    ny, nx = shape
    middle = np.array([0.5 * (nx - 1), 0.5 * (ny - 1)])
    ra, dec = positions_of(wcs.directions(middle[0] + origin[0], middle[1] + origin[1]))
    start = TanSip(tangent_axes(float(ra), float(dec)), np.eye(2), middle, shape)
    # Such nodes reach the edges, where polynomials deviate first.
    nodes = 0.5 * np.cos(np.pi * np.arange(_FIT_NODES) / (_FIT_NODES - 1))
    x, y = (v.ravel() for v in np.meshgrid(middle[0] + nodes * nx, middle[1] + nodes * ny))
    plane = plane_pixels(start, wcs.directions(x + origin[0], y + origin[1]))
    rows = plate_rows(start, x, y, degree)
    terms = np.linalg.lstsq(rows, plane.T, rcond=None)[0].T
    cd = np.asarray(terms[:, 1:LINEAR] / reach(start), np.float64)
    inverse = invert_pair(cd)
    off = float(np.abs(inverse @ (plane - terms @ rows.T)).max())
    bent = inverse @ np.hstack([terms[:, :1], np.zeros((2, 2)), terms[:, LINEAR:]])
    return corrected(replace(start, cd=cd), bent), off


def solve_normal(matrix: Float, right: Float) -> Float:
    """Solve normal equations; what they leave open stays zero.

    Parameters
    ----------
    matrix : ndarray of float64, shape (q, q)
    right : ndarray of float64, shape (q,) or (q, k)

    Returns
    -------
    ndarray of float64, as `right`
    """
    diagonal = np.diag(matrix).copy()
    diagonal[diagonal <= 0.0] = 1.0
    root = np.sqrt(diagonal)
    scaled = matrix / root[:, None] / root + _PULL * np.eye(root.size)
    tall = root if right.ndim == 1 else root[:, None]
    return np.asarray(np.linalg.solve(scaled, right / tall) / tall)


def fit_plate(wcs: TanSip, stars: tuple[Float, Float], vectors: Float, degree: int) -> TanSip:
    """Fit a correction of one frame to pairs, by weights that fall with the residual.

    Parameters
    ----------
    wcs : TanSip
    stars : tuple of ndarray of float64, shape (k,)
        x and y, 0-based.
    vectors : ndarray of float64, shape (3, k)
        Where they are.
    degree : int
        0 for a shift.

    Returns
    -------
    TanSip
    """
    rows = plate_rows(wcs, *stars, degree)
    miss = (plane_pixels(wcs, vectors) - plane_pixels(wcs, wcs.directions(*stars))).T
    weight: Float = np.ones(rows.shape[0])
    terms: Float = np.zeros((rows.shape[1], 2))
    for _ in range(_REWEIGHTINGS):
        weighted = rows.T * weight
        terms = solve_normal(weighted @ rows, weighted @ miss)
        distance = np.hypot(*(miss - rows @ terms).T)
        scale = max(float(np.median(distance)) / MEDIAN_LENGTH, 1e-6)
        weight = np.square(np.clip(1.0 - np.square(distance / (TUKEY * scale)), 0.0, None))
    return corrected(wcs, terms.T)


def in_frame(wcs: TanSip, vectors: Float) -> NDArray[np.bool_]:
    """Tell which directions fall into a frame, to the size of its distortion.

    Parameters
    ----------
    wcs : TanSip
    vectors : ndarray of float64, shape (3, n)

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    ny, nx = wcs.shape
    x, y = plane_pixels(wcs, vectors) + wcs.crpix[:, None]
    return np.asarray((x > -0.5) & (x < nx - 0.5) & (y > -0.5) & (y < ny - 0.5))
