"""Light and seeing of frames against each other, as well as their common stars tell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.matching import mutual_pairs
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.prime.sources import Sources

Float = NDArray[np.float64]

# Stars of frames are the same within so many pixels of the stack, or so much of their width.
_SAME_PX, _SAME_FWHM = 1.5, 0.2
_ROUNDS = 10
# Stars that tell the scale of a frame; fainter ones add noise only.
_LEAST_SNR, _FEW = 20.0, 3
# In a field where no frame has so many of them, fainter ones count, and two in common will do.
_MANY, _FAINT_SNR, _FEWEST = 10, 5.0, 2
# Standard deviation over mean length, and variance of a median over that of a mean, of normal errors.
_MEAN_LENGTH, _OF_MEDIAN = 1.2533, 1.571


def flux_scales(sources: Sequence[Sources], wcs: Sequence[TanSip], grid: Grid) -> Float:
    """Find how much of the light of the stars each frame has.

    Fluxes are ``scale_frame flux_star``; both are found in turns, medians over stars and over frames, so that
    single bad measurements do not count. Scales are relative to their median, and drawn towards it as far as
    their errors explain that they differ (`steadied`).

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
    logs, noise = _common_logs(sources, wcs, grid, "flux")
    level, error, shared = _levels(logs, noise)
    least = _FEWEST if _few_stars(sources) else _FEW
    return np.exp(steadied(np.where(shared >= least, level, np.nan), error))


def seeing_widths(sources: Sequence[Sources], wcs: Sequence[TanSip], grid: Grid) -> Float:
    """Find how wide the stars of each frame are.

    As `flux_scales` does, of the widths of common stars: the objects of a sparse field are not all alike, and
    another choice of them is not another seeing.

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
        FWHM, pixels; NaN where no frame has a star.
    """
    logs, noise = _common_logs(sources, wcs, grid, "fwhm")
    level, error, _ = _levels(logs, noise)
    known = [item.seeing for item in sources if item.x.size]
    typical = float(np.median(known)) if known else float("nan")
    return typical * np.exp(np.nan_to_num(steadied(level, error)))


def steadied(level: Float, error: Float) -> Float:
    """Draw values towards zero as far as their errors explain that they differ from it.

    The best estimate of normal values of variance t^2 that are known with an error e is the value times
    t^2 / (t^2 + e^2) (James & Stein 1961); t^2 is what the values scatter by more than their errors.

    Parameters
    ----------
    level, error : ndarray of float64, shape (n,)
        NaN for a value that is not known.

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    known = np.isfinite(level)
    if not known.any():
        return level
    variance = np.square(error)
    spread = max(float(np.mean(np.square(level[known]) - variance[known])), 0.0)
    total = spread + variance
    return np.where(known, level * spread / np.where(total > 0.0, total, 1.0), np.nan)


def _few_stars(sources: Sequence[Sources]) -> bool:
    return max(int(np.count_nonzero(item.snr >= _LEAST_SNR)) for item in sources) < _MANY


def _common_logs(
    sources: Sequence[Sources], wcs: Sequence[TanSip], grid: Grid, what: Literal["flux", "fwhm"]
) -> tuple[Float, float]:
    """Put logarithms of the stars of the richest frame into a table, shape (frames, stars), NaN for none.

    Also their noise, as far as that of the light of the stars tells.
    """
    least = _FAINT_SNR if _few_stars(sources) else _LEAST_SNR
    bright = [item.chosen(item.snr >= least) for item in sources]
    places = [grid.project(one.directions(item.x, item.y)) for one, item in zip(wcs, bright, strict=True)]
    base = int(np.argmax([item.x.size for item in bright]))
    values = np.full((len(sources), bright[base].x.size), np.nan)
    widths = [item.seeing for item in bright if item.x.size]
    radius = max(_SAME_PX, _SAME_FWHM * float(np.median(widths))) if widths else _SAME_PX
    for k, (place, item) in enumerate(zip(places, bright, strict=True)):
        mine, base_rows = mutual_pairs(place[0], place[1], places[base][0], places[base][1], radius)
        values[k, base_rows] = getattr(item, what)[mine]
    snr = np.concatenate([item.snr for item in bright])
    return np.log(values), float(np.median(1.0 / snr)) if snr.size else 0.0


def _levels(logs: Float, noise: float) -> tuple[Float, Float, NDArray[np.int64]]:
    """Find the level of every frame about their median, its error, and the number of common stars."""
    level = np.zeros(logs.shape[0])
    common = np.isfinite(logs) & (np.isfinite(logs).sum(axis=0) > 1)
    shared = common.sum(axis=1)
    logs = np.where(common, logs, np.nan)
    for _ in range(_ROUNDS if common.any() else 0):
        star = _median(logs - level[:, None], axis=0)
        level = _median(logs - star, axis=1)
        level -= np.nanmedian(level)
    level[shared == 0] = np.nan
    # Numbers that were found from the same values take away from their scatter.
    left = common.sum() - common.any(axis=0).sum() - common.any(axis=1).sum() + 1
    scatter = noise
    if left > 0:
        away = np.abs(logs - star - level[:, None])[common]
        scatter = max(_MEAN_LENGTH * float(away.sum()) / float(left), noise)
    return level, scatter * np.sqrt(_OF_MEDIAN / np.maximum(shared, 1)), shared


def _median(values: Float, axis: int) -> Float:
    """Median without NaN; NaN where there is nothing, without a warning."""
    known = np.isfinite(values).any(axis=axis)
    filled = np.where(np.expand_dims(known, axis), values, 0.0)
    return np.where(known, np.nanmedian(filled, axis=axis), np.nan)
