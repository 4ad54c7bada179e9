"""All frames of one detector at once: a common distortion, linear terms for every frame, free star positions.

Every detection ties its frame to its star; a catalogue position is one more measurement of a star. The
positions of the stars are eliminated exactly (block elimination, e.g. Eichhorn & Williams 1963, AJ 68,
221), so that the frames agree to the precision of all their stars, whatever the depth of the catalogue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.alignfit import TUKEY_VARIANCE
from photomitrus_cli.imaging.platefit import solve_normal
from photomitrus_cli.imaging.plateterms import LINEAR, corrected, n_terms, plate_rows, powers, reach
from photomitrus_cli.imaging.starequations import (
    Anchors,
    Detected,
    Problem,
    State,
    columns,
    freedom,
    make_problem,
    normal_equations,
    residuals,
)
from photomitrus_cli.imaging.tansip import TanSip

Float = NDArray[np.float64]

FOLDS = 8
_STEPS = 12
_SETTLED_PX = 1e-3


@dataclass(frozen=True)
class Terms:
    """What is fitted.

    Attributes
    ----------
    degree : int
        Of the common polynomial; below 2 the distortion stays as it is.
    frame : str
        Of every frame: 'affine' (6 numbers), 'roll' (shift and rotation) or 'shift'.
    """

    degree: int
    frame: str = "affine"


@dataclass(frozen=True)
class GlobalFit:
    """Fitted geometries.

    Attributes
    ----------
    wcs : list of TanSip
        One a frame; all with the same SIP polynomials.
    terms : Terms
    weight : ndarray of float64, shape (m,)
        Robust weights of the detections, 0 to 1.
    anchor_weight : ndarray of float64, shape (c,)
        Of the catalogue positions.
    residual : ndarray of float64, shape (m, 2)
        Detection less mean position of its star, east and north, arcsec.
    anchor_residual : ndarray of float64, shape (c, 2)
        Catalogue less mean position that the detections give, arcsec.
    scale, anchor_scale : float
        Scatter over stated errors.
    covariance : ndarray of float64, shape (q, q)
        Of the free numbers, pixels squared.
    scores : dict of int to float
        Degree -> chi^2 per degree of freedom of stars put aside; empty when the degree was given.
    """

    wcs: list[TanSip]
    terms: Terms
    weight: Float
    anchor_weight: Float
    residual: Float
    anchor_residual: Float
    scale: float
    anchor_scale: float
    covariance: Float
    scores: dict[int, float] = field(default_factory=dict)

    def position_error(self, frame: int, x: Float, y: Float) -> Float:
        """Give the predicted standard error of positions in a frame, without that of a detection.

        Parameters
        ----------
        frame : int
        x, y : ndarray of float64, shape (n,)
            0-based frame positions.

        Returns
        -------
        ndarray of float64, shape (n,)
            Of one coordinate (root mean square of both), arcsec; only as to the mean place of the frames
            when there was no catalogue.
        """
        wcs, degree, f = self.wcs[frame], max(self.terms.degree, 1), len(self.wcs)
        rows = plate_rows(wcs, x, y, degree)
        width = rows.shape[1]
        part = np.zeros((x.size, 2, 2 * LINEAR * f + 2 * (width - LINEAR)))
        for c in (0, 1):
            for a in (0, 1):
                part[:, a, columns(frame, c, f, width)] = wcs.cd[a, c] * 3600.0 * rows
        part = part @ freedom(f, self.terms.frame, degree, width)
        variance = np.einsum("nap,pq,naq->n", part, self.covariance, part)
        return np.asarray(np.sqrt(0.5 * np.maximum(variance, 0.0)))


def solve_global(
    wcs: Sequence[TanSip],
    detected: Detected,
    anchors: Anchors,
    terms: Terms,
    *,
    degrees: Sequence[int] = (),
    home: TanSip | None = None,
) -> GlobalFit:
    """Fit the geometries of all frames of one detector.

    Parameters
    ----------
    wcs : sequence of TanSip
        Starts, a pixel off at most; of one shape, tangent pixel and SIP.
    detected : Detected
    anchors : Anchors
        May be empty: then the frames keep their mean place.
    terms : Terms
        Its degree is the highest that is tried.
    degrees : sequence of int, optional
        Degrees among which cross-validation over stars chooses; none: that of `terms` is taken.
    home : TanSip, optional
        Its SIP polynomials hold what is not fitted, above the degree; those of the starts by default.

    Returns
    -------
    GlobalFit
    """
    problem = make_problem(wcs, detected, anchors, terms.degree)
    home = home or wcs[0]
    frames, state = _iterate(problem, _homeward(wcs, home, terms.degree), terms, None)
    scores: dict[int, float] = {}
    if len(degrees) > 1:
        best, scores = _cross_validated(problem, frames, home, state, terms, sorted(degrees))
        if best < terms.degree:
            terms = replace(terms, degree=best)
            problem = replace(problem, rows=problem.rows[:, : LINEAR + n_terms(best)])
            frames, state = _iterate(problem, _homeward(frames, home, best), terms, state)
    matrix = normal_equations(problem, frames, state)[0][0]
    free = freedom(len(frames), terms.frame, terms.degree, problem.rows.shape[1])
    covariance = TUKEY_VARIANCE * solve_normal(free.T @ matrix @ free, np.eye(free.shape[1]))
    return _result(problem, frames, terms, state, covariance, scores)


def _result(
    problem: Problem,
    wcs: list[TanSip],
    terms: Terms,
    state: State,
    covariance: Float,
    scores: dict[int, float],
) -> GlobalFit:
    """Put detections back in the order in which they came."""
    weight, residual = np.empty(problem.x.size), np.empty((problem.x.size, 2))
    weight[problem.order] = state.weight * state.scale**2 / problem.weight
    residual[problem.order] = state.apart
    rank = problem.rank
    anchor_weight = state.anchor_weight[rank] * state.anchor_scale**2 / problem.anchored[rank]
    away = state.anchor_apart[rank]
    scales = state.scale, state.anchor_scale
    return GlobalFit(wcs, terms, weight, anchor_weight, residual, away, *scales, covariance, scores)


def _iterate(
    problem: Problem, wcs: list[TanSip], terms: Terms, state: State | None
) -> tuple[list[TanSip], State]:
    """Solve, weigh and linearise anew until nothing moves."""
    free = freedom(len(wcs), terms.frame, terms.degree, problem.rows.shape[1])
    state = residuals(problem, wcs, state, free.shape[1])
    for _ in range(_STEPS):
        matrix, right, _ = normal_equations(problem, wcs, state)
        step = free @ solve_normal(free.T @ matrix[0] @ free, free.T @ right[0])
        wcs = _moved(wcs, step, problem.rows.shape[1])
        state = residuals(problem, wcs, state, free.shape[1])
        if np.abs(step).max() < _SETTLED_PX:
            break
    return wcs, state


def _moved(wcs: list[TanSip], step: Float, width: int) -> list[TanSip]:
    """Apply a step to all frames."""
    places = ([columns(k, c, len(wcs), width) for c in (0, 1)] for k in range(len(wcs)))
    return [corrected(item, step[np.stack(place)]) for item, place in zip(wcs, places, strict=True)]


def _cross_validated(
    problem: Problem,
    wcs: list[TanSip],
    home: TanSip,
    state: State,
    terms: Terms,
    degrees: list[int],
) -> tuple[int, dict[int, float]]:
    """Choose the degree by stars that are put aside, an eighth at a time.

    The equations are those at the solution of the highest degree, where the terms above a lower one are taken
    back; the weights are the same for all degrees, so that none gains by dropping stars.
    """
    # Stars are numbered by the caller in no order of the sky; a stride spreads them over the frame.
    fold = np.arange(problem.first.size) % FOLDS
    matrix, right, chi2 = normal_equations(problem, wcs, state, fold)
    total, whole = matrix.sum(axis=0), right.sum(axis=0)
    width = problem.rows.shape[1]
    back = _taken_back(wcs[0], home, terms.degree, len(wcs))
    losses = []
    for degree in degrees:
        free = freedom(len(wcs), terms.frame, degree, width)
        fixed = np.where(free.any(axis=1), 0.0, back)
        loss = np.empty(FOLDS)
        for n in range(FOLDS):
            others, pull = total - matrix[n], whole - right[n]
            step = fixed + free @ solve_normal(free.T @ others @ free, free.T @ (pull - others @ fixed))
            loss[n] = chi2[n] - 2.0 * right[n] @ step + step @ matrix[n] @ step
        losses.append(loss)
    freedoms = 2.0 * (problem.x.size + problem.rank.size - problem.first.size)
    best = int(np.argmin([loss.sum() for loss in losses]))
    scores = {d: float(loss.sum() / freedoms) for d, loss in zip(degrees, losses, strict=True)}
    return degrees[best], scores


def _homeward(wcs: Sequence[TanSip], home: TanSip, degree: int) -> list[TanSip]:
    """Put the terms above a degree to where they belong."""
    own, fixed = _padded(wcs[0], home, degree), _padded(home, wcs[0], degree)
    above = np.add.outer(np.arange(own.shape[1]), np.arange(own.shape[1])) > max(degree, 1)
    sip = np.where(above, fixed, own)
    return [replace(item, sip=sip) for item in wcs]


def _padded(wcs: TanSip, other: TanSip, degree: int) -> Float:
    """SIP polynomials in an array that holds those of another geometry and a degree as well."""
    size = max(wcs.sip.shape[1], other.sip.shape[1], degree + 1)
    out = np.zeros((2, size, size))
    out[:, : wcs.sip.shape[1], : wcs.sip.shape[1]] = wcs.sip
    return out


def _taken_back(wcs: TanSip, home: TanSip, degree: int, n_frames: int) -> Float:
    """Step that takes the fitted polynomial back home."""
    p, q = powers(degree)
    change = _padded(home, wcs, degree) - _padded(wcs, home, degree)
    terms = change[:, p, q] * reach(wcs) ** (p + q)
    return np.concatenate([np.zeros(2 * LINEAR * n_frames), terms.ravel()])
