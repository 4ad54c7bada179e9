"""The sky of a set of dithered frames: two passes, objects masked, frames near in time, own values left out.

Without masks a star is one of the values that the sky under it is made of, which raises a median of N by
``z = Phi^-1(0.5 + 0.5 / (N - 1))`` of the noise of a pixel: for N = 9, stars near the limit of a frame lose a
tenth of their light. So objects are found in a first pass and left out in the second; what is too faint to be
found loses nothing either, because a frame's own value is left out of its sky.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.flatfield import NO_SKY, OBJECT
from photomitrus_cli.imaging.skystack import MAX_FRAMES, SkyPlanes, combine_rows, fill_gaps, subtract_rows
from photomitrus_cli.prime.skychannels import channel_offsets
from photomitrus_cli.prime.skymasks import blank_level, find_objects, smooth_background
from photomitrus_cli.prime.skyscale import SkyScale, first_scale, fit_scale, relative_noise

Float32 = NDArray[np.float32]
Mask = NDArray[np.uint8]
Bool = NDArray[np.bool_]
Frames = Sequence[tuple[Float32, Mask]]

_MINUTE = 1.0 / 1440.0
# The sky is taken from all frames when they span less than this, or there are no more of them; else from the
# nearest ones.
_SPAN, _NEAREST = 15.0 * _MINUTE, 13
# Values of all frames worked on at a time.
_BLOCK = 1 << 19
# Side of the cells of the background under objects where the rules name none.
_MESH_PX = 128
# Noise of a frame less a median of three, its own value one of them, over that of the frame.
_OWN_NOISE = 0.8
_NO_OBJECT = np.uint8(255 - OBJECT)


@dataclass(frozen=True, slots=True)
class SkyRules:
    """How the sky is made and subtracted.

    Attributes
    ----------
    kappa : float
        Clipping about the median of a pixel's values, in sigma of a pixel.
    leave_out : bool
        Leave a frame's own values out of its sky, and take the mean; otherwise the median of all.
    nearest : int or None
        Frames, nearest in time, that a frame's sky is made of, its own included; 0 for all, None for what
        `sky_windows` chooses.
    fewest : int
        Values that a pixel of the sky needs.
    mesh_px : int
        Side of the cells of the background that is subtracted afterwards; 0 for none.
    channel_px : int
        Columns of a readout channel whose offset is subtracted, before that background; 0 for none.
    channel_first : int
        Columns of the first channel that frames lack.
    object_kappa : float
        Threshold of objects in the lightly smoothed frame, see
        `photomitrus_cli.imaging.objects.object_mask`.
    mesh_only : bool
        Subtract a background mesh instead of the sky of the other frames.
    threads : int
        Threads that share the rows; the result does not depend on them.
    """

    kappa: float = 4.0
    leave_out: bool = True
    nearest: int | None = None
    fewest: int = 2
    mesh_px: int = 128
    channel_px: int = 0
    channel_first: int = 0
    object_kappa: float = 4.0
    mesh_only: bool = False
    threads: int = 1


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
    """

    planes: SkyPlanes
    members: tuple[int, ...]
    limit: float


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


