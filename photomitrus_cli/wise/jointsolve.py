"""The joint calibration: gains, offsets, template amplitudes and sky of all scans, solved at once."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import NoDataError
from photomitrus_cli.wise.jointdesign import Problem, offsets_of
from photomitrus_cli.wise.jointgains import measure_gain_prior
from photomitrus_cli.wise.jointgroups import make_groups
from photomitrus_cli.wise.jointlinear import Preconditioner, solve_linear
from photomitrus_cli.wise.jointpriors import GainPrior, Priors, node_prior
from photomitrus_cli.wise.jointsky import SkyPrior, sky_prior
from photomitrus_cli.wise.jointstart import Start, first_point, robust_spreads
from photomitrus_cli.wise.jointsystem import System, Threads, Unknowns, smooth_sky, unflatten

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_log = logging.getLogger(__name__)

# Deviations of single pixels from the smooth sky count less from here on, as sources do: Cauchy's weights.
_SOURCE_SIGMA = 2.4
# The solution stands when no gain changes by more than this, relative.
_SETTLED = 1e-4
# Residual of a linear system, relative. What is left then is a small part of what the next round changes.
_TOLERANCE = 3e-3
_LEAST_LEVERAGE = 0.05
# Rounds with the groups' inverse of the round before: weights and priors change most in the first ones.
_KEPT_ROUNDS = frozenset({2, 4, 5, 6, 7, 8, 9, 10})
# Offsets that do not drift at all, as few scans may look, would be no offsets: times the noise of a sample.
_LEAST_BASELINE = 0.1
# Of the gain's prior as long as it is to be measured: a change in a day, scan to scan.
_FIRST_WALK, _FIRST_JITTER = 0.01, 1e-3


@dataclass(frozen=True, slots=True)
class Strengths:
    """Strengths of the priors, given or measured.

    Attributes
    ----------
    walk, jitter : float
        Of the gain, relative: rms change in a day, and from scan to scan beyond that.
    baseline : float
        Rms of the offsets along a scan, DN.
    sky : SkyPrior
    """

    walk: float
    jitter: float
    baseline: float
    sky: SkyPrior


@dataclass(frozen=True, slots=True)
class Point:
    """Where the solution is.

    Attributes
    ----------
    unknowns : Unknowns
        Logarithmic gains (DN per MJy/sr) and so on.
    pixel : ndarray, shape (P,)
        Sky beyond the smooth one, MJy/sr.
    noise : ndarray, shape (S,)
        Noise of a scan's samples beyond their stated uncertainties, DN.
    robust : ndarray, shape (n,)
        Factors of the weights, 1 for what fits.
    share : float
        Share of the noise's variance that neighbouring samples of a scan have in common.
    """

    unknowns: Unknowns
    pixel: Floats
    noise: Floats
    robust: Floats
    share: float

    @property
    def gain(self) -> Floats:
        """DN per MJy/sr, shape (S,)."""
        return np.asarray(np.exp(self.unknowns.log_gain))


@dataclass(frozen=True, slots=True)
class Solution:
    """A point at which everything fits, and what led there.

    Attributes
    ----------
    problem : Problem
    point : Point
    strengths : Strengths
        That the last round has used.
    system : System
        Of the last round.
    preconditioner : Preconditioner
    offset : ndarray, shape (n,)
        DN.
    zodi : ndarray, shape (n,)
        Template with its amplitudes, MJy/sr.
    sky : ndarray, shape (P,)
        With its prior, MJy/sr.
    residual : ndarray, shape (n,)
        Value less model, DN.
    n_rounds, n_steps : int
        Linearisations, and steps of conjugate gradients in all of them.
    """

    problem: Problem
    point: Point
    strengths: Strengths
    system: System
    preconditioner: Preconditioner
    offset: Floats
    zodi: Floats
    sky: Floats
    residual: Floats
    n_rounds: int
    n_steps: int

    @property
    def gain(self) -> Floats:
        """DN per MJy/sr, shape (S,)."""
        return self.point.gain

    @property
    def nodes(self) -> Floats:
        """Offsets along the scans, DN, shape (S, K)."""
        return self.point.unknowns.nodes

    @property
    def amplitudes(self) -> Floats:
        """Of the template's modes, shape (J,)."""
        return self.point.unknowns.amplitudes

    @property
    def noise(self) -> Floats:
        """Noise of each scan beyond the samples' uncertainties, DN, shape (S,)."""
        return self.point.noise

    @property
    def weight(self) -> Floats:
        """Weights of the samples in the fit, DN^-2, shape (n,)."""
        return self.system.weight

    @property
    def map_weight(self) -> Floats:
        """Inverse variances of the calibrated samples, (MJy/sr)^-2, shape (n,)."""
        problem = self.problem
        variance = problem.samples.sigma.astype(np.float64) ** 2 + self.noise[problem.scan] ** 2
        return np.asarray(np.where(np.isfinite(variance), self.gain[problem.scan] ** 2 / variance, 0.0))

    def as_start(self) -> Start:
        """Give what another solution can start from."""
        scan = self.problem.scan
        counts = np.maximum(np.bincount(scan, minlength=len(self.gain)), 1)
        mean = np.bincount(scan, weights=self.offset, minlength=len(self.gain)) / counts
        strengths = self.strengths
        return Start(
            self.gain,
            mean,
            self.nodes,
            self.amplitudes,
            self.sky,
            strengths.walk,
            strengths.jitter,
            strengths.baseline,
        )


