"""Astrometric alignment of frames onto a catalogue: a small rotation of the sky for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.alignfit import (
    NO_ROLL,
    SIGMA_PER_MAD,
    Fit,
    Pairs,
    Roll,
    fit_pairs,
    pooled_scale,
    shrunk_rolls,
)
from photomitrus_cli.imaging.matching import match_offset, mutual_pairs
from photomitrus_cli.imaging.mutual import build_system, offset_errors, pairs_of_frames, solve_offsets
from photomitrus_cli.imaging.sphere import (
    ARCSEC,
    Basis,
    basis_at,
    rotation_matrix,
    rotation_vector,
    tangent_plane,
    unit_vectors,
)
from photomitrus_cli.imaging.starlist import Limits, Measured, common_stars, connect

Float = NDArray[np.float64]

Source = Literal["stars", "group", "none"]

_ROUNDS = 3


@dataclass(frozen=True)
class FrameStars:
    """The stars of one frame, where its header puts them.

    Attributes
    ----------
    ra, dec : ndarray of float64, shape (n,)
        As measured, degrees ICRS.
    error : ndarray of float64, shape (n,)
        Standard error of each coordinate, arcsec. Only their ratios need be right.
    centre : tuple of float
        (ra, dec) of the frame's centre, degrees: rolls are about it.
    group : str, optional
        Frames of one group (an AOR, a night) share what one of them cannot tell alone.
    """

    ra: Float
    dec: Float
    error: Float
    centre: tuple[float, float]
    group: str = ""


@dataclass(frozen=True)
class Alignment:
    """How to move a frame on the sky.

    Attributes
    ----------
    rotation : ndarray of float64, shape (3, 3)
        Turns unit vectors of measured directions into true ones: ``v_true = rotation @ v_measured``.
    dxi, deta : float
        Move of the frame's centre, arcsec, east and north.
    roll_deg : float
        Turn about the centre from east towards north: position angles decrease by it.
    n_stars : int
        Stars used.
    rms_arcsec : float
        Of their residuals in one coordinate; NaN without stars.
    error_arcsec : float
        Standard error of `dxi` and of `deta`; NaN with source 'none'.
    source : {'stars', 'group', 'none'}
        From the frame's stars, from the other frames of its group, or not moved.
    linked : int
        Number of the set of frames that hang together (`align_frames`; 0 is the first). Two sets are not
        aligned with each other. -1 for frames in none; always 0 with a catalogue.
    """

    rotation: Float
    dxi: float
    deta: float
    roll_deg: float
    n_stars: int
    rms_arcsec: float
    error_arcsec: float
    source: Source
    linked: int = 0


UNMOVED = Alignment(np.eye(3), 0.0, 0.0, 0.0, 0, np.nan, np.nan, "none")


def align_to_catalogue(
    frames: Sequence[FrameStars],
    ref_ra: Float,
    ref_dec: Float,
    *,
    max_offset_arcsec: float = 4.0,
    tolerance_arcsec: float = 0.6,
    min_stars_offset: int = 3,
    min_stars_rotation: int = 8,
    max_group_scatter_arcsec: float = 0.3,
) -> list[Alignment]:
    """Align frames to a catalogue.

    Per frame the offset is found by voting among all pairs and fitted with Tukey's weights. Rolls are
    measured where there are enough stars and shrunk, within each group, by what their errors explain
    (an empirical Bayes estimate): frames that are not rolled are not made so by noise.

    Parameters
    ----------
    frames : sequence of FrameStars
        In any order; each gets its own result.
    ref_ra, ref_dec : ndarray of float64, shape (m,)
        The catalogue at the epoch of the frames, degrees ICRS.
    max_offset_arcsec : float, optional
        Largest offset looked for.
    tolerance_arcsec : float, optional
        How far a star may lie from its reference after the offset.
    min_stars_offset, min_stars_rotation : int, optional
        Stars needed for an offset, and for a roll.
    max_group_scatter_arcsec : float, optional
        A frame without an offset of its own takes the median of its group's if these scatter less.

    Returns
    -------
    list of Alignment
        One a frame, in the same order.
    """
    bases = [basis_at(*frame.centre) for frame in frames]
    reference = Reference(ref_ra, ref_dec)
    pairs = [
        _pair_up(frame, basis, reference, (max_offset_arcsec, tolerance_arcsec), min_stars_offset)
        for frame, basis in zip(frames, bases, strict=True)
    ]
    pooled = pooled_scale([item for item in pairs if item is not None])
    first = [
        None if item is None else fit_pairs(item, pooled, min_stars=min_stars_rotation) for item in pairs
    ]
    rolls = rolls_by_group(frames, first)
    fits = [
        None if item is None else fit_pairs(item, pooled, roll=roll)
        for item, roll in zip(pairs, rolls, strict=True)
    ]
    return _finish(frames, bases, fits, max_group_scatter_arcsec)


def align_frames(
    frames: Sequence[FrameStars],
    *,
    max_offset_arcsec: float = 4.0,
    tolerance_arcsec: float = 0.6,
    min_stars_offset: int = 3,
    min_stars_rotation: int = 8,
    max_group_scatter_arcsec: float = 0.3,
) -> list[Alignment]:
    """Align frames with each other, without a catalogue.

    The positions of all stars seen on two or more frames and the offsets of all frames solve one weighted
    least-squares problem, made robust by Tukey's weights. Nothing tells where the sky is: of every set of
    frames that hang together the mean rotation is zero. Rolls are measured against the mean positions and
    shrunk as in `align_to_catalogue`.

    Parameters
    ----------
    frames : sequence of FrameStars
        In any order; each gets its own result.
    max_offset_arcsec : float, optional
        Largest offset between two frames looked for.
    tolerance_arcsec : float, optional
        How far a star may lie from its mean position after the offset.
    min_stars_offset, min_stars_rotation : int, optional
        Stars in common with others needed for an offset, and for a roll.
    max_group_scatter_arcsec : float, optional
        A frame without an offset of its own takes the median of its group's if these scatter less.

    Returns
    -------
    list of Alignment
        One a frame, in the same order. Errors are those relative to the mean of the set.
    """
    limits = Limits(max_offset_arcsec, tolerance_arcsec, min_stars_offset)
    measured = [_measured(frame) for frame in frames]
    offsets, sets = connect(measured, limits)
    fits: list[Fit | None] = [None] * len(frames)
    for members in sets:
        chosen = [frames[n] for n in members]
        solved = _solve_set(
            chosen, [measured[n] for n in members], offsets[members], limits, min_stars_rotation
        )
        for n, fit in zip(members, solved, strict=True):
            fits[n] = fit
    results = _finish(frames, [frame.basis for frame in measured], fits, max_group_scatter_arcsec)
    linked = {n: k for k, members in enumerate(sets) for n in members}
    return [replace(result, linked=linked.get(n, -1)) for n, result in enumerate(results)]


def _measured(frame: FrameStars) -> Measured:
    basis, vectors = basis_at(*frame.centre), unit_vectors(frame.ra, frame.dec)
    nearest = float(np.clip((vectors @ basis.centre).min(initial=1.0), -1.0, 1.0))
    return Measured(vectors, 1.0 / np.square(frame.error), basis, float(np.arccos(nearest)))


def _solve_set(
    frames: Sequence[FrameStars],
    measured: Sequence[Measured],
    offsets: Float,
    limits: Limits,
    min_stars_rotation: int,
) -> list[Fit | None]:
    """Solve one set of frames that hang together: offsets and rolls in turns."""
    bases = [frame.basis for frame in measured]
    moves = np.column_stack([offsets, np.zeros(len(frames))])
    rolls = [Roll(0.0, 0.0)] * len(frames)
    for _ in range(_ROUNDS):
        system = build_system(measured, common_stars(measured, moves, limits.tolerance))
        solution = solve_offsets(system, moves)
        moves[:, :2] = solution.shift
        pairs = pairs_of_frames(system, bases, moves, solution)
        known = [item if item.xi.size >= limits.stars else None for item in pairs]
        fits = [
            None if item is None else fit_pairs(item, solution.scale, min_stars=min_stars_rotation)
            for item in known
        ]
        rolls = rolls_by_group(frames, fits)
        moves[:, 2] = [roll.angle for roll in rolls]
    solution = solve_offsets(system, moves)
    moves[:, :2] = solution.shift
    pairs = pairs_of_frames(system, bases, moves, solution)
    fits = [
        None if item is None else fit_pairs(pair, solution.scale, roll=roll)
        for item, pair, roll in zip(known, pairs, rolls, strict=True)
    ]
    return _in_gauge(fits, bases, moves, offset_errors(system, solution))


def _in_gauge(
    fits: Sequence[Fit | None], bases: Sequence[Basis], moves: Float, errors: Float
) -> list[Fit | None]:
    """Take the mean rotation out of a set of frames, which is then that of no frame in particular."""
    scale = np.array([ARCSEC, ARCSEC, 1.0])
    vectors = np.array([rotation_vector(b, *(move * scale)) for b, move in zip(bases, moves, strict=True)])
    known = np.array([fit is not None for fit in fits])
    vectors -= vectors[known].mean(axis=0) if known.any() else 0.0
    result: list[Fit | None] = []
    for fit, basis, vector, error in zip(fits, bases, vectors, errors, strict=True):
        if fit is None:
            result.append(None)
            continue
        dxi, deta = float(vector @ basis.north) / ARCSEC, -float(vector @ basis.east) / ARCSEC
        roll = Roll(float(vector @ basis.centre), fit.roll.error)
        result.append(Fit(dxi, deta, roll, float(error), fit.rms, fit.n))
    return result


def rolls_by_group(frames: Sequence[FrameStars], fits: Sequence[Fit | None]) -> list[Roll]:
    """Shrink the rolls of the frames of each group.

    Parameters
    ----------
    frames : sequence of FrameStars
    fits : sequence of Fit or None
        With measured rolls.

    Returns
    -------
    list of Roll
        One a frame.
    """
    rolls = [Roll(0.0, 0.0)] * len(frames)
    for members in _groups(frames):
        measured = [NO_ROLL if (fit := fits[n]) is None else fit.roll for n in members]
        for n, roll in zip(members, shrunk_rolls(measured), strict=True):
            rolls[n] = roll
    return rolls


def _groups(frames: Sequence[FrameStars]) -> list[list[int]]:
    groups: dict[str, list[int]] = {}
    for n, frame in enumerate(frames):
        groups.setdefault(frame.group, []).append(n)
    return list(groups.values())


def _finish(
    frames: Sequence[FrameStars],
    bases: Sequence[Basis],
    fits: Sequence[Fit | None],
    max_group_scatter: float,
) -> list[Alignment]:
    """Turn fits into alignments; frames without one take that of their group."""
    results = [UNMOVED] * len(frames)
    for members in _groups(frames):
        shared = _group_fit([fit for n in members if (fit := fits[n]) is not None], max_group_scatter)
        for n in members:
            fit = fits[n]
            if fit is not None:
                results[n] = _alignment(bases[n], fit, "stars")
            elif shared is not None:
                results[n] = _alignment(bases[n], shared, "group")
    return results


class Reference:
    """A catalogue that gives its stars around a point.

    Parameters
    ----------
    ra, dec : ndarray of float64, shape (m,)
        Degrees.
    """

    def __init__(self, ra: Float, dec: Float) -> None:
        ra, dec = np.asarray(ra, dtype=np.float64), np.asarray(dec, dtype=np.float64)
        order = np.argsort(dec, kind="stable")
        self._dec = dec[order]
        self._vectors = unit_vectors(ra[order], self._dec)

    def near(self, basis: Basis, radius: float) -> Float:
        """Give the unit vectors of the stars within a radius (radians) of a point, shape (k, 3)."""
        dec = np.degrees(np.arcsin(np.clip(basis.centre[2], -1.0, 1.0)))
        low, high = np.searchsorted(self._dec, [dec - np.degrees(radius), dec + np.degrees(radius)])
        band = self._vectors[low:high]
        return np.asarray(band[band @ basis.centre >= np.cos(radius)])


def _pair_up(
    frame: FrameStars, basis: Basis, reference: Reference, limits: tuple[float, float], min_stars: int
) -> Pairs | None:
    """Pair a frame's stars with the catalogue; None when no offset stands out."""
    vectors = unit_vectors(frame.ra, frame.dec)
    xi, eta = (v / ARCSEC for v in tangent_plane(vectors, basis))
    if xi.size < min_stars:
        return None
    reach = float(np.nanmax(np.hypot(xi, eta))) + 2.0 * limits[0]
    ref_xi, ref_eta = (v / ARCSEC for v in tangent_plane(reference.near(basis, reach * ARCSEC), basis))
    found = match_offset(xi, eta, ref_xi, ref_eta, radius=limits[0], tolerance=limits[1], min_pairs=min_stars)
    if found is None:
        return None
    i, j = mutual_pairs(xi + found.dx, eta + found.dy, ref_xi, ref_eta, limits[1])
    return Pairs(xi[i], eta[i], ref_xi[j] - xi[i], ref_eta[j] - eta[i], 1.0 / np.square(frame.error[i]))


def _alignment(basis: Basis, fit: Fit, source: Source) -> Alignment:
    vector = rotation_vector(basis, fit.dxi * ARCSEC, fit.deta * ARCSEC, fit.roll.angle)
    return Alignment(
        rotation_matrix(vector),
        fit.dxi,
        fit.deta,
        float(np.degrees(fit.roll.angle)),
        fit.n,
        fit.rms,
        fit.error,
        source,
    )


def _group_fit(known: Sequence[Fit], max_scatter: float) -> Fit | None:
    """Median move of a group; None with fewer than two frames or when they do not agree."""
    if len(known) < 2:
        return None
    moves = np.array([[fit.dxi, fit.deta, fit.roll.angle] for fit in known])
    middle = np.median(moves, axis=0)
    deviations = moves[:, :2] - middle[:2]
    # Two or three frames agree when all of them do; of many a minority may be wrong.
    spread = np.abs(deviations).max() if len(known) < 4 else SIGMA_PER_MAD * np.median(np.abs(deviations))
    if spread > max_scatter:
        return None
    error = float(np.hypot(spread, np.median([fit.error for fit in known])))
    return Fit(float(middle[0]), float(middle[1]), Roll(float(middle[2]), 0.0), error, np.nan, 0)
