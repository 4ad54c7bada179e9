"""The algorithm of the program that `wise coadd` replaces, in own words, with its faults and its pace.

Any bit of the mask makes a pixel unusable, as do NaN and a negative value; the distortion of the frames is
ignored; positions pass through Python lists; every frame is summed into maps of the whole sky.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import healpy
import numpy as np
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning
from numpy.typing import NDArray

from truthkit.twinmaps import ScanMap, three_files


def seed_scan(paths: Sequence[Path], nside: int = 256) -> ScanMap:
    """Coadd the frames of a scan.

    Parameters
    ----------
    paths : sequence of Path
        Intensity frames.
    nside : int

    Returns
    -------
    ScanMap
        Value sum(x/s^2)/sum(1/s^2), sigma sqrt(1/sum(1/s^2)), time weighted by N_i D_i: a frame's pixels and
        its sum of 1/s^2.
    """
    n = 12 * nside**2
    num, den, time_num, time_den = (np.zeros(n) for _ in range(4))
    hits = np.zeros(n, np.int64)
    for path in paths:
        frame_num, frame_den, frame_hits, mjd = seed_frame(path, nside)
        num += frame_num
        den += frame_den
        hits += frame_hits
        time_num += frame_hits * mjd * frame_den
        time_den += frame_hits * frame_den
    pixels = np.flatnonzero(den)
    return ScanMap(
        pixels,
        num[pixels] / den[pixels],
        np.sqrt(1.0 / den[pixels]),
        hits[pixels],
        time_num[pixels] / time_den[pixels],
    )


def seed_frame(
    path: Path, nside: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], float]:
    """Sum one frame into maps of the whole sky: x/s^2, 1/s^2, the number of pixels; and its time."""
    sci, unc, msk, header = _read(path)
    bad = msk.astype(bool) | np.isnan(sci) | np.isnan(unc) | (np.nan_to_num(sci) < 0)
    good = ~bad.ravel()
    pixels = seed_pixels(header, (sci.shape[0], sci.shape[1]), nside)[good]
    values = _ragged(pixels, sci.ravel()[good].astype(np.float64))
    uncertainties = _ragged(pixels, unc.ravel()[good].astype(np.float64))
    num, den = np.zeros(12 * nside**2), np.zeros(12 * nside**2)
    hits = np.zeros(12 * nside**2, np.int64)
    for pixel in np.unique(pixels):
        x, s = values[pixel], uncertainties[pixel]
        num[pixel], den[pixel], hits[pixel] = np.sum(x / s**2), np.sum(1 / s**2), len(x)
    return num, den, hits, float(header["MJD_OBS"])


def seed_pixels(header: fits.Header, shape: tuple[int, int], nside: int) -> NDArray[np.int64]:
    """Place all pixels of a frame in map pixels, without the distortion, one after the other.

    Parameters
    ----------
    header : astropy.io.fits.Header
        With RADESYS.
    shape : tuple of int
    nside : int

    Returns
    -------
    ndarray of int64, shape (ny * nx,)
        RING, Galactic.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        wcs = WCS(header)
    places = [(x, y) for y in range(shape[0]) for x in range(shape[1])]
    sky = wcs.wcs_pix2world(places, 0)
    angles = [(math.radians(90.0 - dec), math.radians(ra)) for ra, dec in sky]
    theta, phi = zip(*angles, strict=True)
    turned = healpy.Rotator(coord=["C", "G"])(theta, phi)
    found: NDArray[np.int64] = healpy.ang2pix(nside, *turned)
    return found


def _read(path: Path) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], fits.Header]:
    planes = []
    for one in three_files(path):
        with fits.open(one) as hdus:
            planes.append(np.array(hdus[0].data))
            if len(planes) == 1:
                header = hdus[0].header
    if "RADECSYS" in header:
        header.rename_keyword("RADECSYS", "RADESYS")
    return planes[0], planes[1], planes[2], header


def _ragged(pixels: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.object_]:
    """Group values by pixel into an array that is as long as the largest index."""
    order = np.argsort(pixels, kind="stable")
    found, starts = np.unique(pixels[order], return_index=True)
    grouped = np.empty(pixels.max() + 1, object)
    for pixel, part in zip(found, np.split(values[order], starts[1:]), strict=True):
        grouped[pixel] = part
    return grouped
