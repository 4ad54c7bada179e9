"""Frame position as a function of grid position: polynomials fitted to the forward transform."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial.chebyshev import chebval2d, chebvander
from numpy.typing import NDArray

from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.skywcs import SkyWcs

Float = NDArray[np.float64]

# Total degree and samples along a side, tried in turn.
FITS = ((5, 11), (8, 17), (11, 25))


@dataclass(frozen=True, eq=False)
class FittedInverse:
    """Polynomials from grid pixels to frame pixels, good over one frame.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx) of the frame.
    middle, half : ndarray of float64, shape (2,)
        The grid box (x, y) that the polynomials map from [-1, 1].
    x, y : ndarray of float64, shape (degree + 1, degree + 1)
        Chebyshev coefficients [power of grid y, power of grid x] of the frame position.
    error : float
        See `Inverse`; measured at points between the fitted ones.
    """

    shape: tuple[int, int]
    middle: Float
    half: Float
    x: Float
    y: Float
    error: float

    def points(self, gx: Float, gy: Float, margin: float) -> Float:
        """Give the frame positions of grid positions; see `ExactInverse.points`."""
        v, u = (gy - self.middle[1]) / self.half[1], (gx - self.middle[0]) / self.half[0]
        x, y = chebval2d(v, u, self.x), chebval2d(v, u, self.y)
        ny, nx = self.shape
        far = (x < -margin) | (x > nx - 1 + margin) | (y < -margin) | (y > ny - 1 + margin)
        return np.where(far, np.nan, np.stack([x, y]))


def fit_inverse(wcs: SkyWcs, shape: tuple[int, int], grid: Grid, accuracy: float) -> FittedInverse:
    """Fit the inverse transform of a frame to its forward transform.

    Parameters
    ----------
    wcs, shape, grid
        See `photomitrus_cli.imaging.inverse.find_inverse`.
    accuracy : float
        Stop at the lowest degree whose error is below this, frame pixels.

    Returns
    -------
    FittedInverse
        The best fit found.
    """
    fits: list[FittedInverse] = []
    for degree, count in FITS:
        fits.append(_fit(wcs, shape, grid, degree, count))
        if fits[-1].error < accuracy:
            break
    return min(fits, key=lambda fit: fit.error)


def _sample(shape: tuple[int, int], count: int, *, edge: bool) -> tuple[Float, Float]:
    """Frame positions (x, y) on a lattice denser towards the edge, with or without the outer edge itself."""
    angle = np.linspace(0.0, np.pi, count) if edge else (np.arange(count) + 0.5) * np.pi / count
    part = 0.5 - 0.5 * np.cos(angle)
    y, x = np.meshgrid(part * shape[0] - 0.5, part * shape[1] - 0.5, indexing="ij")
    return x.ravel(), y.ravel()


def _fit(wcs: SkyWcs, shape: tuple[int, int], grid: Grid, degree: int, count: int) -> FittedInverse:
    """Least squares for one degree."""
    x, y = _sample(shape, count, edge=True)
    sky = grid.project(wcs.directions(x, y))
    low, high = sky.min(axis=1), sky.max(axis=1)
    middle, half = 0.5 * (low + high), 0.5 * (high - low)
    u, v = (sky - middle[:, None]) / half[:, None]
    powers = np.add.outer(np.arange(degree + 1), np.arange(degree + 1)) <= degree
    design = (chebvander(v, degree)[:, :, None] * chebvander(u, degree)[:, None, :])[:, powers]
    fit = np.linalg.lstsq(design, np.stack([x, y], axis=1), rcond=None)[0]
    coefficients = np.zeros((2, degree + 1, degree + 1))
    coefficients[:, powers] = fit.T
    x, y = _sample(shape, count - 1, edge=False)
    u, v = (grid.project(wcs.directions(x, y)) - middle[:, None]) / half[:, None]
    found = [chebval2d(v, u, axis) for axis in coefficients]
    error = float(np.hypot(found[0] - x, found[1] - y).max())
    return FittedInverse(shape, middle, half, coefficients[0], coefficients[1], error)
