"""A calibration scan by scan, the method of WISEmapper: a line for each scan and the sky of all, by turns.

WISEmapper's offsets never left their first guess, a sky clipped at zero drew them down, and a second pass
took its own model for data. Here lines are robust and in closed form, and the sky keeps its negative values.
What belongs to the method itself stays: neither the template nor the offsets along a scan can change, and a
spline through the offsets does not follow those that jump from scan to scan.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import NoDataError
from photomitrus_cli.imaging.scanoutliers import MIN_SCANS
from photomitrus_cli.wise.jointdesign import Problem
from photomitrus_cli.wise.perscanlines import LineChoices, LineSolution
from photomitrus_cli.wise.robustlines import robust_lines, robust_spreads
from photomitrus_cli.wise.samples import UNMAPPED
from photomitrus_cli.wise.smoothgains import smooth_in_time

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def solve_per_scan(problem: Problem, used: Bools, choices: LineChoices) -> LineSolution:
    """Fit a line to each scan and average what is left to a map, by turns; then splines, then clipping.

    Samples with any bit of UNMAPPED in ``problem.samples.excluded`` are left out of the sky.

    Parameters
    ----------
    problem : Problem
    used : ndarray of bool, shape (n,)
        Samples that may take part in the fit.
    choices : LineChoices

    Returns
    -------
    LineSolution

    Raises
    ------
    NoDataError
        When no scan grows with the template.
    """
    samples, zodi, scan = problem.samples, problem.template, problem.scan
    fitted = used & _region(problem, choices)
    gain, offset, sky = _take_turns(problem, fitted, choices.rounds)
    if choices.splines != "none":
        gain = smooth_in_time(problem.days, gain, choices.median_scans)
        offset = _medians(problem, fitted, samples.value - gain[scan] * (zodi + sky[samples.index]))
    if choices.splines == "both":
        offset = smooth_in_time(problem.days, offset, choices.median_scans)
    left = samples.value - offset[scan] - gain[scan] * zodi
    noise = _noise(problem, fitted, left - gain[scan] * sky[samples.index])
    variance = samples.sigma.astype(np.float64) ** 2 + noise[scan] ** 2
    map_weight = gain[scan] ** 2 / variance
    mapped = (samples.excluded & UNMAPPED) == 0
    bright = left / gain[scan]
    map_weight[_apart(samples.index, bright, mapped, map_weight, choices.clip_sigma)] = 0.0
    sky = _means(samples.index, bright, np.where(mapped, map_weight, 0.0), len(sky))
    nodes = np.repeat(offset[:, None], problem.design.n_nodes, axis=1)
    nothing = float("nan")
    return LineSolution(
        gain, offset[scan], nodes, np.zeros(problem.design.modes.shape[1]), zodi, sky, noise,
        np.where(fitted, 1.0 / variance, 0.0), map_weight, left - gain[scan] * sky[samples.index],
        nothing, nothing, nothing, choices.rounds, 0,
    )  # fmt: skip


def _take_turns(problem: Problem, fitted: Bools, rounds: int) -> tuple[Floats, Floats, Floats]:
    """Give gain (S,), offset (S,) and sky (P,), 0 where nothing is seen."""
    samples, zodi, scan = problem.samples, problem.template, problem.scan
    gain = offset = np.zeros(samples.n_scans)
    sky = np.zeros(len(samples.pixels))
    mapped = (samples.excluded & UNMAPPED) == 0
    for _ in range(rounds):
        value = samples.value - gain[scan] * sky[samples.index]
        gain, offset = _completed(problem.days, *robust_lines(value, zodi, fitted, samples.first))
        bright = (samples.value - offset[scan]) / gain[scan] - zodi
        noise = _noise(problem, fitted, gain[scan] * (bright - sky[samples.index]))
        variance = samples.sigma.astype(np.float64) ** 2 + noise[scan] ** 2
        weight = np.where(mapped, gain[scan] ** 2 / variance, 0.0)
        sky = np.nan_to_num(_means(samples.index, bright, weight, len(sky)))
    return gain, offset, sky


def _completed(days: Floats, gain: Floats, offset: Floats) -> tuple[Floats, Floats]:
    """Interpolate in time for scans that tell no gain."""
    told = np.isfinite(gain) & (gain > 0)
    if not told.any():
        raise NoDataError("no scan grows with the zodiacal template: is the band of the maps the template's?")
    return np.interp(days, days[told], gain[told]), np.interp(days, days[told], offset[told])


def _region(problem: Problem, choices: LineChoices) -> Bools:
    samples = problem.samples
    inside = np.abs(samples.galactic_latitude) > choices.galactic_deg
    inside &= np.abs(samples.latitude) < choices.ecliptic_deg
    return np.asarray(inside[samples.index])


def _medians(problem: Problem, fitted: Bools, values: Floats) -> Floats:
    """Give the median of each scan's fitted values; interpolated in time where there are none."""
    scans = [values[low:high][fitted[low:high]] for low, high in pairwise(problem.samples.first.tolist())]
    told = np.array([len(scan) > 0 for scan in scans])
    medians = [float(np.median(scan)) for scan in scans if len(scan)]
    return np.asarray(np.interp(problem.days, problem.days[told], medians))


def _noise(problem: Problem, fitted: Bools, residual: Floats) -> Floats:
    noise = robust_spreads(residual, fitted, problem.samples.first)
    return np.where(np.isfinite(noise), noise, np.nanmedian(noise))


def _means(index: NDArray[np.int32], values: Floats, weight: Floats, n_pixels: int) -> Floats:
    """Give the weighted mean in each pixel, NaN without weight."""
    total = np.bincount(index, weight, n_pixels)
    summed = np.bincount(index, weight * values, n_pixels)
    return np.asarray(np.divide(summed, total, out=np.full(n_pixels, np.nan), where=total > 0))


def _apart(index: NDArray[np.int32], values: Floats, mapped: Bools, weight: Floats, limit: float) -> Bools:
    """Find samples far from their pixel's mean, above as below; of two nobody can tell which is wrong."""
    if limit == 0.0:
        return np.zeros(len(index), bool)
    weight = np.where(mapped, weight, 0.0)
    n_pixels = int(index.max(initial=0)) + 1
    apart = values - _means(index, values, weight, n_pixels)[index]
    spread = np.sqrt(_means(index, apart**2, weight, n_pixels))
    enough = np.bincount(index[mapped], minlength=n_pixels) >= MIN_SCANS
    return np.asarray(mapped & enough[index] & (np.abs(apart) > limit * spread[index]))
