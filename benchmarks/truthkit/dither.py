"""The real frames of AOR 17577216: mosaic against the frames themselves and against Gaia."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.time import Time
from astropy.wcs import WCS
from numpy.typing import NDArray

from truthkit.photometry import centroids, net_fluxes, robust_sigma
from truthkit.runs import Mosaic

Float = NDArray[np.float64]

NATIVE = 1.2233  # arcsec per pixel at the centre of channel 1
RADIUS, INNER, OUTER = 3.0, 3.5, 8.0  # native pixels
GAIA_EPOCH = 2015.5
ISOLATION_ARCSEC = 12.0
SATURATED_MJY_SR = 40.0


@dataclass(frozen=True)
class Field:
    """The frames and the stars that are measured on them.

    Attributes
    ----------
    ra, dec : ndarray of float, shape (n,)
        Gaia positions at the epoch of the frames, deg.
    flux : ndarray of float, shape (n,)
        Mean flux over the frames, uJy.
    flux_scatter : ndarray of float, shape (n,)
        Standard error of that mean, uJy.
    offset : ndarray of float, shape (n, 2)
        Mean of measured less Gaia position over the frames, arcsec.
    n_frames : ndarray of int, shape (n,)
    """

    ra: Float
    dec: Float
    flux: Float
    flux_scatter: Float
    offset: Float
    n_frames: NDArray[np.int64]


def gaia_positions(table: Path, mjd: float) -> tuple[Float, Float]:
    """Read Gaia positions and move them to an epoch by their proper motions."""
    with table.open(newline="") as stream:
        rows = list(csv.DictReader(stream))

    def column(name: str) -> Float:
        """Give one column as numbers, NaN where it is empty."""
        return np.array([float(row[name] or "nan") for row in rows])

    years = Time(mjd, format="mjd").jyear - GAIA_EPOCH
    pmra, pmdec = np.nan_to_num(column("pmra")), np.nan_to_num(column("pmdec"))
    dec = column("dec") + years * pmdec / 3.6e6
    ra = column("ra") + years * pmra / 3.6e6 / np.cos(np.radians(dec))
    return ra, dec


def measure_frames(frames: list[Path], gaia: Path, mosaic: Mosaic) -> Field:
    """Measure isolated stars on every frame.

    A star is isolated when the deep mosaic shows no other Gaia star nearby, and is used when every one of its
    frames gives a finite flux.
    """
    mjd = float(fits.getheader(frames[0])["MJD_OBS"])
    ra, dec = gaia_positions(gaia, mjd)
    keep = _isolated(ra, dec) & _bright(mosaic, ra, dec)
    ra, dec = ra[keep], dec[keep]
    fluxes = np.full((len(frames), ra.size), np.nan)
    offsets = np.full((len(frames), ra.size, 2), np.nan)
    for k, path in enumerate(frames):
        fluxes[k], offsets[k] = _one_frame(path, ra, dec)
    n = np.isfinite(fluxes).sum(axis=0)
    with np.errstate(invalid="ignore"):
        return Field(
            ra,
            dec,
            _mean(fluxes),
            np.array([_spread(column) for column in fluxes.T]),
            np.stack([_mean(offsets[:, :, axis]) for axis in (0, 1)], axis=1),
            n,
        )


def _mean(values: Float) -> Float:
    count = np.isfinite(values).sum(axis=0)
    total = np.nansum(values, axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _spread(values: Float) -> float:
    values = values[np.isfinite(values)]
    return float(values.std(ddof=1) / np.sqrt(values.size)) if values.size > 1 else float("nan")


def _isolated(ra: Float, dec: Float) -> NDArray[np.bool_]:
    dx = (ra[:, None] - ra[None, :]) * np.cos(np.radians(dec))[:, None] * 3600
    dy = (dec[:, None] - dec[None, :]) * 3600
    distance = np.hypot(dx, dy)
    np.fill_diagonal(distance, np.inf)
    return np.asarray(distance.min(axis=1) > ISOLATION_ARCSEC)


def _bright(mosaic: Mosaic, ra: Float, dec: Float) -> NDArray[np.bool_]:
    """Well covered, well above the noise, far from saturation, and a clean annulus in the mosaic."""
    x, y = mosaic.wcs.wcs_world2pix(ra, dec, 0)
    ny, nx = mosaic.sci.shape
    inside = (x > 25) & (x < nx - 25) & (y > 25) & (y < ny - 25)
    good = np.zeros(ra.size, dtype=np.bool_)
    for i in np.flatnonzero(inside):
        j0, i0 = round(y[i]), round(x[i])
        stamp = mosaic.sci[j0 - 4 : j0 + 5, i0 - 4 : i0 + 5]
        covered = mosaic.coverage[j0 - 16 : j0 + 17, i0 - 16 : i0 + 17]
        # Single pixels may have lost frames to the rejection of cosmic rays.
        deep = np.percentile(covered, 5) >= 8 and covered.min() >= 5
        good[i] = deep and 1.0 < np.nanmax(stamp) < SATURATED_MJY_SR
    return good


def _one_frame(path: Path, ra: Float, dec: Float) -> tuple[Float, Float]:
    with fits.open(path) as hdus:
        image = hdus[0].data.astype(np.float64)
        wcs = WCS(hdus[0].header)
    x, y = wcs.all_world2pix(ra, dec, 0)
    flux = np.full(ra.size, np.nan)
    offset = np.full((ra.size, 2), np.nan)
    inside = (x > 12) & (x < 243) & (y > 12) & (y < 243)
    if not inside.any():
        return flux, offset
    cx, cy = centroids(image, x[inside], y[inside], sigma=1.0)
    area = _pixel_area(wcs, x[inside], y[inside])
    net = net_fluxes(image, x[inside], y[inside], RADIUS, INNER, OUTER)
    flux[inside] = net * area * 1e12 / (180 * 3600 / np.pi) ** 2
    mra, mdec = wcs.all_pix2world(cx, cy, 0)
    cosine = np.cos(np.radians(dec[inside]))
    offset[inside] = np.column_stack([(mra - ra[inside]) * cosine, mdec - dec[inside]]) * 3600
    return flux, offset


def _pixel_area(wcs: WCS, x: Float, y: Float) -> Float:
    """Give local pixel solid angles, arcsec^2, by finite differences."""
    ra, dec = wcs.all_pix2world(np.stack([x, x + 1, x]), np.stack([y, y, y + 1]), 0)
    cosine = np.cos(np.radians(dec[0]))
    a = (ra[1] - ra[0]) * cosine * 3600, (dec[1] - dec[0]) * 3600
    b = (ra[2] - ra[0]) * cosine * 3600, (dec[2] - dec[0]) * 3600
    return np.asarray(np.abs(a[0] * b[1] - a[1] * b[0]))


@dataclass(frozen=True)
class Comparison:
    """Mosaic against frames and Gaia.

    Attributes
    ----------
    n : int
        Stars.
    flux_ratio, flux_ratio_error : float
        Median of mosaic over mean of the frames, and its standard error.
    mosaic_offset_mas, frame_offset_mas : float
        Robust radial scatter of the position offsets from Gaia, mosaic and frame means, mas.
    mosaic_shift_mas, frame_shift_mas : float
        Length of the median offset, mas.
    """

    n: int
    flux_ratio: float
    flux_ratio_error: float
    mosaic_offset_mas: float
    frame_offset_mas: float
    mosaic_shift_mas: float
    frame_shift_mas: float


def compare(mosaic: Mosaic, field: Field) -> Comparison:
    """Compare a mosaic with the frames it was made of, on the same stars and apertures."""
    scale = float(np.abs(mosaic.wcs.wcs.cd[0, 0])) * 3600
    x, y = mosaic.wcs.wcs_world2pix(field.ra, field.dec, 0)
    radii = [r * NATIVE / scale for r in (RADIUS, INNER, OUTER)]
    flux = net_fluxes(mosaic.sci, x, y, *radii) * mosaic.ujy_per_pixel
    cx, cy = centroids(mosaic.sci, x, y, sigma=NATIVE / scale)
    mine = np.column_stack([-(cx - x), cy - y]) * scale
    good = np.isfinite(flux) & np.isfinite(mine).all(axis=1) & np.isfinite(field.offset).all(axis=1)
    good &= (field.n_frames >= 6) & (field.flux_scatter < 0.05 * field.flux)
    ratio = flux[good] / field.flux[good]
    return Comparison(
        n=int(good.sum()),
        flux_ratio=float(np.median(ratio)),
        flux_ratio_error=float(1.2533 * robust_sigma(ratio) / np.sqrt(good.sum())),
        mosaic_offset_mas=_scatter(mine[good]),
        frame_offset_mas=_scatter(field.offset[good]),
        mosaic_shift_mas=_shift(mine[good]),
        frame_shift_mas=_shift(field.offset[good]),
    )


def _scatter(offsets: Float) -> float:
    return 1000 * float(np.hypot(robust_sigma(offsets[:, 0]), robust_sigma(offsets[:, 1])))


def _shift(offsets: Float) -> float:
    return 1000 * float(np.hypot(*np.median(offsets, axis=0)))
