"""Light of frames against each other, and of a stack against a catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.matching import mutual_pairs
from photomitrus_cli.imaging.tangent import directions_of
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.prime.detect import Sources

Float = NDArray[np.float64]

# Stars of frames are the same within so many pixels of the stack, or so much of their width.
_SAME_PX, _SAME_FWHM = 1.5, 0.2
_ROUNDS = 10
_CLIP = 3.0
_MAD = 1.4826
# Stars that tell the scale of a frame; fainter ones add noise only.
_LEAST_SNR = 20.0
_FEW = 3
# In a field where no frame has so many of them, fainter ones count, and two in common will do.
_MANY, _FAINT_SNR, _FEWEST = 10, 5.0, 2


def flux_scales(sources: Sequence[Sources], wcs: Sequence[TanSip], grid: Grid) -> Float:
    """Find how much of the light of the stars each frame has.

    Fluxes are ``scale_frame flux_star``; both are found in turns, medians over stars and over frames, so that
    single bad measurements do not count. Scales are relative to their median.

    Parameters
    ----------
    sources : sequence of Sources
        Of each frame.
    wcs : sequence of TanSip
        Geometry of each frame.
    grid : Grid
        In whose pixels stars are compared.

    Returns
    -------
    ndarray of float64, shape (n,)
        NaN for a frame that shares fewer than three stars with the others, or two in fields of few stars.
    """
    few = max(int(np.count_nonzero(item.snr >= _LEAST_SNR)) for item in sources) < _MANY
    flux = _common_fluxes(sources, wcs, grid, _FAINT_SNR if few else _LEAST_SNR)
    if flux.shape[1] == 0:
        return np.full(len(sources), np.nan)
    logs = np.log(flux)
    scale = np.zeros(len(sources))
    with np.errstate(all="ignore"):
        for _ in range(_ROUNDS):
            star = _median(logs - scale[:, None], axis=0)
            scale = _median(logs - star, axis=1)
            scale -= np.nanmedian(scale)
    shared = np.sum(np.isfinite(logs) & (np.isfinite(logs).sum(axis=0) > 1), axis=1)
    return np.where(shared >= (_FEWEST if few else _FEW), np.exp(scale), np.nan)


def _median(values: Float, axis: int) -> Float:
    """Median without NaN; NaN where there is nothing, without a warning."""
    known = np.isfinite(values).any(axis=axis)
    filled = np.where(np.expand_dims(known, axis), values, 0.0)
    return np.where(known, np.nanmedian(filled, axis=axis), np.nan)


def _common_fluxes(sources: Sequence[Sources], wcs: Sequence[TanSip], grid: Grid, least_snr: float) -> Float:
    """Put the fluxes of the stars of the richest frame into a table, shape (frames, stars), NaN for none."""
    bright = [item.chosen(item.snr >= least_snr) for item in sources]
    places = [grid.project(one.directions(item.x, item.y)) for one, item in zip(wcs, bright, strict=True)]
    base = int(np.argmax([item.x.size for item in bright]))
    flux = np.full((len(sources), bright[base].x.size), np.nan)
    widths = [item.seeing for item in bright if item.x.size]
    radius = max(_SAME_PX, _SAME_FWHM * float(np.median(widths))) if widths else _SAME_PX
    for k, (place, item) in enumerate(zip(places, bright, strict=True)):
        mine, base_rows = mutual_pairs(place[0], place[1], places[base][0], places[base][1], radius)
        flux[k, base_rows] = item.flux[mine]
    return flux


@dataclass(frozen=True)
class ZeroPoint:
    """Magnitude of one unit of flux.

    Attributes
    ----------
    value, error, scatter : float
        Magnitudes: the median, its standard error, the robust scatter of a star.
    stars : int
    """

    value: float
    error: float
    scatter: float
    stars: int


def zero_point(flux: Float, error: Float, mag: Float, mag_error: Float) -> ZeroPoint | None:
    """Compare fluxes with magnitudes of a catalogue.

    Parameters
    ----------
    flux, error : ndarray of float64, shape (n,)
        Of stars, units of the stack.
    mag, mag_error : ndarray of float64, shape (n,)
        Of the catalogue; NaN where unknown.

    Returns
    -------
    ZeroPoint or None
        None when fewer than three stars have both.
    """
    use = np.isfinite(mag) & (flux > _LEAST_SNR * error)
    if np.count_nonzero(use) < _FEW:
        return None
    away = mag[use] + 2.5 * np.log10(flux[use])
    variance = np.square(np.nan_to_num(mag_error[use], nan=0.05)) + np.square(1.0857 * error[use] / flux[use])
    # A floor keeps few bright stars from deciding alone: catalogues have systematic errors, too.
    weight = 1.0 / (variance + 0.01**2)
    kept = np.ones(away.size, dtype=np.bool_)
    value = float(np.median(away))
    scatter = 0.0
    for _ in range(_ROUNDS):
        scatter = _MAD * float(np.median(np.abs(away[kept] - value)))
        kept = np.abs(away - value) <= max(_CLIP * scatter, 1e-6)
        value = float(np.average(away[kept], weights=weight[kept]))
    spread = float(np.sqrt(np.average(np.square(away[kept] - value), weights=weight[kept])))
    count = int(np.count_nonzero(kept))
    return ZeroPoint(value, spread / np.sqrt(count), scatter, count)


def catalogue_pairs(
    x: Float, y: Float, grid: Grid, ra: Float, dec: Float, radius: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair stars of a stack with those of a catalogue.

    Parameters
    ----------
    x, y : ndarray of float64, shape (n,)
        0-based positions in the stack.
    grid : Grid
    ra, dec : ndarray of float64, shape (m,)
        Degrees ICRS.
    radius : float
        Pixels of the stack.

    Returns
    -------
    stars, refs : ndarray of int64, shape (k,)
        Rows, one-to-one.
    """
    place = grid.project(directions_of(ra, dec))
    inside = np.flatnonzero(np.isfinite(place).all(axis=0))
    stars, refs = mutual_pairs(x, y, place[0][inside], place[1][inside], radius)
    return stars, inside[refs].astype(np.int64)
