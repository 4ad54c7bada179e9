"""Steps of a joint calibration: its linear system at a point, and the point to which a solution leads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.wise.jointdesign import Problem, offsets_of
from photomitrus_cli.wise.jointlinear import Preconditioner
from photomitrus_cli.wise.jointpriors import GainPrior, Priors, node_prior
from photomitrus_cli.wise.jointsolution import Point, Strengths
from photomitrus_cli.wise.jointsystem import System
from photomitrus_cli.wise.jointunknowns import Threads, Unknowns, smooth_sky, unflatten

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# Deviations of single pixels from the smooth sky count less from here on, as sources do: Cauchy's weights.
_SOURCE_SIGMA = 2.4


def divide_sky(point: Point, system: System, preconditioner: Preconditioner) -> Point:
    """Divide a known sky into the smooth one and single pixels; the sum of the two stays as it is.

    Parameters
    ----------
    point : Point
    system : System
    preconditioner : Preconditioner

    Returns
    -------
    Point
    """
    levels, n_pixels = system.priors.levels, system.design.n_pixels
    sky = smooth_sky(point.unknowns.smooth, levels, n_pixels) + point.pixel
    smooth = preconditioner.sky(tuple(level.gather(system.left_weight * sky) for level in levels))
    pixel = sky - smooth_sky(smooth, levels, n_pixels)
    return replace(point, unknowns=replace(point.unknowns, smooth=smooth), pixel=pixel)


def linearise(problem: Problem, point: Point, strengths: Strengths, used: Bools, pool: Threads) -> System:
    """Give the linear system at a point.

    Parameters
    ----------
    problem : Problem
    point : Point
    strengths : Strengths
        Of the priors.
    used : ndarray of bool, shape (n,)
        Samples that take part.
    pool : Threads

    Returns
    -------
    System
    """
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


def right_side(problem: Problem, point: Point, system: System) -> Floats:
    """Give the right side of the linear system at a point.

    Parameters
    ----------
    problem : Problem
    point : Point
    system : System

    Returns
    -------
    ndarray of float64
        Flat, as the unknowns are.
    """
    left = _left(problem, point.unknowns, system)[0]
    return system.gradient(left) - system.prior_product(point.unknowns.flat())


def moved_by(
    problem: Problem, point: Point, system: System, change: Floats
) -> tuple[Point, tuple[Floats, Floats, Floats, Floats]]:
    """Take a step.

    Parameters
    ----------
    problem : Problem
    point : Point
    system : System
    change : ndarray of float64
        Flat, as the unknowns are.

    Returns
    -------
    point : Point
    parts : tuple of ndarray
        Offset (DN), zodiacal light, sky (MJy/sr) and residual (DN) there.
    """
    flat = point.unknowns.flat() + change
    unknowns = unflatten(flat, problem.design, system.priors.levels)
    left, offset, zodi, smooth = _left(problem, unknowns, system)
    pixel = system.pixel_sky(left)
    residual = left - np.exp(unknowns.log_gain)[problem.scan] * pixel[problem.samples.index]
    return replace(point, unknowns=unknowns, pixel=pixel), (offset, zodi, smooth + pixel, residual)
