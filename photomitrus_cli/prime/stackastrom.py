"""Where the frames of a stack look, and which of them are fit to be stacked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from photomitrus_cli.errors import NoDataError
from photomitrus_cli.imaging.geometry import footprint
from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.gridaround import grid_for_footprints
from photomitrus_cli.imaging.tangent import directions_of
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.prime.astrogates import astrometry_gates, light_gate
from photomitrus_cli.prime.astrometry import solve_astrometry
from photomitrus_cli.prime.framelight import flux_scales, seeing_widths
from photomitrus_cli.prime.framematch import catalogue_pairs_of
from photomitrus_cli.prime.framestars import AstrometrySettings, FrameStars
from photomitrus_cli.prime.gates import Gate, failed
from photomitrus_cli.prime.geometry import pixel_arcsec
from photomitrus_cli.prime.ownfield import solve_own_field
from photomitrus_cli.prime.refcatalogue import RefCatalogue
from photomitrus_cli.prime.solution import Solution
from photomitrus_cli.prime.sources import Sources
from photomitrus_cli.prime.stackfield import frame_starts, reference_stars, stack_year
from photomitrus_cli.prime.stackphot import zero_point
from photomitrus_cli.prime.stackplan import StackPlan
from photomitrus_cli.prime.stacksettings import OWN_STARS

_Solved = tuple[Solution, RefCatalogue, list[Gate]]


@dataclass(frozen=True)
class Judged:
    """Frames with their places, light and verdicts.

    Attributes
    ----------
    solution : Solution
    catalogue : RefCatalogue
    gates : list of Gate
    grid : Grid
        Of the stack.
    scales : dict of int to float
        Light of each frame that is used, by its number in the plan.
    light : dict of int to float
        The same of all frames that could be compared, those that are too dark among them.
    widths : dict of int to float
        Seeing of all frames that have a place, pixels.
    reasons : dict of int to str
        Why others are not.
    """

    solution: Solution
    catalogue: RefCatalogue
    gates: list[Gate]
    grid: Grid
    scales: dict[int, float]
    light: dict[int, float]
    widths: dict[int, float]
    reasons: dict[int, str]


def judge_frames(
    plan: StackPlan,
    indices: Sequence[int],
    sources: Sequence[Sources],
    places: Mapping[int, TanSip] | None = None,
) -> Judged:
    """Solve the astrometry of all frames, hold it against the quality gates, and compare their light.

    Parameters
    ----------
    plan : StackPlan
    indices : sequence of int
        Frames that there are, by their numbers in the plan.
    sources : sequence of Sources
        Of these frames.
    places : mapping of int to TanSip, optional
        Where frames may look instead of where their headers say, by their numbers in the plan.

    Returns
    -------
    Judged

    Raises
    ------
    InputError, ConfigError
        When the catalogue cannot be read.
    NoDataError
        When no frame finds its place, the gates refuse the solution and it is not to be allowed, or too few
        frames are left.
    """
    starts = [frame_starts(plan, index) for index in indices]
    if places is not None:
        # One more place for every frame, so that the n-th one means the same for all of them.
        starts = [
            (one[0], places.get(index, one[0]), *one[1:]) for index, one in zip(indices, starts, strict=True)
        ]
    stars = [
        FrameStars(plan.chip.frames[index].path.name, found, start)
        for index, found, start in zip(indices, sources, starts, strict=True)
    ]
    solution, catalogue, gates = _solve(plan, stars)
    placed = [k for k, wcs in enumerate(solution.wcs) if wcs is not None]
    wcs = [one for one in solution.wcs if one is not None]
    lost = _lost_light(plan, [sources[k] for k in placed], wcs, catalogue)
    gates += [] if lost is None else [light_gate(lost)]
    _refuse_poor(plan, gates)
    reasons = {indices[k]: one.refused for k, one in enumerate(solution.frames) if one.refused}
    if not wcs:
        raise _none_left(reasons)
    grid = _grid(wcs, plan.settings.pixel_scale_arcsec)
    chosen = [sources[k] for k in placed]
    numbers = [indices[k] for k in placed]
    light = dict(zip(numbers, flux_scales(chosen, wcs, grid).tolist(), strict=True))
    widths = dict(zip(numbers, seeing_widths(chosen, wcs, grid).tolist(), strict=True))
    dark = {index: _too_dark(scale, plan.settings.max_extinction_mag) for index, scale in light.items()}
    reasons |= {index: reason for index, reason in dark.items() if reason}
    scales = {index: scale for index, scale in light.items() if not dark[index]}
    if not scales:
        raise _none_left(reasons)
    return Judged(solution, catalogue, gates, grid, scales, light, widths, reasons)


def _too_dark(scale: float, most: float) -> str:
    """Say why a frame with such light is not used; empty when it is."""
    if not np.isfinite(scale):
        return "too few stars in common with the other frames"
    lost = -2.5 * float(np.log10(scale))
    return f"clouds: {lost:.2f} mag less light (limit {most:g})" if lost > most else ""


def _none_left(reasons: Mapping[int, str]) -> NoDataError:
    return NoDataError("no frame is left to be stacked: " + "; ".join(sorted(set(reasons.values()))))


def _solve(plan: StackPlan, stars: Sequence[FrameStars]) -> _Solved:
    """Fit all frames to the reference asked for: as they should look, then with the rotator turned."""
    fit = AstrometrySettings(degrees=plan.settings.degrees)
    if plan.settings.refcat == OWN_STARS:
        own, stars_of_one = solve_own_field(stars, stack_year(plan), fit)
        return own, stars_of_one, astrometry_gates(own, relative=True)
    found: list[_Solved] = []
    problems: list[NoDataError] = []
    plain = 2 if plan.settings.net_refine else 1
    turned = replace(fit, search=replace(fit.search, turns=(0.0,), flips=False))
    for part, how in ((slice(plain), fit), (slice(plain, None), turned)):
        tried = [replace(one, starts=one.starts[part]) for one in stars]
        if not tried[0].starts:
            continue
        try:
            catalogue = reference_stars(plan, [start for one in tried for start in one.starts])
            solution = solve_astrometry(tried, catalogue, how)
        except NoDataError as error:
            problems.append(error)
            continue
        found.append((solution, catalogue, astrometry_gates(solution)))
        if not failed(found[-1][2]):
            return found[-1]
    if not found:
        raise NoDataError(f"chip {plan.chip.chip}: {problems[0].message}", hint=problems[0].hint)
    return found[0]


def _lost_light(
    plan: StackPlan, sources: Sequence[Sources], wcs: Sequence[TanSip], catalogue: RefCatalogue
) -> float | None:
    """Magnitudes that even the clearest frame has lost; None when camera or catalogue do not tell."""
    band = plan.instrument.bands.get(plan.chip.band)
    if band is None or band.zero_point is None:
        return None
    # The mean of pixels has that much less light.
    expected = band.zero_point - 5.0 * np.log10(plan.chip.window.scale)
    vectors = directions_of(catalogue.ra, catalogue.dec)
    found = []
    for one, stars in zip(wcs, sources, strict=True):
        rows, refs = catalogue_pairs_of(one, stars, vectors)
        zero = zero_point(
            stars.flux[rows], stars.flux_err[rows], catalogue.mag[refs], catalogue.mag_err[refs]
        )
        found += [] if zero is None else [zero.value]
    return float(expected - max(found)) if found else None


def _refuse_poor(plan: StackPlan, gates: list[Gate]) -> None:
    bad = failed(gates)
    if bad and not plan.settings.allow_poor_wcs:
        raise NoDataError(
            f"chip {plan.chip.chip}: the stack could not be trusted: " + "; ".join(gate.line for gate in bad),
            hint="--allow-poor-wcs writes the stack all the same",
        )


def _grid(wcs: Sequence[TanSip], scale: float | None) -> Grid:
    """Choose the grid that holds all frames, north up, in pixels of their size."""
    own = float(np.median([pixel_arcsec(one) for one in wcs]))
    corners = np.array([footprint(one, one.shape) for one in wcs])
    return grid_for_footprints(corners[:, 0], corners[:, 1], scale or round(own, 3))
