"""What the astrometry of each frame is worth, and which frames are refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

_NOT_MATCHED = "its stars match no place of the catalogue"


@dataclass(frozen=True)
class Limits:
    """What makes a frame useless.

    Attributes
    ----------
    matched : float
        Smallest part of its catalogue stars that has a detection.
    residual_ratio : float
        Largest residual, as a multiple of the median of all frames.
    elongation : float
        Largest median ellipticity of its stars, above that of the median of all frames.
    offset_arcsec : float
        Largest distance of its pointing error from the median of all frames.
    """

    matched: float = 0.4
    residual_ratio: float = 3.0
    elongation: float = 0.2
    offset_arcsec: float = 60.0


@dataclass(frozen=True)
class FrameQuality:
    """One frame in numbers.

    Attributes
    ----------
    name : str
    n_stars : int
        Detections.
    n_matched : int
        Of them with a catalogue star.
    matched : float
        Part of what could have matched; NaN without a match.
    rms_catalogue, rms_frames : float
        Of one coordinate, arcsec: against the catalogue; weighted, about the mean of the star in all frames.
    offset : tuple of float
        East and north from the planned place of its centre, arcsec.
    elongation : float
        Median ellipticity.
    sigma : float
        How far the peak of the vote stood out.
    chance : float
        Probability that the match is an accident.
    turn, flipped : float, bool
        Of the hypothesis that matched: degrees, parity.
    refused : str
        Why, empty for a good frame.
    """

    name: str
    n_stars: int
    n_matched: int
    matched: float
    rms_catalogue: float
    rms_frames: float
    offset: tuple[float, float]
    elongation: float
    sigma: float
    chance: float
    turn: float
    flipped: bool
    refused: str = ""


def judge(frames: Sequence[FrameQuality], refused: Mapping[int, str], limits: Limits) -> dict[int, str]:
    """Tell which frames are to be refused besides those that are.

    What is not known yet, NaN, speaks for a frame.

    Parameters
    ----------
    frames : sequence of FrameQuality
    refused : mapping of int to str
        Numbers of the frames refused so far.
    limits : Limits

    Returns
    -------
    dict of int to str
        Number of the frame -> why.
    """
    good = [k for k in range(len(frames)) if k not in refused]
    known = [frames[k].rms_frames for k in good if np.isfinite(frames[k].rms_frames)]
    typical = float(np.median(known)) if known else float("nan")
    round_ = float(np.median([frames[k].elongation for k in good]))
    middle = np.median([frames[k].offset for k in good], axis=0)
    out = {}
    for k in good:
        item = frames[k]
        away = float(np.hypot(*(np.array(item.offset) - middle)))
        if away > limits.offset_arcsec:
            out[k] = f'it points {away:.0f}" away from where the others say (limit {limits.offset_arcsec:g}")'
        elif item.elongation > round_ + limits.elongation:
            out[k] = _trailed(item, round_)
        elif item.matched < limits.matched:
            out[k] = f"{100 * item.matched:.0f} % of its stars match (limit {100 * limits.matched:.0f} %)"
        elif item.rms_frames > limits.residual_ratio * typical > 0.0:
            out[k] = (
                f'its residuals of {item.rms_frames:.3f}" are '
                f"{item.rms_frames / typical:.1f} times the median of the frames"
            )
    return out


def unmatched(frames: Sequence[FrameQuality], missing: Sequence[int], limits: Limits) -> dict[int, str]:
    """Tell why frames that have found no place are refused.

    Parameters
    ----------
    frames : sequence of FrameQuality
    missing : sequence of int
        Numbers of these frames; at least one other has found its place.
    limits : Limits

    Returns
    -------
    dict of int to str
        Number of the frame -> why.
    """
    round_ = float(np.median([item.elongation for k, item in enumerate(frames) if k not in missing]))
    trailed = {k: frames[k].elongation > round_ + limits.elongation for k in missing}
    return {k: _trailed(frames[k], round_) if trailed[k] else _NOT_MATCHED for k in missing}


def _trailed(item: FrameQuality, others: float) -> str:
    return f"its stars are trailed: ellipticity {item.elongation:.2f}, others {others:.2f}"
