"""What is left of a frame without its sky: objects marked, channels and a smooth background taken off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.binning import binned, mark_blocks
from photomitrus_cli.imaging.flatfield import NO_SKY, OBJECT
from photomitrus_cli.imaging.skyshrink import shrink_sky
from photomitrus_cli.imaging.skystack import SkyPlanes
from photomitrus_cli.prime.skychannels import channel_offsets
from photomitrus_cli.prime.skyframes import Sky, subtract_sky
from photomitrus_cli.prime.skymasks import blank_level, find_objects, subtract_background
from photomitrus_cli.prime.skyrules import (
    SkyRules,
)
from photomitrus_cli.prime.skyscale import SkyScale, fit_scale

Float32 = NDArray[np.float32]
Mask = NDArray[np.uint8]

# Side of the cells of the background under objects where the rules name none.
_MESH_PX = 128
# Noise of a frame less a median of three, its own value one of them, over that of the frame.
_OWN_NOISE = 0.8
NOT_OBJECT = np.uint8(255 - OBJECT)
"""Bits of a mask but `OBJECT`."""


@dataclass(frozen=True, slots=True, eq=False)
class SkyResidual:
    """A frame less its sky.

    Attributes
    ----------
    index : int
        Number of the frame.
    values : ndarray of float32, shape (ny, nx)
        Units of the frame; NaN where the frame is.
    mask : ndarray of uint8, shape (ny, nx)
        Of the frame, with `NO_SKY` where there were too few values and without `OBJECT`.
    scale : SkyScale
        How bright the sky is.
    background : float
        Mean of what was subtracted besides.
    rms : float
        Scatter of blank sky.
    """

    index: int
    values: Float32
    mask: Mask
    scale: SkyScale
    background: float
    rms: float


def mark_frame(
    frame: tuple[Float32, Mask], rough: SkyScale, sky: Float32, rules: SkyRules, noise: float
) -> SkyScale:
    """Set the bit `OBJECT` where there are objects in a frame.

    Parameters
    ----------
    frame : tuple of ndarray, shape (ny, nx)
        Values, and the mask, which is changed.
    rough : SkyScale
        A first level.
    sky : ndarray of float32, shape (ny // binning, nx // binning)
        Of the first pass, about 1.
    rules : SkyRules
    noise : float
        Of a pixel of the frame over its level; NaN where unknown.

    Returns
    -------
    SkyScale
        Level and plane without the objects.
    """
    side = rules.binning
    values, mask = binned(*frame, side)
    shape = (values.shape[0], values.shape[1])
    # A tilted sky must not make an object of half a frame.
    scale = fit_scale(values, mask, sky, rough)
    count = np.full(shape, rules.fewest, np.uint8)
    planes = SkyPlanes(sky, sky, count)
    residual, _ = subtract_sky((values, mask), scale, Sky(planes, (), np.inf), rules, own=False)
    # The median of few frames is often a frame's own value: then what is left has hardly any noise.
    least = _OWN_NOISE * noise / side * scale.level if np.isfinite(noise) else 0.0
    objects = find_objects(
        residual,
        mask != 0,
        kappa=rules.object_kappa,
        mesh_px=(rules.mesh_px or _MESH_PX) // side,
        least_sigma=least,
        binning=side,
    )
    mark_blocks(objects, side, OBJECT, frame[1])
    if side > 1:
        mark_blocks(objects, 1, OBJECT, mask)
    return fit_scale(values, mask, sky, rough)


def sky_residual(
    index: int, frame: tuple[Float32, Mask], scale: SkyScale, sky: Sky | None, rules: SkyRules
) -> SkyResidual:
    """Subtract the sky from a frame, then offsets of channels and what is left of the background.

    Parameters
    ----------
    index : int
        Number of the frame.
    frame : tuple of ndarray, shape (ny, nx)
        Values and mask, left as they are.
    scale : SkyScale
    sky : Sky or None
        None when there is only a mesh.
    rules : SkyRules

    Returns
    -------
    SkyResidual
    """
    mask = frame[1]
    if sky is None:
        values = np.array(frame[0], np.float32)
    else:
        own = index in sky.members
        values, unknown = subtract_sky(frame, scale, sky, rules, own=own)
        if own and sky.structure is not None:
            shrink_sky(frame[0], values, sky.planes.count, scale.level, sky.structure)
        mask = mask | (unknown.view(np.uint8) * np.uint8(NO_SKY))
    out = mask != 0
    channels = (
        channel_offsets(values, out, rules.channel_px, rules.channel_first) if rules.channel_px else None
    )
    mean = subtract_background(values, out, rules.mesh_px, channels)
    mask &= NOT_OBJECT
    return SkyResidual(index, values, mask, scale, mean, blank_level(values, out).sigma)
