"""Quality gates: numbers held against limits, each with one line that says what it means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from photomitrus_cli.prime.astrometry import Solution
from photomitrus_cli.prime.framequality import worst_share


@dataclass(frozen=True)
class Gate:
    """One verdict.

    Attributes
    ----------
    name : str
        Short, for tables and headers.
    value, limit : float
        What is and what may be; NaN where nothing could be measured.
    passed : bool
    line : str
        One line for people.
    """

    name: str
    value: float
    limit: float
    passed: bool
    line: str


@dataclass(frozen=True)
class GateLimits:
    """What a solution must reach; lengths in arcsec.

    Attributes
    ----------
    rms_catalogue : float
        Largest scatter against the catalogue, of one coordinate.
    rms_frames : float
        Largest weighted scatter of the frames about each other, of one coordinate.
    matched : float
        Smallest part of the catalogue stars with a detection.
    matched_area : float
        The same in the worst of 4 x 4 areas of the detector, or of several together where single ones have
        too few stars to tell.
    area_chance : float
        Probability of a smaller part by accident that makes an area too small to tell.
    corner_residual : float
        Largest mean residual at a corner, above twice its error.
    corner_error : float
        Largest predicted error of the geometry at a corner.
    chance : float
        Largest probability that the match of a frame is an accident.
    frames : int
        Smallest number of frames left.
    pixels : float
        Largest `rms_frames` in pixels, which counts where pixels are small.
    coarse : float
        Error at a corner, pixels, that will do where pixels are large.
    relative_chance, relative_matched : float
        In the place of `chance` and `matched` for frames held against one of themselves: a single frame has
        few stars, and objects that others do not show.
    light_mag : float
        Largest loss of light of the clearest frame, magnitudes.
    """

    rms_catalogue: float = 0.3
    rms_frames: float = 0.15
    matched: float = 0.5
    matched_area: float = 0.2
    area_chance: float = 1e-4
    corner_residual: float = 0.15
    corner_error: float = 0.15
    chance: float = 1e-6
    frames: int = 3
    pixels: float = 0.5
    coarse: float = 0.04
    relative_chance: float = 1e-3
    relative_matched: float = 0.25
    light_mag: float = 1.0


def at_most(name: str, what: str, value: float, limit: float, unit: str = "") -> Gate:
    """Pass a number that is not above its limit.

    Parameters
    ----------
    name, what : str
        Short name; what the number is, in words.
    value, limit : float
        A value of NaN fails.
    unit : str, optional
        Written behind the numbers.

    Returns
    -------
    Gate
    """
    return _gate(name, what, (value, limit), value <= limit, ("at most", unit))


def at_least(name: str, what: str, value: float, limit: float, unit: str = "") -> Gate:
    """Pass a number that is not below its limit; otherwise as `at_most`.

    Parameters
    ----------
    name, what : str
    value, limit : float
    unit : str, optional

    Returns
    -------
    Gate
    """
    return _gate(name, what, (value, limit), value >= limit, ("at least", unit))


def _gate(name: str, what: str, numbers: tuple[float, float], passed: bool, words: tuple[str, str]) -> Gate:
    value, limit = numbers
    told = "not measured" if math.isnan(value) else f"{value:.3g}{words[1]}"
    line = f"{what}: {told} ({words[0]} {limit:g}{words[1]})"
    return Gate(name, float(value), float(limit), bool(passed), line)


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
    share = limits.relative_matched if relative else limits.matched
    rms_frames, apart = max(solution.rms_frames), min(limits.rms_frames, limits.pixels * _pixel(solution))
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


def _pixel(solution: Solution) -> float:
    """Side of a pixel, arcsec."""
    return 3600.0 * float(np.sqrt(abs(np.linalg.det(solution.fit.wcs[0].cd))))


def _everywhere(solution: Solution, limits: GateLimits) -> list[Gate]:
    """Judge areas and corners."""
    least = worst_share(
        solution.matched_grid, solution.possible_grid, limits.matched_area, limits.area_chance
    )
    error = _worst(solution.corner_error.tolist())
    most = max(limits.corner_error, limits.coarse * _pixel(solution))
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


def failed(gates: Sequence[Gate]) -> list[Gate]:
    """Give the gates that did not pass."""
    return [gate for gate in gates if not gate.passed]


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
