"""What the arrays of IRAC add besides cosmic rays: bad pixels and saturation, with their mask bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Bits of the archive's imask and rmask.
IMASK_SATURATION_CORRECTED = 1 << 4
IMASK_RADHIT = 1 << 9
IMASK_NO_FLAT = 1 << 11
IMASK_SATURATED = 1 << 13
IMASK_BAD = 1 << 14
RMASK_TEMPORAL = 1 << 1
RMASK_DUAL = 1 << 2


@dataclass(frozen=True)
class BadPixels:
    """The permanent blemishes of a channel.

    Attributes
    ----------
    dead : ndarray of bool, shape (ny, nx)
        NaN in every frame.
    hot : ndarray of bool, shape (ny, nx)
        An excess in every frame.
    flagged : ndarray of bool, shape (ny, nx)
        Pixels that the imask knows: all dead ones, and some of the hot.
    """

    dead: NDArray[np.bool_]
    hot: NDArray[np.bool_]
    flagged: NDArray[np.bool_]


def bad_pixels(
    rng: np.random.Generator, shape: tuple[int, int], n_dead: int, n_hot: int, hot_flagged: float
) -> BadPixels:
    """Draw the bad pixels of a channel, all different.

    Parameters
    ----------
    rng : numpy.random.Generator
        A stream of the channel, not of a frame.
    shape : tuple of int
        (ny, nx).
    n_dead, n_hot : int
        How many of each.
    hot_flagged : float
        Fraction of the hot pixels that the mask knows.

    Returns
    -------
    BadPixels
    """
    size = shape[0] * shape[1]
    chosen = rng.permutation(size)[: n_dead + n_hot]
    dead, hot, flagged = (np.zeros(size, dtype=bool) for _ in range(3))
    dead[chosen[:n_dead]] = True
    hot[chosen[n_dead:]] = True
    flagged[chosen[: n_dead + round(hot_flagged * n_hot)]] = True
    return BadPixels(dead.reshape(shape), hot.reshape(shape), flagged.reshape(shape))


def full_well_mjy_sr(well_e: float, gain: float, fluxconv: float, framtime_s: float) -> float:
    """Surface brightness that fills the well in a frame; charge gathers over FRAMTIME, not EXPTIME.

    Parameters
    ----------
    well_e : float
        Full well in electrons.
    gain, fluxconv : float
        e/DN and (MJy/sr)/(DN/s).
    framtime_s : float
        Integration of the whole frame.

    Returns
    -------
    float
        MJy/sr.
    """
    return well_e * fluxconv / (gain * framtime_s)
