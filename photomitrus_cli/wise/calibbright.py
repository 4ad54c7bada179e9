"""Bright pixels of a first sky, against what is usual at their latitude."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# So many pixels of similar Galactic latitude tell what is usual there, and so few do not.
_BAND_PIXELS, _FEWEST = 500, 20
_SIGMA_OF_MAD = 1.482602218505602


def bright_pixels(
    sky: Floats,
    sky_sigma: Floats,
    galactic_latitude: NDArray[np.float32],
    threshold: float,
) -> Flags:
    """Find pixels that are brighter than is usual at their Galactic latitude.

    Pixels are sorted by |b| and cut into bands of some hundreds; median and robust scatter (1.48 times the
    median absolute deviation) are interpolated between the middles of bands, so that there are no steps.

    Parameters
    ----------
    sky : ndarray of float64, shape (P,)
        Brightness without zodiacal light, any unit; NaN for none.
    sky_sigma : ndarray of float64, shape (P,)
        Its uncertainty.
    galactic_latitude : ndarray, shape (P,)
        deg.
    threshold : float
        How far above the median a pixel stands, in units of scatter and uncertainty added in quadrature.

    Returns
    -------
    ndarray of bool, shape (P,)
        False where there is no brightness; everywhere when fewer than 20 pixels have one.
    """
    bright = np.zeros(sky.shape, bool)
    there = np.flatnonzero(np.isfinite(sky) & np.isfinite(sky_sigma))
    if there.size < _FEWEST:
        return bright
    height = np.abs(galactic_latitude[there].astype(np.float64))
    usual = _usual(height, sky[there])
    median, scatter = (np.interp(height, usual[0], values) for values in usual[1:])
    bright[there] = sky[there] - median > threshold * np.hypot(scatter, sky_sigma[there])
    return bright


def _usual(height: Floats, sky: Floats) -> Floats:
    """Give latitude, median and scatter of bands, shape (3, bands); latitudes ascend."""
    order = np.argsort(height, kind="stable")
    bands = np.array_split(order, max(1, order.size // _BAND_PIXELS))
    usual = np.empty((3, len(bands)))
    for column, band in enumerate(bands):
        median = np.median(sky[band])
        scatter = _SIGMA_OF_MAD * np.median(np.abs(sky[band] - median))
        usual[:, column] = np.median(height[band]), median, scatter
    return usual
