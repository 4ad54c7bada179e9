"""Where sky positions fall in one frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.generalwcs import GeneralWcs
from photomitrus_cli.imaging.inverse import ExactInverse, NoSolutionError, strength
from photomitrus_cli.imaging.skywcs import SkyWcs
from photomitrus_cli.imaging.tangent import directions_of, positions_of
from photomitrus_cli.imaging.tansip import TanSip

Float = NDArray[np.float64]

# Positions farther than this from a frame are of no use to anybody, pixels.
MARGIN_PX = 64.0


def locate(wcs: SkyWcs, ra: Float, dec: Float, shape: tuple[int, int]) -> tuple[Float, NDArray[np.bool_]]:
    """Find the frame positions of sky positions.

    Parameters
    ----------
    wcs : SkyWcs
        The frame.
    ra, dec : ndarray of float64, shape (n,)
        Degrees ICRS.
    shape : tuple of int
        (ny, nx) of the frame.

    Returns
    -------
    xy : ndarray of float64, shape (2, n)
        0-based frame positions; NaN farther than 64 pixels from the frame, and without a solution.
    solved : ndarray of bool, shape (n,)
        False where a position that may be in the frame has no solution: its distortion cannot be inverted.
    """
    if isinstance(wcs, TanSip):
        return _locate_exactly(wcs, directions_of(ra, dec), shape)
    assert isinstance(wcs, GeneralWcs)  # noqa: S101 - there are two kinds
    return _locate_by_astropy(wcs, ra, dec, shape)


def _locate_exactly(
    wcs: TanSip, directions: Float, shape: tuple[int, int]
) -> tuple[Float, NDArray[np.bool_]]:
    """Solve one position after the other: the gnomonic projection by a matrix, the SIP terms by Newton."""
    n = directions.shape[1]
    xy, solved = np.full((2, n), np.nan), np.ones(n, dtype=np.bool_)
    _, shift = strength(wcs, shape)
    zero = np.zeros(1)
    for k in range(n):
        # The place (0, 0) of a grid whose only direction is this one.
        matrix = np.zeros((3, 3))
        matrix[:, 2] = wcs.inverse_matrix @ directions[:, k]
        try:
            xy[:, k] = ExactInverse(wcs, shape, matrix, shift).points(zero, zero, MARGIN_PX)[:, 0]
        except NoSolutionError:
            solved[k] = False
    return xy, solved


def _locate_by_astropy(
    wcs: GeneralWcs, ra: Float, dec: Float, shape: tuple[int, int]
) -> tuple[Float, NDArray[np.bool_]]:
    from astropy.wcs import NoConvergence

    n = ra.size
    xy, solved = np.full((2, n), np.nan), np.ones(n, dtype=np.bool_)
    if wcs.rotation is not None:
        ra, dec = positions_of(wcs.rotation.T @ directions_of(ra, dec))
    lng, lat = wcs.wcs.wcs.lng, wcs.wcs.wcs.lat
    for k in range(n):
        world = np.empty(2)
        world[lng], world[lat] = ra[k], dec[k]
        try:
            found = wcs.wcs.all_world2pix(world[None, :], 0)[0]
        except (NoConvergence, ValueError):
            solved[k] = False
            continue
        ny, nx = shape
        inside = -MARGIN_PX <= found[0] <= nx - 1 + MARGIN_PX and -MARGIN_PX <= found[1] <= ny - 1 + MARGIN_PX
        # The far side of the sky has an image under the gnomonic projection too, in pixels that lie.
        if inside and _is_same(wcs, found, world):
            xy[:, k] = found
    return xy, solved


def _is_same(wcs: GeneralWcs, pixel: Float, world: Float) -> bool:
    """Tell whether a pixel has the world position that it was found for, to a thousandth of a degree."""
    back = directions_of(*wcs.wcs.all_pix2world(pixel[None, :], 0).T[[wcs.wcs.wcs.lng, wcs.wcs.wcs.lat]])
    there = directions_of(world[[wcs.wcs.wcs.lng]], world[[wcs.wcs.wcs.lat]])
    return bool(np.abs(back - there).max() < np.radians(1e-3))
