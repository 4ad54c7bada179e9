"""Robust fits of the small moves that bring frames onto reference positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

SIGMA_PER_MAD = 1.482602218505602
# Median of the length of a plane normal vector of sigma 1: sqrt(2 ln 2).
MEDIAN_LENGTH = 1.1774100225154747
TUKEY = 4.685
# Tukey's weights at this limit take 5 % more variance than least squares for normal errors.
TUKEY_VARIANCE = 1.05
# Weight of the scatter of all frames in that of one frame, as a number of stars.
_POOLED_WEIGHT = 12.0
# By how much deviations from the median of n normal values are too small, in the median: from four values on
# n / (n - 1.2), simulated and good to 4 %.
_SMALL_SAMPLES = {2: 1.415, 3: 2.151}
_ITERATIONS = 20
_SETTLED_ARCSEC = 1e-4


@dataclass(frozen=True)
class Pairs:
    """Stars of a frame with their reference positions, in the tangent plane of the frame's centre.

    Attributes
    ----------
    xi, eta : ndarray of float64, shape (n,)
        Measured, arcsec.
    dxi, deta : ndarray of float64, shape (n,)
        Reference less measured, arcsec.
    weight : ndarray of float64, shape (n,)
        1 / error^2, arcsec^-2.
    """

    xi: Float
    eta: Float
    dxi: Float
    deta: Float
    weight: Float


@dataclass(frozen=True)
class Roll:
    """A turn of a frame about its centre.

    Attributes
    ----------
    angle, error : float
        Radians, from xi towards eta; NaN where not measured.
    """

    angle: float
    error: float


NO_ROLL = Roll(np.nan, np.nan)


@dataclass(frozen=True)
class Fit:
    """Move of a frame fitted to its pairs.

    Attributes
    ----------
    dxi, deta : float
        Of the frame's centre, arcsec.
    roll : Roll
        As measured, or as given.
    error : float
        Of dxi and deta, arcsec.
    rms : float
        Of the residuals in one coordinate, arcsec.
    n : int
        Stars with weight.
    """

    dxi: float
    deta: float
    roll: Roll
    error: float
    rms: float
    n: int


def pooled_scale(pairs: Sequence[Pairs]) -> float:
    """Ratio of the scatter of all residuals to what their errors say.

    Parameters
    ----------
    pairs : sequence of Pairs
        Of all frames.

    Returns
    -------
    float
        From median absolute deviations; 1 without two pairs in any frame.
    """
    scaled = []
    for item in pairs:
        n = item.dxi.size
        if n >= 2:
            factor = _SMALL_SAMPLES.get(n, n / (n - 1.2)) * np.sqrt(item.weight)
            scaled += [np.abs(d - np.median(d)) * factor for d in (item.dxi, item.deta)]
    return SIGMA_PER_MAD * float(np.median(np.concatenate(scaled))) if scaled else 1.0


def fit_pairs(pairs: Pairs, pooled: float, *, roll: Roll | None = None, min_stars: int = 0) -> Fit:
    """Fit the move of a frame by weights that fall with the residual (Beaton & Tukey 1974).

    Parameters
    ----------
    pairs : Pairs
        At least one.
    pooled : float
        From `pooled_scale`.
    roll : Roll, optional
        Taken as it is; measured when not given and there are enough stars.
    min_stars : int, optional
        Stars needed to measure the roll.

    Returns
    -------
    Fit
    """
    measured = roll is None and pairs.dxi.size >= max(min_stars, 3)
    known = 0.0 if roll is None else roll.angle
    dx, dy = pairs.dxi + known * pairs.eta, pairs.deta - known * pairs.xi
    move = (float(np.median(dx)), float(np.median(dy)), 0.0)
    for _ in range(_ITERATIONS):
        rx, ry = _residuals(pairs, dx, dy, move)
        z = np.hypot(rx, ry) * np.sqrt(pairs.weight)
        scale = _frame_scale(z, pooled, 1.5 if measured else 1.0)
        weight = pairs.weight * np.square(np.clip(1.0 - np.square(z / (TUKEY * scale)), 0.0, None))
        last, move = move, _least_squares(pairs, dx, dy, weight, measured)
        if max(abs(move[0] - last[0]), abs(move[1] - last[1])) < _SETTLED_ARCSEC:
            break
    return _judged(pairs, (rx, ry), weight, scale, move, roll if not measured else None)


def _residuals(pairs: Pairs, dx: Float, dy: Float, move: tuple[float, float, float]) -> tuple[Float, Float]:
    return dx - move[0] + move[2] * pairs.eta, dy - move[1] - move[2] * pairs.xi


def _frame_scale(z: Float, pooled: float, n_lost: float) -> float:
    """Scatter of a frame's residuals over their errors, drawn towards that of all frames."""
    n = z.size
    own = float(np.median(z)) / MEDIAN_LENGTH * np.sqrt(n / max(n - n_lost, 0.5))
    mixed = np.sqrt((_POOLED_WEIGHT * pooled**2 + n * own**2) / (_POOLED_WEIGHT + n))
    # A scatter of zero would give all stars but one no weight.
    return float(max(mixed, 1e-6))


