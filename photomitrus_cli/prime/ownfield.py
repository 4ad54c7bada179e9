"""A field as its own reference: frames agree with each other; the sky is as true as one of their headers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from photomitrus_cli.errors import NoDataError
from photomitrus_cli.prime.astrometry import solve_astrometry
from photomitrus_cli.prime.framestars import AstrometrySettings, FrameStars
from photomitrus_cli.prime.geometry import pixel_arcsec
from photomitrus_cli.prime.refcatalogue import RefCatalogue
from photomitrus_cli.prime.solution import Solution

SELF_ORIGIN = "the field itself (relative positions)"

# Frames that are tried as the reference, those with the most stars first.
_TRIED = 3
# Centroids of one star agree to this part of its full width.
_CENTRE_FWHM = 0.2
# A single frame has many objects that are no stars, or that others do not show.
_MATCHED = 0.25


def solve_own_field(
    frames: Sequence[FrameStars], year: float, settings: AstrometrySettings | None = None
) -> tuple[Solution, RefCatalogue]:
    """Find where frames look relative to one of them, whose first geometry is taken as true.

    That is the frame with the most stars, or one with fewer when the fit refuses it: a trailed or mispointed
    frame is no reference.

    Parameters
    ----------
    frames : sequence of FrameStars
        Their rotator angles are believed.
    year : float
        Julian year of the frames.
    settings : AstrometrySettings, optional

    Returns
    -------
    Solution, RefCatalogue
        Of the reference that most frames agree with.

    Raises
    ------
    NoDataError
        When no frame can be the reference.
    """
    settings = settings or AstrometrySettings()
    # All frames are turned alike: nothing but small differences is to be found.
    search = replace(settings.search, turns=(0.0,), flips=False)
    # Wide stars, and galaxies, have no better centres.
    widths = [one.sources.seeing for one in frames if one.sources.x.size]
    if widths:
        seeing = float(np.median(widths))
        search = replace(search, tolerance=max(search.tolerance, _CENTRE_FWHM * seeing))
        settings = replace(settings, tolerance_px=max(settings.tolerance_px, _CENTRE_FWHM * seeing))
    settings = replace(settings, search=search, limits=replace(settings.limits, matched=_MATCHED))
    alike = [replace(one, starts=one.starts[:1]) for one in frames]
    best: tuple[Solution, RefCatalogue] | None = None
    most = 0
    for base in sorted(range(len(alike)), key=lambda k: -alike[k].sources.x.size)[:_TRIED]:
        stars = _stars_of(alike[base], year, settings)
        if stars is None:
            continue
        try:
            solution = solve_astrometry(alike, stars, settings)
        except NoDataError:
            continue
        kept = sum(wcs is not None for wcs in solution.wcs)
        if solution.wcs[base] is not None and kept > most:
            best, most = (solution, stars), kept
        if 2 * most > len(alike):
            break
    if best is None:
        raise NoDataError(
            f"none of {len(alike)} frames can be the reference of the others: they share too few stars",
            hint="give --refcat FILE",
        )
    return best


def _stars_of(frame: FrameStars, year: float, settings: AstrometrySettings) -> RefCatalogue | None:
    """Make a catalogue of the stars of a frame; None when it has none."""
    wcs, found = frame.starts[0], frame.sources
    if not found.x.size:
        return None
    error = np.hypot(
        pixel_arcsec(wcs) * np.hypot(found.x_err, found.y_err) / np.sqrt(2.0), settings.floor_arcsec
    )
    return own_catalogue(*wcs.sky(found.x, found.y), error, -2.5 * np.log10(found.flux), year)


def own_catalogue(ra: ArrayLike, dec: ArrayLike, err: ArrayLike, mag: ArrayLike, year: float) -> RefCatalogue:
    """Make a reference of stars that were detected in the field, so that frames agree with each other.

    Parameters
    ----------
    ra, dec : array_like, shape (n,)
        Degrees, by the geometry that is known before; stars without a finite position are left out.
    err : array_like, shape (n,) or ()
        Standard error of a position per axis, arcsec.
    mag : array_like, shape (n,)
        Instrumental; orders the stars, and is no magnitude of a catalogue.
    year : float
        Julian year of the frames.

    Returns
    -------
    RefCatalogue
        With `relative` set.

    Raises
    ------
    NoDataError
        When no star has a position.
    """
    places = [np.asarray(value, dtype=np.float64) for value in (ra, dec)]
    n = places[0].size
    errors, magnitudes = (np.broadcast_to(np.asarray(value, np.float64), n).copy() for value in (err, mag))
    unknown = np.full(n, np.nan)
    stars = RefCatalogue(
        *(places[0] % 360.0, places[1], errors, unknown, unknown.copy(), magnitudes, year, SELF_ORIGIN),
        relative=True,
    )
    good = np.isfinite(places[0]) & np.isfinite(places[1]) & (errors > 0.0)
    if not good.any():
        raise NoDataError("no star of the field can serve as its reference", hint="give --refcat FILE")
    return stars.where(good)
