"""Stars of a sky-subtracted frame: positions, errors, fluxes, widths."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.prime.sources import BRIGHT, Sources

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

MAX_STARS = 1500
SNR = 5.0
# Of a Gaussian: full width at half maximum over standard deviation.
FWHM_SIGMA = 2.354820045
# A windowed centroid whose window is as wide as the star: noise of the sky, and of the star's own photons.
_SKY_TERM = 8.0 * np.pi
_PHOTON_TERM = 16.0 / 9.0
_MIN_PIXELS = 5
# Widths of stars, relative to the median of the bright ones.
_NARROW, _WIDE = 0.6, 1.8
WIDTHS = (1.0, 30.0)
"""Smallest and largest FWHM of a star, pixels, where nothing else is known."""
# So few objects do not tell how wide stars are.
_FEW = 25
# Part of the core of a star that may be bad pixels, and radius without any, over the FWHM.
_HARMLESS, _MIDDLE = 0.02, 0.3
# Two stars cannot be as close.
_SAME_PX = 1.0
# Threshold of the frame as smoothed by sep with [1 2 1], in noise of a pixel before, over that asked for. The
# noise after is 6/16 of it; with a little more all objects have 5 sigma in the aperture, too.
_SMOOTHED = 0.6
# sep keeps its buffers for the process; crowded fields overflow what it starts with.
_PIXEL_STACK, _SUB_OBJECTS = 3_000_000, 8192


def detect_sources(
    sci: Float32,
    noise: Float32 | float,
    bad: Bool,
    *,
    snr: float = SNR,
    gain: float = np.inf,
    max_stars: int = MAX_STARS,
    widths: tuple[float, float] = WIDTHS,
) -> Sources:
    """Detect the stars of a frame.

    Objects with a bad or saturated pixel in their core, at the edge, or of another width than the stars are
    left out. When there are fewer than 25 objects, any width will do that is possible.

    Parameters
    ----------
    sci : ndarray of float32, shape (ny, nx)
        Frame without sky.
    noise : ndarray of float32, shape (ny, nx), or float
        Standard deviation of the sky of a pixel, image units.
    bad : ndarray of bool, shape (ny, nx)
        Pixels not to be used, saturated ones among them.
    snr : float, optional
        Of the threshold of a pixel of the smoothed frame.
    gain : float, optional
        Electrons per image unit, for the photon noise of the stars.
    max_stars : int, optional
        The brightest are kept.
    widths : tuple of float, optional
        Smallest and largest FWHM that is possible, pixels: what is smaller is a hit or a hot pixel.

    Returns
    -------
    Sources
    """
    import sep

    sci = np.ascontiguousarray(sci, dtype=np.float32)
    mask = np.ascontiguousarray(bad | ~np.isfinite(sci))
    sci = np.where(mask, np.float32(0.0), sci)
    # One number is four times as fast as an array of it.
    sigma = noise
    if isinstance(noise, np.ndarray):
        usable = np.isfinite(noise) & (noise > 0.0)
        mask |= ~usable
        sigma = np.where(usable, noise, np.float32(1.0)).astype(np.float32)
    sep.set_extract_pixstack(_PIXEL_STACK)
    sep.set_sub_object_limit(_SUB_OBJECTS)
    # The frame is smoothed in the same way for one number and for many: sep's choice is another one for each.
    how = {"minarea": _MIN_PIXELS, "deblend_cont": 0.01, "filter_type": "conv"}
    found = sep.extract(sci, _SMOOTHED * snr, err=sigma, mask=mask, **how)
    found = found[(found["flag"] & sep.OBJ_TRUNC) == 0]
    order = np.argsort(-found["flux"], kind="stable")
    # Twice as many as wanted are measured: some turn out not to be stars.
    found = found[order[: 2 * max_stars]]
    sources, kept = _measured(sci, sigma, mask, found, gain, widths)
    return sources.chosen(np.flatnonzero(kept)[np.argsort(-sources.flux[kept], kind="stable")[:max_stars]])


def _measured(
    sci: Float32,
    noise: Float32 | float,
    mask: Bool,
    found: NDArray[np.void],
    gain: float,
    widths: tuple[float, float],
) -> tuple[Sources, Bool]:
    """Measure objects, and tell which of them are stars without bad pixels."""
    import sep

    x, y, size = found["x"], found["y"], np.maximum(found["a"], 0.5)
    radius, flag = sep.flux_radius(sci, x, y, 8.0 * size, 0.5, mask=mask, subpix=5)
    fwhm = 2.0 * radius
    star = _locus(fwhm, found["flag"] | flag, widths)
    seeing = float(np.median(fwhm[star][:BRIGHT])) if star.any() else 2.0
    x, y, window_flag = sep.winpos(sci, x, y, seeing / FWHM_SIGMA, mask=mask)
    # A jump of the centroid is a neighbour's doing.
    moved = np.hypot(x - found["x"], y - found["y"]) > 0.5 * seeing
    flux, flux_err, _ = sep.sum_circle(
        sci, x, y, 1.5 * seeing, err=noise, gain=gain if np.isfinite(gain) else None, mask=mask, subpix=5
    )
    places = _pixel(y, sci.shape[0]), _pixel(x, sci.shape[1])
    sky = noise[places].astype(np.float64) if isinstance(noise, np.ndarray) else np.full(x.size, noise)
    error = centroid_error(flux, sky, seeing, gain)
    flags = (found["flag"] | flag | window_flag).astype(np.int64)
    kept = star & ~moved & (flux > 0.0) & _whole(mask, x, y, seeing) & np.isfinite(error)
    kept[kept] = ~_repeated(x[kept], y[kept], flux[kept])
    ellipticity = 1.0 - found["b"] / np.maximum(found["a"], 1e-3)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = flux / flux_err
    return Sources(x, y, error, error.copy(), flux, flux_err, fwhm, ellipticity, flags, ratio), kept


def _whole(mask: Bool, x: Float, y: Float, seeing: float) -> Bool:
    """Tell which stars have a core without bad pixels; in wide stars a few beside the middle do no harm."""
    import sep

    bad = mask.astype(np.float32)
    middle, _, _ = sep.sum_circle(bad, x, y, max(_MIDDLE * seeing, 1.0), subpix=1)
    core, _, _ = sep.sum_circle(bad, x, y, seeing, subpix=1)
    return np.asarray((middle == 0.0) & (core <= _HARMLESS * np.pi * seeing**2))


def _repeated(x: Float, y: Float, flux: Float) -> Bool:
    """Tell which stars are another one's light: their centroids have run to the same place."""
    from scipy.spatial import cKDTree

    out = np.zeros(x.size, np.bool_)
    if x.size:
        pairs = cKDTree(np.column_stack([x, y])).query_pairs(_SAME_PX, output_type="ndarray")
        fainter = np.where(flux[pairs[:, 0]] < flux[pairs[:, 1]], pairs[:, 0], pairs[:, 1])
        out[fainter] = True
    return out


