"""One fit of all frames of a chip: which detections are the same star, and what their number suffices for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import NoDataError
from photomitrus_cli.imaging.globalfit import GlobalFit, Terms, solve_global
from photomitrus_cli.imaging.planepixels import in_frame
from photomitrus_cli.imaging.platefit import fit_plate
from photomitrus_cli.imaging.plateterms import LINEAR, n_terms
from photomitrus_cli.imaging.sphere import ARCSEC, basis_at
from photomitrus_cli.imaging.starequations import Anchors, Detected
from photomitrus_cli.imaging.starlist import Measured, common_stars
from photomitrus_cli.imaging.starmatch import StarMatch
from photomitrus_cli.imaging.tangent import positions_of
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.prime.framestars import AstrometrySettings, Catalogue, FrameStars
from photomitrus_cli.prime.geometry import pixel_arcsec
from photomitrus_cli.prime.sources import Sources

Float = NDArray[np.float64]
Index = NDArray[np.int64]

# Stars a frame needs for a turn besides the shift, and for all six linear terms.
_ROLL, _AFFINE = 8, 25
# Stars for every number of a polynomial.
_PER_NUMBER = 3
_ROUNDS = 3


def common_start(
    frames: Sequence[FrameStars],
    matches: Sequence[StarMatch | None],
    catalogue: Catalogue,
    settings: AstrometrySettings,
) -> dict[int, TanSip]:
    """Give all matched frames one polynomial and linear terms of their own, from their pairs alone.

    Parameters
    ----------
    frames : sequence of FrameStars
    matches : sequence of StarMatch or None
        One a frame, at least one match.
    catalogue : Catalogue
    settings : AstrometrySettings

    Returns
    -------
    dict of int to TanSip
        For the frames with a match.
    """
    known = {k: match for k, match in enumerate(matches) if match is not None}
    best = max(known.values(), key=lambda match: (match.degree, match.stars.size))
    out: dict[int, TanSip] = {}
    parts: list[tuple[NDArray[np.generic], ...]] = []
    for k, match in known.items():
        sources = frames[k].sources
        stars = sources.x[match.stars], sources.y[match.stars]
        out[k] = match.wcs
        if not np.array_equal(match.wcs.sip, best.wcs.sip):
            degree = 1 if match.stars.size >= _AFFINE else 0
            start = replace(match.wcs, sip=best.wcs.sip)
            out[k] = fit_plate(start, stars, catalogue.vectors[:, match.refs], degree)
        error = _errors(sources, settings, out[k])[match.stars]
        parts.append((np.full(match.stars.size, len(parts)), match.refs, *stars, error))
    detected = Detected(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    used = np.unique(detected.star)
    anchors = Anchors(used, catalogue.vectors[:, used], catalogue.error[used])
    terms = _terms(detected, len(out), used.size, settings)
    terms = replace(terms, degree=min(terms.degree, best.degree))
    fit = solve_global(list(out.values()), detected, anchors, terms)
    return dict(zip(out, fit.wcs, strict=True))


def _errors(sources: Sources, settings: AstrometrySettings, wcs: TanSip) -> Float:
    """Errors of the positions of a frame, arcsec."""
    scale = pixel_arcsec(wcs)
    px = np.sqrt(0.5 * (np.square(sources.x_err) + np.square(sources.y_err)))
    return np.asarray(np.hypot(scale * px, settings.floor_arcsec))


def _terms(detected: Detected, n_frames: int, n_anchors: int, settings: AstrometrySettings) -> Terms:
    """Choose what the stars suffice for."""
    typical = float(np.median(np.bincount(detected.frame, minlength=n_frames)))
    frame = "affine" if typical >= _AFFINE else "roll" if typical >= _ROLL else "shift"
    enough = min(typical, n_anchors) / _PER_NUMBER
    possible = [d for d in settings.degrees if LINEAR + n_terms(d) <= enough]
    return Terms(max(possible, default=1) if frame == "affine" else 1, frame)


@dataclass(frozen=True)
class Joint:
    """A fit and what went into it.

    Attributes
    ----------
    fit : GlobalFit
    kept : list of int
        Numbers of the frames.
    detected : Detected
        Its frames are places in `kept`.
    row : ndarray of int64, shape (m,)
        Rows of the detections in their frames.
    anchors : Anchors
    refs : ndarray of int64, shape (c,)
        Rows of the anchors in the catalogue.
    """

    fit: GlobalFit
    kept: list[int]
    detected: Detected
    row: Index
    anchors: Anchors
    refs: Index


def joint_fit(
    frames: Sequence[FrameStars],
    wcs: list[TanSip],
    kept: list[int],
    catalogue: Catalogue,
    settings: AstrometrySettings,
    home: TanSip,
) -> Joint:
    """Fit frames with all stars that they have in common or that are in the catalogue.

    Parameters
    ----------
    frames : sequence of FrameStars
    wcs : list of TanSip
        Of the frames that are kept, a pixel off at most.
    kept : list of int
    catalogue : Catalogue
    settings : AstrometrySettings
    home : TanSip
        For the distortion above the degree of the fit.

    Returns
    -------
    Joint

    Raises
    ------
    NoDataError
        When no catalogue star is left in any frame.
    """
    scale = pixel_arcsec(wcs[0])
    for _ in range(_ROUNDS):
        detected, row, anchors, refs = _associated(frames, wcs, kept, catalogue, settings)
        terms = _terms(detected, len(kept), anchors.star.size, settings)
        degrees = [d for d in settings.degrees if d <= terms.degree]
        fit = solve_global(wcs, detected, anchors, terms, degrees=degrees, home=home)
        moved = max(_largest_move(a, b) for a, b in zip(wcs, fit.wcs, strict=True))
        if moved < 0.3 * settings.tolerance_px * scale:
            break
        wcs = fit.wcs
    return Joint(fit, kept, detected, row, anchors, refs)


def _largest_move(first: TanSip, second: TanSip) -> float:
    """Largest distance between two geometries of a frame on 3 x 3 positions, arcsec."""
    ny, nx = first.shape
    x, y = (v.ravel() for v in np.meshgrid(np.linspace(0, nx - 1, 3), np.linspace(0, ny - 1, 3)))
    apart = first.directions(x, y) - second.directions(x, y)
    return float(np.sqrt(np.square(apart).sum(axis=0)).max()) / ARCSEC


def _associated(
    frames: Sequence[FrameStars],
    wcs: list[TanSip],
    kept: list[int],
    catalogue: Catalogue,
    settings: AstrometrySettings,
) -> tuple[Detected, Index, Anchors, Index]:
    """Tell which detections and catalogue entries are the same star; the catalogue counts as a frame."""
    near = np.flatnonzero(np.any([in_frame(item, catalogue.vectors) for item in wcs], axis=0))
    if not near.size:
        raise NoDataError(
            "the fit leaves the catalogue: too few of its stars are in the frames, or all on one side",
            hint="give a catalogue of the whole field",
        )
    errors = [_errors(frames[k].sources, settings, item) for k, item in zip(kept, wcs, strict=True)]
    lists = [_measured(catalogue.vectors[:, near], catalogue.error[near])]
    for k, item, error in zip(kept, wcs, errors, strict=True):
        lists.append(_measured(item.directions(frames[k].sources.x, frames[k].sources.y), error))
    scale = pixel_arcsec(wcs[0])
    frame, row, star = common_stars(lists, np.zeros((len(lists), 3)), settings.tolerance_px * scale)
    listed = frame == 0
    own = ~listed
    refs = near[row[listed]]
    anchors = Anchors(star[listed], catalogue.vectors[:, refs], catalogue.error[refs])
    first = np.concatenate([[0], np.cumsum([v.size for v in errors])])
    place = first[frame[own] - 1] + row[own]
    x = np.concatenate([frames[k].sources.x for k in kept])[place]
    y = np.concatenate([frames[k].sources.y for k in kept])[place]
    detected = Detected(frame[own] - 1, star[own], x, y, np.concatenate(errors)[place])
    return detected, row[own], anchors, refs


def _measured(vectors: Float, error: Float) -> Measured:
    """Lay out a list of stars for `common_stars`."""
    ra, dec = positions_of(vectors.sum(axis=1))
    basis = basis_at(float(ra), float(dec))
    # A chord is shorter than its arc, by less than a percent in any frame.
    radius = 1.01 * float(np.sqrt(np.square(vectors - basis.centre[:, None]).sum(axis=0)).max())
    return Measured(vectors.T, 1.0 / np.square(error), basis, radius)


def missed(joint: Joint, n: int) -> tuple[Index, Float, Float]:
    """Compare a frame with the catalogue.

    Parameters
    ----------
    joint : Joint
    n : int
        Place of the frame in `Joint.kept`.

    Returns
    -------
    rows : ndarray of int64, shape (k,)
        Of the detections with a catalogue star, in `Joint.detected`.
    miss : ndarray of float64, shape (k, 2)
        Catalogue less frame, east and north, arcsec.
    weight : ndarray of float64, shape (k,)
        1 / error^2 of that times the robust weights, arcsec^-2.
    """
    fit, own = joint.fit, np.flatnonzero(joint.detected.frame == n)
    place = np.full(int(joint.detected.star.max()) + 1, -1, np.int64)
    place[joint.anchors.star] = np.arange(joint.anchors.star.size)
    anchor = place[joint.detected.star[own]]
    own, anchor = own[anchor >= 0], anchor[anchor >= 0]
    wcs = fit.wcs[n]
    found = wcs.directions(joint.detected.x[own], joint.detected.y[own])
    miss = (wcs.axes[:2] @ (joint.anchors.vectors[:, anchor] - found)).T / ARCSEC
    variance = np.square(fit.anchor_scale * joint.anchors.error[anchor])
    variance = variance + np.square(fit.scale * joint.detected.error[own])
    weight = np.minimum(fit.anchor_weight[anchor], fit.weight[own]) / variance
    return own, miss, weight
