"""Two lists of positions in a plane: pairs, nearest pairs, the offset that many pairs agree on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Index = NDArray[np.int64]

# A lower chance of agreement by accident than this makes an offset believed.
MAX_CHANCE = 0.01
_MAX_PAIRS = 2_000_000


@dataclass(frozen=True)
class Offset:
    """The common offset of two lists.

    Attributes
    ----------
    dx, dy : float
        To be added to the first list to bring it onto the second; units of the positions.
    n_pairs : int
        Pairs that agree on it, each point in at most one.
    chance : float
        Probability that unrelated lists of this density agree as well somewhere in the radius.
    """

    dx: float
    dy: float
    n_pairs: int
    chance: float


def neighbour_pairs(x: Float, y: Float, x_ref: Float, y_ref: Float, radius: float) -> tuple[Index, Index]:
    """Find all pairs of points of two lists within a distance.

    Parameters
    ----------
    x, y : ndarray of float64, shape (n,)
    x_ref, y_ref : ndarray of float64, shape (m,)
    radius : float
        Largest distance, same unit.

    Returns
    -------
    i, j : ndarray of int64, shape (k,)
        Indices into the first and the second list, sorted by i, then j. Where there would be more than two
        million candidates the points at the end of the first list have none.
    """
    order = np.argsort(y_ref, kind="stable")
    sorted_y = y_ref[order]
    first = np.searchsorted(sorted_y, y - radius, side="left")
    count = np.searchsorted(sorted_y, y + radius, side="right") - first
    count[np.cumsum(count) > _MAX_PAIRS] = 0
    i = np.repeat(np.arange(x.size), count)
    inside = np.arange(i.size) - np.repeat(np.cumsum(count) - count, count)
    j = order[first[i] + inside]
    near = (x[i] - x_ref[j]) ** 2 + (y[i] - y_ref[j]) ** 2 <= radius**2
    i, j = i[near], j[near]
    rank = np.lexsort((j, i))
    return i[rank].astype(np.int64), j[rank].astype(np.int64)


def mutual_pairs(x: Float, y: Float, x_ref: Float, y_ref: Float, radius: float) -> tuple[Index, Index]:
    """Pair points that are each other's nearest within a distance.

    Parameters
    ----------
    x, y, x_ref, y_ref, radius
        See `neighbour_pairs`.

    Returns
    -------
    i, j : ndarray of int64, shape (k,)
        Indices into the two lists, sorted by i; no index comes twice. Of equally near points the first in the
        list is taken.
    """
    i, j = neighbour_pairs(x, y, x_ref, y_ref, radius)
    distance = (x[i] - x_ref[j]) ** 2 + (y[i] - y_ref[j]) ** 2
    forward, backward = _nearest(i, distance, x.size), _nearest(j, distance, x_ref.size)
    mutual = (forward[i] == np.arange(i.size)) & (backward[j] == np.arange(i.size))
    return i[mutual], j[mutual]


def _nearest(index: Index, distance: Float, size: int) -> Index:
    """Give for every point the number of its shortest pair, -1 without any."""
    best = np.full(size, -1, np.int64)
    # Assigned from the longest to the shortest: the last one stays, of equal ones the first in the list.
    order = np.lexsort((-np.arange(index.size), -distance))
    best[index[order]] = order
    return best


def match_offset(
    x: Float,
    y: Float,
    x_ref: Float,
    y_ref: Float,
    *,
    radius: float,
    tolerance: float,
    min_pairs: int = 3,
) -> Offset | None:
    """Find the offset between two lists of which only some points correspond.

    All differences of pairs vote in a plane; the true offset is where they crowd. The peak must stand
    out of the votes that unrelated points cast (Poisson), and is then refined as the median of its pairs.

    Parameters
    ----------
    x, y : ndarray of float64, shape (n,)
    x_ref, y_ref : ndarray of float64, shape (m,)
    radius : float
        Largest offset looked for.
    tolerance : float
        How far apart pairs may lie after the offset: some four times the error of a position.
    min_pairs : int, optional
        Fewer pairs are not believed.

    Returns
    -------
    Offset or None
        None when no offset stands out.
    """
    i, j = neighbour_pairs(x, y, x_ref, y_ref, radius)
    if i.size < min_pairs:
        return None
    dx, dy = x_ref[j] - x[i], y_ref[j] - y[i]
    votes, best_x, best_y = _peak(dx, dy, radius, tolerance)
    for _ in range(5):
        near = np.hypot(dx - best_x, dy - best_y) < tolerance
        if not near.any():
            return None
        best_x, best_y = float(np.median(dx[near])), float(np.median(dy[near]))
    first, second = mutual_pairs(x + best_x, y + best_y, x_ref, y_ref, tolerance)
    if first.size < min_pairs:
        return None
    best_x = float(np.median(x_ref[second] - x[first]))
    best_y = float(np.median(y_ref[second] - y[first]))
    chance = _chance(min(votes, first.size), i.size - first.size, tolerance / radius)
    return Offset(best_x, best_y, int(first.size), chance) if chance < MAX_CHANCE else None


def _peak(dx: Float, dy: Float, radius: float, tolerance: float) -> tuple[int, float, float]:
    """Find where differences crowd: votes in three by three cells of 2/3 of the tolerance."""
    cell = tolerance * 2.0 / 3.0
    half = math.ceil(radius / cell) + 1
    size = 2 * half + 1
    column = np.floor(dx / cell + 0.5).astype(np.int64) + half
    row = np.floor(dy / cell + 0.5).astype(np.int64) + half
    votes = np.bincount(row * size + column, minlength=size * size).reshape(size, size)
    padded = np.pad(votes, 1)
    crowd = sum(padded[a : a + size, b : b + size] for a in range(3) for b in range(3))
    away = np.add.outer(np.arange(-half, half + 1) ** 2, np.arange(-half, half + 1) ** 2)
    # Of equal crowds the one whose middle holds most, then the one nearest to no offset.
    best = np.lexsort((away.ravel(), -votes.ravel(), -np.asarray(crowd).ravel()))[0]
    y, x = divmod(int(best), size)
    return int(np.asarray(crowd)[y, x]), (x - half) * cell, (y - half) * cell


def _chance(agreeing: int, others: int, ratio: float) -> float:
    """Bound the probability that unrelated pairs crowd as much anywhere; `ratio`: tolerance over radius."""
    # The window of a vote is a square of two tolerances; it is placed at every cell of 2/3 of one.
    window, cells = 4.0 * ratio**2 / math.pi, 2.25 * math.pi / ratio**2
    return min(1.0, max(cells, 1.0) * _poisson_tail(agreeing, max(others, 1) * window))


def _poisson_tail(count: int, mean: float) -> float:
    """Probability of `count` or more events where `mean` are expected."""
    if count <= mean:
        return 1.0
    term = math.exp(count * math.log(mean) - mean - math.lgamma(count + 1.0))
    total = 0.0
    for k in range(count + 1, count + 200):
        total += term
        term *= mean / k
        if term < 1e-12 * total:
            break
    return total
