"""Where all frames of a chip look: matching with a catalogue, then one fit of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from photomitrus_cli.errors import NoDataError
from photomitrus_cli.imaging.planepixels import in_frame
from photomitrus_cli.imaging.sphere import ARCSEC
from photomitrus_cli.imaging.starmatch import StarMatch
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.prime.framematch import match_frames, one_layout
from photomitrus_cli.prime.framemeasures import (
    matched_share,
    weighted_rms,
)
from photomitrus_cli.prime.framequality import FrameQuality, judge, unmatched
from photomitrus_cli.prime.framestars import (
    AstrometrySettings,
    Catalogue,
    FrameStars,
    Reference,
    brightest_first,
)
from photomitrus_cli.prime.jointfit import Joint, common_start, joint_fit, missed
from photomitrus_cli.prime.solution import Solution, make_solution

_ROUNDS = 3


def solve_astrometry(
    frames: Sequence[FrameStars], reference: Reference, settings: AstrometrySettings | None = None
) -> Solution:
    """Find where all frames of a chip look.

    Parameters
    ----------
    frames : sequence of FrameStars
        Of one detector, with one distortion.
    reference : Reference
    settings : AstrometrySettings, optional

    Returns
    -------
    Solution

    Raises
    ------
    NoDataError
        When no frame matches the catalogue.
    """
    settings = settings or AstrometrySettings()
    catalogue = brightest_first(reference)
    starts = one_layout([item.starts for item in frames])
    matches = match_frames(frames, starts, catalogue.vectors, settings)
    if all(match is None for match in matches):
        raise NoDataError(
            f"none of {len(frames)} frames matches the {catalogue.error.size} catalogue stars",
            hint="check pointing, rotation, chip and catalogue",
        )
    quality = [
        _blank(item, match, group[0]) for item, match, group in zip(frames, matches, starts, strict=True)
    ]
    missing = [k for k, match in enumerate(matches) if match is None]
    refused = unmatched(quality, missing, settings.limits)
    # What is plain before the fit is not to have a part in it.
    refused |= _not_all(judge(quality, refused, settings.limits), refused, frames)
    rough = common_start(frames, matches, catalogue, settings)
    for _ in range(_ROUNDS):
        kept = [k for k in range(len(frames)) if k not in refused]
        joint = joint_fit(frames, [rough[k] for k in kept], kept, catalogue, settings, starts[0][0])
        quality = _qualities(quality, starts, joint, catalogue)
        new = _not_all(judge(quality, refused, settings.limits), refused, frames)
        if not new:
            break
        refused |= new
    quality = [replace(item, refused=refused.get(k, "")) for k, item in enumerate(quality)]
    return make_solution(frames, joint, quality, catalogue)


def _not_all(new: dict[int, str], refused: dict[int, str], frames: Sequence[FrameStars]) -> dict[int, str]:
    """Refuse nothing more when nothing would be left to tell of."""
    return new if len(refused) + len(new) < len(frames) else {}


def _blank(item: FrameStars, match: StarMatch | None, start: TanSip) -> FrameQuality:
    """Say what is known of a frame before the fit."""
    nan = float("nan")
    offset = (nan, nan) if match is None else _offset(start, match.wcs)
    numbers = (nan, nan, nan, offset, item.sources.elongation)
    odds = (0.0, 1.0, 0.0, False) if match is None else (match.sigma, match.chance, match.turn, match.flipped)
    paired = 0 if match is None else match.stars.size
    return FrameQuality(item.name, item.sources.x.size, paired, *numbers, *odds)


def _qualities(
    before: list[FrameQuality], starts: Sequence[tuple[TanSip, ...]], joint: Joint, catalogue: Catalogue
) -> list[FrameQuality]:
    """Measure the frames of a fit; the others stay as they were."""
    out = list(before)
    for n, k in enumerate(joint.kept):
        out[k] = _measured_frame(before[k], starts[k][0], joint, n, catalogue)
    return out


def _measured_frame(
    blank: FrameQuality, start: TanSip, joint: Joint, n: int, catalogue: Catalogue
) -> FrameQuality:
    """Fill in what the fit says about a frame."""
    fit, wcs = joint.fit, joint.fit.wcs[n]
    _, miss, weight = missed(joint, n)
    own = joint.detected.frame == n
    weights = fit.weight[own] / np.square(joint.detected.error[own])
    residual = fit.residual[own]
    seen = np.array(np.count_nonzero(in_frame(wcs, catalogue.vectors)), np.float64)
    good = int(np.count_nonzero(weight > 0.1 * np.median(weight))) if weight.size else 0
    matched = matched_share(np.array(float(good)), seen, np.array(float(blank.n_stars)))
    return replace(
        blank,
        n_matched=good,
        matched=float(matched),
        rms_catalogue=weighted_rms(miss.ravel(), np.repeat(weight, 2)),
        rms_frames=weighted_rms(residual.ravel(), np.repeat(weights, 2)),
        offset=_offset(start, wcs),
    )


def _offset(start: TanSip, wcs: TanSip) -> tuple[float, float]:
    """Place of the tangent point less the planned one, east and north, arcsec."""
    east, north = start.axes[:2] @ (wcs.axes[2] - start.axes[2]) / ARCSEC
    return float(east), float(north)
