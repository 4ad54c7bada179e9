"""The gates of astrometry and of light: every part of the field must be where the catalogue has it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from photomitrus_cli.prime.framemeasures import worst_share
from photomitrus_cli.prime.gates import Gate, GateLimits, at_least, at_most
from photomitrus_cli.prime.geometry import pixel_arcsec
from photomitrus_cli.prime.solution import Solution


def astrometry_gates(
    solution: Solution, limits: GateLimits | None = None, *, relative: bool = False
) -> list[Gate]:
    """Judge the astrometry of a set of frames.

    Parameters
    ----------
    solution : Solution
    limits : GateLimits, optional
    relative : bool, optional
        Whether the frames were held against one of themselves. A few stars that tell no more than shifts will
        do then, and need not be in all areas and corners.

    Returns
    -------
    list of Gate
        Of which all must have passed.
    """
    limits = limits or GateLimits()
    left = sum(item is not None for item in solution.wcs)
    chance = _worst([q.chance for q in solution.frames if not q.refused])
    likely = limits.relative_chance if relative else limits.chance
    pixel = pixel_arcsec(solution.fit.wcs[0])
    share = limits.relative_matched if relative else limits.matched
    rms_frames, apart = max(solution.rms_frames), min(limits.rms_frames, limits.pixels * pixel)
    gates = [
        at_least("frames", "frames with a geometry", left, limits.frames),
        at_most("chance", "probability that a match is an accident", chance, likely),
        at_least("matched", "matched part of the catalogue", solution.matched, share),
        at_most(
            "rms_catalogue",
            "scatter against the catalogue",
            max(solution.rms_catalogue),
            limits.rms_catalogue,
            '"',
        ),
        at_most("rms_frames", "scatter of the frames about each other", rms_frames, apart, '"'),
    ]
    shifts = solution.fit.terms.frame != "affine"
    return gates if relative and shifts else gates + _everywhere(solution, limits)


def _everywhere(solution: Solution, limits: GateLimits) -> list[Gate]:
    """Judge areas and corners."""
    least = worst_share(
        solution.matched_grid, solution.possible_grid, limits.matched_area, limits.area_chance
    )
    error = _worst(solution.corner_error.tolist())
    most = max(limits.corner_error, limits.coarse * pixel_arcsec(solution.fit.wcs[0]))
    return [
        at_least("matched_area", "matched part in the worst of 16 areas", least, limits.matched_area),
        at_most(
            "corner_residual", "residual at the worst corner", _corner(solution), limits.corner_residual, '"'
        ),
        at_most("corner_error", "predicted error at the worst corner", error, most, '"'),
    ]


def light_gate(lost: float, limits: GateLimits | None = None) -> Gate:
    """Judge what is left of the light: clouds that cover all frames do not show in their comparison.

    Parameters
    ----------
    lost : float
        Zero point of the camera less that of the clearest frame, magnitudes.
    limits : GateLimits, optional

    Returns
    -------
    Gate
    """
    limits = limits or GateLimits()
    return at_most("light", "light lost in the clearest frame: clouds", lost, limits.light_mag, " mag")


def _worst(values: Sequence[float]) -> float:
    """Largest of finite numbers, NaN without any."""
    known = [value for value in values if not math.isnan(value)]
    return max(known) if known else math.nan


def _corner(solution: Solution) -> float:
    """Largest residual that is not within twice its error; corners without stars fail `matched_area`."""
    sure = solution.corner_residual - 2.0 * solution.corner_residual_error
    if not np.isfinite(sure).any():
        return math.nan
    return float(max(np.nanmax(sure), 0.0))
