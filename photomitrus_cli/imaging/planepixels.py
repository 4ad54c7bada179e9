"""Directions on the tangent plane of a frame, in its undistorted pixels, and which fall into it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.tangent import DEGREE, invert_pair
from photomitrus_cli.imaging.tansip import TanSip

Float = NDArray[np.float64]


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
