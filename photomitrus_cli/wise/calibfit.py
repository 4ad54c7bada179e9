"""What a solution of the calibration says of samples, scans and pixels."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.wise.calibfigures import ScanFigures, scan_figures
from photomitrus_cli.wise.robustlines import robust_lines
from photomitrus_cli.wise.samples import Samples

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# A part of residuals, and the standard deviations that it lies within if they are normal.
_PART, _SIGMAS_OF_PART = 0.9, 1.644854


class Solved(Protocol):
    """What is needed of a solution, whatever the method; S scans, n samples, P pixels."""

    @property
    def gain(self) -> Floats:
        """Gains, DN per MJy/sr, shape (S,)."""

    @property
    def offset(self) -> Floats:
        """Offsets of the samples, DN, shape (n,)."""

    @property
    def nodes(self) -> Floats:
        """Offsets at places along the scans, DN, shape (S, K)."""

    @property
    def zodi(self) -> Floats:
        """Template as scaled by the fit, MJy/sr, shape (n,)."""

    @property
    def sky(self) -> Floats:
        """Sky, MJy/sr, shape (P,)."""

    @property
    def residual(self) -> Floats:
        """Value less model, DN, shape (n,)."""

    @property
    def map_weight(self) -> Floats:
        """Inverse variances of calibrated samples, (MJy/sr)^-2, shape (n,)."""


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """Samples as a solution calibrates them.

    Attributes
    ----------
    sky : ndarray of float64, shape (n,)
        Without zodiacal light, MJy/sr.
    weight : ndarray of float64, shape (n,)
        Their inverse variances, (MJy/sr)^-2; 0 where there is no value.
    """

    sky: Floats
    weight: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Examined:
    """How well a solution describes each scan.

    Attributes
    ----------
    figures : ScanFigures
    own_gain : ndarray of float64, shape (S,)
        Of a line through each scan alone, its sky taken off, DN per MJy/sr.
    spread : ndarray of float64, shape (S,)
        Size of the residuals that 90 % of them do not exceed, as a standard deviation, MJy/sr: unlike the
        rms it does not hang on one star at the edge of a scan.
    """

    figures: ScanFigures
    own_gain: Floats
    spread: Floats


def apply_solution(samples: Samples, solution: Solved) -> Fitted:
    """Calibrate samples.

    Parameters
    ----------
    samples : Samples
    solution : Solved

    Returns
    -------
    Fitted
    """
    sky = (samples.value - solution.offset) / solution.gain[samples.scan_of_sample()] - solution.zodi
    good = np.isfinite(sky) & np.isfinite(solution.map_weight)
    return Fitted(sky, np.where(good, solution.map_weight, 0.0))


def examine(samples: Samples, kept: Flags, solution: Solved, fitted: Fitted) -> Examined:
    """Measure how well a solution describes each scan.

    Parameters
    ----------
    samples : Samples
    kept : ndarray of bool, shape (n,)
        Samples that count.
    solution : Solved
    fitted : Fitted

    Returns
    -------
    Examined
    """
    gain = solution.gain[samples.scan_of_sample()]
    residual = solution.residual / gain
    # Without the sky, so that structure does not pass for a bad scan.
    without_sky = samples.value - gain * solution.sky[samples.index]
    own, _ = robust_lines(without_sky, solution.zodi, kept, samples.first)
    light = solution.zodi + residual
    figures = scan_figures(samples, kept, residual, fitted.weight, light, solution.zodi)
    return Examined(figures, own, _spreads(samples, kept, residual))


def _spreads(samples: Samples, kept: Flags, residual: Floats) -> Floats:
    spreads = np.full(samples.n_scans, np.nan)
    for scan, (start, end) in enumerate(pairwise(samples.first.tolist())):
        mine = residual[start:end][kept[start:end]]
        if len(mine):
            spreads[scan] = np.quantile(np.abs(mine), _PART) / _SIGMAS_OF_PART
    return spreads


def pixel_means(index: NDArray[np.int32], values: Floats, weight: Floats, n_pixels: int) -> Floats:
    """Average samples in their pixels.

    Parameters
    ----------
    index : ndarray of int32, shape (n,)
    values : ndarray of float64, shape (n,)
    weight : ndarray of float64, shape (n,)
        Where it is 0, the value does not matter.
    n_pixels : int

    Returns
    -------
    mean, sigma : ndarray of float64, shape (2, n_pixels)
        Weighted mean and its standard error; NaN where there is nothing.
    """
    good = weight > 0.0
    where, factor = index[good], weight[good]
    total = np.bincount(where, factor, n_pixels)
    result = np.full((2, n_pixels), np.nan)
    np.divide(np.bincount(where, factor * values[good], n_pixels), total, out=result[0], where=total > 0)
    np.divide(1.0, np.sqrt(total), out=result[1], where=total > 0)
    return result
