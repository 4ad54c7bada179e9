"""Stars found on one frame, with what was measured of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

BRIGHT = 100


@dataclass(frozen=True)
class Sources:
    """Stars of one frame, the brightest first.

    Attributes
    ----------
    x, y : ndarray of float64, shape (n,)
        0-based positions, pixels: windowed centroids.
    x_err, y_err : ndarray of float64, shape (n,)
        Their standard errors from sky and photon noise, pixels.
    flux, flux_err : ndarray of float64, shape (n,)
        In a circle of 1.5 FWHM radius, image units times pixels.
    fwhm : ndarray of float64, shape (n,)
        Pixels; twice the radius that holds half of the light.
    ellipticity : ndarray of float64, shape (n,)
        1 - b/a from second moments.
    flags : ndarray of int64, shape (n,)
        Of sep: 1 deblended, 2 at the edge, 8 and more trouble with the measurement.
    snr : ndarray of float64, shape (n,)
        flux over flux_err.
    """

    x: Float
    y: Float
    x_err: Float
    y_err: Float
    flux: Float
    flux_err: Float
    fwhm: Float
    ellipticity: Float
    flags: NDArray[np.int64]
    snr: Float

    def chosen(self, rows: NDArray[np.int64] | Bool) -> Sources:
        """Give some of the stars.

        Parameters
        ----------
        rows : ndarray of int64 or of bool

        Returns
        -------
        Sources
        """
        return Sources(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})

    @property
    def seeing(self) -> float:
        """Median FWHM of the brighter stars, pixels; NaN without stars."""
        return float(np.median(self.fwhm[:BRIGHT])) if self.fwhm.size else float("nan")

    @property
    def elongation(self) -> float:
        """Median ellipticity of the brighter stars: large on trailed frames; NaN without stars."""
        return float(np.median(self.ellipticity[:BRIGHT])) if self.fwhm.size else float("nan")
