"""Corrected positions of all frames, from their stars and a reference catalogue or from each other."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from photomitrus_cli.imaging.align import Alignment, FrameStars, align_frames, align_to_catalogue
from photomitrus_cli.imaging.skywcs import SkyWcs
from photomitrus_cli.io.refcat import RefCat, julian_year
from photomitrus_cli.irac.passes import Passes, Used
from photomitrus_cli.irac.scan import FULL_ARRAY

# Frames of so many years share the positions of the catalogue: 100 mas/yr move a star by 6 mas in half of it.
SEASON_YR = 0.125
_NO_SEASON = -1


def align_all(passes: Passes, used: Sequence[Used]) -> tuple[list[Used], list[SkyWcs | None], dict[str, Any]]:
    """Find the true position of every frame.

    Returns
    -------
    used : list of Used
        With ``align_...`` in their numbers.
    wcs : list of SkyWcs or None
        The corrected positions; None where the header's stay.
    facts : dict
        About the solution.
    """
    settings = passes.plan.settings
    stars = [_stars(passes, one) for one in used]
    if passes.plan.catalogue is None or settings.align is None:
        found = align_frames(stars)
        name = "the frames themselves (mean correction 0)"
    else:
        found = _to_catalogue(passes.plan.catalogue, used, stars)
        name = settings.align.name
    aligned = [replace(one, meta=one.meta | _numbers(own)) for one, own in zip(used, found, strict=True)]
    wcs = [
        None if own.source == "none" else one.frame.wcs.moved(own.rotation)
        for one, own in zip(used, found, strict=True)
    ]
    return aligned, wcs, _facts(found, name)


def _stars(passes: Passes, one: Used) -> FrameStars:
    ra, dec, error, _, _ = passes.store.require(one.place.chunk).arrays[f"stars{one.place.index}"]
    ny, nx = FULL_ARRAY
    centre = one.frame.wcs.sky((nx - 1) / 2.0, (ny - 1) / 2.0)
    return FrameStars(ra, dec, error, (float(centre[0]), float(centre[1])), str(one.frame.key.aorkey))


def _to_catalogue(catalogue: RefCat, used: Sequence[Used], stars: Sequence[FrameStars]) -> list[Alignment]:
    """Align frames of one season at a time, each with the catalogue's stars where they were then."""
    seasons: dict[int, list[int]] = defaultdict(list)
    for index, one in enumerate(used):
        year = julian_year(one.frame.mjd)
        # Without a date the motions stay unknown: the catalogue's own epoch.
        seasons[round(year / SEASON_YR) if math.isfinite(year) else _NO_SEASON].append(index)
    found: dict[int, Alignment] = {}
    for season, indices in sorted(seasons.items()):
        ra, dec = (
            (catalogue.ra, catalogue.dec) if season == _NO_SEASON else catalogue.at_epoch(season * SEASON_YR)
        )
        own = align_to_catalogue([stars[index] for index in indices], ra, dec)
        found.update(zip(indices, own, strict=True))
    return [found[index] for index in range(len(used))]


def _numbers(own: Alignment) -> dict[str, Any]:
    """Give a frame's columns of the table INPUTS."""
    return {
        "align_source": own.source,
        "align_dra": own.dxi,
        "align_ddec": own.deta,
        "align_roll": own.roll_deg,
        "align_error": own.error_arcsec if math.isfinite(own.error_arcsec) else None,
        "align_stars": own.n_stars,
        "align_rms": own.rms_arcsec if math.isfinite(own.rms_arcsec) else None,
    }


def _facts(found: Sequence[Alignment], name: str) -> dict[str, Any]:
    moved = [own for own in found if own.source != "none"]
    counts = {kind: sum(own.source == kind for own in found) for kind in ("stars", "group", "none")}
    facts = {
        "aligned to": name,
        "aligned frames": f"{counts['stars']} by their stars, {counts['group']} with their AOR, "
        f"{counts['none']} not",
    }
    if moved:
        offset = np.median([math.hypot(own.dxi, own.deta) for own in moved])
        rms = [own.rms_arcsec for own in moved if own.source == "stars"]
        facts["alignment"] = f"median correction {offset:.3f} arcsec, " + (
            f"stars scatter by {np.median(rms):.3f} arcsec per axis" if rms else "no stars"
        )
    return facts