def solve(problem: Problem, used: Bools, pool: Threads, start: Start | Solution | None = None) -> Solution:
    """Solve for everything, iterating over linearisations, weights and the strengths of priors.

    Parameters
    ----------
    problem : Problem
    used : ndarray of bool, shape (n,)
        Samples that take part.
    pool : Threads
    start : Start or Solution, optional
        From a solution for other scans, or for this problem with nearly the same samples.

    Returns
    -------
    Solution

    Raises
    ------
    NoDataError
        When the samples do not determine a solution.
    """
    if not used.any():
        raise NoDataError("no sample is left to calibrate with: all are masked or refused")
    samples, design = problem.samples, problem.design
    if np.bincount(samples.index[used]).max() < 2:
        raise NoDataError("no two scans see the same part of the sky: there is nothing to compare them by")
    groups = make_groups(samples.side, problem.scan, samples.index, design.n_pixels, design.n_nodes)
    if isinstance(start, Solution):
        point, strengths = start.point, start.strengths
    else:
        point, strengths = _begin(problem, used, start)
    n_steps = 0
    preconditioner: Preconditioner | None = None
    for n_round in range(1, problem.choices.max_rounds + 1):
        system = _linearise(problem, point, strengths, used, pool)
        earlier = preconditioner if n_round in _KEPT_ROUNDS else None
        preconditioner = Preconditioner(system, groups, earlier)
        if n_round == 1 and isinstance(start, Start):
            point = _divide_sky(point, system, preconditioner)
        change, steps = solve_linear(system, _right_side(problem, point, system), preconditioner, _TOLERANCE)
        n_steps += steps
        moved, solution = _move(problem, point, system, change)
        largest = float(np.abs(moved.unknowns.log_gain - point.unknowns.log_gain).max())
        _log.debug("round %d: %d steps, gains changed by up to %.1e", n_round, steps, largest)
        point = _reweigh(problem, moved, solution[3], system, used)
        result = Solution(problem, point, strengths, system, preconditioner, *solution, n_round, n_steps)
        if largest < _SETTLED:
            break
        strengths = _measure(problem, result, used)
    else:
        _log.warning("after %d rounds gains still change by up to %.1e", n_round, largest)
    return result


