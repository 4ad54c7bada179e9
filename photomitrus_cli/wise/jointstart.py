"""A first calibration, scan by scan, from which the joint one starts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import NoDataError
from photomitrus_cli.wise.jointdesign import Problem, offsets_of
from photomitrus_cli.wise.robustlines import robust_lines

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Start:
    """A calibration to start from.

    Attributes
    ----------
    gain, offset : ndarray, shape (S,)
        DN per MJy/sr, DN; NaN for scans that it does not know.
    nodes : ndarray, shape (S, K)
        Offsets along the scans, DN; K may be another number than is needed now, or 0.
    amplitudes : ndarray, shape (J,)
    sky : ndarray, shape (P,)
        MJy/sr; NaN where it is not known.
    walk, jitter, baseline : float
        Strengths of the priors; 0 for unknown.
    """

    gain: Floats
    offset: Floats
    nodes: Floats
    amplitudes: Floats
    sky: Floats
    walk: float = 0.0
    jitter: float = 0.0
    baseline: float = 0.0


@dataclass(frozen=True, slots=True)
class FirstPoint:
    """A complete start.

    Attributes
    ----------
    gain : ndarray, shape (S,)
        DN per MJy/sr.
    nodes : ndarray, shape (S, K)
        Offsets, DN.
    amplitudes : ndarray, shape (J,)
    sky : ndarray, shape (P,)
        MJy/sr.
    seen : ndarray of bool, shape (P,)
        Pixels that a used sample is in.
    walk, jitter, baseline : float
        As in `Start`.
    """

    gain: Floats
    nodes: Floats
    amplitudes: Floats
    sky: Floats
    seen: NDArray[np.bool_]
    walk: float
    jitter: float
    baseline: float


def first_point(problem: Problem, used: NDArray[np.bool_], start: Start | None) -> FirstPoint:
    """Complete a start, or find one: one gain for all scans, offsets to fit, the mean sky that is left.

    Parameters
    ----------
    problem : Problem
    used : ndarray of bool, shape (n,)
    start : Start or None

    Raises
    ------
    NoDataError
        When no scan tells a gain.
    """
    samples, scan = problem.samples, problem.scan
    n_modes = problem.design.modes.shape[1]
    unknown = np.full(samples.n_scans, np.nan)
    if start is None:
        nothing = np.empty((samples.n_scans, 0))
        start = Start(unknown, unknown, nothing, np.zeros(n_modes), np.full(len(samples.pixels), np.nan))
    zodi = problem.zodi(start.amplitudes)
    gain = start.gain.copy()
    if not np.isfinite(gain).any():
        gain[:] = np.nanmedian(_told(robust_lines(samples.value, zodi, used, samples.first)[0]))
    told = np.isfinite(gain)
    gain = np.interp(problem.days, problem.days[told], gain[told])
    known = np.where(np.isfinite(start.sky), start.sky, 0.0)
    left = samples.value - gain[scan] * (zodi + known[samples.index])
    offset = np.where(np.isfinite(start.offset), start.offset, _medians(left, used, samples.first))
    offset = np.where(np.isfinite(offset), offset, np.nanmedian(offset))
    nodes = np.repeat(offset[:, None], problem.design.n_nodes, axis=1)
    n_told = min(nodes.shape[1], start.nodes.shape[1])
    nodes[:, :n_told] = np.where(np.isfinite(start.nodes), start.nodes, nodes[:, :1])[:, :n_told]
    counts = np.bincount(samples.index[used], minlength=len(samples.pixels))
    bright = ((left - offsets_of(problem.design, scan, nodes)) / gain[scan])[used]
    sums = np.bincount(samples.index[used], weights=bright, minlength=len(samples.pixels))
    sky = known + sums / np.maximum(counts, 1)
    return FirstPoint(
        gain, nodes, start.amplitudes, sky, counts > 0, start.walk, start.jitter, start.baseline
    )


def _told(gain: Floats) -> Floats:
    """Give the positive gains.

    Raises
    ------
    NoDataError
        When there is none.
    """
    positive = np.where(gain > 0, gain, np.nan)
    if not np.isfinite(positive).any():
        raise NoDataError("no scan grows with the zodiacal template: is the band of the maps the template's?")
    return positive


def _medians(values: Floats, used: NDArray[np.bool_], first: NDArray[np.int64]) -> Floats:
    """Give the median of each scan's used values, NaN without any."""
    medians = np.full(len(first) - 1, np.nan)
    for s, (low, high) in enumerate(zip(first[:-1].tolist(), first[1:].tolist(), strict=True)):
        mine = values[low:high][used[low:high]]
        if len(mine):
            medians[s] = float(np.median(mine))
    return medians
