"""Strengths of the priors of a joint calibration, and the scatter of its samples, as residuals tell them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.wise.jointdesign import Problem
from photomitrus_cli.wise.jointgains import measure_gain_prior
from photomitrus_cli.wise.jointsky import sky_prior
from photomitrus_cli.wise.jointsolution import Solution, Strengths
from photomitrus_cli.wise.robustlines import robust_spreads

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Offsets that do not drift at all, as few scans may look, would be no offsets: times the noise of a sample.
_LEAST_BASELINE = 0.1


def measure_scatter(problem: Problem, own: Floats, used: Bools) -> tuple[Floats, Floats, float]:
    """Measure the noise of scans, the robust factors of samples and the share of noise in common.

    Parameters
    ----------
    problem : Problem
    own : ndarray of float64, shape (n,)
        Residuals of the samples, DN.
    used : ndarray of bool, shape (n,)

    Returns
    -------
    noise : ndarray, shape (S,)
    robust : ndarray, shape (n,)
    share : float
        As in `Point`.
    """
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


def measure_strengths(problem: Problem, solution: Solution, used: Bools) -> Strengths:
    """Measure the strengths of the priors that are not given.

    Parameters
    ----------
    problem : Problem
    solution : Solution
    used : ndarray of bool, shape (n,)

    Returns
    -------
    Strengths
    """
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
