"""The background of a simulated IRAC frame: zodiacal light, offsets, the first-frame effect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate.iracplan import FramePlan
from photomitrus_cli.simulate.iracscene import FieldModel
from photomitrus_cli.simulate.sipprojection import tan_project
from photomitrus_cli.simulate.streams import Purpose, stream

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Background:
    """The sky level of one frame in MJy/sr.

    Attributes
    ----------
    image : ndarray, shape (ny, nx) or (planes, ny, nx)
        Level in the frame, skydark subtracted.
    light : ndarray, the same shape
        Level that shines on the detector and makes noise.
    offset, first_frame_offset, first_frame_ramp : float
        Random offset; offset and bottom-to-top ramp left by the first-frame effect (in the first plane).
    """

    image: Floats
    light: Floats
    offset: float
    first_frame_offset: float
    first_frame_ramp: float


def _fade(plan: FramePlan, decay: float) -> Floats:
    """Strength of the first-frame effect: one number for a frame, one for each plane of an exposure."""
    planes = len(plan.plane_offsets_px)
    number = np.array([plan.index]) if planes == 1 else np.arange(planes)
    return np.exp(-number / decay) if decay > 0.0 else np.asarray(number == 0, dtype=np.float64)


def draw_background(field: FieldModel, plan: FramePlan) -> Background:
    """Draw the background of a frame.

    Parameters
    ----------
    field : FieldModel
    plan : FramePlan

    Returns
    -------
    Background
    """
    config, shape = field.config, field.readout.shape
    rng = stream(config.seed, Purpose.BACKGROUND, plan.aor, plan.index)
    offset = float(rng.normal(0.0, 1.0) * config.offset_rms_mjy_sr)
    fade = _fade(plan, config.first_frame_decay)
    first, ramp = config.first_frame_offset_mjy_sr * fade, config.first_frame_ramp_mjy_sr * fade
    light = np.full(shape, config.zodi_mjy_sr)
    if any(config.gradient_mjy_sr_deg):
        y, x = np.mgrid[: shape[-2], : shape[-1]]
        sky = plan.wcs.pixel_to_sky(x, y)
        xi, eta = tan_project(*sky, config.center_ra_deg, config.center_dec_deg)
        light += config.gradient_mjy_sr_deg[0] * xi + config.gradient_mjy_sr_deg[1] * eta
    tilt = np.linspace(-0.5, 0.5, shape[-2])[:, None]
    effect = (first[:, None, None], ramp[:, None, None] * tilt)
    level = light - config.skydark_mjy_sr + offset
    image = (level + effect[0] + effect[1]).reshape(shape)
    return Background(image, light, offset, float(first[0]), float(ramp[0]))
