"""Solving and refusing by turns, until nothing is refused any more."""

from __future__ import annotations

import logging

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import NoDataError
from photomitrus_cli.imaging.scanoutliers import leave_one_out
from photomitrus_cli.run.context import Context
from photomitrus_cli.wise.calibbright import bright_pixels
from photomitrus_cli.wise.calibfit import Examined, Fitted, Solved, apply_solution, examine, pixel_means
from photomitrus_cli.wise.calibscans import ScanRules, judge_scans
from photomitrus_cli.wise.calibsettings import CalibrateSettings
from photomitrus_cli.wise.calibsolve import Solver
from photomitrus_cli.wise.cycled import Cycled, ScanNumbers
from photomitrus_cli.wise.jointstart import Start
from photomitrus_cli.wise.samples import BRIGHT, CONTRADICTED, Samples

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Bits = NDArray[np.uint8]

_log = logging.getLogger(__name__)

# Scans do not agree better than this part of the sky where it has structure within a pixel.
_STRUCTURE = 0.03
# Fewer samples that come and go than this part of all do not change a solution.
_SETTLED = 1e-4
_FEW = 3
_TOLD = 5


def solve_in_cycles(
    samples: Samples,
    excluded: Bits,
    solver: Solver,
    settings: CalibrateSettings,
    context: Context,
    start: Start | None = None,
) -> Cycled:
    """Solve; refuse scans and samples that do not fit; solve again without them.

    Parameters
    ----------
    samples : Samples
    excluded : ndarray of uint8, shape (n,)
        What is left out from the beginning.
    solver : Solver
    settings : CalibrateSettings
    context : Context
    start : Start, optional

    Returns
    -------
    Cycled

    Raises
    ------
    NoDataError
        When no scan is left.
    """
    reasons = [""] * samples.n_scans
    accepted = np.ones(samples.n_scans, np.bool_)
    numbers = _nothing(samples.n_scans)
    with context.progress.task("solutions", settings.cycles) as advance:
        for cycle in range(1, settings.cycles + 1):
            solution = solver.solve(excluded, accepted, start)
            fitted = apply_solution(samples, solution)
            marker = _Marker(samples, excluded, fitted, settings, first=cycle == 1)
            judged, new = _judge(samples, marker.mark(accepted), accepted, solution, fitted, settings)
            numbers = _merged(numbers, new, accepted)
            refused = np.array([bool(reason) for reason in judged])
            reasons = [old or new for old, new in zip(reasons, judged, strict=True)]
            accepted = accepted & ~refused
            _require_scans(accepted, reasons, samples)
            # Once more without them: what a bad scan contradicts is not bad for that.
            marked = marker.mark(accepted)
            n_changed = int(np.count_nonzero(marked != excluded))
            _tell(samples, cycle, judged, n_changed)
            excluded, start = marked, solution
            advance()
            settled = not refused.any() and n_changed <= max(_SETTLED * len(samples), _FEW)
            if settled:
                break
    return Cycled(solution, fitted, excluded, accepted, reasons, numbers, cycle, settled)


def _judge(
    samples: Samples,
    marked: Bits,
    accepted: Flags,
    solution: Solved,
    fitted: Fitted,
    settings: CalibrateSettings,
) -> tuple[list[str], ScanNumbers]:
    """Give why scans are refused, and what is told of each."""
    kept = (marked == 0) & accepted[samples.scan_of_sample()]
    examined = examine(samples, kept, solution, fitted)
    rules = ScanRules(
        settings.min_samples,
        settings.min_correlation,
        settings.residual_sigma,
        settings.gain_sigma,
        settings.drift_sigma,
        settings.max_contradicted,
    )
    numbers = _numbers(samples, solution, examined)
    contradicted = _contradicted(samples, marked, accepted)
    judged = judge_scans(examined, numbers.gain, numbers.drift, contradicted, accepted, rules)
    return judged, numbers


