"""Offsets of frames from the stars that they have in common, all in one least-squares problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.alignfit import MEDIAN_LENGTH, TUKEY, TUKEY_VARIANCE, Pairs
from photomitrus_cli.imaging.sphere import ARCSEC, Basis, tangent_plane
from photomitrus_cli.imaging.starlist import Measured

Float = NDArray[np.float64]
Index = NDArray[np.int64]

# Up to this many frames the errors allow for the way in which they hang together.
MAX_DENSE = 500
_REWEIGHTINGS = 5
_CG_STEPS = 500
_SETTLED_ARCSEC = 1e-6
_PULL = 1e-8  # towards no offset, relative to the pull of a frame's stars
# Outliers keep so much of their weight that no frame drops out of the equations.
_LEAST = 1e-6


@dataclass(frozen=True)
class System:
    """Detections of stars that two or more frames have in common.

    Attributes
    ----------
    n_frames : int
    frame, star : ndarray of int64, shape (m,)
        Numbers of the frame and of the star of each detection.
    vectors : ndarray of float64, shape (m, 3)
        As measured.
    east, north, turn : ndarray of float64, shape (m, 3)
        How each moves per radian of its frame's dxi, deta and roll.
    weight : ndarray of float64, shape (m,)
        1 / error^2, arcsec^-2.
    """

    n_frames: int
    frame: Index
    star: Index
    vectors: Float
    east: Float
    north: Float
    turn: Float
    weight: Float


@dataclass(frozen=True)
class Solution:
    """Offsets of all frames.

    Attributes
    ----------
    shift : ndarray of float64, shape (f, 2)
        Moves of the centres, arcsec, east and north.
    weight : ndarray of float64, shape (m,)
        Of the detections, outliers nearly 0, arcsec^-2.
    scale : float
        Ratio of the scatter of the residuals to what the errors say.
    """

    shift: Float
    weight: Float
    scale: float


def build_system(frames: Sequence[Measured], detections: tuple[Index, Index, Index]) -> System:
    """Collect the detections of the stars in common.

    Parameters
    ----------
    frames : sequence of Measured
        The frames of one set.
    detections : tuple of ndarray
        From `photomitrus_cli.imaging.starlist.common_stars`.

    Returns
    -------
    System
    """
    frame, row, star = detections
    start = np.cumsum([0, *(item.weight.size for item in frames)])[frame] + row
    vectors = np.concatenate([item.vectors for item in frames])[start]
    axes = np.array([item.basis for item in frames])[frame]
    east, north, turn = (np.cross(axis, vectors) for axis in (axes[:, 1], -axes[:, 0], axes[:, 2]))
    weight = np.concatenate([item.weight for item in frames])[start]
    return System(len(frames), frame, star, vectors, east, north, turn, weight)


def solve_offsets(system: System, moves: Float) -> Solution:
    """Find the offsets that bring the stars of all frames together, by robust weights.

    Parameters
    ----------
    system : System
    moves : ndarray of float64, shape (f, 3)
        First dxi, deta (arcsec), and the roll (radians) to be used.

    Returns
    -------
    Solution
    """
    turned = system.vectors + moves[system.frame, 2, None] * system.turn
    shift = moves[:, :2] * ARCSEC
    weight, scale = system.weight, 1.0
    # Every frame's offset makes the residuals smaller, on top of what every star's position does.
    free = system.weight.size - np.unique(system.star).size
    stiffness = np.sqrt(free / max(free - system.n_frames + 1, 1))
    for _ in range(_REWEIGHTINGS):
        shift = _least_squares(system, turned, shift, weight)
        now = turned + _motion(system, shift)
        apart = np.sqrt(np.square(now - _means(system, now, weight)).sum(axis=1)) / ARCSEC
        # A mean that holds the star itself lies nearer to it than the truth does.
        share = np.clip(1.0 - weight / _totals(system, weight), 0.05, None)
        z = apart * np.sqrt(system.weight / share)
        scale = max(float(np.median(z)) / MEDIAN_LENGTH * stiffness, 1e-6)
        tukey = np.square(np.clip(1.0 - np.square(z / (TUKEY * scale)), 0.0, None))
        weight = system.weight * np.maximum(tukey, _LEAST)
    return Solution(shift / ARCSEC, weight, scale)


def _sums(index: Index, values: Float, size: int) -> Float:
    """Sum rows by index."""
    return np.stack([np.bincount(index, weights=column, minlength=size) for column in values.T], axis=1)


def _totals(system: System, weight: Float) -> Float:
    """Sum of the weights of each detection's star."""
    return np.asarray(np.bincount(system.star, weights=weight)[system.star])


def _means(system: System, vectors: Float, weight: Float) -> Float:
    """Weighted mean position of each detection's star."""
    sums = _sums(system.star, weight[:, None] * vectors, 0)[system.star]
    return np.asarray(sums / _totals(system, weight)[:, None])


