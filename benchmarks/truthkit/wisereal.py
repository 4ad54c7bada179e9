"""Fluxes of the stars that two real WISE frames have in common."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from photomitrus_cli.wise.accepting import Accepted, accept
from photomitrus_cli.wise.coaddsettings import CoaddSettings
from photomitrus_cli.wise.framefiles import FrameRef
from photomitrus_cli.wise.oneframe import sum_frame

Float = NDArray[np.float64]

Box = tuple["slice[int, int, None]", "slice[int, int, None]"]

# Pixels: radius of the apertures, radii of their annulus; nearest other star, nearest border.
APERTURE, INNER, OUTER = 3.0, 8.0, 14.0
_ALONE, _BORDER = 6, 16
_FINE = 5  # a pixel of the aperture is 5 x 5 points


@dataclass(frozen=True)
class FluxRatio:
    """Fluxes of the second frame over those of the first, at one zero point.

    Attributes
    ----------
    n : int
        Stars.
    median, error : float
        Error of the median from the scatter.
    scatter : float
        1.4826 times the median absolute deviation.
    offset_arcsec : float
        Median distance between the places in both frames.
    """

    n: int
    median: float
    error: float
    scatter: float
    offset_arcsec: float


def flux_ratio(first: FrameRef, second: FrameRef, chosen: CoaddSettings, *, sigma: float = 50.0) -> FluxRatio:
    """Compare the stars above so many sigma that two frames have in common.

    Parameters
    ----------
    first, second : FrameRef
        Places are those of the first; astropy carries them to the second.
    chosen : CoaddSettings
        Decide which pixels are used; no star with an unused pixel in its aperture counts.
    sigma : float
        Least flux in the first frame over its error.

    Returns
    -------
    FluxRatio
    """
    wcs = [_wcs(ref) for ref in (first, second)]
    got = [accept(ref, chosen) for ref in (first, second)]
    scales = [float(sum_frame(ref, chosen).numbers["scale"]) for ref in (first, second)]
    x, y = _peaks(got[0])
    x, y, flux, error = _measure(got[0], x, y)
    good = flux > sigma * error
    u, v = wcs[1].all_world2pix(*wcs[0].all_pix2world(x[good], y[good], 0), 0, quiet=True)
    inside = _inside(got[1], u, v)
    u2, v2, other, _ = _measure(got[1], u[inside], v[inside])
    there = wcs[1].all_pix2world(u2, v2, 0)
    here = wcs[0].all_pix2world(x[good][inside], y[good][inside], 0)
    known = np.isfinite(other)
    ratio = (other * scales[1] / (flux[good][inside] * scales[0]))[known]
    if not ratio.size:
        return FluxRatio(0, *[float("nan")] * 4)
    scatter = 1.4826 * float(np.median(np.abs(ratio - np.median(ratio))))
    east = (there[0] - here[0]) * np.cos(np.radians(here[1]))
    apart = 3600.0 * np.hypot(east, there[1] - here[1])[known]
    error_of_median = 1.2533 * scatter / np.sqrt(ratio.size)
    return FluxRatio(ratio.size, float(np.median(ratio)), error_of_median, scatter, float(np.median(apart)))


def _wcs(ref: FrameRef) -> WCS:
    header = fits.getheader(ref.path)
    if "RADECSYS" in header:
        header.rename_keyword("RADECSYS", "RADESYS")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        return WCS(header)


def _inside(got: Accepted, x: Float, y: Float) -> NDArray[np.bool_]:
    ny, nx = got.sci.shape
    inside: NDArray[np.bool_] = (
        (x > _BORDER) & (y > _BORDER) & (x < nx - 1 - _BORDER) & (y < ny - 1 - _BORDER)
    )
    return inside


def _peaks(got: Accepted) -> tuple[Float, Float]:
    """Give the places of pixels that are the highest far around and 10 sigma above the sky."""
    image = np.where(got.state == 0, got.sci, -np.inf)
    level, noise = np.median(got.model.level), np.median(got.model.sigma)
    high = image - level > 10.0 * noise
    y, x = np.nonzero(high & (image == maximum_filter(image, 2 * _ALONE + 1)))
    inside = _inside(got, x.astype(float), y.astype(float))
    return x[inside].astype(float), y[inside].astype(float)


def _measure(got: Accepted, x: Float, y: Float) -> tuple[Float, Float, Float, Float]:
    """Give places, fluxes and errors; NaN where a pixel of the aperture is not used."""
    rows = [_one(got, *place) for place in zip(x.tolist(), y.tolist(), strict=True)]
    x, y, flux, error = np.array(rows, np.float64).reshape(-1, 4).T
    return x, y, flux, error


def _one(got: Accepted, x: float, y: float) -> tuple[float, float, float, float]:
    sky = float("nan")
    for _ in range(3):
        box, dx, dy = _box(got, x, y)
        far = np.hypot(dx, dy)
        ring = (far >= INNER) & (far < OUTER) & (got.state[box] == 0)
        sky = float(np.median(got.sci[box][ring]))
        near = (far < APERTURE) & (got.state[box] == 0)
        light = np.where(near, got.sci[box] - sky, 0.0).astype(np.float64)
        if light.sum() <= 0.0:
            return x, y, float("nan"), float("nan")
        x, y = x + float((light * dx).sum() / light.sum()), y + float((light * dy).sum() / light.sum())
    box, dx, dy = _box(got, x, y)
    share = _shares(dx, dy)
    if (got.state[box][share > 0.0] != 0).any():
        return x, y, float("nan"), float("nan")
    light, noise = (got.sci[box] - sky).astype(np.float64), got.unc[box].astype(np.float64)
    used = share > 0.0
    flux = float((share * light)[used].sum())
    return x, y, flux, float(np.sqrt(((share * noise) ** 2)[used].sum()))


def _box(got: Accepted, x: float, y: float) -> tuple[Box, Float, Float]:
    half = int(OUTER) + 1
    j, i = round(y), round(x)
    box = (slice(max(j - half, 0), j + half + 1), slice(max(i - half, 0), i + half + 1))
    ny, nx = got.sci[box].shape
    rows, columns = np.indices((ny, nx))
    dx = np.asarray(columns + box[1].start - x, np.float64)
    return box, dx, np.asarray(rows + box[0].start - y, np.float64)


def _shares(dx: Float, dy: Float) -> Float:
    """Give the part of each pixel within the aperture."""
    steps = (np.arange(_FINE) + 0.5) / _FINE - 0.5
    inside = [np.hypot(dx + a, dy + b) < APERTURE for a in steps for b in steps]
    return np.asarray(np.mean(inside, axis=0))