def _begin(problem: Problem, used: Bools, start: Start | None) -> tuple[Point, Strengths]:
    """Give a point to start from, and strengths of the priors that fit it."""
    choices, shape, samples = problem.choices, problem.shape, problem.samples
    first = first_point(problem, used, start)
    sky = np.where(first.seen, first.sky, 0.0)
    scan = problem.scan
    offset = offsets_of(problem.design, scan, first.nodes)
    left = samples.value - offset - first.gain[scan] * (problem.zodi(first.amplitudes) + sky[samples.index])
    noise, robust, share = _scatter(problem, left, used)
    baseline = choices.baseline_dn or first.baseline or max(float(np.median(noise)), 1e-9)
    prior = sky_prior(sky, first.seen, shape)
    layer = float(np.median((sky / shape.scale)[first.seen])) if first.seen.any() else 0.0
    smooth = (np.array([layer]), *(np.zeros(level.n_blocks) for level in shape.levels))
    unknowns = Unknowns(np.log(first.gain), first.nodes, first.amplitudes, smooth)
    pixel = np.where(first.seen, sky - layer * shape.scale, 0.0)
    walk = choices.gain_walk if choices.gain_walk is not None else first.walk or _FIRST_WALK
    jitter = choices.gain_jitter if choices.gain_jitter is not None else first.jitter or _FIRST_JITTER
    if start is None:
        # The start is too rough to tell what does not fit.
        robust, share = np.ones(len(samples)), 0.0
    point = Point(unknowns, pixel, noise, robust, share)
    return point, Strengths(walk, jitter, baseline, prior)


def _divide_sky(point: Point, system: System, preconditioner: Preconditioner) -> Point:
    """Divide a known sky into the smooth one and single pixels; the sum of the two stays as it is."""
    levels, n_pixels = system.priors.levels, system.design.n_pixels
    sky = smooth_sky(point.unknowns.smooth, levels, n_pixels) + point.pixel
    smooth = preconditioner.sky(tuple(level.gather(system.left_weight * sky) for level in levels))
    pixel = sky - smooth_sky(smooth, levels, n_pixels)
    return replace(point, unknowns=replace(point.unknowns, smooth=smooth), pixel=pixel)


def _linearise(problem: Problem, point: Point, strengths: Strengths, used: Bools, pool: Threads) -> System:
    samples, design, choices = problem.samples, problem.design, problem.choices
    variance = samples.sigma.astype(np.float64) ** 2 + point.noise[problem.scan] ** 2
    # Samples with common noise tell no more than one of them.
    together = np.bincount(problem.cell, weights=used)[problem.cell]
    variance *= 1.0 + point.share * np.maximum(together - 1.0, 0.0)
    weight = np.where(used, point.robust / variance, 0.0)
    sigma = strengths.sky.pixel_sigma
    precision = 1.0 / (sigma**2 * (1.0 + (point.pixel / (_SOURCE_SIGMA * sigma)) ** 2))
    spacing = choices.baseline_deg or 1.0
    node_precision, node_draws = node_prior(
        design.n_nodes, spacing, choices.baseline_length_deg, strengths.baseline
    )
    mode_precision = np.array([rms**-2 for rms in choices.modes.values()])
    gain_prior = GainPrior(problem.days, strengths.walk, strengths.jitter)
    priors = Priors(gain_prior, node_precision, node_draws, mode_precision, strengths.sky.levels, precision)
    bright = smooth_sky(point.unknowns.smooth, priors.levels, design.n_pixels) + point.pixel
    gain = point.gain
    zodi = problem.zodi(point.unknowns.amplitudes)
    slope = gain[problem.scan] * (zodi + bright[samples.index])
    return System(design, gain, slope, weight, bright, priors, pool)


def _left(problem: Problem, unknowns: Unknowns, system: System) -> tuple[Floats, Floats, Floats, Floats]:
    """Give what model, with the smooth sky but without its pixels, leaves; offsets, template and that sky."""
    gain = np.exp(unknowns.log_gain)[problem.scan]
    offset = offsets_of(problem.design, problem.scan, unknowns.nodes)
    zodi = problem.zodi(unknowns.amplitudes)
    smooth = smooth_sky(unknowns.smooth, system.priors.levels, problem.design.n_pixels)
    left = problem.samples.value - offset - gain * (zodi + smooth[problem.samples.index])
    return left, offset, zodi, smooth


def _right_side(problem: Problem, point: Point, system: System) -> Floats:
    left = _left(problem, point.unknowns, system)[0]
    return system.gradient(left) - system.prior_product(point.unknowns.flat())


def _move(
    problem: Problem, point: Point, system: System, change: Floats
) -> tuple[Point, tuple[Floats, Floats, Floats, Floats]]:
    """Take a step; give offset, zodi, sky and residual there, too."""
    flat = point.unknowns.flat() + change
    unknowns = unflatten(flat, problem.design, system.priors.levels)
    left, offset, zodi, smooth = _left(problem, unknowns, system)
    pixel = system.pixel_sky(left)
    residual = left - np.exp(unknowns.log_gain)[problem.scan] * pixel[problem.samples.index]
    return replace(point, unknowns=unknowns, pixel=pixel), (offset, zodi, smooth + pixel, residual)


