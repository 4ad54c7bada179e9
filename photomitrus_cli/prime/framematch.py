"""The frames of a chip matched with a catalogue: one of them first, then the others as it has led."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.matching import mutual_pairs
from photomitrus_cli.imaging.planepixels import in_frame, plane_pixels
from photomitrus_cli.imaging.platefit import centred
from photomitrus_cli.imaging.starmatch import StarMatch
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.prime.framesearch import find_lead, follow_lead
from photomitrus_cli.prime.framestars import AstrometrySettings, FrameStars
from photomitrus_cli.prime.sources import Sources

Float = NDArray[np.float64]
Index = NDArray[np.int64]

# A detection and a catalogue star are the same within this, once the geometry is fitted.
_SAME_PX = 1.5


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
