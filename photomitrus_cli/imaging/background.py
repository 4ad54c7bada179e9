"""The background level of a frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

SIGMA_PER_MAD = 1.482602218505602
# Standard error of the median of many normal values, in sigma / sqrt(n): sqrt(pi / 2).
MEDIAN_ERROR = 1.2533141373155001


@dataclass(frozen=True)
class BackgroundLevel:
    """A background level.

    Parameters
    ----------
    level, error : float
        Level and its standard error, in the units of the image; NaN without pixels.
    sigma : float
        Scatter of the pixels used.
    n_used : int
        Number of pixels used.
    """

    level: float
    error: float
    sigma: float
    n_used: int


def masked_median(
    sci: NDArray[np.floating], bad: NDArray[np.bool_], *, kappa: float = 2.5, max_iterations: int = 20
) -> BackgroundLevel:
    """Median of the good pixels after clipping objects.

    Pixels further than kappa sigma from the median are left out, sigma being taken from the pixels below the
    median (median deviation), which stars hardly reach; repeated until nothing changes. Clipping is
    symmetric so that pure noise is not biased.

    Parameters
    ----------
    sci : ndarray of float
        Image, any shape.
    bad : ndarray of bool, same shape
        Pixels not to be used; those not finite are left out too.
    kappa : float, optional
        Clipping limit in sigma.
    max_iterations : int, optional
        Limit of the repetitions.

    Returns
    -------
    BackgroundLevel
        NaN with n_used 0 when no pixel is good.
    """
    values = np.sort(np.asarray(sci, dtype=np.float64)[~bad & np.isfinite(sci)])
    if values.size == 0:
        return BackgroundLevel(np.nan, np.nan, np.nan, 0)
    low, high = 0, values.size
    level = sigma = 0.0
    for _ in range(max_iterations):
        level = _sorted_median(values, low, high)
        # The values are sorted: the deviations below the median are the ones before it.
        below = _sorted_median(values, low, low + (high - low + 1) // 2)
        sigma = SIGMA_PER_MAD * (level - below)
        limits = np.searchsorted(values, [level - kappa * sigma, level + kappa * sigma], side="left")
        new = (int(limits[0]), max(int(np.searchsorted(values, level + kappa * sigma, side="right")), 1))
        if new == (low, high) or new[0] >= new[1]:
            break
        low, high = new
    n_used = high - low
    sigma /= _truncation(kappa)
    return BackgroundLevel(level, MEDIAN_ERROR * sigma / np.sqrt(n_used), sigma, n_used)


@lru_cache(maxsize=16)
def _truncation(kappa: float) -> float:
    """Sigma that clipping at kappa sigma, repeated to the end, finds of normal values of sigma 1.

    The median deviation m of what lies within c = kappa SIGMA_PER_MAD m solves
    Phi(m) - 1/2 = (Phi(c) - 1/2) / 2.
    """
    normal = NormalDist()
    m = 1.0 / SIGMA_PER_MAD
    for _ in range(50):
        m = normal.inv_cdf(0.5 + (normal.cdf(kappa * SIGMA_PER_MAD * m) - 0.5) / 2.0)
    return SIGMA_PER_MAD * m


def _sorted_median(values: NDArray[np.float64], low: int, high: int) -> float:
    """Median of values[low:high], which are sorted."""
    n = high - low
    return float(0.5 * (values[low + (n - 1) // 2] + values[low + n // 2]))


def difference_sigma(sci: NDArray[np.floating], bad: NDArray[np.bool_]) -> float:
    """Pixel noise of a frame from the differences of neighbours.

    Differences do not see gradients or a ramp, which widen the distribution of the pixels themselves.
    For independent normal pixels their median absolute value is 0.6745 sqrt(2) sigma.

    Parameters
    ----------
    sci : ndarray of float, shape (ny, nx)
        Image.
    bad : ndarray of bool, same shape
        Pixels not to be used: bad ones and those on objects.

    Returns
    -------
    float
        NaN when no two neighbours are good.
    """
    good = ~bad & np.isfinite(sci)
    with np.errstate(invalid="ignore"):
        # Infinite pixels are not good, but their differences are taken before they are left out.
        pairs = (
            (sci[:, 1:] - sci[:, :-1])[good[:, 1:] & good[:, :-1]],
            (sci[1:] - sci[:-1])[good[1:] & good[:-1]],
        )
    steps = np.abs(np.concatenate(pairs))
    return SIGMA_PER_MAD / np.sqrt(2.0) * float(np.median(steps)) if steps.size else float("nan")
