"""A calibration scan by scan, the method of WISEmapper: a line for each scan and the sky of all, by turns.

WISEmapper's offsets never left their first guess, a sky clipped at zero drew them down, and a second pass
took its own model for data. Here lines are robust and in closed form, and the sky keeps its negative values.
What belongs to the method itself stays: neither the template nor the offsets along a scan can change, and a
spline through the offsets does not follow those that jump from scan to scan.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import NoDataError
from photomitrus_cli.imaging.scanmaps import MIN_SCANS
from photomitrus_cli.wise.jointdesign import Problem
from photomitrus_cli.wise.jointerrors import Errors
from photomitrus_cli.wise.jointstart import robust_lines, robust_spreads
from photomitrus_cli.wise.samples import UNMAPPED

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Splines = Literal["both", "gain", "none"]

_MAD = 1.4826
# Scans farther than this from the running median do not shape a spline, robust standard deviations.
_SPLINE_SIGMA = 5.0
# A cubic spline needs four points; fewer than this many are left as they are.
_FEWEST = 8
# Pieces of a scan whose residuals are taken as independent of each other.
_PIECES = 12


@dataclass(frozen=True, slots=True)
class LineChoices:
    """How scans are calibrated one by one.

    Attributes
    ----------
    galactic_deg : float
        Lines are fitted to samples beyond this Galactic latitude, deg.
    ecliptic_deg : float
        And within this ecliptic latitude, deg; 90 for all.
    rounds : int
        Of lines and sky.
    splines : {'both', 'gain', 'none'}
        What a spline in time replaces. Under 'gain' every scan keeps the offset that fits its gain.
    median_scans : int
        Scans in the running median that tells which of them shape a spline.
    clip_sigma : float
        Samples farther from the mean of their pixel than so many standard deviations of its samples are left
        out of the map; 0 for none.
    """

    galactic_deg: float
    ecliptic_deg: float
    rounds: int
    splines: Splines
    median_scans: int
    clip_sigma: float


@dataclass(frozen=True, slots=True, eq=False)
class LineSolution:
    """A calibration scan by scan, in the terms of a joint one.

    Attributes
    ----------
    gain : ndarray, shape (S,)
        DN per MJy/sr.
    offset : ndarray, shape (n,)
        DN, the same along a scan.
    nodes : ndarray, shape (S, K)
        The same offsets.
    amplitudes : ndarray, shape (J,)
        Zeros: the template is taken as it is.
    zodi : ndarray, shape (n,)
        Template, MJy/sr.
    sky : ndarray, shape (P,)
        Mean of the samples that are mapped, MJy/sr; NaN without any.
    noise : ndarray, shape (S,)
        Robust spread of the residuals of a scan, DN.
    weight : ndarray, shape (n,)
        DN^-2; 0 for samples that are not fitted.
    map_weight : ndarray, shape (n,)
        (MJy/sr)^-2; 0 for clipped samples.
    residual : ndarray, shape (n,)
        Value less model, DN.
    walk, jitter, baseline : float
        NaN: nothing is supposed of them.
    n_rounds, n_steps : int
        Rounds; 0.
    """

    gain: Floats
    offset: Floats
    nodes: Floats
    amplitudes: Floats
    zodi: Floats
    sky: Floats
    noise: Floats
    weight: Floats
    map_weight: Floats
    residual: Floats
    walk: float
    jitter: float
    baseline: float
    n_rounds: int
    n_steps: int


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


def errors_per_scan(problem: Problem, solution: LineSolution) -> Errors:
    """Give the errors of the lines, each fitted by itself.

    Residuals along a scan resemble each other, so its fitted samples are cut into twelve pieces, and what
    these pull at level and slope gives the errors: the sandwich estimate of Liang & Zeger (1986), its
    variance times 12 / 10 for the two parameters. What all scans have in common, as an error of the template,
    is not in it; nor is what splines change.

    Parameters
    ----------
    problem : Problem
    solution : LineSolution
    """
    samples, scan, weight, n_scans = problem.samples, problem.scan, solution.weight, problem.samples.n_scans
    with np.errstate(divide="ignore", invalid="ignore"):
        total = np.bincount(scan, weight, n_scans)
        middle = np.bincount(scan, weight * problem.template, n_scans) / total
        x = problem.template - np.where(np.isfinite(middle), middle, 0.0)[scan]
        square = np.bincount(scan, weight * x**2, n_scans)
        pulls = weight * solution.residual * np.stack([np.ones(len(x)), x])
        piece = _pieces(problem, weight > 0)
        both = [np.bincount(piece, pull, _PIECES * n_scans).reshape(n_scans, -1) for pull in pulls]
        level, slope = both[0] / total[:, None], both[1] / square[:, None]
    of_level, of_both, of_slope = (
        _PIECES / (_PIECES - 2) * np.einsum("sk,sk->s", one, other)
        for one, other in ((level, level), (level, slope), (slope, slope))
    )
    at_sample = of_level[scan] + (2.0 * of_both[scan] + of_slope[scan] * x) * x
    mapped = np.where(samples.excluded & UNMAPPED, 0.0, solution.map_weight)
    spread = np.nan_to_num(mapped**2 * at_sample / solution.gain[scan] ** 2)
    n_pixels = len(samples.pixels)
    weights = np.bincount(samples.index, mapped, n_pixels)
    summed = np.sqrt(np.maximum(np.bincount(samples.index, spread, n_pixels), 0.0))
    sky = np.divide(summed, weights, out=np.full(n_pixels, np.nan), where=weights > 0)
    at_zero = of_level + (of_slope * middle - 2.0 * of_both) * middle
    errors = np.sqrt(of_slope) / solution.gain, np.sqrt(np.maximum(at_zero, 0.0))
    unknown = float("nan")
    return Errors(*errors, np.zeros(len(solution.amplitudes)), sky, unknown, unknown, unknown)


def _pieces(problem: Problem, fitted: Bools) -> NDArray[np.int64]:
    """Cut each scan's fitted samples into equal pieces, numbered through all scans."""
    counts = np.bincount(problem.scan, fitted, problem.samples.n_scans)
    before = np.concatenate([[0.0], np.cumsum(counts)])[:-1]
    place = np.cumsum(fitted) - fitted - before[problem.scan]
    piece = np.minimum(_PIECES * place / np.maximum(counts, 1.0)[problem.scan], _PIECES - 1)
    return _PIECES * problem.scan.astype(np.int64) + piece.astype(np.int64)


