"""What a finished stack is found to be: its stars, zero point, depth and astrometry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.tangent import directions_of
from photomitrus_cli.prime.detect import detect_sources
from photomitrus_cli.prime.refcatalogue import RefCatalogue
from photomitrus_cli.prime.sources import Sources
from photomitrus_cli.prime.stackapertures import APERTURE_FWHM, aperture_factor, empty_scatter
from photomitrus_cli.prime.stackphot import ZeroPoint, catalogue_pairs, zero_point

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

# Radius in FWHM that stars are matched in.
_MATCH_FWHM = 1.0
_ENOUGH = 20
# Neighbours count within so many FWHM, from so much of the light on.
_ALONE, _LITTLE = 3.0, 0.02
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
        radius = APERTURE_FWHM * seeing
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
