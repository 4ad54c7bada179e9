"""Apertures on a stack: the light outside of small ones, and the scatter of empty ones."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.prime.sources import Sources

Float = NDArray[np.float64]

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

# Radii in FWHM: of the aperture of all fluxes, and of one that holds all light; what is beyond tells the
# level around a star.
APERTURE_FWHM, _WHOLE = 1.5, 4.0
_AROUND = (5.0, 7.0)
# Bright stars alone tell how much light is outside of the small aperture: these, else those.
_BRIGHT_SNR = (100.0, 20.0)
_BRIGHT_STARS, _PROFILE_VALUES = 200, 4_000_000
_FEW = 3
_RINGS = 25
_EMPTY, _FEW_EMPTY = 20_000, 50


def aperture_factor(sci: Float32, bad: Bool, sources: Sources) -> float:
    """Find how much more light is within 4 FWHM of a star than within 1.5.

    The profile of the wings is the median of bright stars and directions in narrow rings, less that between 5
    and 7 FWHM, so that neighbours do not count as long as they cover less than half of a ring.

    Parameters
    ----------
    sci : ndarray of float32, shape (ny, nx)
    bad : ndarray of bool, shape (ny, nx)
    sources : Sources
        Stars of it, with fluxes within 1.5 FWHM.

    Returns
    -------
    float
        NaN with fewer than three stars.
    """
    for limit in _BRIGHT_SNR:
        chosen = np.flatnonzero((sources.snr > limit) & (sources.flags & 1 == 0))
        if chosen.size >= _FEW:
            break
    else:
        return float("nan")
    seeing = sources.seeing
    half = int(np.ceil(_AROUND[1] * seeing))
    stars = sources.chosen(chosen[: min(_BRIGHT_STARS, max(_PROFILE_VALUES // (2 * half + 1) ** 2, _FEW))])
    radius, value = _surroundings(sci, bad, stars, half)
    around = (radius >= _AROUND[0] * seeing) & (radius < _AROUND[1] * seeing)
    if not around.any():
        return float("nan")
    level = float(np.median(value[around]))
    edges = np.linspace(APERTURE_FWHM, _WHOLE, _RINGS + 1) * seeing
    rings = [value[(radius >= low) & (radius < high)] for low, high in pairwise(edges.tolist())]
    wings = [float(np.median(ring)) - level if ring.size else 0.0 for ring in rings]
    core = 1.0 - level * np.pi * edges[0] ** 2
    return float(1.0 + np.sum(wings * np.diff(np.pi * np.square(edges))) / core)


def _surroundings(sci: Float32, bad: Bool, stars: Sources, half: int) -> tuple[Float, Float]:
    """Give the distances of pixels from their stars, and their values over the light of these."""
    ny, nx = sci.shape
    step = np.arange(-half, half + 1)
    rows = np.rint(stars.y).astype(np.int64)[:, None, None] + step[:, None]
    columns = np.rint(stars.x).astype(np.int64)[:, None, None] + step
    radius = np.hypot(rows - stars.y[:, None, None], columns - stars.x[:, None, None])
    here = np.clip(rows, 0, ny - 1), np.clip(columns, 0, nx - 1)
    known = ~bad[here] & np.isfinite(sci[here]) & (rows == here[0]) & (columns == here[1])
    return radius[known], (sci[here] / stars.flux[:, None, None])[known]


def empty_scatter(sci: Float32, noise: Float32, bad: Bool, radius: float) -> float:
    """Measure the scatter of the light in apertures without objects, in units of the noise of their pixels.

    Parameters
    ----------
    sci, noise : ndarray of float32, shape (ny, nx)
    bad : ndarray of bool, shape (ny, nx)
    radius : float
        Pixels.

    Returns
    -------
    float
        Over the root of the sum of the squared noise of their pixels, as some places have fewer frames. NaN
        where there is no room.
    """
    import sep

    from photomitrus_cli.prime.skymasks import find_objects

    image, out = _filled(sci, bad)
    mask = out | find_objects(image, out)
    rng = np.random.default_rng(1)
    ny, nx = sci.shape
    x, y = rng.uniform(0, nx - 1, _EMPTY), rng.uniform(0, ny - 1, _EMPTY)
    flux, _, flag = sep.sum_circle(image, x, y, radius, mask=mask, subpix=5)
    square = np.where(mask, np.float32(0.0), np.square(noise))
    formal, _, _ = sep.sum_circle(square, x, y, radius, mask=mask, subpix=5)
    free = ((flag & (sep.APER_HASMASKED | sep.APER_TRUNC)) == 0) & (formal > 0.0)
    if np.count_nonzero(free) < _FEW_EMPTY:
        return float("nan")
    pulls = flux[free] / np.sqrt(formal[free])
    return 1.4826 * float(np.median(np.abs(pulls - np.median(pulls))))


def _filled(sci: Float32, bad: Bool) -> tuple[Float32, Bool]:
    mask = np.ascontiguousarray(bad | ~np.isfinite(sci))
    return np.where(mask, np.float32(0.0), sci), mask
