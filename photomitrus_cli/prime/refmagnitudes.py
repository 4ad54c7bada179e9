"""Magnitudes of one star catalogue for the stars of another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from photomitrus_cli.imaging.tangent import directions_of
from photomitrus_cli.io.refcat import Photometry, RefCat

# How far a star of one catalogue may be from its place in another, arcsec.
_MATCH_ARCSEC = 1.0


def with_magnitudes(stars: RefCat, other: RefCat, band: Photometry) -> RefCat:
    """Give stars the magnitudes that another catalogue has of them, where they have none yet.

    Parameters
    ----------
    stars : RefCat
        Moved to the epoch of the other catalogue for the comparison.
    other : RefCat
    band : Photometry
        Magnitudes of `other`.

    Returns
    -------
    RefCat
        `stars`, each with the magnitude of the star that is nearest to it, and it to that, within 1 arcsec.
    """
    from scipy.spatial import cKDTree

    epochs = other.epoch[np.isfinite(other.epoch)]
    moved = stars.at_epoch(float(np.median(epochs))) if epochs.size else (stars.ra, stars.dec)
    here, there = directions_of(*moved).T, directions_of(other.ra, other.dec).T
    distance, nearest = cKDTree(there).query(here)
    back = cKDTree(here).query(there)[1]
    paired = (back[nearest] == np.arange(len(here))) & (distance < np.radians(_MATCH_ARCSEC / 3600.0))
    before = stars.band
    mag = np.full(len(here), np.nan) if before is None else before.mag.copy()
    mag_err = np.full(len(here), np.nan) if before is None else before.mag_err.copy()
    filled = paired & ~np.isfinite(mag)
    mag[filled], mag_err[filled] = band.mag[nearest[filled]], band.mag_err[nearest[filled]]
    name = band.name if before is None else f"{before.name}, {band.name}"
    return replace(stars, band=Photometry(name, mag, mag_err))