class _Marker:
    """Marks bright pixels, by the first solution, and contradicted samples, by each."""

    def __init__(
        self, samples: Samples, excluded: Bits, fitted: Fitted, settings: CalibrateSettings, *, first: bool
    ) -> None:
        self._samples, self._excluded, self._fitted, self._settings = samples, excluded, fitted, settings
        self._first = first

    def mark(self, accepted: Flags) -> Bits:
        """Give the bits of excluded samples when these scans are compared, shape (n,)."""
        samples, fitted, settings = self._samples, self._fitted, self._settings
        mine = accepted[samples.scan_of_sample()]
        n_pixels = len(samples.pixels)
        weight = np.where(mine & (self._excluded == 0), fitted.weight, 0.0)
        mean, sigma = pixel_means(samples.index, fitted.sky, weight, n_pixels)
        # Samples that were left out before are compared again: what contradicted them may be gone.
        marked = self._excluded & np.uint8(255 - CONTRADICTED)
        if self._first and settings.bright_sigma > 0:
            bright = bright_pixels(mean, sigma, samples.galactic_latitude, settings.bright_sigma)
            marked = marked | np.where(bright, BRIGHT, 0).astype(np.uint8)[samples.index]
        variance = 1.0 / np.where(fitted.weight > 0, fitted.weight, 1.0)
        structure = _STRUCTURE * np.abs(np.nan_to_num(mean))[samples.index]
        weight = np.where(fitted.weight > 0, 1.0 / (variance + structure**2), 0.0)
        compared = mine & (marked == 0)
        contradicted = leave_one_out(
            samples.index, fitted.sky, weight, n_pixels, settings.leave_out_sigma, use=compared
        )
        return np.where(contradicted, marked | CONTRADICTED, marked).astype(np.uint8)


def _contradicted(samples: Samples, marked: Bits, accepted: Flags) -> Floats:
    """Give the part of each scan's fitted samples that others contradict, shape (S,)."""
    scan = samples.scan_of_sample()
    compared = accepted[scan] & ((marked & np.uint8(255 - CONTRADICTED)) == 0)
    bad = compared & (marked == CONTRADICTED)
    counts = np.bincount(scan[compared], minlength=samples.n_scans)
    return np.asarray(np.bincount(scan[bad], minlength=samples.n_scans) / np.maximum(counts, 1))


def _nothing(n_scans: int) -> ScanNumbers:
    unknown = np.full(n_scans, np.nan)
    return ScanNumbers(unknown, unknown, unknown, np.zeros(n_scans, np.int64), unknown, unknown, unknown)


def _merged(old: ScanNumbers, new: ScanNumbers, scans: Flags) -> ScanNumbers:
    """Take new rows of some scans, and keep the old ones of the others."""
    names = ScanNumbers.__dataclass_fields__
    return ScanNumbers(*(np.where(scans, getattr(new, name), getattr(old, name)) for name in names))


def _numbers(samples: Samples, solution: Solved, examined: Examined) -> ScanNumbers:
    """Put together what is told of each scan."""
    scan, counts, n_scans = samples.scan_of_sample(), np.diff(samples.first), samples.n_scans

    def mean(values: Floats) -> Floats:
        """Give the mean of each scan, NaN without samples."""
        out = np.full(n_scans, np.nan)
        np.divide(np.bincount(scan, values, n_scans), counts, out=out, where=counts > 0)
        return out

    offset = mean(solution.offset)
    drift = np.sqrt(mean((solution.offset - offset[scan]) ** 2))
    figures = examined.figures
    return ScanNumbers(
        solution.gain.copy(),
        offset,
        drift,
        figures.n_used.astype(np.int64),
        figures.residual_rms,
        figures.chi2,
        figures.correlation,
    )


def _require_scans(accepted: Flags, reasons: list[str], samples: Samples) -> None:
    if accepted.any():
        return
    told = "; ".join(f"{name}: {why}" for name, why in list(zip(samples.names, reasons, strict=True))[:_TOLD])
    raise NoDataError(
        f"all {samples.n_scans} scans are refused: {told}",
        hint="min_correlation, min_samples, and the limits *_sigma of wise.calibrate decide",
    )


def _tell(samples: Samples, cycle: int, judged: list[str], n_changed: int) -> None:
    for name, reason in zip(samples.names, judged, strict=True):
        if reason:
            _log.info("scan %s refused: %s", name, reason)
    n_refused = sum(map(bool, judged))
    _log.info("solution %d: %d scans refused, %d samples come or go", cycle, n_refused, n_changed)
