"""Measured point-response functions at 25 places within a pixel: what the pixel phase does to fluxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from photomitrus_cli.irac.corrections import pixel_phase

Float = NDArray[np.float64]

_FINE = 5  # pixels of the PRFs to one of the array
_HALF, _SIZE = 10, 21
_RADIUS, _OUTER = 3, 7


def disc(size: int, x: float, y: float, radius: float, fine: int = 20) -> Float:
    """Give the share of each pixel inside a circle, by counting finer pixels."""
    place = (np.arange(size * fine) + 0.5) / fine - 0.5
    inside = (place[None, :] - x) ** 2 + (place[:, None] - y) ** 2 <= radius**2
    return np.asarray(inside.reshape(size, fine, size, fine).mean(axis=(1, 3)))


def measured_prf(prf: Float, start: tuple[int, int]) -> tuple[float, float, float]:
    """Measure one image of a PRF sampled 5 times.

    Parameters
    ----------
    prf : ndarray of float
    start : (int, int)
        Fine column and row of its first pixel.

    Returns
    -------
    x, y : float
        First-moment position, px.
    flux : float
        In 3 px less the annulus of 3 to 7 px.
    """
    image = prf[start[1] :: _FINE, start[0] :: _FINE][:_SIZE, :_SIZE]
    row, column = np.unravel_index(image.argmax(), image.shape)
    ring = disc(_SIZE, _HALF, _HALF, _OUTER) - disc(_SIZE, _HALF, _HALF, _RADIUS)
    sky = (image * ring).sum() / ring.sum()
    part = image[row - 3 : row + 4, column - 3 : column + 4] - sky
    step = np.arange(-3, 4)
    x = column + (part.sum(axis=0) * step).sum() / part.sum()
    y = row + (part.sum(axis=1) * step).sum() / part.sum()
    aperture = disc(_SIZE, x, y, _RADIUS)
    ring = disc(_SIZE, x, y, _OUTER) - aperture
    flux = (image * aperture).sum() - (image * ring).sum() / ring.sum() * aperture.sum()
    return float(x), float(y), float(flux)


def phase_scatters(tables: Path, channel: int) -> tuple[float, float, float]:
    """Measure the archive's cryogenic PRF of the array centre at 25 phases.

    Parameters
    ----------
    tables : Path
    channel : int
        1 or 2.

    Returns
    -------
    raw, corrected, wrong : float
        Standard deviation of the fluxes over their mean, per cent: as measured, divided by the pixel-phase
        response, and multiplied by it.
    """
    prf = fits.getdata(tables / "psf" / f"IRAC{channel}_col129_row129_prf5x.fits.gz").astype(float)
    middle = (prf.shape[0] - 1) // 2
    starts = [
        (middle - _FINE * _HALF + 2 - a, middle - _FINE * _HALF + 2 - b)
        for a in range(_FINE)
        for b in range(_FINE)
    ]
    x, y, flux = np.transpose([measured_prf(prf, start) for start in starts])
    response = pixel_phase(x, y, channel, "cryo")
    raw, corrected, wrong = (
        float(100 * values.std() / values.mean()) for values in (flux, flux / response, flux * response)
    )
    return raw, corrected, wrong
