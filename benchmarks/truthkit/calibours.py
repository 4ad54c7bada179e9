"""The joint calibration of the program, with its packaged settings, on benchmark scans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from time import perf_counter, process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.wise.calibfit import apply_solution
from photomitrus_cli.wise.calibmaps import Calibrated
from photomitrus_cli.wise.calibsettings import CalibrateSettings
from photomitrus_cli.wise.calibsolve import choices_of
from photomitrus_cli.wise.jointdesign import make_problem
from photomitrus_cli.wise.jointerrors import Errors, errors_of
from photomitrus_cli.wise.jointsolution import Solution
from photomitrus_cli.wise.jointsolve import solve
from photomitrus_cli.wise.jointunknowns import threads
from truthkit.calibbig import make_mission
from truthkit.calibmeasure import Measured, measure, pixel_mean
from truthkit.calibsky import Bench
from truthkit.runs import settings

Floats = NDArray[np.float64]

TRUE_AMPLITUDES: Mapping[str, Mapping[str, float]] = {
    "sides": {"sides": 0.015},
    "bands": {"bands": 0.2, "ring": -0.2},
    "sin2beta": {"asymmetry": 0.015},
}


@dataclass(frozen=True, slots=True)
class Spent:
    """Time, s.

    Attributes
    ----------
    wall, cpu : float
    """

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True, eq=False)
class Ours:
    """A calibration, its errors, and what they took.

    Attributes
    ----------
    solution : Solution
    errors : Errors
    data : Calibrated
        All samples, none refused.
    solving, drawing : Spent
        For the solution and for its errors.
    """

    solution: Solution
    errors: Errors
    data: Calibrated
    solving: Spent
    drawing: Spent

    def sky(self) -> Floats:
        """Give the weighted mean of the calibrated samples, MJy/sr, shape (P,)."""
        samples = self.data.samples
        return pixel_mean(samples.index, self.data.sky, self.data.weight, len(samples.pixels))

    def measured(self, bench: Bench) -> Measured:
        """Compare with the truth."""
        found = self.solution
        return measure(bench, found.gain, found.offset, found.zodi, self.sky(), self.data.weight)


def packaged() -> CalibrateSettings:
    """Give the packaged settings of the calibration."""
    return settings({}).wise.calibrate


def calibrate(bench: Bench, workers: int = 1, **changes: Any) -> Ours:
    """Calibrate once, without refusing anything.

    Parameters
    ----------
    bench : Bench
    workers : int
        Threads.
    **changes : object
        Settings.
    """
    chosen = packaged().model_copy(update=changes)
    samples = bench.samples
    began = perf_counter(), process_time()
    problem = make_problem(samples, choices_of(chosen, samples.components))
    with threads(problem.design, workers) as pool:
        solution = solve(problem, samples.excluded == 0, pool)
        solved = perf_counter(), process_time()
        errors = errors_of(solution, chosen.draws, chosen.draw_seed)
    drawn = perf_counter(), process_time()
    fitted = apply_solution(samples, solution)
    accepted = np.ones(samples.n_scans, np.bool_)
    data = Calibrated(samples, fitted.sky, solution.zodi, fitted.weight, accepted, errors.sky)
    return Ours(solution, errors, data, _spent(began, solved), _spent(solved, drawn))


@cache
def warm_up() -> None:
    """Load or compile every kernel, once in a process."""
    calibrate(make_mission(1, 60, nside=32), draws=2)


def _spent(start: tuple[float, float], end: tuple[float, float]) -> Spent:
    return Spent(end[0] - start[0], end[1] - start[1])
