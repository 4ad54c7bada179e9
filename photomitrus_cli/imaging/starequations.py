"""Normal equations of frames tied by stars whose positions are eliminated.

A detection in frame k at undistorted pixels p says ``z + G_k (e + E p + c(p)) = s``: z is its place in a
common tangent plane (arcsec), G_k turns pixels into that plane, s is the position of its star. With the
position that minimises the sum of squares, ``N = sum w A^T A - sum_s B_s^T B_s / W_s``, where B_s is the
sum of w A over the detections of a star and W_s that of its weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.alignfit import MEDIAN_LENGTH, TUKEY
from photomitrus_cli.imaging.plateterms import LINEAR, n_terms, plate_rows
from photomitrus_cli.imaging.sphere import ARCSEC
from photomitrus_cli.imaging.tangent import positions_of, tangent_axes
from photomitrus_cli.imaging.tansip import TanSip

Float = NDArray[np.float64]
Index = NDArray[np.int64]

# Weight of a measurement that does not fit, relative to its own: the equations stay solvable.
LEAST = 1e-6
MIN_SCATTER = 8


@dataclass(frozen=True)
class Detected:
    """Detections of all frames.

    Attributes
    ----------
    frame, star : ndarray of int64, shape (m,)
        Numbers of the frame and of the star; a star comes once in a frame.
    x, y : ndarray of float64, shape (m,)
        0-based positions.
    error : ndarray of float64, shape (m,)
        Of each coordinate, floor included, arcsec.
    """

    frame: Index
    star: Index
    x: Float
    y: Float
    error: Float


@dataclass(frozen=True)
class Anchors:
    """Catalogue positions of some of the detected stars.

    Attributes
    ----------
    star : ndarray of int64, shape (c,)
        Their numbers, each at most once.
    vectors : ndarray of float64, shape (3, c)
        Unit vectors, ICRS, at the epoch of the frames.
    error : ndarray of float64, shape (c,)
        Of each coordinate, arcsec.
    """

    star: Index
    vectors: Float
    error: Float


@dataclass(frozen=True)
class Problem:
    """What does not change while geometries are fitted; detections are sorted by star.

    Attributes
    ----------
    frame, star : ndarray of int64, shape (m,)
        Stars are numbered without gaps.
    first : ndarray of int64, shape (s,)
        Row of the first detection of every star.
    members : list of ndarray of int64
        Rows of the detections of every frame.
    x, y : ndarray of float64, shape (m,)
    rows : ndarray of float64, shape (m, t)
        Terms at the detections (`plate_rows`).
    weight : ndarray of float64, shape (m,)
        1 / error^2, arcsec^-2.
    basis : ndarray of float64, shape (3, 3)
        Axes of the common tangent plane.
    anchored : ndarray of float64, shape (s,)
        1 / error^2 of the catalogue positions, 0 without any.
    place : ndarray of float64, shape (s, 2)
        Catalogue positions in the plane, arcsec.
    order : ndarray of int64, shape (m,)
        Where the detections stood.
    rank : ndarray of int64, shape (c,)
        Star of every catalogue position.
    """

    frame: Index
    star: Index
    first: Index
    members: list[Index]
    x: Float
    y: Float
    rows: Float
    weight: Float
    basis: Float
    anchored: Float
    place: Float
    order: Index
    rank: Index

    def by_star(self, values: Float) -> Float:
        """Sum over the detections of each star."""
        return np.asarray(np.add.reduceat(values, self.first, axis=0))


@dataclass(frozen=True)
class State:
    """Residuals and weights at one set of geometries; lengths in arcsec.

    Attributes
    ----------
    apart : ndarray of float64, shape (m, 2)
        Detections less mean positions of their stars.
    weight : ndarray of float64, shape (m,)
        Scale and robust weight included.
    anchor_apart : ndarray of float64, shape (s, 2)
        Catalogue less mean of the detections.
    anchor_weight : ndarray of float64, shape (s,)
    off : ndarray of float64, shape (s, 2)
        Catalogue less mean of all measurements.
    total : ndarray of float64, shape (s,)
        Sum of the weights of a star.
    scale, anchor_scale : float
        Scatter over stated errors.
    """

    apart: Float
    weight: Float
    anchor_apart: Float
    anchor_weight: Float
    off: Float
    total: Float
    scale: float
    anchor_scale: float


def make_problem(wcs: Sequence[TanSip], detected: Detected, anchors: Anchors, degree: int) -> Problem:
    """Sort detections by star and evaluate the terms of a polynomial at them.

    Parameters
    ----------
    wcs : sequence of TanSip
    detected : Detected
        At least one.
    anchors : Anchors
        Of stars that are not detected: an error of the caller.
    degree : int

    Returns
    -------
    Problem
    """
    order = np.lexsort((detected.frame, detected.star))
    names, first, star = np.unique(detected.star[order], return_index=True, return_inverse=True)
    frame, x, y = detected.frame[order], detected.x[order], detected.y[order]
    basis = tangent_axes(*(float(v) for v in positions_of(np.sum([item.axes[2] for item in wcs], axis=0))))
    rank = np.searchsorted(names, anchors.star)
    anchored, place = np.zeros(names.size), np.zeros((names.size, 2))
    anchored[rank] = 1.0 / np.square(anchors.error)
    place[rank] = _plane(basis, anchors.vectors)
    members = [np.flatnonzero(frame == k) for k in range(len(wcs))]
    rows = plate_rows(wcs[0], x, y, max(degree, 1))
    weight = 1.0 / np.square(detected.error[order])
    return Problem(frame, star, first, members, x, y, rows, weight, basis, anchored, place, order, rank)


def _plane(basis: Float, vectors: Float) -> Float:
    """Positions in the tangent plane, arcsec, shape (n, 2)."""
    right, up, depth = basis @ vectors
    return np.stack([right / depth, up / depth], axis=1) / ARCSEC


def residuals(problem: Problem, wcs: Sequence[TanSip], last: State | None, n_numbers: int) -> State:
    """Find how far detections are from the mean positions of their stars, and what weight that leaves them.

    Parameters
    ----------
    problem : Problem
    wcs : sequence of TanSip
    last : State or None
        Weights before.
    n_numbers : int
        Numbers fitted: they make the residuals smaller.

    Returns
    -------
    State
        Weights fall with the residual (Beaton & Tukey 1974).
    """
    z = np.empty((problem.x.size, 2))
    for k, rows in enumerate(problem.members):
        z[rows] = _plane(problem.basis, wcs[k].directions(problem.x[rows], problem.y[rows]))
    weight, anchor = (problem.weight, problem.anchored) if last is None else (last.weight, last.anchor_weight)
    own, total, mean, detections = _means(problem, z, weight, anchor)
    scales = (1.0, 1.0) if last is None else (last.scale, last.anchor_scale)
    share = 1.0 - weight / total[problem.star]
    useful = share > 0.02
    z_own = np.hypot(*(z - mean[problem.star]).T) * np.sqrt(problem.weight / np.where(useful, share, 1.0))
    stiff = np.sqrt(2.0 * z_own.size / max(2.0 * z_own.size - n_numbers, 1.0))
    scale = _scatter(z_own[useful], stiff, scales[0])
    weight = problem.weight / scale**2 * _tukey(z_own / scale)
    known = problem.anchored > 0.0
    error = np.sqrt(1.0 / np.where(known, problem.anchored, 1.0) + 1.0 / own)
    z_anchor = np.where(known, np.hypot(*(problem.place - detections).T) / error, 0.0)
    # Catalogues do not give better positions than they say.
    anchor_scale = max(_scatter(z_anchor[known], 1.0, scales[1]), 1.0)
    anchor = problem.anchored / anchor_scale**2 * _tukey(z_anchor / anchor_scale)
    _, total, mean, detections = _means(problem, z, weight, anchor)
    apart = z - mean[problem.star]
    away, off = problem.place - detections, problem.place - mean
    return State(apart, weight, away, anchor, off, total, scale, anchor_scale)


def _means(problem: Problem, z: Float, weight: Float, anchor: Float) -> tuple[Float, Float, Float, Float]:
    """Weights and means of the stars: weight of detections, of all; mean of all, of detections."""
    own, sums = problem.by_star(weight), problem.by_star(weight[:, None] * z)
    total = own + anchor
    mean = (sums + anchor[:, None] * problem.place) / total[:, None]
    return own, total, mean, sums / own[:, None]


def _scatter(z: Float, stiff: float, default: float) -> float:
    """Scale of lengths of plane normal vectors."""
    return max(float(np.median(z)) / MEDIAN_LENGTH * stiff, 1e-3) if z.size >= MIN_SCATTER else default


def _tukey(z: Float) -> Float:
    return np.maximum(np.square(np.clip(1.0 - np.square(z / TUKEY), 0.0, None)), LEAST)


def plane_matrices(problem: Problem, wcs: Sequence[TanSip]) -> Float:
    """Give what a pixel is in the common plane: arcsec a pixel, shape (f, 2, 2)."""
    return np.stack([problem.basis[:2] @ item.axes[:2].T @ item.cd for item in wcs]) * 3600.0


def normal_equations(
    problem: Problem, wcs: Sequence[TanSip], state: State, fold: Index | None = None
) -> tuple[Float, Float, Float]:
    """Set up the normal equations, star by star or in groups of stars.

    Parameters
    ----------
    problem : Problem
    wcs : sequence of TanSip
    state : State
        At these geometries.
    fold : ndarray of int64, shape (s,), optional
        Group of every star, from 0 on; one group by default.

    Returns
    -------
    matrix : ndarray of float64, shape (g, p, p)
        For the numbers of all frames (along u: 1, u, v; along v) and of the polynomial (u, v).
    right : ndarray of float64, shape (g, p)
    chi2 : ndarray of float64, shape (g,)
        A step d changes it to ``chi2 - 2 right d + d matrix d``.
    """
    fold = np.zeros(problem.first.size, np.int64) if fold is None else fold
    g, of_row = int(fold.max()) + 1, fold[problem.star]
    turn = plane_matrices(problem, wcs)
    summed = _star_sums(problem, turn, state.weight)
    p = summed.shape[2]
    matrix, right = np.zeros((g, p, p)), np.zeros((g, p))
    pull = state.weight[:, None] * state.apart
    for n in range(g):
        part = (summed[fold == n] / np.sqrt(state.total[fold == n])[:, None, None]).reshape(-1, p)
        matrix[n] -= part.T @ part
        for k, members in enumerate(problem.members):
            rows = members[of_row[members] == n] if g > 1 else members
            terms = problem.rows[rows]
            square = terms.T @ (state.weight[rows, None] * terms)
            gradient = turn[k].T @ (pull[rows].T @ terms)
            metric = turn[k].T @ turn[k]
            places = [columns(k, c, len(wcs), terms.shape[1]) for c in (0, 1)]
            for c in (0, 1):
                right[n, places[c]] -= gradient[c]
                for d in (0, 1):
                    matrix[n][np.ix_(places[c], places[d])] += metric[c, d] * square
    own = np.bincount(of_row, state.weight * np.square(state.apart).sum(axis=1), g)
    known = np.bincount(fold, state.anchor_weight * np.square(state.off).sum(axis=1), g)
    return matrix, right, np.asarray(own + known, dtype=np.float64)


def columns(frame: int, component: int, n_frames: int, n_rows: int) -> Index:
    """Give the places of a frame's terms along u (component 0) or v (1) among all numbers.

    Parameters
    ----------
    frame, component, n_frames : int
    n_rows : int
        Terms of one component, linear ones included.

    Returns
    -------
    ndarray of int64, shape (n_rows,)
    """
    own = 2 * LINEAR * frame + LINEAR * component
    common = 2 * LINEAR * n_frames + (n_rows - LINEAR) * component
    return np.concatenate([own + np.arange(LINEAR), common + np.arange(n_rows - LINEAR)])


def _star_sums(problem: Problem, turn: Float, weight: Float) -> Float:
    """Weighted sums of the rows of every star, shape (s, 2, p)."""
    n_frames, n_rows = len(turn), problem.rows.shape[1]
    count = n_rows - LINEAR
    out = np.zeros((problem.first.size, 2, 2 * LINEAR * n_frames + 2 * count))
    weighted = weight[:, None] * problem.rows
    start = 2 * LINEAR * n_frames
    for a in (0, 1):
        for c in (0, 1):
            for k, members in enumerate(problem.members):
                own = 2 * LINEAR * k + LINEAR * c
                out[problem.star[members], a, own : own + LINEAR] = turn[k, a, c] * weighted[members, :LINEAR]
            if count:
                scaled = turn[problem.frame, a, c][:, None] * weighted[:, LINEAR:]
                out[:, a, start + count * c : start + count * (c + 1)] = problem.by_star(scaled)
    return out


def freedom(n_frames: int, frame_terms: str, degree: int, n_rows: int) -> Float:
    """Give the numbers of all terms as multiples of those that are free.

    Parameters
    ----------
    n_frames : int
    frame_terms : str
        'affine', 'roll' or 'shift'.
    degree : int
        Of the polynomial.
    n_rows : int
        Terms of one component in the equations, linear ones included.

    Returns
    -------
    ndarray of float64, shape (p, q)
    """
    shift = np.zeros((6, 2))
    shift[0, 0] = shift[LINEAR, 1] = 1.0
    # A turn: u gets -v, v gets u.
    turn = np.zeros((6, 1))
    turn[2, 0], turn[LINEAR + 1, 0] = -1.0, 1.0
    own = {"affine": np.eye(6), "roll": np.hstack([shift, turn]), "shift": shift}[frame_terms]
    count, kept = n_rows - LINEAR, n_terms(degree)
    common = np.kron(np.eye(2), np.eye(count, kept))
    frames = np.kron(np.eye(n_frames), own)
    out = np.zeros((frames.shape[0] + common.shape[0], frames.shape[1] + common.shape[1]))
    out[: frames.shape[0], : frames.shape[1]] = frames
    out[frames.shape[0] :, frames.shape[1] :] = common
    return out
