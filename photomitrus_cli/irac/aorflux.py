"""The fluxes of one target in the frames of an AOR to one flux.

Three numbers describe the error and must not be confused: the scatter of the frames (sample standard
deviation), the error of the mean (scatter over sqrt(n)), and the population standard deviation, which the
seed called error.

Saturated frames are taken out before anything is clipped: where nine long frames are saturated and one short
frame is good, clipping keeps the nine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli.errors import ConfigError, InputError

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]
FluxRule = Literal["mad", "seed", "none"]
Weights = Literal["equal", "inverse"]

SIGMA_OF_MAD = 1.4826
# Of fewer fluxes the median absolute deviation says nothing.
LEAST_TO_CLIP = 4
# The seed drops the extremes of more than this many.
SEED_MORE_THAN = 10


@dataclass(frozen=True, slots=True)
class AorFlux:
    """One flux of several.

    Parameters
    ----------
    flux : float
        Mean of the fluxes kept, in their units; NaN if there is none.
    err_mean : float
        Error of the mean: of equal weights scatter / sqrt(n); of inverse ones 1 / sqrt(sum of weights), times
        the root of the reduced chi square if that is larger. Of a single flux its own error.
    err_formal : float
        Error of the mean from the errors of the frames alone; NaN if one is unknown.
    scatter : float
        Sample standard deviation (n - 1) of the fluxes kept; NaN of fewer than two.
    std_population : float
        The same with n: what the seed called error.
    n_used, n_rejected : int
        Fluxes kept, and fluxes left out although they were measured.
    kept : ndarray of bool, shape (n,)
        Which.
    reasons : tuple of str
        Of each flux why it was left out, empty where it was kept.
    """

    flux: float
    err_mean: float
    err_formal: float
    scatter: float
    std_population: float
    n_used: int
    n_rejected: int
    kept: Bool
    reasons: tuple[str, ...]


def combine_fluxes(
    flux: ArrayLike,
    err: ArrayLike | None = None,
    rule: FluxRule = "mad",
    *,
    sigma: float = 5.0,
    weights: Weights = "equal",
    excluded: ArrayLike | None = None,
    excluded_reason: str = "saturated",
) -> AorFlux:
    """Combine fluxes of one target.

    mad leaves out what is further from the median than sigma x 1.4826 x the median absolute deviation, again
    with the rest until nothing changes or fewer than 4 are left, and keeps all where more than half of them
    are equal; seed leaves out the first lowest and the first highest of more than 10, once; none keeps all.

    Parameters
    ----------
    flux : array_like, shape (n,)
        Corrected fluxes; NaN where there is none.
    err : array_like, shape (n,), optional
        Their standard deviations, in the same units.
    rule : {'mad', 'seed', 'none'}
        What is left out.
    sigma : float
        Limit of the rule mad.
    weights : {'equal', 'inverse'}
        Of the mean; inverse is 1 / err^2.
    excluded : array_like of bool, shape (n,), optional
        Fluxes that are left out first and take no part in any median.
    excluded_reason : str
        Why those are.

    Returns
    -------
    AorFlux

    Raises
    ------
    ConfigError
        If a rule is unknown or sigma is not positive.
    InputError
        If lengths differ, or inverse weights are asked for where an error is missing.
    """
    values = np.atleast_1d(np.asarray(flux, dtype=np.float64))
    errors = _like(values, np.nan if err is None else err, "errors").astype(np.float64)
    out = _like(values, False if excluded is None else excluded, "exclusions").astype(np.bool_)
    if rule not in ("mad", "seed", "none"):
        raise ConfigError(f"combination of fluxes: no rule {rule!r}", hint="choose mad, seed or none")
    if not sigma > 0.0:
        raise ConfigError(f"combination of fluxes: a limit of {sigma} sigma is not positive")
    measured = np.isfinite(values)
    start = measured & ~out
    kept = start.copy()
    if rule == "mad":
        kept = _clip(values, start, sigma)
    elif rule == "seed":
        kept = _without_extremes(values, start)
    centre = float(np.median(values[kept])) if kept.any() else np.nan
    reasons = [
        "" if kept[i]
        else "no flux" if not measured[i]
        else excluded_reason if out[i]
        else f"{'below' if values[i] < centre else 'above'} the others ({rule})"
        for i in range(values.size)
    ]  # fmt: skip
    n_rejected = int(np.count_nonzero(measured & ~kept))
    return _average(values, errors, kept, weights, n_rejected, tuple(reasons))


def _like(values: Float, other: ArrayLike, what: str) -> NDArray[np.generic]:
    """Bring what belongs to the fluxes to their length."""
    array = np.asarray(other)
    if values.ndim != 1 or array.ndim > 1 or (array.ndim == 1 and array.shape != values.shape):
        raise InputError(f"combination of fluxes: {array.shape} {what} of {values.shape} fluxes")
    return np.broadcast_to(array, values.shape)


def _clip(values: Float, start: Bool, sigma: float) -> Bool:
    kept = start.copy()
    while np.count_nonzero(kept) >= LEAST_TO_CLIP:
        apart = np.abs(values - np.median(values[kept]))
        spread = SIGMA_OF_MAD * float(np.median(apart[kept]))
        near = kept & (apart <= sigma * spread)
        if spread == 0.0 or np.array_equal(near, kept):
            break
        kept = near
    return kept


def _without_extremes(values: Float, start: Bool) -> Bool:
    kept = start.copy()
    if np.count_nonzero(start) > SEED_MORE_THAN:
        kept[np.argmin(np.where(start, values, np.inf))] = False
        kept[np.argmax(np.where(start, values, -np.inf))] = False
    return kept


def _average(
    values: Float, errors: Float, kept: Bool, weights: Weights, n_rejected: int, reasons: tuple[str, ...]
) -> AorFlux:
    used, noise = values[kept], errors[kept]
    n = used.size
    if n == 0:
        nan = float("nan")
        return AorFlux(nan, nan, nan, nan, nan, 0, n_rejected, kept, reasons)
    scatter = float(np.std(used, ddof=1)) if n > 1 else float("nan")
    if weights == "inverse":
        if not (np.isfinite(noise).all() and (noise > 0.0).all()):
            raise InputError("combination of fluxes: inverse weights need the error of every flux")
        weight = noise**-2.0
        mean = float(np.average(used, weights=weight))
        formal = float(weight.sum() ** -0.5)
        chi2 = float((weight * (used - mean) ** 2).sum() / (n - 1)) if n > 1 else 1.0
        err_mean = formal * max(1.0, chi2) ** 0.5
    else:
        mean = float(np.mean(used))
        formal = float(np.sqrt((noise**2).sum()) / n)
        err_mean = scatter / n**0.5 if n > 1 else formal
    std = float(np.std(used))
    return AorFlux(mean, err_mean, formal, scatter, std, n, n_rejected, kept, reasons)
