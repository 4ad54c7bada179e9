"""Point-response functions of IRAC as sums of Gaussians, integrated exactly over pixels.

The widths and weights per channel were fitted (convolved with the pixel) to empirical IRAC point-response
functions and to the Instrument Handbook's aperture corrections; what they give is stated by `fwhm_px` and
`aperture_fraction` and asserted in the tests.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

Floats = NDArray[np.float64]

# Sigmas in native pixels and weights, before the pixel's own box.
_FITS: dict[int, tuple[tuple[float, ...], tuple[float, ...]]] = {
    1: ((0.47, 0.9501, 1.8831, 7.0076), (0.54111, 0.22313, 0.12495, 0.11082)),
    2: ((0.49, 1.1875, 1.8596, 7.0090), (0.56338, 0.24593, 0.06518, 0.12551)),
    3: ((0.52, 1.4290, 7.0094), (0.45560, 0.42649, 0.11792)),
    4: ((0.56, 1.7270, 7.0044), (0.42130, 0.44965, 0.12905)),
}

_CORE_ELLIPTICITY = 1.03  # the core is wider along x and narrower along y by this factor
_CHUNK = 1024  # sources whose strips are in memory at a time
_BLOB_FIELDS = ("x", "y", "amplitude", "sigma_x", "sigma_y", "weight")
_REACH_SIGMAS = 4.3  # the light beyond is below 2e-5 of the widest component


@dataclass(frozen=True)
class Psf:
    """A sum of Gaussians aligned with the array.

    Attributes
    ----------
    sigma_x, sigma_y : ndarray, shape (k,)
        Widths in native pixels.
    weight : ndarray, shape (k,)
        Fractions of the total light; they sum to 1.
    """

    sigma_x: Floats
    sigma_y: Floats
    weight: Floats


@dataclass(frozen=True)
class Blobs:
    """What `paint` draws: n sources of k concentric Gaussians each.

    Attributes
    ----------
    x, y : ndarray, shape (n,)
        0-based centres in pixels of the image.
    amplitude : ndarray, shape (n,)
        Sum of a source over an unbounded image.
    sigma_x, sigma_y, weight : ndarray, shape (n, k)
        Widths in pixels of the image, and fractions.
    """

    x: Floats
    y: Floats
    amplitude: Floats
    sigma_x: Floats
    sigma_y: Floats
    weight: Floats


def irac_psf(channel: int) -> Psf:
    """Return the point-response function of a channel, before integration over pixels."""
    sigmas, weights = (np.array(item) for item in _FITS[channel])
    stretch = np.ones_like(sigmas)
    stretch[0] = _CORE_ELLIPTICITY
    return Psf(sigmas * stretch, sigmas / stretch, weights / weights.sum())


def _strips(
    count: int, center: Floats, sigma: Floats, box: float, reach: int
) -> tuple[NDArray[np.int64], Floats]:
    """First pixel, and fractions of unit Gaussians in it and the next along one axis: (n, k, 2 reach + 1)."""
    first = np.rint(center).astype(np.int64) - reach
    pixel = first[:, None, None] + np.arange(2 * reach + 1)[None, None, :]
    offset = pixel - center[:, None, None]
    scale = 1.0 / (np.sqrt(2.0) * sigma[:, :, None])
    strip = 0.5 * (erf((offset + 0.5 * box) * scale) - erf((offset - 0.5 * box) * scale))
    strip *= (pixel >= 0) & (pixel < count)
    return first, strip


def paint(image: Floats, blobs: Blobs, box: float = 1.0) -> None:
    """Add sources to an image in place, each Gaussian integrated exactly over a square box.

    Parameters
    ----------
    image : ndarray, shape (ny, nx)
        Receives ``amplitude * fraction of the light within the box centred on each pixel``.
    blobs : Blobs
        What to draw; sources off the image contribute the light that falls on it.
    box : float
        Side of the box in pixels of the image: 1 for a detector, the native pixel length over the image's for
        an image of finer sampling, where the boxes overlap.
    """
    for start in range(0, blobs.x.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        _paint_chunk(image, Blobs(*(getattr(blobs, name)[part] for name in _BLOB_FIELDS)), box)


def _paint_chunk(image: Floats, blobs: Blobs, box: float) -> None:
    widest = max(float(blobs.sigma_x.max()), float(blobs.sigma_y.max()))
    reach = int(np.ceil(_REACH_SIGMAS * widest + 0.5 * box)) + 1
    ny, nx = image.shape
    first_x, strip_x = _strips(nx, blobs.x, blobs.sigma_x, box, reach)
    first_y, strip_y = _strips(ny, blobs.y, blobs.sigma_y, box, reach)
    strip_y *= (blobs.amplitude[:, None] * blobs.weight)[:, :, None]
    size = 2 * reach + 1
    for index, (x0, y0) in enumerate(zip(first_x.tolist(), first_y.tolist(), strict=True)):
        cut_x = slice(max(0, -x0), min(size, nx - x0))
        cut_y = slice(max(0, -y0), min(size, ny - y0))
        if cut_x.start >= cut_x.stop or cut_y.start >= cut_y.stop:
            continue
        stamp = strip_y[index, :, cut_y].T @ strip_x[index, :, cut_x]
        image[y0 + cut_y.start : y0 + cut_y.stop, x0 + cut_x.start : x0 + cut_x.stop] += stamp