def _least_squares(
    pairs: Pairs, dx: Float, dy: Float, weight: Float, rolled: bool
) -> tuple[float, float, float]:
    """Weighted least squares of dx = a - r eta, dy = b + r xi."""
    if not weight.sum() > 0.0:
        return float(np.median(dx)), float(np.median(dy)), 0.0
    mean_dx, mean_dy = _mean(dx, weight), _mean(dy, weight)
    if not rolled:
        return mean_dx, mean_dy, 0.0
    xi, eta = _mean(pairs.xi, weight), _mean(pairs.eta, weight)
    lever = weight @ ((pairs.xi - xi) * dy - (pairs.eta - eta) * dx)
    spread = _spread(pairs, weight)
    turn = float(lever / spread) if spread > 0.0 else 0.0
    return mean_dx + turn * eta, mean_dy - turn * xi, turn


def _spread(pairs: Pairs, weight: Float) -> float:
    """Weighted sum of the squared distances of the stars from their centre."""
    xi, eta = pairs.xi - _mean(pairs.xi, weight), pairs.eta - _mean(pairs.eta, weight)
    return float(weight @ (xi * xi + eta * eta))


def _mean(values: Float, weight: Float) -> float:
    return float(weight @ values) / float(weight.sum())


def _judged(
    pairs: Pairs,
    residuals: tuple[Float, Float],
    weight: Float,
    scale: float,
    move: tuple[float, float, float],
    roll: Roll | None,
) -> Fit:
    """Add errors and scatter to a move; `roll` None: the move's own is a measured one."""
    used = weight > 0.0
    rms = float(np.sqrt(0.5 * np.mean(residuals[0][used] ** 2 + residuals[1][used] ** 2)))
    full = pairs.weight * used
    error = scale * np.sqrt(TUKEY_VARIANCE / full.sum())
    if roll is None:
        roll = Roll(move[2], float(scale * np.sqrt(TUKEY_VARIANCE / _spread(pairs, full))))
    else:
        # The stars' centre is held; the frame's turns about it by the error of the roll.
        arm = np.hypot(_mean(pairs.xi, full), _mean(pairs.eta, full))
        error = np.hypot(error, arm * roll.error / np.sqrt(2.0))
    return Fit(move[0], move[1], roll, float(error), rms, int(used.sum()))


def shrunk_rolls(rolls: Sequence[Roll]) -> list[Roll]:
    """Draw the rolls of a group of frames towards their mean, and this towards zero, by their errors.

    Random effects with the variance between frames of DerSimonian & Laird (1986); the mean is shrunk as
    James & Stein (1961) do, positive part. Noise alone gives rolls of nearly zero.

    Parameters
    ----------
    rolls : sequence of Roll
        As measured; not measured ones get the mean of the group.

    Returns
    -------
    list of Roll
        One a frame; zero with an error of zero where none was measured.
    """
    angle = np.array([roll.angle for roll in rolls])
    error = np.array([roll.error for roll in rolls])
    known = np.isfinite(angle) & (error > 0.0)
    if not known.any():
        return [Roll(0.0, 0.0)] * len(rolls)
    between = _between_variance(angle[known], error[known])
    weight = 1.0 / (error[known] ** 2 + between)
    mean, variance = float(np.average(angle[known], weights=weight)), float(1.0 / weight.sum())
    share = 1.0 - variance / mean**2 if mean**2 > variance else 0.0
    mean, doubt = share * mean, share * variance
    own = np.where(known, between / (between + np.where(known, error, 1.0) ** 2), 0.0)
    best = mean + own * (np.where(known, angle, mean) - mean)
    left = np.sqrt(
        np.where(known, own * np.where(known, error, 0.0) ** 2, between) + (1.0 - own) ** 2 * doubt
    )
    return [Roll(float(a), float(e)) for a, e in zip(best, left, strict=True)]


def _between_variance(angle: Float, error: Float) -> float:
    """Variance of the true rolls of a group."""
    weight = 1.0 / error**2
    if angle.size == 1:
        return 0.0
    mean = np.average(angle, weights=weight)
    excess = np.sum(weight * (angle - mean) ** 2) - (angle.size - 1)
    return float(max(0.0, excess / (weight.sum() - np.sum(weight**2) / weight.sum())))
