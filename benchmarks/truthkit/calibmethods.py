"""Ways to calibrate scans that are simpler than a joint solution, one scan's line of thought at a time.

All describe a sample as ``value = gain (zodi + sky) + offset`` with the sum of the template's components as
`zodi`, and average ``(value - offset) / gain - zodi`` in the pixels of the map.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.wise.samples import Samples
from truthkit.calibmeasure import Measured, measure, pixel_mean, robust_sigma
from truthkit.calibsky import Bench

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

ITERATIONS = 20
HUBER = 1.345  # residuals beyond this many sigma lose weight
BASELINES = 12  # per scan
GAIN_PIECES = 5  # of the spline of the gain in time


@dataclass(frozen=True, slots=True)
class Solution:
    """A calibration: what `calibmeasure.measure` judges.

    Attributes
    ----------
    gains : ndarray of float64, shape (S,)
        DN per MJy/sr.
    offsets, zodi, weights : ndarray of float64, shape (n,)
        Of every sample: DN, MJy/sr, weight in the map.
    sky : ndarray of float64, shape (P,)
        MJy/sr.
    """

    gains: Floats
    offsets: Floats
    zodi: Floats
    weights: Floats
    sky: Floats

    def measured(self, bench: Bench) -> Measured:
        """Compare with the truth."""
        return measure(bench, self.gains, self.offsets, self.zodi, self.sky, self.weights)


def region(samples: Samples, galactic: float, ecliptic: float = 90.0) -> Bools:
    """Select samples with |b| > `galactic` and |beta| < `ecliptic`, deg; shape (n,)."""
    pixels = (np.abs(samples.galactic_latitude) > galactic) & (np.abs(samples.latitude) < ecliptic)
    return np.asarray(pixels[samples.index])


def summed_zodi(samples: Samples) -> Floats:
    """Add up the components of the template, MJy/sr, shape (n,)."""
    return np.asarray(samples.zodi.sum(axis=0, dtype=np.float64))


def line(x: Floats, y: Floats, weights: Floats) -> tuple[float, float]:
    """Fit y = gain x + offset by weighted least squares.

    Parameters
    ----------
    x, y, weights : ndarray of float64, shape (n,)

    Returns
    -------
    gain, offset : float
    """
    total = weights.sum()
    at, height = weights @ x / total, weights @ y / total
    gain = float((weights * (x - at)) @ (y - height) / ((weights * (x - at)) @ (x - at)))
    return gain, float(height - gain * at)


def huber_line(x: Floats, y: Floats, weights: Floats) -> tuple[float, float]:
    """Fit y = gain x + offset with Huber's loss, by 20 reweighted fits.

    Parameters
    ----------
    x, y, weights : ndarray of float64, shape (n,)

    Returns
    -------
    gain, offset : float
    """
    gain, offset = line(x, y, weights)
    for _ in range(ITERATIONS):
        residual = y - gain * x - offset
        limit = max(HUBER * robust_sigma(residual), 1e-9)
        gain, offset = line(x, y, weights / np.maximum(np.abs(residual) / limit, 1.0))
    return gain, offset


def lines(
    samples: Samples, x: Floats, y: Floats, fitted: Bools, fit: Callable[..., tuple[float, float]] = line
) -> tuple[Floats, Floats]:
    """Fit a line to every scan.

    Parameters
    ----------
    samples : Samples
    x, y : ndarray of float64, shape (n,)
    fitted : ndarray of bool, shape (n,)
        Samples that take part.
    fit : callable

    Returns
    -------
    gains, offsets : ndarray of float64, shape (S,)
    """
    found = np.empty((samples.n_scans, 2))
    for s in range(samples.n_scans):
        mine = np.arange(samples.first[s], samples.first[s + 1])
        mine = mine[fitted[mine]]
        found[s] = fit(x[mine], y[mine], np.ones(len(mine)))
    return found[:, 0], found[:, 1]


def solution(samples: Samples, gains: Floats, offsets: Floats, weights: Floats | None = None) -> Solution:
    """Make the map of a calibration.

    Parameters
    ----------
    samples : Samples
    gains : ndarray of float64, shape (S,)
        DN per MJy/sr.
    offsets : ndarray of float64, shape (n,)
        DN.
    weights : ndarray of float64, shape (n,), optional
        1 by default.

    Returns
    -------
    Solution
    """
    zodi = summed_zodi(samples)
    weights = np.ones(len(samples)) if weights is None else weights
    values = (samples.value - offsets) / gains[samples.scan_of_sample()] - zodi
    sky = pixel_mean(samples.index, values, weights, len(samples.pixels))
    return Solution(gains, offsets, zodi, weights, sky)


def closed_form(samples: Samples) -> Solution:
    """Fit a line to each scan by least squares where the seed looks: |b| > 10 deg, |beta| < 40 deg."""
    scan = samples.scan_of_sample()
    gains, offsets = lines(samples, summed_zodi(samples), samples.value, region(samples, 10.0, 40.0))
    return solution(samples, gains, offsets[scan])


def huber(samples: Samples) -> Solution:
    """Fit a line to each scan with Huber's loss at |b| > 20 deg, all ecliptic latitudes."""
    scan = samples.scan_of_sample()
    gains, offsets = lines(samples, summed_zodi(samples), samples.value, region(samples, 20.0), huber_line)
    return solution(samples, gains, offsets[scan])


