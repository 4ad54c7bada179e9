"""Frame geometry from a WCS: footprints and pixel solid angles."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.grid import ARCSEC_PER_RADIAN
from photomitrus_cli.imaging.skywcs import SkyWcs, sky_wcs

Float = NDArray[np.float64]

# Points along a side of `lattice`; odd, so that one is in the middle.
LATTICE = 9
# Points along a side for the mean solid angle: exact for polynomials of the eleventh degree.
_GAUSS_POINTS = 6


@lru_cache(maxsize=64)
def perimeter(shape: tuple[int, int], spacing: float = 16.0) -> tuple[Float, Float]:
    """Pixel positions along the outer edge of a frame.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx).
    spacing : float, optional
        Largest distance between neighbours, pixels.

    Returns
    -------
    x, y : ndarray of float64
        From -0.5 to n - 0.5, corners included, going round once.
    """
    ny, nx = shape
    right = np.linspace(-0.5, nx - 0.5, max(3, int(np.ceil(nx / spacing)) + 1))
    up = np.linspace(-0.5, ny - 0.5, max(3, int(np.ceil(ny / spacing)) + 1))
    x = np.concatenate([right[:-1], np.full(up.size - 1, nx - 0.5), right[:0:-1], np.full(up.size - 1, -0.5)])
    y = np.concatenate([np.full(right.size - 1, -0.5), up[:-1], np.full(right.size - 1, ny - 0.5), up[:0:-1]])
    return _read_only(x, y)


@lru_cache(maxsize=64)
def lattice(shape: tuple[int, int]) -> tuple[Float, Float]:
    """Pixel positions spread over a frame.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx).

    Returns
    -------
    x, y : ndarray of float64, shape (LATTICE^2,)
        Row by row, outer pixel edges included.
    """
    y, x = (np.linspace(-0.5, n - 0.5, LATTICE) for n in shape)
    return _read_only(np.tile(x, LATTICE), np.repeat(y, LATTICE))


def _read_only(x: Float, y: Float) -> tuple[Float, Float]:
    """Protect arrays that many callers share."""
    x.setflags(write=False)
    y.setflags(write=False)
    return x, y


def footprint(wcs: Any, shape: tuple[int, int]) -> tuple[Float, Float]:
    """Outline of a frame on the sky.

    Parameters
    ----------
    wcs : SkyWcs or astropy.wcs.WCS
        Accepted by `photomitrus_cli.imaging.skywcs.sky_wcs`.
    shape : tuple of int
        (ny, nx) of the frame.

    Returns
    -------
    ra, dec : ndarray of float64, shape (n,)
        Positions along the outer pixel edges, degrees ICRS.
    """
    return sky_wcs(wcs).sky(*perimeter(shape))


def mean_pixel_area(wcs: Any, shape: tuple[int, int]) -> float:
    """Mean solid angle of the pixels of a frame.

    Gauss-Legendre quadrature over the frame, exact for any realistic distortion.

    Parameters
    ----------
    wcs, shape
        See `footprint`.

    Returns
    -------
    float
        arcsec^2.
    """
    x, y, share = _quadrature(shape)
    return float(share @ _pixel_areas(sky_wcs(wcs), x, y))


@lru_cache(maxsize=64)
def _quadrature(shape: tuple[int, int]) -> tuple[Float, Float, Float]:
    """Positions (x, y) over a frame and their weights, of sum 1."""
    node, weight = np.polynomial.legendre.leggauss(_GAUSS_POINTS)
    y, x = (0.5 * n * (node + 1.0) - 0.5 for n in shape)
    return np.tile(x, node.size), np.repeat(y, node.size), np.outer(weight, weight).ravel() / 4.0


def _pixel_areas(wcs: SkyWcs, x: Float, y: Float) -> Float:
    """Solid angles of the pixels about some positions, arcsec^2: the cross product of their two axes."""
    shifted_x = np.concatenate([x - 0.5, x + 0.5, x, x])
    shifted_y = np.concatenate([y, y, y - 0.5, y + 0.5])
    left, right, down, up = np.moveaxis(wcs.directions(shifted_x, shifted_y).reshape(3, 4, -1), 1, 0)
    (a, b, c), (d, e, f) = right - left, up - down
    area = np.sqrt((b * f - c * e) ** 2 + (c * d - a * f) ** 2 + (a * e - b * d) ** 2)
    return np.asarray(area * ARCSEC_PER_RADIAN**2)