def smooth_in_time(days: Floats, values: Floats, median_scans: int) -> Floats:
    """Replace values by a cubic spline that deviates from them as much as they scatter from scan to scan.

    The scatter is 1.4826 / sqrt(2) times the median difference of successive scans, which a slow change does
    not widen; the spline has as few pieces as give chi^2 <= number of scans (Dierckx 1993).

    Parameters
    ----------
    days : ndarray, shape (S,)
        Ascending.
    values : ndarray, shape (S,)
    median_scans : int
        In the running median that outliers are judged by; of few scans no more than a third.

    Returns
    -------
    ndarray, shape (S,)
        `values` when there are fewer than 8, or when most do not scatter.
    """
    from scipy.interpolate import UnivariateSpline
    from scipy.ndimage import median_filter

    scatter = _MAD * float(np.median(np.abs(np.diff(values)))) / np.sqrt(2.0) if len(values) > 1 else 0.0
    if len(values) < _FEWEST or scatter == 0.0:
        return values
    width = max(3, min(median_scans, len(values) // 3))
    apart = values - median_filter(values, width, mode="nearest")
    limit = _SPLINE_SIGMA * max(scatter, _MAD * float(np.median(np.abs(apart))))
    good = np.abs(apart) <= limit
    weights = np.full(int(good.sum()), 1.0 / scatter)
    # Beyond the first and last good scan the spline stays at its last value: cubics run away.
    return np.asarray(UnivariateSpline(days[good], values[good], weights, k=3, ext="const")(days))


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
