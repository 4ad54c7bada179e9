"""The skies of a set of dithers made with all frames in memory: what the units of workers have to come to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.binning import binned
from photomitrus_cli.imaging.skystack import SkyPlanes
from photomitrus_cli.prime.skyframes import BAND, Sky, joined, make_band
from photomitrus_cli.prime.skyresidual import NOT_OBJECT, SkyResidual, mark_frame, sky_residual
from photomitrus_cli.prime.skyrules import SkyRules, clip_limit, rough_rules, sky_groups, spread_members
from photomitrus_cli.prime.skyscale import SkyScale, first_scale, relative_noise

Frames = Sequence[tuple[NDArray[np.float32], NDArray[np.uint8]]]


def make_sky(
    frames: Frames, scales: Sequence[SkyScale], members: tuple[int, ...], noise: float, rules: SkyRules
) -> Sky:
    """Make the sky of some frames.

    Parameters
    ----------
    frames : sequence of tuple of ndarray, shape (ny, nx)
        Values (float32) and masks (uint8, 0 where a pixel is used) of all frames.
    scales : sequence of SkyScale
        Of all frames.
    members : tuple of int
        Numbers of those to be used.
    noise : float
        Of a pixel over its level; NaN for no clipping.
    rules : SkyRules

    Returns
    -------
    Sky
    """
    ny, nx = frames[members[0]][0].shape
    planes = SkyPlanes(*(np.empty((ny, nx), kind) for kind in (np.float32, np.float32, np.uint8)))
    structures = []
    for first in range(0, ny, BAND):
        part = np.s_[first : first + BAND]
        rows = [(frames[k][0][part], frames[k][1][part]) for k in members]
        chosen, band = [scales[k] for k in members], planes.rows(first, first + BAND)
        structures.append(make_band(rows, chosen, (first, ny), noise, rules, band))
    return Sky(planes, members, clip_limit(noise, rules), joined(structures))


def mask_objects(frames: Frames, rules: SkyRules) -> list[SkyScale]:
    """First pass: find the objects of each frame, and set the bit `OBJECT` of its mask, in place.

    All frames are compared with one sky: levels and planes then belong together, and what a sky that changes
    with time leaves is smooth.

    Parameters
    ----------
    frames : sequence of tuple of ndarray, shape (ny, nx)
        Values and masks; bits `OBJECT` of before are forgotten.
    rules : SkyRules
        The sky of this pass is a median, clipped at `kappa`.

    Returns
    -------
    list of SkyScale
        Of each frame: levels without objects, and planes.

    Raises
    ------
    InputError
        When a frame has no sky, see `first_scale`.
    """
    for frame in frames:
        np.bitwise_and(frame[1], NOT_OBJECT, out=frame[1])
    rough = [first_scale(*frame, name=f"frame {k + 1}") for k, frame in enumerate(frames)]
    noise = relative_noise(frames, rough)
    small = [binned(*frame, rules.binning) for frame in frames]
    sky = make_sky(small, rough, spread_members(len(frames)), noise / rules.binning, rough_rules(rules))
    return [
        mark_frame(frame, scale, sky.planes.value, rules, noise)
        for frame, scale in zip(frames, rough, strict=True)
    ]


def sky_residuals(
    frames: Frames, scales: Sequence[SkyScale], mjd: Sequence[float], rules: SkyRules
) -> Iterator[tuple[SkyResidual, Sky | None]]:
    """Second pass: subtract the sky of frames whose objects are masked.

    Parameters
    ----------
    frames : sequence of tuple of ndarray, shape (ny, nx)
        Values and masks, from `mask_objects`; left as they are.
    scales : sequence of SkyScale
        Of each frame.
    mjd : sequence of float
        Times of the frames, days.
    rules : SkyRules

    Yields
    ------
    SkyResidual, Sky or None
        Of each frame, those that share a sky after each other, in no other order; without a sky when there is
        only a mesh.
    """
    noise = relative_noise(frames, scales)
    for members, targets in sky_groups(mjd, rules):
        sky = make_sky(frames, scales, members, noise, rules) if members else None
        for k in targets:
            yield sky_residual(k, frames[k], scales[k], sky, rules), sky
