"""The two methods of calibration behind one door: all scans together, or each by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.wise.calibfit import Solved
from photomitrus_cli.wise.calibsettings import CalibrateSettings
from photomitrus_cli.wise.jointdesign import Choices, Problem, make_problem
from photomitrus_cli.wise.jointerrors import Errors, errors_of
from photomitrus_cli.wise.jointsolution import Solution
from photomitrus_cli.wise.jointsolve import solve as solve_joint
from photomitrus_cli.wise.jointstart import Start
from photomitrus_cli.wise.jointunknowns import threads
from photomitrus_cli.wise.samples import FLAGGED, Samples
from photomitrus_cli.wise.templatemodes import MODES

Flags = NDArray[np.bool_]
Bits = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Prior:
    """What a solution supposes of gains and offsets, measured or given; NaN where nothing is supposed.

    Attributes
    ----------
    walk, jitter : float
        Rms relative change of the gain in a day, and from scan to scan beyond that.
    baseline : float
        Rms of the offsets along a scan, DN.
    """

    walk: float
    jitter: float
    baseline: float


@dataclass(frozen=True, slots=True)
class Solver:
    """A way to solve one problem again and again.

    Attributes
    ----------
    solve : callable
        From the bits of excluded samples (n,), the accepted scans (S,) and where to start (a solution of this
        problem, an earlier calibration or None; some methods always start anew), to a solution.
    errors : callable
        From a solution to its errors.
    prior : callable
        From a solution to what it supposes.
    """

    solve: Callable[[Bits, Flags, Any], Any]
    errors: Callable[[Any], Errors]
    prior: Callable[[Any], Prior]


def choices_of(settings: CalibrateSettings, components: tuple[str, ...]) -> Choices:
    """Translate settings, and make sure that the template has what the modes need.

    Parameters
    ----------
    settings : CalibrateSettings
    components : tuple of str
        Of the template.

    Returns
    -------
    Choices

    Raises
    ------
    ConfigError
        When a mode changes a component that the template does not have.
    """
    modes = {name: rms for name, rms in settings.modes.items() if rms > 0.0}
    for name in modes:
        for component in MODES[name]:
            if component not in components:
                raise ConfigError(
                    f"the mode {name} changes {component}, which the template does not have",
                    hint=f"set wise.calibrate.modes.{name}=0, or add it to wise.zodi.components",
                )
    return Choices(
        settings.baseline_deg,
        settings.baseline_length_deg,
        _given(settings.baseline_dn),
        _given(settings.gain_walk),
        _given(settings.gain_jitter),
        modes,
        settings.robust_sigma,
        settings.rounds,
    )


@contextmanager
def open_solver(
    samples: Samples, choices: Choices, settings: CalibrateSettings, workers: int
) -> Iterator[Solver]:
    """Lay out the problem, and keep threads ready for it.

    Parameters
    ----------
    samples : Samples
    choices : Choices
    settings : CalibrateSettings
    workers : int
        Number of threads.

    Yields
    ------
    Solver
    """
    problem = make_problem(samples, choices)
    if settings.method == "seed":
        yield _line_solver(problem, settings)
        return

    def solve(excluded: Bits, accepted: Flags, start: Start | Solution | None) -> Solution:
        """Solve with what is left."""
        return solve_joint(problem, _used(problem, excluded, accepted), pool, start)

    def errors(solution: Solution) -> Errors:
        """Draw errors while the threads are there."""
        return errors_of(solution, settings.draws, settings.draw_seed)

    with threads(problem.design, workers) as pool:
        yield Solver(solve, errors, _joint_prior)


def _joint_prior(solution: Any) -> Prior:
    strengths = solution.strengths
    return Prior(strengths.walk, strengths.jitter, strengths.baseline)


def _line_solver(problem: Problem, settings: CalibrateSettings) -> Solver:
    from photomitrus_cli.wise.perscan import solve_per_scan
    from photomitrus_cli.wise.perscanerrors import errors_per_scan
    from photomitrus_cli.wise.perscanlines import LineChoices

    lines = settings.lines
    choices = LineChoices(
        settings.galaxy_deg,
        lines.ecliptic_deg,
        lines.rounds,
        lines.splines,
        lines.median_scans,
        lines.clip_sigma,
    )
    last: list[Problem] = []

    def solve(excluded: Bits, accepted: Flags, start: Start | None) -> Solved:
        """Solve with what is left; nothing can be started from."""
        del start
        # The map of this method takes all samples that are not marked: those of refused scans have to be.
        marked = excluded | np.where(accepted, 0, FLAGGED).astype(np.uint8)[problem.scan]
        last[:] = [replace(problem, samples=replace(problem.samples, excluded=marked))]
        return solve_per_scan(last[0], _used(problem, excluded, accepted), choices)

    return Solver(
        solve,
        lambda solution: errors_per_scan(last[0], solution),
        lambda solution: Prior(solution.walk, solution.jitter, solution.baseline),
    )


def _used(problem: Problem, excluded: Bits, accepted: Flags) -> Flags:
    return np.asarray((excluded == 0) & accepted[problem.scan])


def _given(value: float | str) -> float | None:
    return None if isinstance(value, str) else value