def sky_windows(
    mjd: Sequence[float], nearest: int | None = None
) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Choose the frames that the sky of each frame is made of.

    The level of the sky changes by up to 0.7 % a minute and its pattern by 0.3 %, but a mean of few frames is
    noisy: all frames when they span less than 15 minutes, else the 13 nearest. Up to a quarter of that number
    of frames in a row share a sky, which is made once for them.

    Parameters
    ----------
    mjd : sequence of float
        Times of the frames, days.
    nearest : int, optional
        Frames to be used, own included; 0 for all.

    Returns
    -------
    list of tuple
        (members, targets): numbers of frames, each frame once among the targets.
    """
    times = np.asarray(mjd, dtype=np.float64)
    wanted = nearest
    if wanted is None:
        wanted = _NEAREST if np.ptp(times) >= _SPAN else 0
    wanted = min(wanted or times.size, times.size, MAX_FRAMES)
    if wanted == times.size:
        everything = tuple(range(times.size))
        return [(everything, everything)]
    order = np.argsort(times, kind="stable")
    run = max(wanted // 4, 1)
    groups = []
    for first in range(0, times.size, run):
        targets = order[first : first + run]
        near = np.argsort(np.abs(times - times[targets].mean()), kind="stable")
        others = near[~np.isin(near, targets)][: wanted - targets.size]
        members = sorted(int(k) for k in (*targets, *others))
        groups.append((tuple(members), tuple(sorted(int(k) for k in targets))))
    return groups


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
    shape = frames[members[0]][0].shape
    planes = SkyPlanes(np.empty(shape, np.float32), np.empty(shape, np.float32), np.empty(shape, np.uint8))
    limit = rules.kappa * noise if np.isfinite(noise) and noise > 0.0 else np.inf
    rows = max(_BLOCK // (len(members) * shape[1]), 4)

    def block(first: int) -> None:
        """Make the rows from `first` on."""
        part = np.s_[first : first + rows]
        combine_rows(
            [frames[k][0][part] for k in members],
            [frames[k][1][part] for k in members],
            [scales[k].rows(first, shape) for k in members],
            limit,
            planes.rows(first, first + rows),
            median=not rules.leave_out,
        )

    with ThreadPoolExecutor(rules.threads) as pool:
        list(pool.map(block, range(0, shape[0], rows)))
    fill_gaps(planes, rules.fewest)
    return Sky(planes, members, limit)


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
        np.bitwise_and(frame[1], _NO_OBJECT, out=frame[1])
    rough = [first_scale(*frame, name=f"frame {k + 1}") for k, frame in enumerate(frames)]
    noise = relative_noise(frames, rough)
    plain = SkyRules(rules.kappa, leave_out=False, fewest=min(rules.fewest, 2), threads=rules.threads)
    members = tuple(
        np.unique(np.linspace(0, len(frames) - 1, min(len(frames), MAX_FRAMES)).astype(int)).tolist()
    )
    sky = make_sky(frames, rough, members, noise, plain)
    with ThreadPoolExecutor(rules.threads) as pool:
        return list(pool.map(lambda frame, scale: _mask_one(frame, scale, sky, rules, noise), frames, rough))


def _mask_one(
    frame: tuple[Float32, Mask], rough: SkyScale, sky: Sky, rules: SkyRules, noise: float
) -> SkyScale:
    values, mask = frame
    # A tilted sky must not make an object of half a frame.
    scale = fit_scale(values, mask, sky.planes.value, rough)
    residual, _ = subtract_sky(frame, scale, sky, rules, own=False)
    # The median of few frames is often a frame's own value: then what is left has hardly any noise.
    least = _OWN_NOISE * noise * scale.level if np.isfinite(noise) else 0.0
    mesh = rules.mesh_px or _MESH_PX
    objects = find_objects(residual, mask != 0, kappa=rules.object_kappa, mesh_px=mesh, least_sigma=least)
    mask[objects] |= np.uint8(OBJECT)
    return fit_scale(values, mask, sky.planes.value, rough)


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
    everything: tuple[int, ...] = tuple(range(len(frames)))
    none: tuple[int, ...] = ()
    groups = [(none, everything)] if rules.mesh_only else sky_windows(mjd, rules.nearest)
    noise = relative_noise(frames, scales)
    with ThreadPoolExecutor(rules.threads) as pool:
        for members, targets in groups:
            sky = make_sky(frames, scales, members, noise, rules) if members else None

            def one(k: int, sky: Sky | None = sky) -> SkyResidual:
                """Subtract the sky of this group from frame `k`."""
                return _residual(k, frames[k], scales[k], sky, rules)

            # No more at a time than there are threads: each is another frame in memory.
            for first in range(0, len(targets), rules.threads):
                for residual in pool.map(one, targets[first : first + rules.threads]):
                    yield residual, sky


def _residual(
    index: int, frame: tuple[Float32, Mask], scale: SkyScale, sky: Sky | None, rules: SkyRules
) -> SkyResidual:
    if sky is None:
        return _finish(index, frame, scale, rules)
    values, unknown = subtract_sky(frame, scale, sky, rules, own=index in sky.members)
    mask = frame[1] | np.where(unknown, np.uint8(NO_SKY), np.uint8(0))
    return _finish(index, (values, mask), scale, rules)


def _finish(index: int, frame: tuple[Float32, Mask], scale: SkyScale, rules: SkyRules) -> SkyResidual:
    """Subtract what is left of the background, and measure the noise."""
    values, mask = frame
    out = mask != 0
    mean = 0.0
    if rules.channel_px:
        values = values - channel_offsets(values, out, rules.channel_px, rules.channel_first)
    if rules.mesh_px:
        model, mean = smooth_background(values, out, rules.mesh_px)
        values = values - model
    return SkyResidual(index, values, mask & _NO_OBJECT, scale, mean, blank_level(values, out).sigma)
