"""One frame searched on the sky, with all turns or as another frame has led."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.planepixels import in_frame
from photomitrus_cli.imaging.plateterms import corrected
from photomitrus_cli.imaging.starmatch import Search, StarMatch, match_stars
from photomitrus_cli.imaging.tangent import DEGREE, invert_pair
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.prime.framestars import AstrometrySettings
from photomitrus_cli.prime.sources import Sources

Float = NDArray[np.float64]

# Below this many catalogue stars or detections in a frame fewer pairs have to do, over a narrower search.
_FEW = 15
_FEW_SEARCH = Search(turns=(0.0,), small=(0.0,), flips=False, max_chance=1e-3, min_pairs=3)


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
