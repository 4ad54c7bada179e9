"""Widths and apertures of the point-response functions of IRAC."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate.iracpsf import Blobs, irac_psf, paint

Floats = NDArray[np.float64]


def _fine_image(channel: int, step: float, half: float) -> tuple[Floats, Floats]:
    psf = irac_psf(channel)
    count = 2 * round(half / step) + 1
    center = np.array([(count - 1) / 2.0])
    image = np.zeros((count, count))
    blobs = Blobs(
        center,
        center,
        np.ones(1),
        psf.sigma_x[None, :] / step,
        psf.sigma_y[None, :] / step,
        psf.weight[None, :],
    )
    paint(image, blobs, box=1.0 / step)
    axis = (np.arange(count) - center) * step
    return image, np.hypot(axis[:, None], axis[None, :])


def fwhm_px(channel: int) -> float:
    """Full width at half maximum of the pixel-convolved response in native pixels (mean of the two axes)."""
    step = 0.02
    image, radius = _fine_image(channel, step, 1.5)
    middle = image.shape[0] // 2
    half = 0.5 * image[middle, middle]
    widths = [
        2.0 * np.interp(-half, -row[middle:], radius[middle, middle:])
        for row in (image[middle], image[:, middle])
    ]
    return float(np.mean(widths))


def aperture_fraction(channel: int, radius: float, inner: float, outer: float) -> float:
    """Light of a star within an aperture less the mean of an annulus, over its total light.

    Parameters
    ----------
    channel : int
        IRAC channel.
    radius, inner, outer : float
        Aperture and annulus radii in native pixels; the fraction is that of the pixel-convolved
        profile, the mean over sub-pixel positions.

    Returns
    -------
    float
    """
    step = 0.1
    image, distance = _fine_image(channel, step, outer + 1.0)
    image *= step * step

    def enclosed(limit: float) -> float:
        """Give the light within a radius."""
        # Pixels on the rim count by the part of their radial extent that is inside.
        return float((image * np.clip((limit - distance) / step + 0.5, 0.0, 1.0)).sum())

    annulus = (enclosed(outer) - enclosed(inner)) / (outer**2 - inner**2)
    return enclosed(radius) - annulus * radius**2