def _pixel(place: Float, size: int) -> NDArray[np.int64]:
    return np.clip(np.rint(place), 0, size - 1).astype(np.int64)


def _locus(fwhm: Float, flag: NDArray[np.int64], widths: tuple[float, float]) -> Bool:
    """Tell which objects have the width of the stars: the median of the bright ones, found twice."""
    possible = np.isfinite(fwhm) & (fwhm > widths[0]) & (fwhm < widths[1])
    clean = possible & (flag == 0)
    if np.count_nonzero(clean) < _FEW:
        return possible
    width = float(np.median(fwhm[clean][:BRIGHT]))
    near = clean & (np.abs(fwhm / width - 1.0) < 0.5)
    width = float(np.median(fwhm[near][:BRIGHT])) if near.any() else width
    return np.asarray(possible & (fwhm > _NARROW * width) & (fwhm < _WIDE * width))


def centroid_error(flux: Float, sky: Float, fwhm: float, gain: float = np.inf) -> Float:
    """Give the standard error of windowed centroids.

    For a Gaussian star of standard deviation s and a window of the same width, first moments doubled as those
    of SExtractor are: ``s^2 (8 pi s^2 sky^2 / flux^2 + 16 / (9 electrons))``, by propagation of the noise of
    the pixels.

    Parameters
    ----------
    flux : ndarray of float64, shape (n,)
        Image units times pixels.
    sky : ndarray of float64, shape (n,) or ()
        Noise of a pixel, image units.
    fwhm : float
        Pixels.
    gain : float, optional
        Electrons per image unit.

    Returns
    -------
    ndarray of float64, shape (n,)
        Of each coordinate, pixels; infinite without flux.
    """
    sigma = fwhm / FWHM_SIGMA
    light = np.where(flux > 0.0, flux, np.nan)
    variance = _SKY_TERM * np.square(sigma * sky / light) + _PHOTON_TERM / (gain * light)
    return np.asarray(np.where(flux > 0.0, sigma * np.sqrt(variance), np.inf))
