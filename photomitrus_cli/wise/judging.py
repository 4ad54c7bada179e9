"""Which frames of a scan are refused: by their overlaps, their gradients and the light of the Moon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.wise.gradients import judge_gradients
from photomitrus_cli.wise.levelchain import chain, running_median
from photomitrus_cli.wise.moonlight import Moonlight, fit_moonlight
from photomitrus_cli.wise.overlaps import MAD_SIGMA, Link, link_frames, robust_sigma
from photomitrus_cli.wise.verdicts import FrameFacts, JudgeRules, Verdict, column_of

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

# Half widths, frames, of what counts as the neighbourhood of a frame: runs of up to a dozen bad frames are a
# minority in it. The wide one follows the mean step between frames, which a gradient fixed to the detector
# makes and which changes as slowly as that does.
_NEAR = 12
_WIDE = 25
# Fewer steps do not tell what is usual.
_MIN_STEPS = 8
UNTESTED = "moonlight not tested: too few frames far from the Moon"
# Limits of the level by which the ends of a run may differ in the first round.
_BRIDGED = 3.0
# Frames far from the Moon that it takes to tell what is usual there.
_MIN_FAR = 5


def judge_scan(frames: Sequence[FrameFacts], rules: JudgeRules) -> list[Verdict]:
    """Decide which frames of a scan are used.

    What two frames see of the sky where they overlap is the same, so a bright and sharp galactic plane is in
    both and a fault of one frame is not. The differences in level are added up along the scan and the running
    median is taken off: a run of bad frames then stands out as one bad frame does, and its good neighbours do
    not. Gradients are refused only where the overlaps contradict them. Near the Moon there are two tests
    more: that of the unWISE coadds (program unwise_coadd), median - 16th percentile, 5 robust sigmas; and
    smooth light, which frames share where they overlap, by a fit along the scan.

    Parameters
    ----------
    frames : sequence of FrameFacts
        Of one scan, in the order of time.
    rules : JudgeRules

    Returns
    -------
    list of Verdict
        One per frame. A frame that overlaps with no other is not judged by level and gradient.
    """
    if not frames:
        return []
    links = link_frames([frame.cells for frame in frames], rules.min_cells)
    steps = _steps(links)
    sigma = float(np.nanmedian(column_of(frames, "sigma")))
    moon = _judge_moon(frames, rules, sigma)
    planes = np.array([column_of(frames, name) for name in ("grad_x", "grad_y")])
    gradient = judge_gradients(
        planes, links, steps, rules.gradient_sigma, rules.gradient_floor * sigma, _NEAR
    )
    level, level_sigma, off = _levels(frames, gradient.steps, gradient.bad | moon.wide, rules, sigma)
    few = column_of(frames, "used_share") < rules.min_used
    reasons = {"few pixels": few, "moon": moon.wide | moon.lit, "gradient": gradient.bad, "level": off}
    overlap = _above_neighbours(steps)
    return [
        Verdict(
            not any(bad[k] for bad in reasons.values()),
            ", ".join(word for word, bad in reasons.items() if bad[k]),
            UNTESTED if moon.untested[k] else "",
            float(overlap[k]),
            float(level[k]),
            float(level_sigma[k]),
            float(gradient.excess[k]),
            float(gradient.sigma[k]),
            float(gradient.support[k]),
            float(moon.sigma[k]),
            float(moon.smooth.light[k]),
            moon.smooth.contrast,
        )
        for k in range(len(frames))
    ]


def _steps(links: Sequence[Link]) -> Float:
    """Give the steps in level, without the part that all frames around have alike."""
    steps = np.array([link.step for link in links])
    if np.count_nonzero(np.isfinite(steps)) < _MIN_STEPS:
        return steps
    return steps - running_median(steps, _WIDE)


def _above_neighbours(steps: Float) -> Float:
    """Give how far each frame is above the one before and the one after, on average."""
    both = np.array((steps, np.append(-steps[1:], np.nan)))
    count = np.isfinite(both).sum(axis=0)
    return np.where(count > 0, np.nansum(both, axis=0) / np.maximum(count, 1), np.nan)


def _levels(
    frames: Sequence[FrameFacts], steps: Float, bad: Bool, rules: JudgeRules, sigma: float
) -> tuple[Float, Float, Bool]:
    """Give how far each level is off, the same in robust sigmas, and which are too far off."""
    off = np.zeros(len(frames), bool)
    single = float(robust_sigma(steps) / np.sqrt(2.0))
    most = _BRIDGED * max(rules.level_sigma * single, rules.level_floor * sigma)
    # Frames that are off in the first round belong to the runs of bad ones in the second: these are whole.
    for reach in (most, np.inf):
        level = chain(steps, bad | off, _NEAR, reach)
        scatter = np.fmax(robust_sigma(level), single)
        limit = max(rules.level_sigma * float(scatter), rules.level_floor * sigma)
        level = _settle_pairs(level, steps, column_of(frames, "level"), limit)
        off = np.abs(level) > limit
    with np.errstate(divide="ignore", invalid="ignore"):
        return level, level / scatter, off


def _settle_pairs(level: Float, steps: Float, medians: Float, limit: float) -> Float:
    """Decide which of two frames that only overlap with each other is off: the one off the trend."""
    result = level.copy()
    begins = ~np.isfinite(steps)
    ends = np.append(begins[1:], True)
    trend = running_median(medians, _NEAR)
    for k in np.flatnonzero(begins[:-1] & ~begins[1:] & ends[1:]):
        if abs(steps[k + 1]) > limit:
            second = abs(medians[k + 1] - trend[k + 1]) > abs(medians[k] - trend[k])
            result[k : k + 2] = (0.0, steps[k + 1]) if second else (-steps[k + 1], 0.0)
    return result


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


def _judge_moon(frames: Sequence[FrameFacts], rules: JudgeRules, sigma: float) -> _MoonTest:
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
