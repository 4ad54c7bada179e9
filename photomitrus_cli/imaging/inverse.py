"""Frame position as a function of grid position: polynomials fitted to the exact forward transform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial.chebyshev import chebval2d, chebvander
from numpy.typing import NDArray

from photomitrus_cli.imaging.geometry import sky_positions
from photomitrus_cli.imaging.grid import Grid

Float = NDArray[np.float64]

# Total degree and samples along a side, tried in turn.
FITS = ((5, 11), (8, 17), (11, 25))


@dataclass(frozen=True, eq=False)
class Inverse:
    """Polynomials from grid pixels to frame pixels, good over one frame.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx) of the frame.
    middle, half : ndarray of float64, shape (2,)
        The grid box (x, y) that the polynomials map from [-1, 1].
    x, y : ndarray of float64, shape (degree + 1, degree + 1)
        Chebyshev coefficients [power of grid y, power of grid x] of the frame position.
    ratio : float
        Frame pixels per grid pixel in the middle, the larger of the two axes.
    """

    shape: tuple[int, int]
    middle: Float
    half: Float
    x: Float
    y: Float
    ratio: float

    def lattice(self, rows: Float, cols: Float) -> tuple[Float, Float]:
        """Frame positions (x, y) of the grid positions rows x cols, each of shape (rows, cols)."""
        degree = self.x.shape[0] - 1
        along_y = chebvander((rows - self.middle[1]) / self.half[1], degree)
        along_x = chebvander((cols - self.middle[0]) / self.half[0], degree)
        return along_y @ self.x @ along_x.T, along_y @ self.y @ along_x.T

    def points(self, gx: Float, gy: Float) -> tuple[Float, Float]:
        """Frame positions (x, y) of single grid positions."""
        v, u = (gy - self.middle[1]) / self.half[1], (gx - self.middle[0]) / self.half[0]
        return chebval2d(v, u, self.x), chebval2d(v, u, self.y)

    def near(self, x: Float, y: Float, margin: float) -> NDArray[np.bool_]:
        """Which frame positions lie within the pixel centres' box grown by a margin, frame pixels."""
        ny, nx = self.shape
        return np.asarray((x >= -margin) & (x <= nx - 1 + margin) & (y >= -margin) & (y <= ny - 1 + margin))


def fit_inverse(wcs: Any, shape: tuple[int, int], grid: Grid, accuracy: float) -> tuple[Inverse, float]:
    """Fit the inverse transform of a frame.

    Parameters
    ----------
    wcs : astropy.wcs.WCS
        Accepted by `check_wcs`.
    shape : tuple of int
        (ny, nx) of the frame.
    grid : Grid
        The output grid.
    accuracy : float
        Stop at the lowest degree whose error is below this, frame pixels.

    Returns
    -------
    inverse : Inverse
        The best fit found.
    error : float
        Its largest error at points between the fitted ones, frame pixels.
    """
    fits: list[tuple[float, Inverse]] = []
    for degree, count in FITS:
        inverse = _fit(wcs, shape, grid, degree, count)
        x, y = _sample(shape, count - 1, edge=False)
        px, py = inverse.points(*grid.world_to_pixel(*sky_positions(wcs, x, y)))
        fits.append((float(np.hypot(px - x, py - y).max()), inverse))
        if fits[-1][0] < accuracy:
            break
    error, inverse = min(fits, key=lambda fit: fit[0])
    return inverse, error


def _sample(shape: tuple[int, int], count: int, *, edge: bool) -> tuple[Float, Float]:
    """Frame positions (x, y) on a lattice denser towards the edge, with or without the outer edge itself."""
    angle = np.linspace(0.0, np.pi, count) if edge else (np.arange(count) + 0.5) * np.pi / count
    part = 0.5 - 0.5 * np.cos(angle)
    y, x = np.meshgrid(part * shape[0] - 0.5, part * shape[1] - 0.5, indexing="ij")
    return x.ravel(), y.ravel()


def _fit(wcs: Any, shape: tuple[int, int], grid: Grid, degree: int, count: int) -> Inverse:
    """Least squares for one degree."""
    x, y = _sample(shape, count, edge=True)
    sky = np.stack(grid.world_to_pixel(*sky_positions(wcs, x, y)))
    low, high = sky.min(axis=1), sky.max(axis=1)
    middle, half = 0.5 * (low + high), 0.5 * (high - low)
    u, v = (sky - middle[:, None]) / half[:, None]
    powers = np.add.outer(np.arange(degree + 1), np.arange(degree + 1)) <= degree
    design = (chebvander(v, degree)[:, :, None] * chebvander(u, degree)[:, None, :])[:, powers]
    fit = np.linalg.lstsq(design, np.stack([x, y], axis=1), rcond=None)[0]
    coefficients = np.zeros((2, degree + 1, degree + 1))
    coefficients[:, powers] = fit.T
    slope = coefficients[:, [0, 1], [1, 0]] / half
    ratio = float(np.linalg.svd(slope, compute_uv=False)[0])
    return Inverse(shape, middle, half, coefficients[0], coefficients[1], ratio)
