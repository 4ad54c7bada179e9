"""Kernels of the centroids: first moments in a box, and the fit of a Gaussian on a constant."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.sorting import middle_and_mad, sort_part

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

N_PARAMETERS = 7
_MAX_STEPS = 60
_SETTLED = 1e-5


@kernel
def frame_level(sci: Float, bad: Bool, x: int, y: int, inner: int, outer: int) -> float:
    """Median of the good pixels in a square frame around a pixel; NaN with fewer than eight.

    Parameters
    ----------
    sci : ndarray of float64, shape (ny, nx)
    bad : ndarray of bool, shape (ny, nx)
    x, y : int
        The pixel.
    inner, outer : int
        Half sides of the hole and of the frame: pixels more than `inner` and at most `outer` away, along x
        or y, whichever is more.

    Returns
    -------
    float
    """
    ny, nx = sci.shape
    found = np.empty((2 * outer + 1) ** 2)
    count = 0
    for j in range(max(y - outer, 0), min(y + outer + 1, ny)):
        for i in range(max(x - outer, 0), min(x + outer + 1, nx)):
            if max(abs(i - x), abs(j - y)) > inner and not bad[j, i]:
                found[count] = sci[j, i]
                count += 1
    if count < 8:
        return np.nan
    sort_part(found, 0, count)
    return middle_and_mad(found, 0, count)[0]


@kernel
def _height(sci: Float, bad: Bool, i: int, j: int, x: float, y: float, level: float) -> float:
    """Give a pixel above the background; for a bad one that opposite the centre, or 0."""
    if bad[j, i]:
        i, j = int(np.round(2.0 * x - i)), int(np.round(2.0 * y - j))
        ny, nx = sci.shape
        if i < 0 or j < 0 or i >= nx or j >= ny or bad[j, i]:
            return 0.0
    height: float = sci[j, i] - level
    return height


@kernel
def box_moments(
    sci: Float, var: Float, bad: Bool, box: tuple[int, int, int], x: float, y: float, level: float, out: Float
) -> None:
    """First and second moments of a box.

    Parameters
    ----------
    sci, var : ndarray of float64, shape (ny, nx)
    bad : ndarray of bool, shape (ny, nx)
    box : tuple of int
        x and y of the middle pixel, pixels to either side.
    x, y : float
        Centre about which bad pixels are mirrored.
    level : float
        Background.
    out : ndarray of float64, shape (7,)
        Result: sum; x, y; second moments about them along x and y, px²; variances of x and y.
    """
    ci, cj, half = box
    out[:] = 0.0
    for j in range(cj - half, cj + half + 1):
        for i in range(ci - half, ci + half + 1):
            v = _height(sci, bad, i, j, x, y, level)
            out[0] += v
            out[1] += v * (i - ci)
            out[2] += v * (j - cj)
            out[3] += v * (i - ci) ** 2
            out[4] += v * (j - cj) ** 2
    if not out[0] > 0.0:
        return
    dx, dy = out[1] / out[0], out[2] / out[0]
    for j in range(cj - half, cj + half + 1):
        for i in range(ci - half, ci + half + 1):
            out[5] += (i - ci - dx) ** 2 * var[j, i] / out[0] ** 2
            out[6] += (j - cj - dy) ** 2 * var[j, i] / out[0] ** 2
    out[1], out[2] = ci + dx, cj + dy
    out[3], out[4] = out[3] / out[0] - dx * dx, out[4] / out[0] - dy * dy


@kernel
def _residual(p: Float, i: int, j: int, value: float, slope: Float) -> float:
    """Pixel minus model; `slope` gets the model's derivatives."""
    dx, dy = i - p[1], j - p[2]
    bell = math.exp(-0.5 * (p[3] * dx * dx + 2.0 * p[4] * dx * dy + p[5] * dy * dy))
    high = p[0] * bell
    slope[0] = bell
    slope[1] = high * (p[3] * dx + p[4] * dy)
    slope[2] = high * (p[4] * dx + p[5] * dy)
    slope[3] = -0.5 * high * dx * dx
    slope[4] = -high * dx * dy
    slope[5] = -0.5 * high * dy * dy
    slope[6] = 1.0
    miss: float = value - high - p[6]
    return miss


