"""Errors of a calibration scan by scan, from pieces of the sky."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.wise.jointdesign import Problem
from photomitrus_cli.wise.jointerrors import Errors
from photomitrus_cli.wise.perscanlines import LineSolution
from photomitrus_cli.wise.samples import UNMAPPED

Bools = NDArray[np.bool_]

# Pieces of a scan whose residuals are taken as independent of each other.
_PIECES = 12


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
