"""What the astrometry of each frame is worth, and which frames are refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Index = NDArray[np.int64]

AREAS = 4  # along each side
# Part of a side that belongs to a corner.
_CORNER = 1.0 / 8.0
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
