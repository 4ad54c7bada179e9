"""From a solution to what is written: the map, differences, tables and the numbers of headers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import NoDataError
from photomitrus_cli.io.healpixfile import PartialMap
from photomitrus_cli.wise.calibcards import plain
from photomitrus_cli.wise.calibdifferences import Difference, differences
from photomitrus_cli.wise.calibfigures import residual_table
from photomitrus_cli.wise.calibfit import pixel_means
from photomitrus_cli.wise.calibmaps import Calibrated, full_sky
from photomitrus_cli.wise.calibmasks import count_reasons
from photomitrus_cli.wise.calibrun import CalibrateRun
from photomitrus_cli.wise.calibsolve import Prior
from photomitrus_cli.wise.calibstart import AMPLITUDES, PRIOR, ZERO_SHIFT
from photomitrus_cli.wise.calibtables import ResidualTable, ScanTable
from photomitrus_cli.wise.calibzero import zero_shift
from photomitrus_cli.wise.cycled import Cycled
from photomitrus_cli.wise.jointerrors import Errors
from photomitrus_cli.wise.samples import UNMAPPED, Samples

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """A calibrated band.

    Attributes
    ----------
    samples : Samples
        With everything that was excluded.
    sky : PartialMap
    differences : list of Difference
    scans : ScanTable
    residuals : ResidualTable
    left : ndarray of float64, shape (n,)
        Scan less map, MJy/sr.
    shown : ndarray of bool, shape (n,)
        Samples of `left` that count: fitted, of accepted scans.
    facts : dict
        Numbers of the product, as JSON knows them.
    """

    samples: Samples
    sky: PartialMap
    differences: list[Difference]
    scans: ScanTable
    residuals: ResidualTable
    left: Floats
    shown: Flags
    facts: dict[str, Any]


def make_result(run: CalibrateRun, samples: Samples, cycled: Cycled, errors: Errors, prior: Prior) -> Result:
    """Average calibrated samples and measure what is left over.

    Parameters
    ----------
    run : CalibrateRun
    samples : Samples
    cycled : Cycled
    errors : Errors
    prior : Prior

    Returns
    -------
    Result

    Raises
    ------
    InputError
        When the reference map of the zero level cannot be read.
    NoDataError
        When no sample may be mapped, or the reference map does not meet them.
    """
    settings = run.settings
    samples = replace(samples, excluded=cycled.excluded)
    live = cycled.accepted[samples.scan_of_sample()]
    shift = _shift(run, samples, cycled, live & (samples.excluded == 0))
    mapped = live & ((samples.excluded & UNMAPPED) == 0) & (cycled.fitted.weight > 0)
    if not mapped.any():
        raise NoDataError("no sample may be mapped: all are near the Moon or planets, flagged or refused")
    data = Calibrated(
        samples,
        cycled.fitted.sky + shift,
        cycled.solution.zodi,
        np.where(mapped, cycled.fitted.weight, 0.0),
        cycled.accepted,
        errors.sky,
    )
    sky = full_sky(data, zodi_error=settings.zodi_error)
    halves = differences(data)
    left = data.sky - sky.columns["SKY"][samples.index]
    shown = mapped & (samples.excluded == 0)
    scans = scan_table(samples, cycled, errors, shift)
    facts = _facts(run, samples, cycled, errors, prior, halves) | {ZERO_SHIFT: shift}
    return Result(samples, sky, halves, scans, residual_table(samples, left, shown), left, shown, facts)


def scan_table(samples: Samples, cycled: Cycled, errors: Errors, shift: float) -> ScanTable:
    """Put together what was fitted to each scan.

    Parameters
    ----------
    samples : Samples
    cycled : Cycled
    errors : Errors
    shift : float
        Added to the sky, MJy/sr; offsets are lower by as much.

    Returns
    -------
    ScanTable
    """
    numbers, accepted = cycled.numbers, cycled.accepted
    return ScanTable(
        np.array(samples.names),
        samples.scan_mjd(),
        samples.side.astype(np.int64),
        samples.ascending,
        np.diff(samples.first),
        numbers.n_used,
        numbers.gain,
        np.where(accepted, errors.gain * numbers.gain, np.nan),
        numbers.offset - shift * numbers.gain,
        np.where(accepted, errors.offset, np.nan),
        numbers.drift,
        np.where(accepted[:, None], cycled.solution.nodes - shift * numbers.gain[:, None], np.nan),
        numbers.residual_rms,
        numbers.chi2,
        numbers.correlation,
        accepted,
        np.array(cycled.reasons),
    )


def _shift(run: CalibrateRun, samples: Samples, cycled: Cycled, used: Flags) -> float:
    weight = np.where(used, cycled.fitted.weight, 0.0)
    mean, _ = pixel_means(samples.index, cycled.fitted.sky, weight, len(samples.pixels))
    return zero_shift(run.settings.zero, mean, np.isfinite(mean), samples)


def _facts(
    run: CalibrateRun,
    samples: Samples,
    cycled: Cycled,
    errors: Errors,
    prior: Prior,
    halves: list[Difference],
) -> dict[str, Any]:
    accepted = cycled.accepted
    gains = cycled.numbers.gain[accepted]
    scans = run.scans.scans
    return {
        "n_scans": len(scans),
        "n_accepted": int(accepted.sum()),
        "n_refused": int((~accepted).sum()),
        "n_failed": len(scans) - samples.n_scans,
        "n_samples": len(samples),
        "n_pixels": len(samples.pixels),
        "n_excluded": count_reasons(samples.excluded),
        "mjd_first": min(scan.mjd_first for scan in scans),
        "mjd_last": max(scan.mjd_last for scan in scans),
        "n_cycles": cycled.n_cycles,
        "settled": cycled.settled,
        "gain_median": float(np.median(gains)),
        "gain_lowest": float(gains.min()),
        "gain_highest": float(gains.max()),
        "gain_common_sigma": plain(errors.common_gain),
        "offset_common_sigma": plain(errors.common_offset),
        "zero_level_sigma": plain(errors.zero_level),
        AMPLITUDES: {
            name: {"value": float(value), "sigma": float(sigma)}
            for name, value, sigma in zip(
                run.choices.modes, cycled.solution.amplitudes, errors.amplitudes, strict=True
            )
        },
        PRIOR: {
            "walk": plain(prior.walk),
            "jitter": plain(prior.jitter),
            "baseline_dn": plain(prior.baseline),
        },
        "differences": {
            half.name: {name: plain(value) for name, value in half.facts.items()} for half in halves
        },
    }
