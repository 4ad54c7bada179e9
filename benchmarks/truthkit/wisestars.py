"""Frames of one detector with stars between the pixels, for tests of what tells hits from stars."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

SKY, SIGMA, GAIN = 2774.0, 27.0, 6.83
HALF = 8


@dataclass(frozen=True)
class StarFrame:
    """A frame and its truth.

    Attributes
    ----------
    sci, unc : ndarray of float32, shape (n, n)
    light : ndarray of float64, shape (n, n)
        Of the stars alone.
    y, x : ndarray of int
        Brightest pixels of the stars.
    peak : ndarray of float64
        Their heights.
    """

    sci: NDArray[np.float32]
    unc: NDArray[np.float32]
    light: NDArray[np.float64]
    y: NDArray[np.int64]
    x: NDArray[np.int64]
    peak: NDArray[np.float64]


def stamp(fwhm: float, dx: float, dy: float) -> NDArray[np.float64]:
    """Integrate a Gaussian over 17 x 17 pixels, its centre off that of the middle one."""
    edges = np.arange(2 * HALF + 2) - HALF - 0.5
    along = [np.diff(ndtr((edges - at) * 2.354820045 / fwhm)) for at in (dy, dx)]
    whole = np.outer(*along)
    return np.asarray(whole / whole.max())


def star_frame(
    rng: np.random.Generator,
    n: int,
    fwhm: float = 2.36,
    heights: tuple[float, float] | None = (5.0, 5000.0),
    step: int = 24,
) -> StarFrame:
    """Make a frame of noise with stars on a grid, at random places within the pixels.

    Parameters
    ----------
    rng : numpy.random.Generator
    n : int
        Pixels along a side.
    fwhm : float
        Full width of a star at half maximum, pixels.
    heights : tuple of float, or None
        Lowest and highest brightest pixel, in sigma of the sky; None for no stars.
    step : int
        Pixels from star to star.
    """
    light = np.zeros((n, n))
    grid = np.arange(step // 2 + 2, n - step // 2, step)
    y, x = (at.ravel() for at in np.meshgrid(grid, grid, indexing="ij"))
    peak = np.zeros(y.size)
    if heights is not None:
        peak = SIGMA * np.exp(rng.uniform(np.log(heights[0]), np.log(heights[1]), y.size))
        for j, i, height in zip(y, x, peak, strict=True):
            box = slice(j - HALF, j + HALF + 1), slice(i - HALF, i + HALF + 1)
            light[box] += height * stamp(fwhm, *rng.uniform(-0.5, 0.5, 2))
    unc = np.sqrt(SIGMA**2 + light / GAIN)
    sci = SKY + light + unc * rng.standard_normal(light.shape)
    return StarFrame(sci.astype(np.float32), unc.astype(np.float32), light, y, x, peak)
