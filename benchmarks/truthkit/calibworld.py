"""What the calibration benchmark hides in its scans: a sky, a gain, offsets and drifts."""

from __future__ import annotations

from itertools import pairwise

import healpy
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Float32s = NDArray[np.float32]

GAIN = 74.0  # DN per MJy/sr
GAIN_SWING = 0.01
GAIN_DAYS = 2.0
OFFSET, OFFSET_SPREAD = 250.0, 15.0  # DN
DRIFT, DRIFT_LENGTH = 3.0, 25.0  # DN, deg
NOISE = 0.15  # DN
MEDIAN_SKY = 0.41  # MJy/sr at |b| > 20 deg
SOURCES = 0.01  # of the pixels


def gain_curve(mjd: Floats, rng: np.random.Generator) -> Floats:
    """Draw a smooth gain: 74 DN per MJy/sr, whose extremes over the scans are +-1 %.

    A Gaussian process in time with correlation exp(-t^2 / 2 (2 d)^2), drawn as a sum of 64 cosines with
    random frequencies and phases, then scaled from its extremes.

    Parameters
    ----------
    mjd : ndarray of float64, shape (S,)
        d.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float64, shape (S,)
        DN per MJy/sr.
    """
    frequency = rng.normal(0.0, 1.0 / GAIN_DAYS, 64)
    phase = rng.uniform(0.0, 2.0 * np.pi, 64)
    curve = np.cos(np.outer(mjd - mjd[0], frequency) + phase).sum(axis=1)
    middle, swing = 0.5 * (curve.max() + curve.min()), 0.5 * (curve.max() - curve.min())
    return np.asarray(GAIN * (1.0 + GAIN_SWING * (curve - middle) / max(swing, 1e-12)))


def drifts(angle: Float32s, first: NDArray[np.int64], rng: np.random.Generator, kind: str) -> Floats:
    """Draw the drift of the offset along every scan: 3 DN rms about zero mean.

    Parameters
    ----------
    angle : ndarray of float32, shape (n,)
        Along the scan, deg, -90 to 90.
    first : ndarray of int64, shape (S + 1,)
    rng : numpy.random.Generator
    kind : {'rough', 'smooth'}
        Correlation over an angle a: exp(-a / 25 deg), as of a first-order autoregressive process, or
        exp(-a^2 / 2 (25 deg)^2).

    Returns
    -------
    ndarray of float64, shape (n,)
        DN.
    """
    knots = np.linspace(-90.0, 90.0, 361)
    apart = np.abs(knots[:, None] - knots) / DRIFT_LENGTH
    cover = np.exp(-apart) if kind == "rough" else np.exp(-0.5 * apart**2)
    root = np.linalg.cholesky(cover + 1e-8 * np.eye(len(knots)))
    found = np.empty(len(angle))
    for low, high in pairwise(first):
        mine = np.interp(angle[low:high], knots, root @ rng.normal(size=len(knots)))
        found[low:high] = mine - mine.mean()
    return found * (DRIFT / float(np.sqrt(np.mean(found**2))))


def cirrus(nside: int, rng: np.random.Generator, slope: float = 2.6) -> Floats:
    """Draw a Gaussian map of unit rms with power l^-slope, 2 <= l < 2 nside.

    Parameters
    ----------
    nside : int
    rng : numpy.random.Generator
    slope : float

    Returns
    -------
    ndarray of float64, shape (12 nside^2,)
    """
    top = 2 * nside - 1
    degree, order = healpy.Alm.getlm(top)
    alm = rng.normal(size=len(degree)) + 1j * np.where(order > 0, rng.normal(size=len(degree)), 0.0)
    alm *= np.where(degree >= 2, np.maximum(degree, 2.0) ** (-0.5 * slope), 0.0)
    drawn = np.asarray(healpy.alm2map(alm, nside, lmax=top), np.float64)
    return np.asarray(drawn / drawn.std())


def draw_sky(galactic_latitude: Float32s, pixels: NDArray[np.int64], nside: int, seed: int) -> Floats:
    """Draw the sky behind the zodiacal light: a Galactic layer, cirrus and sources.

    a csc|b| exp(0.4 c), with |b| no less than 2 deg, c the cirrus of unit rms and a such that the median of
    the layer over those pixels with |b| > 20 deg is 0.41 MJy/sr; and a source of 0.3 to 100 MJy/sr, in
    numbers N(> F) ~ F^-1, in one of 100 pixels.

    Parameters
    ----------
    galactic_latitude : ndarray of float32, shape (12 nside^2,)
        deg.
    pixels : ndarray of int64, shape (P,)
        Those to give.
    nside : int
    seed : int

    Returns
    -------
    ndarray of float64, shape (P,)
        MJy/sr.
    """
    b = np.radians(np.maximum(np.abs(galactic_latitude.astype(np.float64)), 2.0))
    layer = np.exp(0.4 * cirrus(nside, np.random.default_rng([seed, 1]))) / np.sin(b)
    sky = np.asarray(layer[pixels])
    sky *= MEDIAN_SKY / float(np.median(sky[np.abs(galactic_latitude[pixels]) > 20.0]))
    rng = np.random.default_rng([seed, 2])
    bright = rng.choice(len(pixels), int(SOURCES * len(pixels)), replace=False)
    sky[bright] += np.minimum(0.3 / rng.uniform(size=len(bright)), 100.0)
    return sky
