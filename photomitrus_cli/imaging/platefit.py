"""Fits of TAN-SIP geometries: to another geometry, and to the stars of a frame."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.alignfit import MEDIAN_LENGTH, TUKEY
from photomitrus_cli.imaging.tangent import invert_pair, positions_of, tangent_axes
from photomitrus_cli.imaging.tansip import TanSip

if TYPE_CHECKING:
    from photomitrus_cli.imaging.skywcs import SkyWcs
from photomitrus_cli.imaging.planepixels import plane_pixels
from photomitrus_cli.imaging.plateterms import LINEAR, corrected, plate_rows, reach

Float = NDArray[np.float64]
# Of the SIP polynomials that take the place of another geometry.
SIP_DEGREE = 5
_FIT_NODES = 15
_REWEIGHTINGS = 3
# Pull of every number to zero, relative to what is known of it: decides what the data leave open.
_PULL = 1e-10


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
