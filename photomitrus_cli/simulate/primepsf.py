"""Stars of a simulated PRIME: Moffat profiles integrated exactly over pixels, as mixtures of Gaussians.

``(1 + x^2)^-beta`` is the integral of ``t^beta exp(-t) exp(-t x^2) / Gamma(beta)`` over ln t; a sum over
evenly spaced ln t converges exponentially, and Gaussians are integrated over pixels by the error function.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate.primefacts import MOFFAT_BETA

Floats = NDArray[np.float64]

_NODES = 0.0075 * np.exp(0.7 * np.arange(12))
_WEIGHTS = _NODES ** (MOFFAT_BETA - 1.0) * np.exp(-_NODES)
_WEIGHTS /= _WEIGHTS.sum()
# Full width at half maximum over the scale alpha of the profile.
_FWHM_ALPHA = 2.0 * np.sqrt(2.0 ** (1.0 / MOFFAT_BETA) - 1.0)
_REACHES = np.array([6, 9, 13, 19, 28, 41, 60, 90, 135, 200])
_CHUNK_PIXELS = 4_000_000


def reach_px(flux: Floats, fwhm_px: Floats, floor: float) -> NDArray[np.int64]:
    """Return how far from their centres stars are drawn: to where a pixel gets less than ``floor``.

    Parameters
    ----------
    flux, fwhm_px : ndarray, shape (n,)
        Light of the stars, and widths in pixels.
    floor : float
        Light per pixel that does not matter.

    Returns
    -------
    ndarray of int, shape (n,)
        Some of a few steps, at most 200 pixels.
    """
    alpha = fwhm_px / _FWHM_ALPHA
    peak = np.abs(flux) * (MOFFAT_BETA - 1.0) / (np.pi * alpha**2)
    square = np.maximum((peak / floor) ** (1.0 / MOFFAT_BETA) - 1.0, 2.0)
    wanted = np.searchsorted(_REACHES, alpha * np.sqrt(square) + 1.0)
    return np.asarray(_REACHES[np.minimum(wanted, _REACHES.size - 1)])


def _strips(count: int, centre: Floats, sigma: Floats, reach: int) -> tuple[NDArray[np.int64], Floats]:
    """First pixel and shares of unit Gaussians in it and the next, shape (n, k, 2 reach + 1)."""
    from scipy.special import erf

    first = np.rint(centre).astype(np.int64) - reach
    edge = first[:, None] + np.arange(2 * reach + 2)[None, :] - 0.5 - centre[:, None]
    strip = 0.5 * np.diff(erf(edge[:, None, :] / (np.sqrt(2.0) * sigma[:, :, None])), axis=2)
    pixel = first[:, None] + np.arange(2 * reach + 1)[None, :]
    strip *= ((pixel >= 0) & (pixel < count))[:, None, :]
    return first, strip


def paint(
    image: NDArray[np.float32], x: Floats, y: Floats, flux: Floats, fwhm_px: Floats, floor: float
) -> None:
    """Add stars to an image in place.

    Parameters
    ----------
    image : ndarray of float32, shape (ny, nx)
    x, y, flux, fwhm_px : ndarray, shape (n,)
        0-based centres, light on an unbounded image, widths in pixels (before integration over pixels).
    floor : float
        Light per pixel that does not matter; profiles end there.
    """
    reach = reach_px(flux, fwhm_px, floor)
    ny, nx = image.shape
    touches = (x > -reach) & (x < nx - 1 + reach) & (y > -reach) & (y < ny - 1 + reach)
    for size in np.unique(reach[touches]).tolist():
        chosen = np.flatnonzero(touches & (reach == size))
        step = max(1, _CHUNK_PIXELS // (_NODES.size * (2 * size + 1)))
        for start in range(0, chosen.size, step):
            part = chosen[start : start + step]
            _paint_alike(image, x[part], y[part], flux[part], fwhm_px[part], size)


def _paint_alike(
    image: NDArray[np.float32], x: Floats, y: Floats, flux: Floats, fwhm_px: Floats, reach: int
) -> None:
    ny, nx = image.shape
    sigma = (fwhm_px / _FWHM_ALPHA)[:, None] / np.sqrt(2.0 * _NODES)
    first_x, strip_x = _strips(nx, x, sigma, reach)
    first_y, strip_y = _strips(ny, y, sigma, reach)
    strip_y *= (flux[:, None] * _WEIGHTS)[:, :, None]
    stamps = np.matmul(strip_y.transpose(0, 2, 1), strip_x).astype(np.float32)
    size = 2 * reach + 1
    for stamp, x0, y0 in zip(stamps, first_x.tolist(), first_y.tolist(), strict=True):
        left, low = max(0, -x0), max(0, -y0)
        right, high = min(size, nx - x0), min(size, ny - y0)
        image[y0 + low : y0 + high, x0 + left : x0 + right] += stamp[low:high, left:right]
