"""What a finished stack is found to be: its stars, zero point, depth and astrometry."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.tangent import directions_of
from photomitrus_cli.prime.detect import Sources, detect_sources
from photomitrus_cli.prime.refcatalogue import RefCatalogue
from photomitrus_cli.prime.stackphot import ZeroPoint, catalogue_pairs, zero_point

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

# Radii in FWHM: that stars are matched in, of the aperture of all fluxes, and of one that holds all light;
# what is beyond tells the level around a star.
_MATCH_FWHM, _APERTURE, _WHOLE = 1.0, 1.5, 4.0
_AROUND = (5.0, 7.0)
# Bright stars alone tell how much light is outside of the small aperture: these, else those.
_BRIGHT_SNR = (100.0, 20.0)
_BRIGHT_STARS, _PROFILE_VALUES = 200, 4_000_000
_FEW, _ENOUGH = 3, 20
# Neighbours count within so many FWHM, from so much of the light on.
_ALONE, _LITTLE = 3.0, 0.02
_RINGS = 25
_EMPTY, _FEW_EMPTY = 20_000, 50
_DEPTH_SIGMA = 5.0


@dataclass(frozen=True)
class Measured:
    """Numbers of a stack; NaN or None for what could not be measured.

    Attributes
    ----------
    fwhm : float
        Arcsec.
    aperture_factor : float
        All light of a star over that in an aperture of 1.5 FWHM radius.
    zero_point : ZeroPoint or None
        Of all light of a star, units of the stack times its pixels.
    correlation : float
        Noise of a blank aperture over the root of the sum of the squared noise of its pixels, as it follows
        from the interpolation.
    empty : float
        Scatter of empty apertures of that radius over the noise that is so told; NaN where there is no room.
    depth : float
        Magnitude of a star whose light in that aperture is 5 times the scatter of empty ones, or their noise
        where there is no room for empty ones.
    rms : tuple of float
        Scatter of the positions of stars against the catalogue, east and north, arcsec.
    offset : tuple of float
        Their mean, stack less catalogue, arcsec.
    stars, matched : int
        Stars found, and those with a catalogue star.
    """

    fwhm: float
    aperture_factor: float
    zero_point: ZeroPoint | None
    correlation: float
    empty: float
    depth: float
    rms: tuple[float, float]
    offset: tuple[float, float]
    stars: int
    matched: int


def measure_stack(
    sci: Float32, noise: Float32, bad: Bool, grid: Grid, catalogue: RefCatalogue, correlation: float
) -> Measured:
    """Measure a stack.

    Parameters
    ----------
    sci, noise : ndarray of float32, shape (ny, nx)
        NaN without data.
    bad : ndarray of bool, shape (ny, nx)
        Pixels not to be trusted.
    grid : Grid
    catalogue : RefCatalogue
    correlation : float
        See `Measured`.

    Returns
    -------
    Measured
    """
    sources = detect_sources(sci, noise, bad, max_stars=5000)
    seeing = sources.seeing
    factor = aperture_factor(sci, bad, sources)
    stars, refs = catalogue_pairs(
        sources.x, sources.y, grid, catalogue.ra, catalogue.dec, max(_MATCH_FWHM * seeing, 1.0)
    )
    # Light of neighbours makes stars too bright; in sparse fields every star counts.
    lone = _lone(sources)[stars]
    lone |= np.count_nonzero(lone) < _ENOUGH
    zero = zero_point(
        sources.flux[stars[lone]] * factor,
        sources.flux_err[stars[lone]] * factor,
        catalogue.mag[refs[lone]],
        catalogue.mag_err[refs[lone]],
    )
    rms, offset = _positions(sources, stars, refs, grid, catalogue)
    depth = empty = float("nan")
    if np.isfinite(seeing) and not bad.all():
        radius = _APERTURE * seeing
        empty = empty_scatter(sci, noise, bad, radius) / correlation
        sigma = correlation * float(np.median(noise[~bad])) * np.sqrt(np.pi) * radius
        if zero is not None:
            light = _DEPTH_SIGMA * sigma * (empty if np.isfinite(empty) else 1.0) * factor
            depth = float(zero.value - 2.5 * np.log10(light))
    told = (sources.x.size, len(stars))
    return Measured(seeing * grid.scale, factor, zero, correlation, empty, depth, rms, offset, *told)


def _lone(sources: Sources) -> Bool:
    """Tell which stars have no other one of 2 % of their light nearby."""
    from scipy.spatial import cKDTree

    lone = np.asarray((sources.flags & 1) == 0)
    places = np.stack([sources.x, sources.y], axis=1)
    pairs = cKDTree(places).query_pairs(_ALONE * sources.seeing, output_type="ndarray") if lone.size else ()
    for a, b in pairs:
        lone[a] &= sources.flux[b] < _LITTLE * sources.flux[a]
        lone[b] &= sources.flux[a] < _LITTLE * sources.flux[b]
    return lone


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
    edges = np.linspace(_APERTURE, _WHOLE, _RINGS + 1) * seeing
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


def _positions(
    sources: Sources, stars: NDArray[np.int64], refs: NDArray[np.int64], grid: Grid, catalogue: RefCatalogue
) -> tuple[tuple[float, float], tuple[float, float]]:
    nan = (float("nan"), float("nan"))
    good = sources.snr[stars] > 20.0
    if np.count_nonzero(good) < 3:
        return nan, nan
    rows, partners = stars[good], refs[good]
    x, y = grid.project(directions_of(catalogue.ra[partners], catalogue.dec[partners]))
    away = np.stack([x - sources.x[rows], sources.y[rows] - y]) * grid.scale
    middle = np.median(away, axis=1)
    spread = 1.4826 * np.median(np.abs(away - middle[:, None]), axis=1)
    return (float(spread[0]), float(spread[1])), (float(middle[0]), float(middle[1]))
