"""The sky of a set of dithered frames: two passes, objects masked, frames near in time, own values left out.

Without masks a star is one of the values that the sky under it is made of, which raises a median of N by
``z = Phi^-1(0.5 + 0.5 / (N - 1))`` of the noise of a pixel: for N = 9, stars near the limit of a frame lose a
tenth of their light. So objects are found in a first pass and left out in the second; what is too faint to be
found loses nothing either, because a frame's own value is left out of its sky.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.binning import binned, mark_blocks
from photomitrus_cli.imaging.flatfield import NO_SKY, OBJECT
from photomitrus_cli.imaging.skyshrink import Structure, measure_structure, shrink_sky
from photomitrus_cli.imaging.skystack import SkyPlanes, combine_rows, fill_gaps, subtract_rows
from photomitrus_cli.prime.skychannels import channel_offsets
from photomitrus_cli.prime.skymasks import blank_level, find_objects, subtract_background
from photomitrus_cli.prime.skyrules import (
    SkyRules,
    clip_limit,
    sky_borders,
)
from photomitrus_cli.prime.skyscale import SkyScale, fit_scale

Float32 = NDArray[np.float32]
Mask = NDArray[np.uint8]
Bool = NDArray[np.bool_]
Frames = Sequence[tuple[Float32, Mask]]

# Values of all frames worked on at a time.
_BLOCK = 1 << 19
BAND = 256
"""Rows of a sky that are made on their own: gaps are filled from what is in them."""
# Side of the cells of the background under objects where the rules name none.
_MESH_PX = 128
# Noise of a frame less a median of three, its own value one of them, over that of the frame.
_OWN_NOISE = 0.8
NOT_OBJECT = np.uint8(255 - OBJECT)
"""Bits of a mask but `OBJECT`."""


@dataclass(frozen=True, slots=True, eq=False)
class Sky:
    """The sky of some frames.

    Attributes
    ----------
    planes : SkyPlanes
        Gaps filled from their surroundings; `count` is below ``fewest`` there.
    members : tuple of int
        Numbers of the frames that it was made of.
    limit : float
        Clipping limit, in units of the sky.
    structure : Structure or None
        How much it differs from pixel to pixel, where it is to be drawn towards its surroundings.
    """

    planes: SkyPlanes
    members: tuple[int, ...]
    limit: float
    structure: Structure | None = None


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


def joined(structures: Sequence[Structure | None]) -> Structure | None:
    """Join the structures of the bands of a sky.

    Parameters
    ----------
    structures : sequence of Structure or None
        From above to below.

    Returns
    -------
    Structure or None
        None when the bands have none.
    """
    known = [one for one in structures if one is not None]
    return replace(known[0], variance=np.concatenate([one.variance for one in known])) if known else None


def make_band(
    frames: Frames,
    scales: Sequence[SkyScale],
    place: tuple[int, int],
    noise: float,
    rules: SkyRules,
    out: SkyPlanes,
) -> Structure | None:
    """Make some rows of a sky, and fill their gaps.

    Parameters
    ----------
    frames : sequence of tuple of ndarray, shape (h, nx)
        These rows of the values and masks of its frames.
    scales : sequence of SkyScale
        Of these frames.
    place : tuple of int
        The first row, and the rows of a whole frame.
    noise : float
        Of a pixel over its level; NaN for no clipping.
    rules : SkyRules
    out : SkyPlanes
        Filled in.

    Returns
    -------
    Structure or None
        How much these rows differ from pixel to pixel, if they are to be drawn towards their surroundings.
    """
    height, nx = frames[0][0].shape
    limit = clip_limit(noise, rules)
    # So few at a time that they stay near the processor.
    step = max(_BLOCK // (len(frames) * nx), 4)
    for first in range(0, height, step):
        part = np.s_[first : first + step]
        combine_rows(
            [values[part] for values, _ in frames],
            [mask[part] for _, mask in frames],
            [one.rows(place[0] + first, (place[1], nx)) for one in scales],
            limit,
            out.rows(first, first + step),
            median=not rules.leave_out,
        )
    fill_gaps(out, rules.fewest)
    if not (rules.shrink and rules.leave_out and np.isfinite(noise) and noise > 0.0):
        return None
    return measure_structure(
        out.value, out.count, noise, fewest=rules.fewest + 1, borders=sky_borders(nx, rules)
    )


def subtract_sky(
    frame: tuple[Float32, Mask], scale: SkyScale, sky: Sky, rules: SkyRules, *, own: bool
) -> tuple[Float32, Bool]:
    """Subtract a sky from a frame.

    Parameters
    ----------
    frame : tuple of ndarray, shape (ny, nx)
        Values and mask, as they were when the sky was made.
    scale : SkyScale
        Likewise.
    sky : Sky
    rules : SkyRules
    own : bool
        Whether the frame is a member of the sky.

    Returns
    -------
    residual : ndarray of float32, shape (ny, nx)
    unknown : ndarray of bool, shape (ny, nx)
        Where the sky is of too few values.
    """
    values, mask = frame
    out = np.empty(values.shape, np.float32), np.empty(values.shape, np.bool_)
    subtract_rows(
        values,
        mask,
        scale.rows(0, (values.shape[0], values.shape[1])),
        sky.planes,
        out,
        limit=sky.limit,
        fewest=rules.fewest,
        leave_out=rules.leave_out and own,
    )
    return out


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
