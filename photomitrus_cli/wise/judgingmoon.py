"""Frames judged by the light of the Moon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.wise.moonlight import Moonlight, fit_moonlight
from photomitrus_cli.wise.overlaps import (
    MAD_SIGMA,
)
from photomitrus_cli.wise.verdicts import FrameFacts, JudgeRules, column_of

Float = NDArray[np.float64]

Bool = NDArray[np.bool_]

_MIN_FAR = 5


def moon_numbers(frames: Sequence[FrameFacts], rules: JudgeRules) -> Float:
    """Compare median - 16th percentile with that of the frames next in time that are far from the Moon.

    Parameters
    ----------
    frames : sequence of FrameFacts
    rules : JudgeRules

    Returns
    -------
    ndarray of float64, shape (n,)
        Robust sigmas; NaN where fewer than five frames are far from the Moon.
    """
    med16, mjd = column_of(frames, "med16"), column_of(frames, "mjd")
    # A distance that nobody knows counts as far: such frames are most of an archive without that column.
    far = np.flatnonzero(~(column_of(frames, "moon_sep") < rules.moon_near_deg) & np.isfinite(med16))
    result = np.full(len(frames), np.nan)
    if far.size < _MIN_FAR:
        return result
    for k in range(len(frames)):
        nearest = np.argsort(np.abs(mjd[far] - mjd[k]), kind="stable")[: rules.moon_frames]
        reference = med16[far[nearest]]
        middle = np.median(reference)
        # Frames of a simulation without noise have none here either.
        scatter = max(MAD_SIGMA * float(np.median(np.abs(reference - middle))), 1e-3 * abs(float(middle)))
        result[k] = (med16[k] - middle) / scatter if scatter > 0.0 else np.nan
    return result


@dataclass(frozen=True, slots=True, eq=False)
class _MoonTest:
    """What the tests of the Moon found: numbers and verdicts of each frame, arrays of shape (n,)."""

    sigma: Float
    smooth: Moonlight
    wide: Bool
    lit: Bool
    untested: Bool


def judge_moon(frames: Sequence[FrameFacts], rules: JudgeRules, sigma: float) -> _MoonTest:
    """Test the histograms of frames near the Moon, and the levels along the scan for smooth moonlight."""
    level, elon, elat, moon_sep = (column_of(frames, name) for name in ("level", "elon", "elat", "moon_sep"))
    near = moon_sep < rules.moon_near_deg
    smooth = fit_moonlight(level, elon, elat, moon_sep, rules.moon_near_deg)
    least = rules.moon_light * sigma
    numbers = moon_numbers(frames, rules)
    # Moonlight that widens a histogram raises the level as well; stars of the galactic plane need not.
    wide = (near | rules.moon_all) & (numbers >= rules.moon_sigma) & ~(smooth.excess <= least)
    lit = near & (smooth.light > least) & (smooth.contrast >= rules.moon_contrast)
    return _MoonTest(numbers, smooth, wide, lit, near & np.isnan(smooth.light))
