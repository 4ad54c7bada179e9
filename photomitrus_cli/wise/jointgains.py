"""How smooth the gain is in time, measured on the gains that the scans tell by themselves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Rms change in a day, and rms from scan to scan, that are looked for; relative. Few scans may look steadier
# than any detector is.
_WALK = (1e-3, 0.1)
_JITTER = (3e-4, 0.1)


def measure_gain_prior(
    days: Floats, log_gain: Floats, variance: Floats, walk: float | None, jitter: float | None
) -> tuple[float, float]:
    """Find the random walk and the jitter that make measured gains most probable.

    The likelihood is the walk's marginal one with a diffuse start (Durbin & Koopman 2012, section 5.7).

    Parameters
    ----------
    days : ndarray, shape (S,)
        Ascending.
    log_gain : ndarray, shape (S,)
        Measured by each scan without the others' help.
    variance : ndarray, shape (S,)
        Of these; inf for scans that tell nothing.
    walk, jitter : float or None
        None is measured, a number is taken.

    Returns
    -------
    walk, jitter : float
        Relative rms in a day, and from scan to scan.
    """
    from scipy.optimize import minimize

    known = np.isfinite(variance)
    if known.sum() < 3 or (walk is not None and jitter is not None):
        return walk or _WALK[0], jitter or _JITTER[0]
    t, y, v = days[known], log_gain[known], variance[known]

    def pair(x: Floats) -> tuple[float, float]:
        """Bring both into their limits."""
        found = [
            float(np.exp(np.clip(one, *np.log(limits))))
            for one, limits in zip(x, (_WALK, _JITTER), strict=True)
        ]
        return (found[0] if walk is None else walk), (found[1] if jitter is None else jitter)

    def cost(x: Floats) -> float:
        """Give minus twice the logarithm of the likelihood."""
        one, other = pair(x)
        return _minus_log_likelihood(t, y, v + other**2, one**2)

    starts = [np.log([w, j]) for w in (0.002, 0.02) for j in (1e-4, 5e-3)]
    found = [
        minimize(cost, start, method="Nelder-Mead", options={"xatol": 0.05, "fatol": 0.05})
        for start in starts
    ]
    best = min(found, key=lambda one: float(one.fun))
    return pair(best.x)


def _minus_log_likelihood(t: Floats, y: Floats, noise: Floats, rate: float) -> float:
    """Give it for the differences of successive values, whose covariance is tridiagonal.

    Differences know nothing of the first level, which is what a diffuse start means.
    """
    from scipy.linalg import cho_solve_banded, cholesky_banded

    change = np.diff(y)
    covariance = np.zeros((2, len(change)))
    covariance[0] = rate * np.diff(t) + noise[1:] + noise[:-1]
    covariance[1, :-1] = -noise[1:-1]
    factor = cholesky_banded(covariance, lower=True, check_finite=False)
    apart = change @ cho_solve_banded((factor, True), change, check_finite=False)
    return float(2.0 * np.sum(np.log(factor[0])) + apart)