def _reweigh(problem: Problem, point: Point, residual: Floats, system: System, used: Bools) -> Point:
    """Measure each scan's noise, and how well every sample fits."""
    # A sample draws the sky towards itself: its residual is smaller than its error.
    leverage = system.weight * system.gain[problem.scan] ** 2 / system.full[problem.samples.index]
    own = residual / np.sqrt(np.maximum(1.0 - leverage, _LEAST_LEVERAGE))
    noise, robust, share = _scatter(problem, own, used)
    return replace(point, noise=noise, robust=robust, share=share)


def _scatter(problem: Problem, own: Floats, used: Bools) -> tuple[Floats, Floats, float]:
    """Measure the noise of scans, the robust factors of samples and the share of noise in common."""
    samples, scan = problem.samples, problem.scan
    noise = robust_spreads(own, used, samples.first)
    noise = np.where(np.isfinite(noise), noise, np.nanmedian(noise))
    sigma = np.sqrt(samples.sigma.astype(np.float64) ** 2 + noise[scan] ** 2)
    robust = 1.0 / np.maximum(np.abs(own) / (problem.choices.robust_sigma * sigma), 1.0)
    return noise, robust, _common_share(own / sigma, robust, used, problem.cell)


def _common_share(own: Floats, robust: Floats, used: Bools, cell: NDArray[np.int32]) -> float:
    """Give the intraclass correlation of residuals in units of their sigmas (Fisher 1925, section 38)."""
    value = np.where(used, own * robust, 0.0)
    counts = np.bincount(cell, weights=used)
    sums = np.bincount(cell, weights=value)
    squares = np.bincount(cell, weights=value**2)
    many = counts > 1
    pairs = float(np.sum(counts[many] * (counts[many] - 1.0)))
    if pairs == 0.0:
        return 0.0
    within = float(np.sum(squares[many])) / float(np.sum(counts[many]))
    return float(np.clip(np.sum(sums[many] ** 2 - squares[many]) / pairs / max(within, 1e-300), 0.0, 1.0))


def _measure(problem: Problem, solution: Solution, used: Bools) -> Strengths:
    """Measure the strengths of the priors that are not given."""
    choices, system = problem.choices, solution.system
    priors = system.priors
    seen = np.bincount(problem.samples.index[used], minlength=problem.design.n_pixels) > 0
    sky = sky_prior(solution.sky, seen, problem.shape)
    baseline = choices.baseline_dn or _baseline_rms(solution)
    blocks = system.blocks()
    blocks[:, 1:, 1:] += priors.node_precision
    told = blocks[:, 0, 0] > 0
    blocks[~told] = np.eye(blocks.shape[1])
    variance = np.where(told, np.linalg.inv(blocks)[:, 0, 0], np.inf)
    log_gain = solution.point.unknowns.log_gain
    # What the scan alone would have found: the prior's pull taken back.
    alone = log_gain + np.where(told, variance, 0.0) * priors.gain.product(log_gain)
    walk, jitter = measure_gain_prior(problem.days, alone, variance, choices.gain_walk, choices.gain_jitter)
    return Strengths(walk, jitter, baseline, sky)


def _baseline_rms(solution: Solution) -> float:
    """Give the most probable rms of offsets: a step of expectation maximisation (Dempster et al. 1977)."""
    nodes, strengths = solution.nodes, solution.strengths
    if nodes.shape[1] < 3:
        return strengths.baseline
    unit = solution.system.priors.node_precision * strengths.baseline**2
    spread = solution.preconditioner.inverse[:, 1:, 1:]
    told = solution.system.blocks()[:, 0, 0] > 0
    square = np.einsum("si,ij,sj->s", nodes, unit, nodes) + np.einsum("ij,sji->s", unit, spread)
    rms = float(np.sqrt(np.mean(square[told]) / (nodes.shape[1] - 1)))
    return max(rms, _LEAST_BASELINE * float(np.median(solution.noise)))
