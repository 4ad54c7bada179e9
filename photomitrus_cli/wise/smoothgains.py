"""Gains and offsets made smooth in time by splines."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_MAD = 1.4826
# Scans farther than this from the running median do not shape a spline, robust standard deviations.
_SPLINE_SIGMA = 5.0
# A cubic spline needs four points; fewer than this many are left as they are.
_FEWEST = 8


def smooth_in_time(days: Floats, values: Floats, median_scans: int) -> Floats:
    """Replace values by a cubic spline that deviates from them as much as they scatter from scan to scan.

    The scatter is 1.4826 / sqrt(2) times the median difference of successive scans, which a slow change does
    not widen; the spline has as few pieces as give chi^2 <= number of scans (Dierckx 1993).

    Parameters
    ----------
    days : ndarray, shape (S,)
        Ascending.
    values : ndarray, shape (S,)
    median_scans : int
        In the running median that outliers are judged by; of few scans no more than a third.

    Returns
    -------
    ndarray, shape (S,)
        `values` when there are fewer than 8, or when most do not scatter.
    """
    from scipy.interpolate import UnivariateSpline
    from scipy.ndimage import median_filter

    scatter = _MAD * float(np.median(np.abs(np.diff(values)))) / np.sqrt(2.0) if len(values) > 1 else 0.0
    if len(values) < _FEWEST or scatter == 0.0:
        return values
    width = max(3, min(median_scans, len(values) // 3))
    apart = values - median_filter(values, width, mode="nearest")
    limit = _SPLINE_SIGMA * max(scatter, _MAD * float(np.median(np.abs(apart))))
    good = np.abs(apart) <= limit
    weights = np.full(int(good.sum()), 1.0 / scatter)
    # Beyond the first and last good scan the spline stays at its last value: cubics run away.
    return np.asarray(UnivariateSpline(days[good], values[good], weights, k=3, ext="const")(days))
