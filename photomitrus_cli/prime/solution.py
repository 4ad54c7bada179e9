"""A solution of the astrometry of a chip, and how it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.globalfit import GlobalFit
from photomitrus_cli.imaging.planepixels import in_frame, plane_pixels
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.prime.framemeasures import (
    AREAS,
    area_counts,
    corner_means,
    corners,
    matched_share,
    weighted_rms,
)
from photomitrus_cli.prime.framequality import FrameQuality
from photomitrus_cli.prime.framestars import (
    Catalogue,
    FrameStars,
)
from photomitrus_cli.prime.jointfit import Joint, missed

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Solution:
    """Geometries of a set of frames.

    Attributes
    ----------
    wcs : list of TanSip or None
        One a frame, None where refused.
    frames : list of FrameQuality
    fit : GlobalFit
        Of the frames that were not refused.
    method : str
        What was fitted, in words.
    rms_catalogue : tuple of float
        Of catalogue less frame positions, east and north, arcsec.
    rms_frames : tuple of float
        Of detections about their stars, weighted by their errors, arcsec.
    matched : float
        Part of the catalogue stars (or detections, when there are fewer) that have a pair.
    matched_grid : ndarray of float64, shape (4, 4)
        The same by area of the detector, [row, column]; NaN where there is nothing to match.
    possible_grid : ndarray of float64, shape (4, 4)
        Stars that could match in each area, the mean of the frames.
    corner_residual, corner_residual_error, corner_error : ndarray of float64, shape (4,)
        At the corners (low x low y, high x low y, low x high y, high x high y): length of the mean residual
        against the catalogue, its error, and the error of the fitted model, arcsec.
    """

    wcs: list[TanSip | None]
    frames: list[FrameQuality]
    fit: GlobalFit
    method: str
    rms_catalogue: tuple[float, float]
    rms_frames: tuple[float, float]
    matched: float
    matched_grid: Float
    possible_grid: Float
    corner_residual: Float
    corner_residual_error: Float
    corner_error: Float


def make_solution(
    frames: Sequence[FrameStars], joint: Joint, quality: list[FrameQuality], catalogue: Catalogue
) -> Solution:
    """Put the numbers of the whole set together.

    Parameters
    ----------
    frames : sequence of FrameStars
    joint : Joint
        The fit of those that were kept.
    quality : list of FrameQuality
        Of all frames.
    catalogue : Catalogue

    Returns
    -------
    Solution
    """
    fit, detected = joint.fit, joint.detected
    shape = fit.wcs[0].shape
    parts = [missed(joint, n) for n in range(len(joint.kept))]
    own, miss, weight = (np.concatenate(column) for column in zip(*parts, strict=True))
    x, y = detected.x[own], detected.y[own]
    seen, counts = np.zeros((AREAS, AREAS)), np.zeros((AREAS, AREAS))
    for k, wcs in zip(joint.kept, fit.wcs, strict=True):
        inside = catalogue.vectors[:, in_frame(wcs, catalogue.vectors)]
        px, py = plane_pixels(wcs, inside) + wcs.crpix[:, None]
        seen += area_counts(px, py, shape)
        counts += area_counts(frames[k].sources.x, frames[k].sources.y, shape)
    good = weight > 0.1 * np.median(weight)
    hits = area_counts(x[good], y[good], shape)
    predicted = np.max([fit.position_error(n, *corners(shape)) for n in range(len(fit.wcs))], axis=0)
    weights = fit.weight / np.square(detected.error)
    length, error = corner_means(x, y, miss, weight, shape)
    wcs_of = dict(zip(joint.kept, fit.wcs, strict=True))
    return Solution(
        [wcs_of.get(k) if not quality[k].refused else None for k in range(len(frames))],
        quality,
        fit,
        _in_words(fit),
        (weighted_rms(miss[:, 0], weight), weighted_rms(miss[:, 1], weight)),
        (weighted_rms(fit.residual[:, 0], weights), weighted_rms(fit.residual[:, 1], weights)),
        float(matched_share(hits.sum(), seen.sum(), counts.sum())),
        matched_share(hits, seen, counts),
        np.minimum(seen, counts) / len(joint.kept),
        length,
        error,
        predicted,
    )


def _in_words(fit: GlobalFit) -> str:
    own = {"affine": "six linear terms", "roll": "shift and rotation", "shift": "a shift"}[fit.terms.frame]
    common = (
        "the distortion of the first geometry"
        if fit.terms.degree < 2
        else f"one polynomial of degree {fit.terms.degree}"
    )
    return f"{own} for every frame, {common}"