def alternating(samples: Samples, iterations: int = ITERATIONS) -> Solution:
    """Fit lines to value against zodi + sky at |b| > 20 deg and average the sky, in turn, from a sky of 0."""
    scan, zodi, fitted = samples.scan_of_sample(), summed_zodi(samples), region(samples, 20.0)
    sky = np.zeros(len(samples.pixels))
    for _ in range(iterations):
        gains, offsets = lines(samples, zodi + sky[samples.index], samples.value, fitted)
        found = solution(samples, gains, offsets[scan])
        sky = found.sky
    return found


def smooth_in_time(samples: Samples, gains: Floats) -> Floats:
    """Fit one cubic spline of five equal pieces to the gains of all scans by least squares.

    Parameters
    ----------
    samples : Samples
    gains : ndarray of float64, shape (S,)
        DN per MJy/sr.

    Returns
    -------
    ndarray of float64, shape (S,)
        DN per MJy/sr.
    """
    from scipy.interpolate import make_lsq_spline

    when = samples.scan_mjd()
    inner = np.linspace(when[0], when[-1], GAIN_PIECES + 1)
    knots = np.concatenate([[inner[0]] * 3, inner, [inner[-1]] * 3])
    return np.asarray(make_lsq_spline(when, gains, knots, k=3)(when))


def baselines(samples: Samples, values: Floats, per_scan: int, fitted: Bools) -> Floats:
    """Find steps along the scans so that scans agree where they meet.

    Minimises the sum of (values - sky - step)^2 over the samples `fitted`: with the sky eliminated, by
    conjugate gradients from steps of zero. Steps of different latitudes never meet in a pixel, so that
    nothing tells their difference: the mean of the steps that do meet stays zero.

    Parameters
    ----------
    samples : Samples
    values : ndarray of float64, shape (n,)
        DN.
    per_scan : int
        Steps of a scan, of equal length in ecliptic latitude.
    fitted : ndarray of bool, shape (n,)

    Returns
    -------
    ndarray of float64, shape (n,)
        The step that each sample is on, DN.
    """
    from scipy.sparse.linalg import LinearOperator, cg

    n_pixels, weights = len(samples.pixels), fitted.astype(np.float64)
    part = np.clip((samples.latitude + 90.0) * per_scan / 180.0, 0, per_scan - 1).astype(np.int64)
    step = samples.scan_of_sample().astype(np.int64) * per_scan + part[samples.index]
    n_steps = samples.n_scans * per_scan

    def project(field: Floats) -> Floats:
        """Take the mean of every pixel off and add up what is left by step."""
        sky = np.nan_to_num(pixel_mean(samples.index, field, weights, n_pixels))
        return np.asarray(np.bincount(step, weights * (field - sky[samples.index]), n_steps), np.float64)

    left = LinearOperator((n_steps, n_steps), matvec=lambda steps: project(np.ravel(steps)[step]))
    found, _ = cg(left, project(values), rtol=1e-6, maxiter=500)
    return np.asarray(found[step])


def destriper(samples: Samples) -> Solution:
    """Give all scans one smooth gain and destripe with 12 baselines a scan.

    The gain is the spline through Huber's gains; the offsets are those of `destriped`.
    """
    gains, _ = lines(samples, summed_zodi(samples), samples.value, region(samples, 20.0), huber_line)
    return destriped(samples, smooth_in_time(samples, gains))


