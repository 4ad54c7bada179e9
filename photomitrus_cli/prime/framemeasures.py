"""Numbers of a frame held against a catalogue: scatter, shares of matched stars by area, corners."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

AREAS = 4  # along each side
# Part of a side that belongs to a corner.
_CORNER = 1.0 / 8.0


def weighted_rms(values: Float, weight: Float) -> float:
    """Root of the weighted mean square; NaN without weight."""
    total = float(weight.sum())
    return float(np.sqrt(weight @ np.square(values) / total)) if total > 0.0 else float("nan")


def area_counts(x: Float, y: Float, shape: tuple[int, int]) -> Float:
    """Count positions in 4 x 4 areas of a frame.

    Parameters
    ----------
    x, y : ndarray of float64, shape (n,)
        0-based positions.
    shape : tuple of int
        (ny, nx).

    Returns
    -------
    ndarray of float64, shape (4, 4)
        [row, column].
    """
    ny, nx = shape
    edges = [np.linspace(-0.5, size - 0.5, AREAS + 1) for size in (ny, nx)]
    return np.asarray(np.histogram2d(y, x, bins=edges)[0])


def matched_share(pairs: Float, catalogue: Float, detections: Float) -> Float:
    """Part of what could match that does: of catalogue stars, or of detections where they are fewer.

    Parameters
    ----------
    pairs, catalogue, detections : ndarray of float64
        Counts, any shape.

    Returns
    -------
    ndarray of float64, as the counts
        NaN where nothing could match.
    """
    possible = np.minimum(catalogue, detections)
    return np.asarray(np.where(possible > 0, pairs / np.maximum(possible, 1), np.nan))


def worst_share(share: Float, possible: Float, limit: float, chance: float) -> float:
    """Find the smallest share of matched stars of all areas that is no accident of small numbers.

    An area below a limit is held against all others: if so few would match with no small probability where
    as many match as there (the lower tail of a binomial), it is judged together with its neighbours, and
    these with theirs.

    Parameters
    ----------
    share : ndarray of float64, shape (4, 4)
        By `matched_share`; NaN where nothing could match.
    possible : ndarray of float64, shape (4, 4)
        Different stars that could.
    limit : float
        Shares from there on are taken as they are.
    chance : float
        Smaller probabilities are no accident.

    Returns
    -------
    float
        Above the limit when there is no doubt anywhere; NaN where nothing could match.
    """
    pairs = np.nan_to_num(share) * possible
    found = [
        _with_neighbours((row, column), pairs, possible, limit, chance)
        for row, column in np.argwhere(possible > 0.0).tolist()
    ]
    return min(found, default=float("nan"))


def _with_neighbours(
    area: tuple[int, int], pairs: Float, possible: Float, limit: float, chance: float
) -> float:
    """Share of an area, or of the smallest square around it that tells."""
    from scipy.special import betainc

    away = np.max([np.abs(place - own) for place, own in zip(np.indices(pairs.shape), area, strict=True)], 0)
    value = float("nan")
    for reach in range(AREAS):
        near = away <= reach
        n, k, rest = possible[near].sum(), pairs[near].sum(), possible[~near].sum()
        value = float(k / n)
        usual = float(pairs[~near].sum() / rest) if rest else 0.0
        # I_(1-p)(n - k, k + 1) is the tail for whole numbers, and smooth between them.
        if value >= limit or (k < n and betainc(n - k, k + 1.0, 1.0 - usual) < chance):
            break
    return value


def corners(shape: tuple[int, int]) -> tuple[Float, Float]:
    """Give x and y of the four corners of a frame: low x low y, high x low y, low x high y, high x high y."""
    return np.array([0.0, shape[1] - 1.0] * 2), np.repeat([0.0, shape[0] - 1.0], 2)


def corner_means(
    x: Float, y: Float, miss: Float, weight: Float, shape: tuple[int, int]
) -> tuple[Float, Float]:
    """Average residuals in the corners of a frame.

    Parameters
    ----------
    x, y : ndarray of float64, shape (n,)
        0-based positions.
    miss : ndarray of float64, shape (n, 2)
        Residuals, arcsec.
    weight : ndarray of float64, shape (n,)
        1 / error^2, arcsec^-2.
    shape : tuple of int
        (ny, nx).

    Returns
    -------
    length, error : ndarray of float64, shape (4,)
        Of the mean, arcsec, at low x low y, high x low y, low x high y, high x high y; NaN without stars.
    """
    ny, nx = shape
    u, v = (x + 0.5) / nx, (y + 0.5) / ny
    length, error = np.full(4, np.nan), np.full(4, np.nan)
    for n in range(4):
        near = ((u > 1.0 - _CORNER) if n % 2 else (u < _CORNER)) & (
            (v > 1.0 - _CORNER) if n // 2 else (v < _CORNER)
        )
        total = weight[near].sum()
        if total > 0.0:
            length[n] = float(np.hypot(*(weight[near] @ miss[near] / total)))
            error[n] = float(np.sqrt(1.0 / total))
    return length, error