@kernel
def _normal(
    sci: Float,
    var: Float,
    bad: Bool,
    box: tuple[int, int, int],
    p: Float,
    matrix: Float,
    side: Float,
    noise: Float,
) -> float:
    """Sum of squares, with the normal equations and the sum of slope² times variance."""
    ci, cj, half = box
    matrix[:] = 0.0
    side[:] = 0.0
    noise[:] = 0.0
    slope = np.empty(N_PARAMETERS)
    total = 0.0
    for j in range(cj - half, cj + half + 1):
        for i in range(ci - half, ci + half + 1):
            if bad[j, i]:
                continue
            miss = _residual(p, i, j, sci[j, i], slope)
            total += miss * miss
            for a in range(N_PARAMETERS):
                side[a] += slope[a] * miss
                for b in range(a + 1):
                    product = slope[a] * slope[b]
                    matrix[a, b] += product
                    noise[a, b] += product * var[j, i]
    return total


@kernel
def _factor(matrix: Float, damping: float, lower: Float) -> bool:
    """Cholesky factor of a matrix with a raised diagonal; False where it is not positive."""
    for a in range(N_PARAMETERS):
        for b in range(a + 1):
            total = matrix[a, b]
            if a == b:
                total *= 1.0 + damping
            for k in range(b):
                total -= lower[a, k] * lower[b, k]
            if a > b:
                lower[a, b] = total / lower[b, b]
            elif total > 0.0:
                lower[a, a] = math.sqrt(total)
            else:
                return False
    return True


@kernel
def _solve(lower: Float, side: Float, step: Float) -> None:
    """Solve with a Cholesky factor."""
    for a in range(N_PARAMETERS):
        total = side[a]
        for k in range(a):
            total -= lower[a, k] * step[k]
        step[a] = total / lower[a, a]
    for a in range(N_PARAMETERS - 1, -1, -1):
        total = step[a]
        for k in range(a + 1, N_PARAMETERS):
            total -= lower[k, a] * step[k]
        step[a] = total / lower[a, a]


@kernel
def _is_peak(p: Float) -> bool:
    return bool(p[0] > 0.0 and p[3] > 0.0 and p[5] > 0.0 and p[3] * p[5] > p[4] * p[4])


@kernel
def _position_error(matrix: Float, noise: Float, lower: Float, which: int) -> float:
    """Give the standard error of a parameter of an unweighted fit to pixels with variances."""
    unit, row = np.zeros(N_PARAMETERS), np.zeros(N_PARAMETERS)
    if not _factor(matrix, 0.0, lower):
        return np.nan
    unit[which] = 1.0
    _solve(lower, unit, row)
    total = 0.0
    for a in range(N_PARAMETERS):
        for b in range(N_PARAMETERS):
            total += row[a] * row[b] * noise[max(a, b), min(a, b)]
    return math.sqrt(max(total, 0.0))


@kernel
def fit_gaussian(
    sci: Float, var: Float, bad: Bool, box: tuple[int, int, int], p: Float, errors: Float
) -> bool:
    """Fit a Gaussian of any shape and a constant to a box, by Levenberg-Marquardt without weights.

    Parameters
    ----------
    sci, var : ndarray of float64, shape (ny, nx)
        The box is on them whole.
    bad : ndarray of bool, shape (ny, nx)
        Pixels to be left out.
    box : tuple of int
        x and y of the middle pixel, pixels to either side.
    p : ndarray of float64, shape (7,)
        Start and result: height, x, y, inverse of the covariance matrix (xx, xy, yy), constant.
    errors : ndarray of float64, shape (2,)
        Result: standard errors of x and y.

    Returns
    -------
    bool
        Whether the fit converged.
    """
    size = (N_PARAMETERS, N_PARAMETERS)
    matrix, noise, lower = np.empty(size), np.empty(size), np.empty(size)
    new_matrix, new_noise = np.empty(size), np.empty(size)
    side, new_side, step = np.empty(N_PARAMETERS), np.empty(N_PARAMETERS), np.empty(N_PARAMETERS)
    misfit = _normal(sci, var, bad, box, p, matrix, side, noise)
    damping, converged = 1e-3, False
    for _ in range(_MAX_STEPS):
        if damping > 1e10 or not _factor(matrix, damping, lower):
            break
        _solve(lower, side, step)
        trial = p + step
        better = False
        if _is_peak(trial):
            new = _normal(sci, var, bad, box, trial, new_matrix, new_side, new_noise)
            better = new <= misfit
        moved = math.hypot(step[1], step[2])
        if better:
            settled = misfit - new <= 1e-7 * misfit
            misfit, damping = new, max(damping * 0.1, 1e-9)
            p[:], side[:] = trial, new_side
            matrix[:], noise[:] = new_matrix, new_noise
            converged = moved < _SETTLED and settled
        else:
            damping *= 10.0
            converged = moved < 1e-3 * _SETTLED
        if converged:
            break
    errors[0] = _position_error(matrix, noise, lower, 1)
    errors[1] = _position_error(matrix, noise, lower, 2)
    return converged
