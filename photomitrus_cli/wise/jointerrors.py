"""Errors of a joint calibration, drawn from its own model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.wise.jointdesign import offsets_of
from photomitrus_cli.wise.jointlinear import solve_linear
from photomitrus_cli.wise.jointsolution import Solution
from photomitrus_cli.wise.jointunknowns import Unknowns, unflatten

Floats = NDArray[np.float64]

# Residual of the linear systems, relative. With 1e-3 the error of the bands, which converges last, is a tenth
# too small.
_TOLERANCE = 3e-4
# Variances of so many successive scans are averaged: those of few draws scatter, and they change slowly.
_SCANS_TOGETHER = 11


@dataclass(frozen=True, slots=True)
class Errors:
    """1-sigma errors. What is common to all scans, a scale and a zero level, stands apart.

    Attributes
    ----------
    gain : ndarray, shape (S,)
        Relative to the mean gain of all scans.
    offset : ndarray, shape (S,)
        Of the scan's mean offset, relative to that of all scans, DN.
    amplitudes : ndarray, shape (J,)
    sky : ndarray, shape (P,)
        Of a map less its mean, from gains, offsets and amplitudes, MJy/sr; its noise comes on top.
    common_gain : float
        Of the mean gain, relative.
    common_offset : float
        Of the mean offset, DN.
    zero_level : float
        Of the map's mean, MJy/sr.
    """

    gain: Floats
    offset: Floats
    amplitudes: Floats
    sky: Floats
    common_gain: float
    common_offset: float
    zero_level: float


def errors_of(solution: Solution, n_draws: int, seed: int) -> Errors:
    """Draw errors of the solution: what noise, and skies, gains and offsets as supposed, would make of it.

    Draws have the covariance of the errors, correlated noise included, without any matrix being inverted
    (Papandreou & Yuille 2010, NeurIPS 23, 1858).

    Parameters
    ----------
    solution : Solution
        While the threads that it was made with are running.
    n_draws : int
    seed : int
        Of the random numbers.
    """
    n_scans = len(solution.gain)
    told = np.bincount(solution.problem.scan, minlength=n_scans) > 0
    seen = np.bincount(solution.problem.design.index, minlength=solution.problem.design.n_pixels) > 0
    gain, offset, sky = np.zeros(n_scans), np.zeros(n_scans), np.zeros(len(seen))
    amplitudes = np.zeros(solution.problem.design.modes.shape[1])
    common = np.zeros(3)
    for k in range(n_draws):
        error = _draw(solution, np.random.default_rng([seed, k]))
        mean = _mean_offsets(solution, error.nodes)
        map_error = _map_error(solution, error)
        middle = np.array([error.log_gain[told].mean(), mean[told].mean(), map_error[seen].mean()])
        common += middle**2
        gain += (error.log_gain - middle[0]) ** 2
        offset += (mean - middle[1]) ** 2
        sky += (map_error - middle[2]) ** 2
        amplitudes += error.amplitudes**2
    side = solution.problem.samples.side
    scale, zero, level = np.sqrt(common / n_draws).tolist()
    return Errors(
        np.sqrt(_running_mean(gain / n_draws, side)),
        np.sqrt(_running_mean(offset / n_draws, side)),
        np.sqrt(amplitudes / n_draws),
        np.sqrt(_cell_mean(sky / n_draws, solution)),
        scale,
        zero,
        level,
    )


def _draw(solution: Solution, rng: np.random.Generator) -> Unknowns:
    """Draw an error of the calibration."""
    problem, system = solution.problem, solution.system
    design, priors = problem.design, system.priors
    # Gradients of the priors at a draw from each; with that of the noise, their covariance is the matrix.
    pull = Unknowns(
        priors.gain.product(priors.gain.draw(rng)),
        rng.standard_normal((design.n_scans, design.n_nodes)) @ priors.node_draws.T @ priors.node_precision,
        rng.standard_normal(len(priors.mode_precision)) * np.sqrt(priors.mode_precision),
        tuple(rng.standard_normal(level.n_blocks) * np.sqrt(level.precision) for level in priors.levels),
    )
    sky_pull = rng.standard_normal(design.n_pixels) * np.sqrt(priors.pixel_precision)
    right = system.gradient(_noise(solution, rng), sky_pull) + pull.flat()
    flat, _ = solve_linear(system, right, solution.preconditioner, _TOLERANCE)
    return unflatten(flat, design, priors.levels)


def _effect(solution: Solution, change: Unknowns) -> Floats:
    """Give what a change of everything but the sky does to the samples, DN, shape (n,)."""
    problem, system = solution.problem, solution.system
    design, scan = problem.design, problem.scan
    template = system.gain[scan] * (design.modes @ change.amplitudes)
    gains = system.slope * change.log_gain[scan] + template
    return np.asarray(gains + offsets_of(design, scan, change.nodes))


def _noise(solution: Solution, rng: np.random.Generator) -> Floats:
    """Draw the samples' noise, part of which is common to neighbours, DN, shape (n,)."""
    problem, share = solution.problem, solution.point.share
    samples = problem.samples
    sigma = np.sqrt(samples.sigma.astype(np.float64) ** 2 + solution.noise[problem.scan] ** 2)
    common = rng.standard_normal(int(problem.cell.max(initial=-1)) + 1)[problem.cell]
    own = rng.standard_normal(len(samples))
    return np.asarray(sigma * (np.sqrt(1.0 - share) * own + np.sqrt(share) * common))


def _mean_offsets(solution: Solution, nodes: Floats) -> Floats:
    problem = solution.problem
    offset = offsets_of(problem.design, problem.scan, nodes)
    counts = np.bincount(problem.scan, minlength=len(nodes))
    return np.bincount(problem.scan, weights=offset, minlength=len(nodes)) / np.maximum(counts, 1)


def _map_error(solution: Solution, error: Unknowns) -> Floats:
    """Give the error of the map that the calibration's error makes, MJy/sr, shape (P,)."""
    problem, design = solution.problem, solution.problem.design
    wrong = _effect(solution, error) / solution.gain[problem.scan]
    weight = solution.map_weight
    sums = np.bincount(design.index, weights=weight * wrong, minlength=design.n_pixels)
    total = np.bincount(design.index, weights=weight, minlength=design.n_pixels)
    return np.asarray(sums / np.where(total > 0, total, 1.0))


def _running_mean(variance: Floats, side: NDArray[np.int8]) -> Floats:
    """Average over successive scans of one side of the Sun."""
    smooth = variance.copy()
    for one in np.unique(side):
        mine = np.flatnonzero(side == one)
        width = min(_SCANS_TOGETHER, len(mine))
        box = np.ones(width)
        counts = np.convolve(np.ones(len(mine)), box, mode="same")
        smooth[mine] = np.convolve(variance[mine], box, mode="same") / counts
    return smooth


def _cell_mean(variance: Floats, solution: Solution) -> Floats:
    """Average over the pixels around the same node of the smooth sky."""
    cells = solution.problem.shape.cells
    if not cells:
        return variance
    cell = cells[-1]
    counts = np.bincount(cell)
    return np.asarray((np.bincount(cell, weights=variance) / np.maximum(counts, 1))[cell])
