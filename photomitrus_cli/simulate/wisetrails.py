"""What bright stars and satellites leave on simulated WISE frames: latents and trails."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate.streams import Purpose, stream
from photomitrus_cli.simulate.wiseconfig import WiseSimulation
from photomitrus_cli.simulate.wiseplan import pointing_at
from photomitrus_cli.simulate.wisepoints import FIELD_RADIUS_DEG, dn_per_jy, on_frame, paint, psf_sigma
from photomitrus_cli.simulate.wisescanframes import FramePlan
from photomitrus_cli.simulate.wisestars import stars_near
from photomitrus_cli.simulate.wisewcs import frame_wcs

Floats = NDArray[np.float64]

_LATENT_WIDTH = 2.0  # of a latent, times that of a star


def latent_light(config: WiseSimulation, plan: FramePlan, band: int, image: Floats) -> int:
    """Add what the bright stars of the exposure before left behind.

    Parameters
    ----------
    config : WiseSimulation
    plan : FramePlan
    band : int
    image : ndarray
        Changed in place.

    Returns
    -------
    int
        Number of latents.
    """
    if plan.index == 0 or config.latent_fraction == 0.0:
        return 0
    ra, dec, angle = pointing_at(config, plan.scan, plan.index - 1)
    previous = frame_wcs(band, config.frame_px, (ra, dec), angle)
    stars = stars_near(config, ra, dec, FIELD_RADIUS_DEG)
    total = stars.flux_jy * config.star_flux_scale[band - 1] * dn_per_jy(config, plan, band)
    sigma = psf_sigma(config, band)
    bright = np.flatnonzero(total / (2.0 * np.pi * sigma**2) > config.saturation_dn[band - 1])
    x, y = previous.vector_to_pixel(stars.vectors[:, bright])
    inside = on_frame(image.shape[0], x, y)
    # A full well leaves no more than a full well does.
    kept = np.minimum(total[bright], 10.0 * config.saturation_dn[band - 1] * 2.0 * np.pi * sigma**2)
    paint(image, x[inside], y[inside], config.latent_fraction * kept[inside], _LATENT_WIDTH * sigma)
    return int(np.count_nonzero(inside))


def trail(config: WiseSimulation, plan: FramePlan, band: int, image: Floats) -> bool:
    """Add the trail of a satellite to some frames, the same in all bands; return whether there is one.

    Parameters
    ----------
    config : WiseSimulation
    plan : FramePlan
    band : int
    image : ndarray
        Changed in place.

    Returns
    -------
    bool
    """
    rng = stream(config.seed, Purpose.WISE_TRAILS, plan.scan.index, plan.index)
    if rng.uniform() >= config.trail_fraction:
        return False
    side = image.shape[0]
    angle = rng.uniform(0.0, np.pi)
    x0, y0 = (rng.uniform(0.2, 0.8, 2) * side).tolist()
    step = np.arange(side, dtype=np.float64)
    distance = np.sin(angle) * (step[None, :] - x0) - np.cos(angle) * (step[:, None] - y0)
    image += config.trail_dn[band - 1] * np.exp(-0.5 * (distance / psf_sigma(config, band)) ** 2)
    return True
