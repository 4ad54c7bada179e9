"""A scan coadd as one writes it with NumPy, SciPy and healpy when it has to be quick, without own kernels.

It has the mask rule of the seed and one weight per frame; no rejection, no judgement of frames, no extremes.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import healpy
import numpy as np
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning
from numpy.typing import NDArray
from scipy.interpolate import RectBivariateSpline

from truthkit.twinmaps import ScanMap, three_files

Float = NDArray[np.float64]
# Positions are exact at this many nodes along each axis.
NODES = 26


def vector_scan(paths: Sequence[Path], nside: int = 256) -> ScanMap:
    """Coadd the frames of a scan.

    Parameters
    ----------
    paths : sequence of Path
        Intensity frames.
    nside : int

    Returns
    -------
    ScanMap
        Value sum(w x)/sum(w), sigma sqrt(sum(w^2 s^2))/sum(w), time weighted by w;
        w is 1/median(s)^2 of a frame.
    """
    n = 12 * nside**2
    num, den, var, time = (np.zeros(n) for _ in range(4))
    hits = np.zeros(n, np.int64)
    for path in paths:
        first, counts, sums, squares, weight, mjd = vector_frame(path, nside)
        part = slice(first, first + len(counts))
        num[part] += weight * sums
        den[part] += weight * counts
        var[part] += weight**2 * squares
        time[part] += weight * counts * mjd
        hits[part] += counts
    pixels = np.flatnonzero(hits)
    total = den[pixels]
    return ScanMap(
        pixels, num[pixels] / total, np.sqrt(var[pixels]) / total, hits[pixels], time[pixels] / total
    )


def vector_frame(path: Path, nside: int) -> tuple[int, NDArray[np.int64], Float, Float, float, float]:
    """Sum one frame: first map pixel, and from there on counts, sums of x and of s^2; weight and time.

    A frame spans few rings, so that counting from its lowest index beats sorting.
    """
    sci, header = fits.getdata(path, header=True)
    unc, msk = (fits.getdata(one) for one in three_files(path)[1:])
    # A comparison with NaN is false.
    good = (msk == 0) & (sci >= 0) & (unc == unc)
    x, s = sci[good], unc[good]
    pixels = vector_pixels(header, (sci.shape[0], sci.shape[1]), nside)[good]
    first = int(pixels.min())
    pixels -= first
    counts: NDArray[np.int64] = np.bincount(pixels)
    sums = np.bincount(pixels, weights=x).astype(np.float64, copy=False)
    squares = np.bincount(pixels, weights=np.square(s, dtype=np.float64)).astype(np.float64, copy=False)
    return first, counts, sums, squares, 1.0 / float(np.median(s)) ** 2, float(header["MJD_OBS"])


def vector_pixels(
    header: fits.Header, shape: tuple[int, int], nside: int, *, exact: bool = False
) -> NDArray[np.int64]:
    """Place all pixels of a frame in map pixels, with the distortion.

    Parameters
    ----------
    header : astropy.io.fits.Header
        Its RADECSYS, the old name, becomes RADESYS.
    shape : tuple of int
    nside : int
    exact : bool
        Ask astropy for every pixel, not for the nodes of a spline.

    Returns
    -------
    ndarray of int64, shape (ny, nx)
        RING, Galactic.
    """
    wcs = _wcs(header)
    y, x = np.arange(shape[0]), np.arange(shape[1])
    if exact:
        vectors = _galactic(wcs, x, y)
    else:
        rows, cols = (np.linspace(0.0, length - 1.0, NODES) for length in shape)
        nodes = _galactic(wcs, cols, rows)
        vectors = np.stack([RectBivariateSpline(rows, cols, component)(y, x) for component in nodes])
    found: NDArray[np.int64] = healpy.vec2pix(nside, *vectors)
    return found


def _wcs(header: fits.Header) -> WCS:
    if "RADECSYS" in header:
        header.rename_keyword("RADECSYS", "RADESYS")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        return WCS(header)


def _galactic(wcs: WCS, x: NDArray[np.number], y: NDArray[np.number]) -> Float:
    """Give Galactic unit vectors of a grid of frame positions, shape (3, ny, nx)."""
    ra, dec = (np.radians(angle) for angle in wcs.all_pix2world(*np.meshgrid(x, y), 0))
    vectors = np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
    return np.tensordot(healpy.Rotator(coord=["C", "G"]).mat, vectors, 1)
