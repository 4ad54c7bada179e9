"""Where on the sky a frame looks: its stars against a catalogue, and the odds that the answer is an accident.

The differences of all pairs vote in a plane of pixels, for rotations and parities one after the other; from
the peak a ladder of polynomials follows the distortion outwards. Half of the catalogue decides everything;
the other half is only counted afterwards: as many pairs by accident have the probability of the tail of a
binomial.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.matching import mutual_pairs
from photomitrus_cli.imaging.planepixels import in_frame, plane_pixels
from photomitrus_cli.imaging.platefit import fit_plate
from photomitrus_cli.imaging.plateterms import LINEAR, corrected, n_terms
from photomitrus_cli.imaging.tansip import TanSip

Float = NDArray[np.float64]
Index = NDArray[np.int64]

# A match with a greater probability of being an accident is not believed.
MAX_CHANCE = 1e-6
# With so few catalogue stars no half can be put aside: all decide, and what was tried counts against them.
FEW = 40
MIN_PAIRS = 5
# Peaks of the vote less outstanding than this are not followed.
_MIN_SIGMA = 5.0
_TRIED = 3
WINDOWS = (0.05, 0.3)
# Stars in the circle of the radius of a step, at most, in the mean.
_CROWD = 0.3
# Degree, and radius in cells of the vote: from the shift outwards to the corners.
_STEPS = ((0, 2.0), (1, 2.0), (2, 1.5), (3, 1.0), (4, 0.7), (4, 0.0))
_LINEAR_STEPS = ((0, 1.5), (1, 1.0), (1, 0.0))
_SQUARE = 5  # cells around a peak that are no background
_SHIFTS = 12  # displaced copies that measure the pairs by accident


@dataclass(frozen=True)
class Search:
    """What is tried; lengths in pixels.

    Attributes
    ----------
    windows : tuple of float
        Largest offset along each axis, one after the other; `WINDOWS` of the frame by default.
    turns : tuple of float
        Rotations of the start, degrees; all are tried with each of `small` added.
    small : tuple of float
        Errors of the rotator, degrees.
    flips : bool
        Whether mirror images are tried.
    tolerance : float
        How far a star may be from its catalogue place in the end.
    stars : int
        Brightest detections and catalogue stars that vote.
    degree : int
        Highest of the ladder; 1 where the distortion is known.
    max_chance : float
        See `MAX_CHANCE`.
    min_pairs : int
        Fewer are not believed.
    """

    windows: tuple[float, ...] | None = None
    turns: tuple[float, ...] = (0.0, 90.0, 180.0, 270.0)
    small: tuple[float, ...] = (0.0, -0.5, 0.5, -1.0, 1.0)
    flips: bool = True
    tolerance: float = 2.0
    stars: int = 300
    degree: int = 4
    max_chance: float = MAX_CHANCE
    min_pairs: int = MIN_PAIRS


@dataclass(frozen=True)
class StarMatch:
    """A frame that found its place.

    Attributes
    ----------
    wcs : TanSip
        Fitted to the pairs.
    stars, refs : ndarray of int64, shape (k,)
        Pairs: rows of the detections and of the catalogue; one-to-one.
    turn : float
        Of the hypothesis, degrees.
    flipped : bool
        Whether the start had the wrong parity.
    sigma : float
        How far the peak of the vote stands out.
    checked, expected : float
        Pairs among the catalogue stars put aside, and how many there would be by accident.
    chance : float
        Probability of that many by accident.
    degree : int
        Of the last step of the ladder.
    """

    wcs: TanSip
    stars: Index
    refs: Index
    turn: float
    flipped: bool
    sigma: float
    checked: float
    expected: float
    chance: float
    degree: int


@dataclass(frozen=True)
class _Guess:
    wcs: TanSip
    turn: float
    flipped: bool
    sigma: float


@dataclass(frozen=True)
class _Field:
    """Stars of a frame, and the catalogue near it: which rows decide, and which are only counted."""

    x: Float
    y: Float
    start: TanSip
    vectors: Float
    deciding: Index
    checking: Index
    search: Search

    @property
    def cell(self) -> float:
        """Of the vote, pixels: a third of what distortion and the last turn may leave."""
        return max(1.5, 0.002 * max(self.start.shape))

    @property
    def few(self) -> bool:
        """Whether all catalogue stars have to decide."""
        return self.checking.size == 0

    @property
    def tolerance(self) -> float:
        """Of the final pairs, pixels: a few stars do not tell the distortion."""
        return max(self.search.tolerance, self.cell) if self.few else self.search.tolerance


def match_stars(
    x: Float, y: Float, start: TanSip, vectors: Float, search: Search | None = None
) -> StarMatch | None:
    """Match the stars of a frame with a catalogue.

    Parameters
    ----------
    x, y : ndarray of float64, shape (n,)
        0-based positions of the stars, the brightest first.
    start : TanSip
        Where the frame should be; its scale is trusted to half a percent.
    vectors : ndarray of float64, shape (3, m)
        Directions of the catalogue stars, the brightest first where brightness is known.
    search : Search, optional

    Returns
    -------
    StarMatch or None
        None when nothing found is beyond doubt.
    """
    search = search or Search()
    windows = search.windows or tuple(share * max(start.shape) for share in WINDOWS)
    near = np.flatnonzero(
        np.hypot(*plane_pixels(start, vectors)) < 0.5 * np.hypot(*start.shape) + 1.5 * max(windows)
    )
    if min(x.size, near.size) < search.min_pairs:
        return None
    halves = (near, near[:0]) if near.size < FEW else (near[::2], near[1::2])
    field = _Field(x, y, start, vectors, *halves, search)
    trials = 0.0
    for hypotheses, window in _rounds(search, windows):
        trials += len(hypotheses) * (2.0 * window / field.tolerance + 1.0) ** 2
        guesses = [_vote(field, turn, flipped, window) for turn, flipped in hypotheses]
        guesses.sort(key=lambda guess: -guess.sigma)
        for guess in guesses[:_TRIED]:
            found = _followed(field, guess, trials) if guess.sigma > _MIN_SIGMA else None
            if found is not None:
                return found
    return None


def _rounds(search: Search, windows: tuple[float, ...]) -> Iterator[tuple[list[tuple[float, bool]], float]]:
    """Give hypotheses (turn, flipped) with windows, from what is likely to what is not."""
    near = [(search.turns[0] + s, False) for s in search.small]
    yield near[:1], windows[0]
    yield near[1:], windows[0]
    for window in windows[1:]:
        yield near, window
    far = [
        (turn + s, flip)
        for flip in (False, True)[: 1 + search.flips]
        for turn in search.turns
        for s in search.small
    ]
    yield [item for item in far if item not in near], windows[-1]


def _vote(field: _Field, turn: float, flipped: bool, window: float) -> _Guess:
    """Find the offset that most pairs of bright stars agree on, after a turn about the tangent point."""
    a = np.radians(turn)
    matrix = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) @ np.diag(
        [-1.0 if flipped else 1.0, 1.0]
    )
    n, start = field.search.stars, field.start
    stars = matrix @ plane_pixels(start, start.directions(field.x[:n], field.y[:n]))
    refs = plane_pixels(start, field.vectors[:, _brightest(field, n)])
    dx, dy = (np.subtract.outer(refs[k], stars[k]).ravel() for k in (0, 1))
    inside = (np.abs(dx) <= window) & (np.abs(dy) <= window)
    offset, sigma = _peak(dx[inside], dy[inside], window, field.cell)
    turned = replace(start, cd=start.cd @ matrix)
    shift = np.linalg.solve(matrix, offset)
    return _Guess(corrected(turned, shift[:, None]), turn, flipped, sigma)


def _brightest(field: _Field, n: int) -> Index:
    """Rows of deciding catalogue stars as many as there are stars, counted in the area of the frame."""
    ny, nx = field.start.shape
    p = np.abs(plane_pixels(field.start, field.vectors[:, field.deciding]))
    inside = np.cumsum((p[0] < 0.5 * nx) & (p[1] < 0.5 * ny))
    return field.deciding[: int(np.searchsorted(inside, n)) + 1]


def _peak(dx: Float, dy: Float, window: float, cell: float) -> tuple[Float, float]:
    """Find where differences crowd in three by three cells, and by how many sigma of such sums elsewhere."""
    half = int(np.ceil(window / cell))
    size = 2 * half + 1
    column = np.rint(dx / cell).astype(np.int64) + half
    row = np.rint(dy / cell).astype(np.int64) + half
    votes = np.bincount(row * size + column, minlength=size * size).reshape(size, size).astype(np.float64)
    padded = np.pad(votes, 1)
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    crowd = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    j, i = np.unravel_index(int(np.argmax(crowd)), crowd.shape)
    top = float(crowd[j, i])
    crowd[max(j - _SQUARE, 0) : j + _SQUARE + 1, max(i - _SQUARE, 0) : i + _SQUARE + 1] = np.nan
    mean, variance = float(np.nanmean(crowd)), float(np.nanvar(crowd))
    near = (np.abs(column - i) <= 1) & (np.abs(row - j) <= 1)
    offset = np.array([np.median(dx[near]), np.median(dy[near])]) if near.any() else np.zeros(2)
    return offset, (top - mean) / float(np.sqrt(max(variance, mean, 1.0 / size)))


def _followed(field: _Field, guess: _Guess, trials: float) -> StarMatch | None:
    """Follow a peak outwards, and count the pairs that it was not made from."""
    search, radius = field.search, field.tolerance
    wcs, degree = _ladder(field, guess.wcs)
    counted = field.deciding if field.few else field.checking
    inside = counted[in_frame(wcs, field.vectors[:, counted])]
    own = plane_pixels(wcs, wcs.directions(field.x, field.y))
    refs = plane_pixels(wcs, field.vectors[:, inside])
    hits, share = _hits(refs, own, radius), _accidents(refs, own, radius)
    if field.few:
        # What the fit used up agrees in any case: a pair for a shift, three for linear terms.
        chance = min(1.0, trials * accident_chance(hits - (3 if degree else 1), inside.size, share))
    else:
        chance = accident_chance(hits, inside.size, share)
    if hits < search.min_pairs or chance > search.max_chance:
        return None
    odds = (guess.sigma, hits, share * inside.size, chance)
    # Beyond doubt: now all of the catalogue may improve the fit.
    i, j = _all_pairs(field, wcs)
    degree = _affordable(i.size, search)
    wcs = fit_plate(wcs, (field.x[i], field.y[i]), field.vectors[:, j], degree)
    pairs = _all_pairs(field, wcs)
    # Stars on one side of the frame may have bent the polynomial away from them all.
    if pairs[0].size < search.min_pairs:
        return None
    return StarMatch(wcs, *pairs, guess.turn, guess.flipped, *odds, degree)


def _all_pairs(field: _Field, wcs: TanSip) -> tuple[Index, Index]:
    """Pair all stars with all of the catalogue."""
    near = np.sort(np.concatenate([field.deciding, field.checking]))
    own = plane_pixels(wcs, wcs.directions(field.x, field.y))
    refs = plane_pixels(wcs, field.vectors[:, near])
    i, j = mutual_pairs(own[0], own[1], refs[0], refs[1], field.tolerance)
    return i, near[j]


def _hits(refs: Float, own: Float, radius: float) -> int:
    return int(mutual_pairs(refs[0], refs[1], own[0], own[1], radius)[0].size)


def _accidents(refs: Float, own: Float, radius: float) -> float:
    """Probability of an accidental pair for one catalogue star, from displaced copies of the catalogue.

    Few stars have none: then it is that of stars that are spread evenly over the area which they span.
    """
    count = 0
    for angle in np.arange(_SHIFTS) * (2.0 * np.pi / _SHIFTS):
        away = radius * (6.0 + angle) * np.array([np.cos(angle), np.sin(angle)])
        count += _hits(refs + away[:, None], own, radius)
    area = float(np.prod(np.maximum(np.ptp(own, axis=1), 2.0 * radius)))
    even = min(np.pi * radius**2 * own.shape[1] / area, 0.5)
    return float(count + 1.0) / float(_SHIFTS * refs.shape[1] + 1.0 / even)


def _ladder(field: _Field, wcs: TanSip) -> tuple[TanSip, int]:
    """Fit polynomials of rising degree to pairs that lie ever closer."""
    cell, used = field.cell, 0
    for degree, cells in _STEPS if field.search.degree > 1 else _LINEAR_STEPS:
        radius = max(cells * cell, field.tolerance)
        i, j = _bright_pairs(field, wcs, radius)
        allowed = _affordable(i.size, field.search)
        if allowed < 0:
            break
        used = min(degree, allowed)
        wcs = fit_plate(wcs, (field.x[i], field.y[i]), field.vectors[:, j], used)
    return wcs, used


def _affordable(n_pairs: int, search: Search) -> int:
    """Highest degree with three pairs for every number of a coordinate; -1 without any."""
    needed = [1, *(3 * (LINEAR + n_terms(d)) + 3 for d in range(1, search.degree + 1))]
    return max((d for d, n in enumerate(needed) if n_pairs >= n), default=-1)


def _bright_pairs(field: _Field, wcs: TanSip, radius: float) -> tuple[Index, Index]:
    """Pair stars with deciding catalogue stars, both thinned out until accidents are rare."""
    ny, nx = wcs.shape
    n = max(int(_CROWD * nx * ny / (np.pi * radius**2)), 30)
    rows = _brightest(field, n)
    own = plane_pixels(wcs, wcs.directions(field.x[:n], field.y[:n]))
    refs = plane_pixels(wcs, field.vectors[:, rows])
    i, j = mutual_pairs(own[0], own[1], refs[0], refs[1], radius)
    return i, rows[j]


def accident_chance(hits: int, n: int, share: float) -> float:
    """Give the probability of so many pairs by accident: the upper tail of a binomial distribution.

    Parameters
    ----------
    hits, n : int
        Pairs, and stars that could have had one.
    share : float
        Probability of an accident for one star.

    Returns
    -------
    float
    """
    from scipy.special import bdtrc

    if hits <= 0:
        return 1.0
    return float(bdtrc(min(hits, n) - 1, n, min(share, 1.0))) if n > 0 else 1.0
