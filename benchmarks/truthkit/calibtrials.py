"""One trial of the calibration benchmark: every method on the same scans, and our errors beside the truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from photomitrus_cli.wise.calibdifferences import differences
from truthkit.calibmeasure import GALACTIC, Measured
from truthkit.calibmethods import METHODS, floors
from truthkit.calibours import TRUE_AMPLITUDES, Ours, calibrate, warm_up
from truthkit.calibsky import Bench, make

Floats = NDArray[np.float64]
Kept = TypeVar("Kept")

OURS = "joint"


@dataclass(frozen=True, slots=True)
class Pair:
    """An error and what was stated for it.

    Attributes
    ----------
    true, stated : float
        `true` is that of a number, or the rms of those of many; `stated` is 1 sigma, or the rms of many.
    """

    true: float
    stated: float

    @property
    def pull(self) -> float:
        """Give one over the other."""
        return self.true / self.stated


@dataclass(frozen=True, slots=True)
class Stated:
    """Errors against those that the calibration states.

    Attributes
    ----------
    gain, offset : Pair
        About the mean of all scans: %, DN.
    common_gain, common_offset : Pair
        Of that mean: %, DN.
    sky : Pair
        Map beyond 20 deg of Galactic latitude about its mean, MJy/sr; stated with the noise of the samples.
    calibration : float
        Stated without that noise, MJy/sr.
    sky_chi2 : float
        Mean of (error / stated)^2 of these pixels.
    zero_level : Pair
        Of their mean, MJy/sr.
    amplitudes : dict of str to Pair
    differences : dict of str to tuple of float
        chi^2 per pixel of half-difference maps beyond 20 deg of Galactic latitude, and of all pixels.
    """

    gain: Pair
    offset: Pair
    common_gain: Pair
    common_offset: Pair
    sky: Pair
    calibration: float
    sky_chi2: float
    zero_level: Pair
    amplitudes: dict[str, Pair]
    differences: dict[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Trial:
    """What one benchmark has shown.

    Attributes
    ----------
    error : str
    seed : int
    measured : dict of str to Measured
        By method, ours first, and by floor.
    cpu : dict of str to float
        By method, s.
    stated : Stated
        Of ours.
    """

    error: str
    seed: int
    measured: dict[str, Measured]
    cpu: dict[str, float]
    stated: Stated


@dataclass(frozen=True, slots=True)
class Task:
    """What to try.

    Attributes
    ----------
    error : str
    seed : int
    folder : Path
        Keeps templates and trials.
    """

    error: str
    seed: int
    folder: Path


def kept(path: Path, kind: type[Kept], measure: Callable[[], Kept]) -> Kept:
    """Read a measurement, or make it and write it down.

    Parameters
    ----------
    path : Path
    kind : type
        A dataclass.
    measure : callable
    """
    adapter = TypeAdapter(kind)
    if not path.exists():
        found = measure()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(adapter.dump_json(found, indent=1))
    return adapter.validate_json(path.read_bytes())


def attempt(task: Task) -> Trial:
    """Calibrate one benchmark by every method, unless that was done before."""
    path = task.folder / f"trial-{task.error}-{task.seed}.json"
    return kept(path, Trial, lambda: _attempt(task))


def _attempt(task: Task) -> Trial:
    bench = make(task.seed, task.error, cache=task.folder)
    warm_up()
    ours = calibrate(bench)
    measured, cpu = {OURS: ours.measured(bench)}, {OURS: ours.solving.cpu}
    for name, method in METHODS.items():
        began = process_time()
        found = method(bench.samples)
        cpu[name] = process_time() - began
        measured[name] = found.measured(bench)
    measured |= floors(bench)
    return Trial(task.error, task.seed, measured, cpu, stated(bench, ours, measured[OURS]))


def stated(bench: Bench, ours: Ours, measured: Measured) -> Stated:
    """Compare errors with what is stated for them.

    Parameters
    ----------
    bench : Bench
    ours : Ours
    measured : Measured
        The true errors.
    """
    errors = ours.errors
    sky, total = ours.sky(), np.bincount(bench.samples.index, ours.data.weight, len(bench.sky))
    far = (np.abs(bench.samples.galactic_latitude) > GALACTIC) & np.isfinite(sky)
    sigma = np.sqrt(errors.sky[far] ** 2 + 1.0 / total[far])
    wrong = (sky - bench.sky)[far] - measured.monopole
    return Stated(
        gain=Pair(measured.gain_rms, 100.0 * root_mean_square(errors.gain)),
        offset=Pair(measured.offset_rms, root_mean_square(errors.offset)),
        common_gain=Pair(measured.gain_mean, 100.0 * errors.common_gain),
        common_offset=Pair(measured.offset_mean, errors.common_offset),
        sky=Pair(measured.residual, root_mean_square(sigma)),
        calibration=root_mean_square(errors.sky[far]),
        sky_chi2=float(np.mean((wrong / sigma) ** 2)),
        zero_level=Pair(measured.monopole, errors.zero_level),
        amplitudes=_amplitudes(bench, ours),
        differences=half_differences(ours),
    )


def half_differences(ours: Ours) -> dict[str, tuple[float, float]]:
    """Give chi^2 per pixel of half-difference maps, beyond 20 deg of Galactic latitude and everywhere.

    Parameters
    ----------
    ours : Ours
    """
    samples, found = ours.data.samples, {}
    for one in differences(ours.data):
        if one.map is not None:
            latitude = samples.galactic_latitude[np.searchsorted(samples.pixels, one.map.pixels)]
            squares = (one.map.columns["DIFF"] / one.map.columns["SIGMA"]) ** 2
            found[one.name] = float(squares[np.abs(latitude) > GALACTIC].mean()), float(squares.mean())
    return found


def _amplitudes(bench: Bench, ours: Ours) -> dict[str, Pair]:
    true = TRUE_AMPLITUDES.get(bench.error, {})
    modes = ours.solution.problem.choices.modes
    found = zip(modes, ours.solution.amplitudes.tolist(), ours.errors.amplitudes.tolist(), strict=True)
    return {name: Pair(value - true.get(name, 0.0), sigma) for name, value, sigma in found}


def root_mean_square(values: Floats) -> float:
    """Give the root of the mean square."""
    return float(np.sqrt(np.mean(np.square(values))))
