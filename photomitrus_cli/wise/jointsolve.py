"""The joint calibration: gains, offsets, template amplitudes and sky of all scans, solved at once."""

from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import NoDataError
from photomitrus_cli.wise.jointdesign import Problem, offsets_of
from photomitrus_cli.wise.jointgroups import make_groups
from photomitrus_cli.wise.jointlinear import Preconditioner, solve_linear
from photomitrus_cli.wise.jointsky import sky_prior
from photomitrus_cli.wise.jointsolution import Point, Solution, Strengths
from photomitrus_cli.wise.jointstart import Start, first_point
from photomitrus_cli.wise.jointsteps import divide_sky, linearise, moved_by, right_side
from photomitrus_cli.wise.jointstrengths import measure_scatter, measure_strengths
from photomitrus_cli.wise.jointsystem import System
from photomitrus_cli.wise.jointunknowns import Threads, Unknowns

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_log = logging.getLogger(__name__)
# The solution stands when no gain changes by more than this, relative.
_SETTLED = 1e-4
# Residual of a linear system, relative. What is left then is a small part of what the next round changes.
_TOLERANCE = 3e-3
_LEAST_LEVERAGE = 0.05
# Rounds with the groups' inverse of the round before: weights and priors change most in the first ones.
_KEPT_ROUNDS = frozenset({2, 4, 5, 6, 7, 8, 9, 10})
# Of the gain's prior as long as it is to be measured: a change in a day, scan to scan.
_FIRST_WALK, _FIRST_JITTER = 0.01, 1e-3


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
        system = linearise(problem, point, strengths, used, pool)
        earlier = preconditioner if n_round in _KEPT_ROUNDS else None
        preconditioner = Preconditioner(system, groups, earlier)
        if n_round == 1 and isinstance(start, Start):
            point = divide_sky(point, system, preconditioner)
        change, steps = solve_linear(system, right_side(problem, point, system), preconditioner, _TOLERANCE)
        n_steps += steps
        moved, solution = moved_by(problem, point, system, change)
        largest = float(np.abs(moved.unknowns.log_gain - point.unknowns.log_gain).max())
        _log.debug("round %d: %d steps, gains changed by up to %.1e", n_round, steps, largest)
        point = _reweigh(problem, moved, solution[3], system, used)
        result = Solution(problem, point, strengths, system, preconditioner, *solution, n_round, n_steps)
        if largest < _SETTLED:
            break
        strengths = measure_strengths(problem, result, used)
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
    noise, robust, share = measure_scatter(problem, left, used)
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


def _reweigh(problem: Problem, point: Point, residual: Floats, system: System, used: Bools) -> Point:
    """Measure each scan's noise, and how well every sample fits."""
    # A sample draws the sky towards itself: its residual is smaller than its error.
    leverage = system.weight * system.gain[problem.scan] ** 2 / system.full[problem.samples.index]
    own = residual / np.sqrt(np.maximum(1.0 - leverage, _LEAST_LEVERAGE))
    noise, robust, share = measure_scatter(problem, own, used)
    return replace(point, noise=noise, robust=robust, share=share)
