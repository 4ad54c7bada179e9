"""Which frames of a scan are refused: by their overlaps, their gradients and the light of the Moon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.wise.gradients import judge_gradients
from photomitrus_cli.wise.moonlight import Moonlight, fit_moonlight
from photomitrus_cli.wise.overlaps import (
    MAD_SIGMA,
    Cells,
    Link,
    chain,
    link_frames,
    robust_sigma,
    running_median,
)

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

# Half widths, frames, of what counts as the neighbourhood of a frame: runs of up to a dozen bad frames are a
# minority in it. The wide one follows the mean step between frames, which a gradient fixed to the detector
# makes and which changes as slowly as that does.
_NEAR = 12
_WIDE = 25
# Fewer steps do not tell what is usual.
_MIN_STEPS = 8
_MIN_FAR = 5
UNTESTED = "moonlight not tested: too few frames far from the Moon"
# Limits of the level by which the ends of a run may differ in the first round.
_BRIDGED = 3.0


@dataclass(frozen=True, slots=True)
class JudgeRules:
    """When a frame is refused.

    Attributes
    ----------
    min_used : float
        Least part of the pixels that can be used.
    level_sigma, level_floor : float
        A level may be off by so many robust sigmas of the scan, and by so many sigmas of a pixel.
    gradient_sigma, gradient_floor : float
        The same for gradients, per 1000 pixels.
    moon_sigma : float
        Limit of median - 16th percentile, in robust sigmas of frames far from the Moon.
    moon_contrast : float
        Smooth moonlight counts when without it residuals near the Moon are larger by this factor,
    moon_light : float
        and in a frame where it is more than so many sigmas of a pixel.
    moon_near_deg : float
        The tests of the Moon are for frames nearer to it than this, deg.
    moon_all : bool
        Whether that of the percentile is for all frames.
    moon_frames : int
        How many frames far from the Moon, those next in time, it compares with.
    min_cells : int
        Fewer cells in common do not make an overlap.
    """

    min_used: float = 0.3
    level_sigma: float = 6.0
    level_floor: float = 0.1
    gradient_sigma: float = 6.0
    gradient_floor: float = 0.25
    moon_sigma: float = 5.0
    moon_contrast: float = 2.0
    moon_light: float = 0.5
    moon_near_deg: float = 30.0
    moon_all: bool = False
    moon_frames: int = 60
    min_cells: int = 20


@dataclass(frozen=True, slots=True)
class FrameFacts:
    """What is known of a frame; all values at the nominal zero point.

    Attributes
    ----------
    name : str
    mjd : float
        d.
    level, sigma : float
        Median and robust scatter of the pixels, DN.
    grad_x, grad_y, plane_rms : float
        Of the plane through the cells: DN per 1000 pixels, and DN.
    med16 : float
        Median less 16th percentile of the pixels, DN.
    moon_sep, saa_sep : float
        deg; NaN when not known.
    used_share : float
        Part of the pixels that can be used.
    cells : Cells
    elon, elat : float
        Ecliptic coordinates of the middle, deg; NaN when not known.
    """

    name: str
    mjd: float
    level: float
    sigma: float
    grad_x: float
    grad_y: float
    plane_rms: float
    med16: float
    moon_sep: float
    saa_sep: float
    used_share: float
    cells: Cells
    elon: float = np.nan
    elat: float = np.nan


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was decided of a frame, and by which numbers; NaN where something could not be measured.

    Attributes
    ----------
    used : bool
    reason : str
        Of ``few pixels``, ``moon``, ``gradient``, ``level`` those that hold, joined by commas; empty
        when used.
    note : str
        What could not be tested of a frame near the Moon; else empty.
    overlap_dn : float
        Level above the frames before and after, in the cells in common, DN.
    level_dn, overlap_sigma : float
        Level above the scan around it, added up over overlaps, DN and robust sigmas of the scan.
    gradient_excess, gradient_sigma : float
        Gradient beyond the running median of the scan, DN per 1000 pixels and robust sigmas.
    gradient_support : float
        Gradient that the overlaps show and the sky therefore does not have, DN per 1000 pixels.
    moon_sigma : float
        Median - 16th percentile, robust sigmas above that of frames far from the Moon.
    moon_dn : float
        Smooth moonlight by the fit along the scan, DN.
    moon_contrast : float
        How much larger the residuals near the Moon are without it; one number of the scan.
    """

    used: bool
    reason: str
    note: str
    overlap_dn: float
    level_dn: float
    overlap_sigma: float
    gradient_excess: float
    gradient_sigma: float
    gradient_support: float
    moon_sigma: float
    moon_dn: float
    moon_contrast: float


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
    sigma = float(np.nanmedian(_column(frames, "sigma")))
    moon = _judge_moon(frames, rules, sigma)
    planes = np.array([_column(frames, name) for name in ("grad_x", "grad_y")])
    gradient = judge_gradients(
        planes, links, steps, rules.gradient_sigma, rules.gradient_floor * sigma, _NEAR
    )
    level, level_sigma, off = _levels(frames, gradient.steps, gradient.bad | moon.wide, rules, sigma)
    few = _column(frames, "used_share") < rules.min_used
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
    med16, mjd = _column(frames, "med16"), _column(frames, "mjd")
    # A distance that nobody knows counts as far: such frames are most of an archive without that column.
    far = np.flatnonzero(~(_column(frames, "moon_sep") < rules.moon_near_deg) & np.isfinite(med16))
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
    level, elon, elat, moon_sep = (_column(frames, name) for name in ("level", "elon", "elat", "moon_sep"))
    near = moon_sep < rules.moon_near_deg
    smooth = fit_moonlight(level, elon, elat, moon_sep, rules.moon_near_deg)
    least = rules.moon_light * sigma
    numbers = moon_numbers(frames, rules)
    # Moonlight that widens a histogram raises the level as well; stars of the galactic plane need not.
    wide = (near | rules.moon_all) & (numbers >= rules.moon_sigma) & ~(smooth.excess <= least)
    lit = near & (smooth.light > least) & (smooth.contrast >= rules.moon_contrast)
    return _MoonTest(numbers, smooth, wide, lit, near & np.isnan(smooth.light))


def _column(frames: Sequence[FrameFacts], name: str) -> Float:
    return np.array([getattr(frame, name) for frame in frames], np.float64)


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
        level = _settle_pairs(level, steps, _column(frames, "level"), limit)
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
