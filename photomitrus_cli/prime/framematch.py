"""The frames of a chip against a catalogue: what is needed of both, and where each frame finds its stars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.matching import mutual_pairs
from photomitrus_cli.imaging.plateterms import centred, corrected, in_frame, plane_pixels
from photomitrus_cli.imaging.starmatch import Search, StarMatch, match_stars
from photomitrus_cli.imaging.tangent import DEGREE, directions_of, invert_pair
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.prime.detect import Sources
from photomitrus_cli.prime.framequality import Limits

Float = NDArray[np.float64]
Index = NDArray[np.int64]

# A detection and a catalogue star are the same within this, once the geometry is fitted.
_SAME_PX = 1.5
# Below this many catalogue stars or detections in a frame fewer pairs have to do, over a narrower search.
_FEW = 15
_FEW_SEARCH = Search(turns=(0.0,), small=(0.0,), flips=False, max_chance=1e-3, min_pairs=3)


class Reference(Protocol):
    """What is needed of a catalogue: columns of one length, positions at the epoch of the frames."""

    @property
    def ra(self) -> Float:
        """Degrees ICRS."""

    @property
    def dec(self) -> Float:
        """Degrees ICRS."""

    @property
    def err(self) -> Float:
        """Error of each coordinate, arcsec."""

    @property
    def brightness(self) -> Float:
        """A magnitude that orders the stars, NaN where there is none."""


@dataclass(frozen=True)
class FrameStars:
    """One frame as detected.

    Attributes
    ----------
    name : str
        For messages.
    sources : Sources
    starts : tuple of TanSip
        Where it should look; then where it would with the rotator turned by 90, 180 and 270 degrees about the
        axis of the telescope, if these are to be tried.
    """

    name: str
    sources: Sources
    starts: tuple[TanSip, ...]


@dataclass(frozen=True)
class AstrometrySettings:
    """How frames are matched and fitted.

    Attributes
    ----------
    search : Search
    degrees : tuple of int
        Of the common polynomial; cross-validation chooses. 1 keeps the distortion of the first geometry.
    floor_arcsec : float
        Error of a position that brightness does not reduce.
    tolerance_px : float
        Detections of a star lie as close to each other.
    limits : Limits
        What makes a frame useless.
    """

    search: Search = field(default_factory=Search)
    degrees: tuple[int, ...] = (1, 3, 4, 5)
    floor_arcsec: float = 0.010
    tolerance_px: float = 1.2
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Catalogue:
    """Reference stars, brightest first.

    Attributes
    ----------
    vectors : ndarray of float64, shape (3, m)
        Unit vectors, ICRS.
    error : ndarray of float64, shape (m,)
        Of each coordinate, arcsec.
    """

    vectors: Float
    error: Float


def brightest_first(reference: Reference) -> Catalogue:
    """Sort a catalogue by brightness, stars of unknown brightness last."""
    order = np.argsort(reference.brightness, kind="stable")
    error = np.asarray(reference.err, dtype=np.float64)[order]
    return Catalogue(directions_of(reference.ra, reference.dec)[:, order], error)


def one_layout(starts: list[tuple[TanSip, ...]]) -> list[tuple[TanSip, ...]]:
    """Bring the tangent points of all starts to the same pixel: one polynomial for all frames needs that.

    Parameters
    ----------
    starts : list of tuple of TanSip
        Of every frame.

    Returns
    -------
    list of tuple of TanSip
        As they are where that is so already.
    """
    first = starts[0][0]
    same = all(np.array_equal(item.crpix, first.crpix) for group in starts for item in group)
    if same and centred(first) is first:
        return starts
    return [tuple(centred(item, exact=True) for item in group) for group in starts]


@dataclass(frozen=True)
class Lead:
    """What the frame that was found first differs by from where it should look.

    Attributes
    ----------
    number : int
        Of its start.
    planned, found : TanSip
    """

    number: int
    planned: TanSip
    found: TanSip


def match_frames(
    frames: Sequence[FrameStars],
    starts: Sequence[tuple[TanSip, ...]],
    vectors: Float,
    settings: AstrometrySettings,
) -> list[StarMatch | None]:
    """Match every frame with the catalogue.

    Frames are tried until one finds its place, those with the most stars first; the others are expected to
    differ from their starts as that one does.

    Parameters
    ----------
    frames : sequence of FrameStars
    starts : sequence of tuple of TanSip
        Of every frame, instead of its own.
    vectors : ndarray of float64, shape (3, m)
        Catalogue, brightest first.
    settings : AstrometrySettings

    Returns
    -------
    list of StarMatch or None
    """
    found: list[StarMatch | None] = [None] * len(frames)
    order = iter(sorted(range(len(frames)), key=lambda k: -frames[k].sources.x.size))
    for k in order:
        found[k], lead = find_lead(frames[k].sources, starts[k], vectors, settings)
        if lead is not None:
            for other in order:
                found[other] = follow_lead(frames[other].sources, starts[other], vectors, settings, lead)
    return found


def find_lead(
    sources: Sources, group: tuple[TanSip, ...], vectors: Float, settings: AstrometrySettings
) -> tuple[StarMatch | None, Lead | None]:
    """Match a frame of which nothing is known but its starts: with all turns and parities.

    Parameters
    ----------
    sources : Sources
    group : tuple of TanSip
        Its starts.
    vectors : ndarray of float64, shape (3, m)
        Catalogue, brightest first.
    settings : AstrometrySettings

    Returns
    -------
    StarMatch or None, Lead or None
        Both or none.
    """
    for n, start, search in _attempts(group, vectors, sources.x.size, settings):
        match = match_stars(sources.x, sources.y, start, vectors, search)
        if match is not None:
            return match, Lead(n, start, match.wcs)
    return None, None


def follow_lead(
    sources: Sources, group: tuple[TanSip, ...], vectors: Float, settings: AstrometrySettings, lead: Lead
) -> StarMatch | None:
    """Match a frame when another one of the set has found its place.

    The camera is not turned, nor mirrored, from one dither to the next: such hypotheses are not tried again.

    Parameters
    ----------
    sources : Sources
    group : tuple of TanSip
        Its starts.
    vectors : ndarray of float64, shape (3, m)
        Catalogue, brightest first.
    settings : AstrometrySettings
    lead : Lead

    Returns
    -------
    StarMatch or None
    """
    own = group[min(lead.number, len(group) - 1)]
    like = _carried(own, lead.planned, lead.found)
    usual = [
        replace(_search(one, vectors, sources.x.size, settings), turns=(0.0,), flips=False)
        for one in (like, own)
    ]
    quick = replace(usual[0], small=(0.0,), degree=1)
    for start, search in ((like, quick), (own, usual[1])):
        match = match_stars(sources.x, sources.y, start, vectors, search)
        if match is not None:
            return match
    return None


def _search(start: TanSip, vectors: Float, n_stars: int, settings: AstrometrySettings) -> Search:
    """Ask less of a frame with few stars."""
    if min(int(np.count_nonzero(in_frame(start, vectors))), n_stars) >= _FEW:
        return settings.search
    return replace(_FEW_SEARCH, windows=settings.search.windows, tolerance=settings.search.tolerance)


def _attempts(
    group: tuple[TanSip, ...], vectors: Float, n_stars: int, settings: AstrometrySettings
) -> Iterator[tuple[int, TanSip, Search]]:
    """Give starts and searches: each start as it is, then the first with all turns and parities."""
    for n, start in enumerate(group):
        yield n, start, replace(_search(start, vectors, n_stars, settings), turns=(0.0,), flips=False)
    search = _search(group[0], vectors, n_stars, settings)
    if search.flips or len(search.turns) > 1:
        yield 0, group[0], search


def _carried(start: TanSip, planned: TanSip, found: TanSip) -> TanSip:
    """Give a frame the offset, the linear terms and the distortion that another one was found to have."""
    cd = start.cd @ invert_pair(planned.cd) @ found.cd
    step = planned.axes[:2] @ found.axes[2]
    # In the other frame's pixels, which are turned on the sky as this frame's are.
    offset = invert_pair(planned.cd * DEGREE) @ step
    return replace(corrected(start, offset[:, None]), cd=cd, sip=found.sip)


def catalogue_pairs_of(wcs: TanSip, sources: Sources, vectors: Float) -> tuple[Index, Index]:
    """Pair the stars of a frame with those of a catalogue.

    Parameters
    ----------
    wcs : TanSip
        Good to a pixel.
    sources : Sources
    vectors : ndarray of float64, shape (3, m)
        Unit vectors, ICRS.

    Returns
    -------
    rows, refs : ndarray of int64, shape (k,)
        Of the stars and of the catalogue, one-to-one.
    """
    inside = np.flatnonzero(in_frame(wcs, vectors))
    own = plane_pixels(wcs, wcs.directions(sources.x, sources.y))
    refs = plane_pixels(wcs, vectors[:, inside])
    rows, pairs = mutual_pairs(own[0], own[1], refs[0], refs[1], _SAME_PX)
    return rows, inside[pairs]
