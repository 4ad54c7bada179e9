"""How the sky of a set of dithers is made: its rules, and which frames share one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.skyshrink import channel_borders
from photomitrus_cli.imaging.skystack import MAX_FRAMES

_MINUTE = 1.0 / 1440.0
# The sky is taken from all frames when they span less than this, or there are no more of them; else from the
# nearest ones.
_SPAN, _NEAREST = 15.0 * _MINUTE, 13


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
    binning : int
        Objects are looked for in means of so many pixels along each axis.
    shrink : bool
        Draw a sky without a frame's own values towards its surroundings where it differs from them by noise,
        see `photomitrus_cli.imaging.skyshrink`.
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
    binning: int = 1
    shrink: bool = True


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


def sky_groups(mjd: Sequence[float], rules: SkyRules) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Give the frames that share a sky, as `sky_windows`; of no members when there is only a mesh."""
    none: tuple[int, ...] = ()
    return [(none, tuple(range(len(mjd))))] if rules.mesh_only else sky_windows(mjd, rules.nearest)


def spread_members(n: int) -> tuple[int, ...]:
    """Choose the frames of the one sky of the first pass: all, or as many as there may be, evenly spread."""
    chosen = np.unique(np.linspace(0, n - 1, min(n, MAX_FRAMES)).astype(int))
    return tuple(chosen.tolist())


def rough_rules(rules: SkyRules) -> SkyRules:
    """Give the rules of the sky of the first pass: a median of all values."""
    return SkyRules(rules.kappa, leave_out=False, fewest=min(rules.fewest, 2))


def clip_limit(noise: float, rules: SkyRules) -> float:
    """Give the limit of clipping about the median of a pixel's values, in units of the sky.

    Parameters
    ----------
    noise : float
        Of a pixel over its level; NaN for no clipping.
    rules : SkyRules

    Returns
    -------
    float
        Infinite for no clipping.
    """
    return rules.kappa * noise if np.isfinite(noise) and noise > 0.0 else float(np.inf)


def sky_borders(nx: int, rules: SkyRules) -> NDArray[np.int32]:
    """Give the first columns of the readout channels, and the number of columns."""
    return channel_borders(nx, rules.channel_px, rules.channel_first)
