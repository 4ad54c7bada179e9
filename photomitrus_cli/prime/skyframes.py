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

from photomitrus_cli.imaging.skyshrink import Structure, measure_structure
from photomitrus_cli.imaging.skystack import SkyPlanes, combine_rows, fill_gaps, subtract_rows
from photomitrus_cli.prime.skyrules import (
    SkyRules,
    clip_limit,
    sky_borders,
)
from photomitrus_cli.prime.skyscale import SkyScale

Float32 = NDArray[np.float32]
Mask = NDArray[np.uint8]
Bool = NDArray[np.bool_]

Frames = Sequence[tuple[Float32, Mask]]

# Values of all frames worked on at a time.
_BLOCK = 1 << 19
BAND = 256
"""Rows of a sky that are made on their own: gaps are filled from what is in them."""


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