def destriped(samples: Samples, gains: Floats) -> Solution:
    """Find the offsets that go with known gains: the median of a scan at |b| > 20 deg and 12 baselines.

    Parameters
    ----------
    samples : Samples
    gains : ndarray of float64, shape (S,)
        DN per MJy/sr.

    Returns
    -------
    Solution
    """
    scan, far = samples.scan_of_sample(), region(samples, 20.0)
    left = samples.value - gains[scan] * summed_zodi(samples)
    offsets = np.array([np.median(left[(scan == s) & far]) for s in range(samples.n_scans)])[scan]
    # In units of the mean gain the sky is the same for all scans.
    scale = gains.mean() / gains[scan]
    steps = baselines(samples, (left - offsets) * scale, BASELINES, np.ones(len(samples), bool))
    return solution(samples, gains, offsets + steps / scale)


def seed(samples: Samples, iterations: int = ITERATIONS) -> Solution:
    """Follow the published description of the program that `wise calibrate` replaces, with a fit that works.

    Lines to ``value - gain sky`` against zodi at |b| > 10 deg, |beta| < 40 deg, and averages of the sky
    without its negative values, in turn; smoothing splines through gains (s = 100) and offsets (s = 1e5),
    evaluated at the time of each sample; samples more than 1 sigma from their pixel's mean are dropped. Its
    running median over 99 orbits before the splines is left out: 60 orbits are too few for it.
    """
    from scipy.interpolate import UnivariateSpline

    scan, zodi, fitted = samples.scan_of_sample(), summed_zodi(samples), region(samples, 10.0, 40.0)
    gains, sky, ones = np.zeros(samples.n_scans), np.zeros(len(samples.pixels)), np.ones(len(samples))
    for _ in range(iterations):
        gains, offsets = lines(samples, zodi, samples.value - gains[scan] * sky[samples.index], fitted)
        values = np.maximum((samples.value - offsets[scan]) / gains[scan] - zodi, 0.0)
        sky = pixel_mean(samples.index, values, ones, len(sky))
    when = samples.scan_mjd()
    gains = np.asarray(UnivariateSpline(when, gains, k=3, s=100.0)(when))
    smooth = np.asarray(UnivariateSpline(when, offsets, k=3, s=1e5)(samples.mjd))
    return solution(samples, gains, smooth, kept_within(samples, solution(samples, gains, smooth), 1.0))


def kept_within(samples: Samples, found: Solution, limit: float) -> Floats:
    """Give weight 1 to the samples within `limit` standard deviations of their pixel's mean, else 0.

    Parameters
    ----------
    samples : Samples
    found : Solution
    limit : float

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    values = (samples.value - found.offsets) / found.gains[samples.scan_of_sample()] - found.zodi
    apart = values - found.sky[samples.index]
    spread = np.sqrt(pixel_mean(samples.index, apart**2, np.ones(len(apart)), len(found.sky)))
    return np.asarray(np.abs(apart) <= limit * spread[samples.index], np.float64)


METHODS: dict[str, Callable[[Samples], Solution]] = {
    "closed form": closed_form,
    "Huber": huber,
    "alternating": alternating,
    "destriper": destriper,
    "seed": seed,
}


def floors(bench: Bench) -> dict[str, Measured]:
    """Give what is left where the truth, or a part of it, is known instead of fitted.

    Parameters
    ----------
    bench : Bench

    Returns
    -------
    dict of Measured
        noise: true gains, offsets with drift, and zodi: what no method can beat. known: true gains and
        offsets with drift, but the plain template: the template's error as it goes into the map. destriped:
        true gains, the plain template, and the offsets of `destriped`.
    """
    samples, offsets, zodi = bench.samples, bench.true_offset(), bench.zodi
    values = (samples.value - offsets) / bench.gains[samples.scan_of_sample()] - zodi
    ones = np.ones(len(samples))
    sky = pixel_mean(samples.index, values, ones, len(samples.pixels))
    return {
        "noise": Solution(bench.gains, offsets, zodi, ones, sky).measured(bench),
        "known": solution(samples, bench.gains, offsets).measured(bench),
        "destriped": destriped(samples, bench.gains).measured(bench),
    }