def _motion(system: System, shift: Float) -> Float:
    """How the stars move with their frames, `shift` in radians."""
    first, second = shift[system.frame, 0, None], shift[system.frame, 1, None]
    return np.asarray(first * system.east + second * system.north)


def _least_squares(system: System, vectors: Float, start: Float, weight: Float) -> Float:
    """Shifts that bring the stars of all frames together, radians, shape (f, 2).

    Conjugate gradients on the normal equations from which the star positions are eliminated, with their
    diagonal as preconditioner (Saad 2003, algorithm 9.1). A very weak pull towards zero decides what stars
    in common leave open.
    """
    kept = weight * (1.0 - weight / _totals(system, weight))
    diagonal = np.bincount(system.frame, weights=kept, minlength=system.n_frames)[:, None]
    diagonal = np.where(diagonal > 0.0, diagonal, 1.0)

    def gradient(values: Float, shift: Float) -> Float:
        """Gradient of the sum of squares, one row a frame."""
        apart = weight[:, None] * (values - _means(system, values, weight))
        products = np.stack([(apart * system.east).sum(axis=1), (apart * system.north).sum(axis=1)], axis=1)
        return _sums(system.frame, products, system.n_frames) + _PULL * diagonal * shift

    shift, rest = start, -gradient(vectors + _motion(system, start), start)
    ready = rest / diagonal
    direction, product = ready, float((rest * ready).sum())
    enough = max(1e-14 * product, float(diagonal.sum()) * (_SETTLED_ARCSEC * ARCSEC) ** 2)
    for _ in range(_CG_STEPS):
        if not product > enough:
            break
        image = gradient(_motion(system, direction), direction)
        length = product / float((direction * image).sum())
        shift, rest = shift + length * direction, rest - length * image
        ready = rest / diagonal
        last, product = product, float((rest * ready).sum())
        direction = ready + product / last * direction
    return shift


def pairs_of_frames(system: System, bases: Sequence[Basis], moves: Float, solution: Solution) -> list[Pairs]:
    """Pair each frame's stars with the mean positions that the other frames give.

    Parameters
    ----------
    system : System
    bases : sequence of Basis
        At the centres of the frames.
    moves : ndarray of float64, shape (f, 3)
        dxi, deta (arcsec) and roll (radians).
    solution : Solution
        For its weights.

    Returns
    -------
    list of Pairs
        One a frame, maybe empty; the errors are those of both positions.
    """
    now = system.vectors + moves[system.frame, 2, None] * system.turn
    now = now + _motion(system, moves[:, :2] * ARCSEC)
    weight, total = solution.weight, _totals(system, solution.weight)
    others = total - weight
    sums = total[:, None] * _means(system, now, weight) - weight[:, None] * now
    useful = others > 1e-3 * system.weight
    both = 1.0 / (1.0 / system.weight + 1.0 / np.where(useful, others, 1.0))
    pairs = []
    for n, basis in enumerate(bases):
        mine = useful & (system.frame == n)
        xi, eta = (v / ARCSEC for v in tangent_plane(system.vectors[mine], basis))
        true_xi, true_eta = (v / ARCSEC for v in tangent_plane(sums[mine], basis))
        pairs.append(Pairs(xi, eta, true_xi - xi, true_eta - eta, both[mine]))
    return pairs


def offset_errors(system: System, solution: Solution) -> Float:
    """Give the standard errors of the offsets relative to the mean of the frames.

    Parameters
    ----------
    system : System
    solution : Solution

    Returns
    -------
    ndarray of float64, shape (f,)
        Arcsec, each coordinate; for more than 500 frames without what neighbours contribute.
    """
    used = solution.weight > 10.0 * _LEAST * system.weight
    weight = np.where(used, system.weight, _LEAST * system.weight)
    total = np.bincount(system.star, weights=weight)
    kept = weight * (1.0 - weight / total[system.star])
    diagonal = np.bincount(system.frame, weights=kept, minlength=system.n_frames)
    diagonal = np.where(diagonal > 0.0, diagonal, np.nan)
    variance = 1.0 / diagonal
    if system.n_frames <= MAX_DENSE and np.isfinite(diagonal).all():
        variance = np.diag(_inverse(_laplacian(system, weight)))
    return np.asarray(solution.scale * np.sqrt(TUKEY_VARIANCE * variance))


def _inverse(matrix: Float) -> Float:
    """Pseudo-inverse of a symmetric matrix: what is undetermined stays at zero."""
    return np.asarray(np.linalg.pinv(matrix, hermitian=True), dtype=np.float64)


def _laplacian(system: System, weight: Float) -> Float:
    """Give the normal equations of one coordinate, star positions eliminated."""
    from scipy.sparse import csr_matrix

    shape = (system.n_frames, int(system.star.max()) + 1)
    incidence = csr_matrix(
        (weight / np.sqrt(_totals(system, weight)), (system.frame, system.star)), shape=shape
    )
    own = np.bincount(system.frame, weights=weight, minlength=system.n_frames)
    return np.asarray(np.diag(own) - (incidence @ incidence.T).toarray(), dtype=np.float64)
