"""Which scans do not belong in a calibration: tests that are stated, with the reason of each refusal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.wise.calibfit import Examined

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

NO_PIXELS = "no usable map pixel"
_SIGMA_OF_MAD = 1.482602218505602
# Scans before and after, in time, that tell what gain is usual.
_NEIGHBOURS = 25
# Scatter below this is not believed, relative: some scans always agree by chance.
_LEAST_GAIN_SCATTER, _LEAST_RESIDUAL_SCATTER = 0.005, 0.05
# The same of offsets along scans, of which few are all but constant; and DN, for fits without such offsets.
_LEAST_DRIFT_SCATTER, _LEAST_DRIFT_DN = 0.25, 1e-3


@dataclass(frozen=True, slots=True)
class ScanRules:
    """When a scan is refused.

    Attributes
    ----------
    min_samples : int
        Fewer map pixels in the fit.
    min_correlation : float
        Smaller r^2 of its brightness, without the sky, with the zodiacal template.
    residual_sigma : float
        Residuals (`Examined.spread`) so many robust standard deviations above the median of the scans.
    gain_sigma : float
        A gain of its own so many robust standard deviations from its neighbours in time.
    drift_sigma : float
        Offsets along the scan whose rms is so many robust standard deviations above the median of the scans.
    max_contradicted : float
        A larger part of its map pixels in the fit that other scans contradict.
    """

    min_samples: int
    min_correlation: float
    residual_sigma: float
    gain_sigma: float
    drift_sigma: float
    max_contradicted: float


def judge_scans(
    examined: Examined,
    gain: Floats,
    drift: Floats,
    contradicted: Floats,
    accepted: Flags,
    rules: ScanRules,
) -> list[str]:
    """Say why scans are to be refused.

    Parameters
    ----------
    examined : Examined
        Without samples that other scans contradict: a few of them do not make a bad scan.
    gain : ndarray of float64, shape (S,)
        Of the solution, DN per MJy/sr, in the order of time.
    drift : ndarray of float64, shape (S,)
        Rms of the solution's offsets along each scan about their mean, DN.
    contradicted : ndarray of float64, shape (S,)
        Part of the samples in the fit that other scans contradict.
    accepted : ndarray of bool, shape (S,)
        Scans that are in the solution; others are not judged.
    rules : ScanRules

    Returns
    -------
    list of str, S of them
        Empty for a scan that may stay.
    """
    reasons = [""] * len(gain)
    figures = examined.figures
    counts, r2, spread = figures.n_used, figures.correlation, examined.spread
    judged = accepted & (counts >= rules.min_samples)
    noisy = excess(spread, judged, _LEAST_RESIDUAL_SCATTER)
    astray = excess(drift, judged, _LEAST_DRIFT_SCATTER, _LEAST_DRIFT_DN)
    apart = gain_deviation(examined.own_gain, gain, judged)
    for scan in np.flatnonzero(accepted).tolist():
        if not figures.n_samples[scan]:
            reasons[scan] = NO_PIXELS
        elif not judged[scan]:
            reasons[scan] = f"{counts[scan]} map pixels in the fit, fewer than {rules.min_samples}"
        elif not r2[scan] >= rules.min_correlation:
            reasons[scan] = f"r^2 with zodiacal light {r2[scan]:.3f}, below {rules.min_correlation:g}"
        elif not abs(apart[scan]) <= rules.gain_sigma:
            own = examined.own_gain[scan]
            reasons[scan] = f"gain of {own:.4g} DN sr/MJy, {abs(apart[scan]):.1f} sigma from its neighbours"
        elif not astray[scan] <= rules.drift_sigma:
            reasons[scan] = (
                f"offsets of {drift[scan]:.3g} DN along it, {astray[scan]:.1f} sigma above other scans"
            )
        elif contradicted[scan] > rules.max_contradicted:
            reasons[scan] = f"other scans contradict {100 * contradicted[scan]:.0f} % of its map pixels"
        elif not noisy[scan] <= rules.residual_sigma:
            reasons[scan] = (
                f"residuals of {spread[scan]:.3g} MJy/sr, {noisy[scan]:.1f} sigma above other scans"
            )
    return reasons


def excess(values: Floats, judged: Flags, least: float, floor: float = 1e-30) -> Floats:
    """Tell how far values are above those of the other scans, robust standard deviations, shape (S,).

    Parameters
    ----------
    values : ndarray of float64, shape (S,)
        Not negative.
    judged : ndarray of bool, shape (S,)
        Scans that count; NaN for others.
    least : float
        Scatter that is believed at least, a part of the median.
    floor : float
        The same in the unit of the values.
    """
    middle, scatter = _usual(values[judged])
    return np.where(judged, (values - middle) / max(scatter, least * middle, floor), np.nan)


def gain_deviation(own: Floats, gain: Floats, judged: Flags) -> Floats:
    """Tell how far the own gains of scans are off the smooth course, robust standard deviations, shape (S,).

    The course is the running median of the solution's gains, which their prior keeps smooth. A scan's own
    gain is free, but drifts along the scan move it by some percent.

    Parameters
    ----------
    own : ndarray of float64, shape (S,)
        Gains from each scan alone.
    gain : ndarray of float64, shape (S,)
        Of the solution.
    judged : ndarray of bool, shape (S,)
        Scans that count; NaN for others.
    """
    result = np.full(len(gain), np.nan)
    places = np.flatnonzero(judged)
    known = gain[places]
    course = np.array(
        [np.median(known[max(0, k - _NEIGHBOURS) : k + _NEIGHBOURS + 1]) for k in range(len(known))]
    )
    apart = own[places] / course - 1.0
    middle, scatter = _usual(apart)
    result[places] = (apart - middle) / max(scatter, _LEAST_GAIN_SCATTER)
    return result


def _usual(values: Floats) -> tuple[float, float]:
    """Give the median and the robust standard deviation of what is finite; 0 where there is nothing."""
    values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 0.0
    middle = float(np.median(values))
    return middle, _SIGMA_OF_MAD * float(np.median(np.abs(values - middle)))
