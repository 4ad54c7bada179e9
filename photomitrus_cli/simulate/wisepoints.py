"""Point sources on a simulated WISE frame: stars and asteroids."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate.sphere import unit_vectors
from photomitrus_cli.simulate.wiseconfig import WiseSimulation
from photomitrus_cli.simulate.wisefacts import NATIVE_PX, frame_side
from photomitrus_cli.simulate.wisemoving import asteroids
from photomitrus_cli.simulate.wisescanframes import FramePlan
from photomitrus_cli.simulate.wisestars import stars_near
from photomitrus_cli.simulate.wisewcs import SinWcs, pixel_steradian

Floats = NDArray[np.float64]

_FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))
FIELD_RADIUS_DEG = 0.62  # half a diagonal of 46.7 arcmin, and the width of a star
_LOST_DN = 1e-4  # light per pixel at the rim of what is painted of a star
_JY_PER_MJY = 1e-6


@dataclass(frozen=True, eq=False)
class Points:
    """Point sources on one frame.

    Attributes
    ----------
    id : ndarray of int64, shape (n,)
        Of the star or asteroid.
    x, y : ndarray, shape (n,)
        0-based pixels.
    flux_jy, total_dn : ndarray, shape (n,)
        Flux density in the band, and the sum over the pixels.
    """

    id: NDArray[np.int64]
    x: Floats
    y: Floats
    flux_jy: Floats
    total_dn: Floats


def psf_sigma(config: WiseSimulation, band: int) -> float:
    """Return the width of a star on the frames of a band: sigma in pixels."""
    from photomitrus_cli.simulate.wisefacts import BANDS

    side = frame_side(band, config.frame_px)
    native = abs(BANDS[band].pxscal[1]) * frame_side(band, NATIVE_PX) / side
    fwhm = max(config.psf_fwhm_arcsec[band - 1] / native, config.psf_fwhm_min_px)
    return float(fwhm / _FWHM_PER_SIGMA)


def dn_per_jy(config: WiseSimulation, plan: FramePlan, band: int) -> float:
    """Return the DN, summed over the pixels, of a star of 1 Jy."""
    return plan.scan.levels[band].gain * _JY_PER_MJY / pixel_steradian(band, config.frame_px)


def _strips(center: Floats, sigma: float, reach: int) -> tuple[NDArray[np.int64], Floats]:
    from scipy.special import erf

    pixel = np.rint(center).astype(np.int64)[:, None] + np.arange(-reach, reach + 1)
    edge = np.concatenate([pixel - 0.5, pixel[:, -1:] + 0.5], axis=1) - center[:, None]
    return pixel, 0.5 * np.diff(erf(edge / (np.sqrt(2.0) * sigma)), axis=1)


def paint(image: Floats, x: Floats, y: Floats, total: Floats, sigma: float) -> None:
    """Add Gaussians, each integrated exactly over the pixels, to a square image in place.

    Parameters
    ----------
    image : ndarray, shape (n, n)
    x, y : ndarray, shape (k,)
        0-based centres.
    total : ndarray, shape (k,)
        Sum of each over an unbounded image.
    sigma : float
        Width in pixels.
    """
    middle = 0.5 * (image.shape[0] - 1)
    # A Gaussian of that sum falls to the limit at this distance; a pixel more for the width of the pixel.
    radius = sigma * np.sqrt(2.0 * np.log(np.maximum(total / _LOST_DN, 1.0)))
    reach = np.where(total > _LOST_DN, np.ceil(radius) + 1, 0).astype(np.int64)
    touches = np.maximum(np.abs(x - middle), np.abs(y - middle)) < middle + 0.5 + reach
    reach[~touches] = 0  # also those on the far side of the sky, whose place is NaN
    for size in np.unique(reach[reach > 0]).tolist():
        some = np.flatnonzero(reach == size)
        _paint_equal(image, x[some], y[some], total[some], sigma, size)


def _paint_equal(image: Floats, x: Floats, y: Floats, total: Floats, sigma: float, reach: int) -> None:
    side = image.shape[0]
    columns, along_x = _strips(x, sigma, reach)
    rows, along_y = _strips(y, sigma, reach)
    along_x *= (columns >= 0) & (columns < side)
    along_y *= (rows >= 0) & (rows < side)
    place = np.clip(rows, 0, side - 1)[:, :, None] * side + np.clip(columns, 0, side - 1)[:, None, :]
    light = total[:, None, None] * along_y[:, :, None] * along_x[:, None, :]
    image += np.bincount(place.ravel(), light.ravel(), image.size).reshape(image.shape)


def on_frame(side: int, x: Floats, y: Floats) -> NDArray[np.bool_]:
    """Tell which positions are on a frame.

    Parameters
    ----------
    side : int
        Pixels.
    x, y : ndarray of float64
        0-based.

    Returns
    -------
    ndarray of bool
    """
    return (x > -0.5) & (x < side - 0.5) & (y > -0.5) & (y < side - 0.5)


def star_points(config: WiseSimulation, plan: FramePlan, band: int, wcs: SinWcs) -> Points:
    """Return the stars on a frame and just beside it."""
    stars = stars_near(config, plan.ra_deg, plan.dec_deg, FIELD_RADIUS_DEG)
    x, y = wcs.vector_to_pixel(stars.vectors)
    flux = stars.flux_jy * config.star_flux_scale[band - 1]
    return Points(stars.id, x, y, flux, flux * dn_per_jy(config, plan, band))


def asteroid_points(config: WiseSimulation, plan: FramePlan, band: int, wcs: SinWcs) -> Points:
    """Return the asteroids on a frame."""
    movers = asteroids(config)
    places = movers.at(plan.mjd)
    here = unit_vectors(plan.ra_deg, plan.dec_deg)
    near = np.flatnonzero(here @ places > np.cos(np.radians(FIELD_RADIUS_DEG)))
    x, y = wcs.vector_to_pixel(places[:, near])
    inside = np.flatnonzero(on_frame(frame_side(band, config.frame_px), x, y))
    flux = np.full(inside.size, config.asteroid_flux_jy)
    return Points(near[inside], x[inside], y[inside], flux, flux * dn_per_jy(config, plan, band))
