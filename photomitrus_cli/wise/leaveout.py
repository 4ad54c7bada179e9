"""What one scan shows and the others of its group do not: moving objects, and frames that are off."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.wise.comparing import MIN_SCANS, Compared
from photomitrus_cli.wise.leaveoutrules import LeaveOutRules, LeftOut
from photomitrus_cli.wise.mapsums import Contribution
from photomitrus_cli.wise.meetings import Meetings, find_meetings
from photomitrus_cli.wise.merging import LEFT_OUT

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

# How far offsets move in a round. Of K scans on the same sky each takes over -1 / (K - 1) of the errors of
# the others: three quarters of the way errors shrink to -1/8 in a round for 3 scans, to 1/4 for many.
_STEP = 0.75
# Of the noise of a typical value; steps that small change no decision.
_SETTLED = 0.02


def leave_out(frames: Sequence[Contribution], scans: Sequence[str], rules: LeaveOutRules) -> LeftOut:
    """Find what a scan shows in a map pixel where at least two other scans do not.

    The value of a frame in a map pixel is compared with the mean of the other scans there, weighted by the
    variances of noise and sky, so that frames that see a part of the map pixel count little. Each frame first
    loses its median difference, because scans differ by drift of gain and by zodiacal light, along the scan
    too. The variance of a difference is the sum of

    - the noise of both values, and the errors of these medians;
    - what parts of the map pixel that one of them has not seen may do: the scatter of the sky inside the
      pixel, as the *other* scans see it, less noise, over the number of independent places, and a slope;
    - what stars on the border of the map pixel may do, as if all of its stars were there;
    - the scatter of this scan about all others that noise and sky do not explain.

    Only the worst frame of a map pixel is left out at a time, as it spoils the mean with which the others are
    compared, and only while three scans are left.

    Parameters
    ----------
    frames : sequence of Contribution
        Of the group; refused ones are passed over.
    scans : sequence of str
        Scan of each frame.
    rules : LeaveOutRules

    Returns
    -------
    LeftOut

    Notes
    -----
    Memory is about 200 bytes per map pixel of each frame.
    """
    names, scan = np.unique(np.array(scans, dtype=np.str_), return_inverse=True)
    rows = find_meetings(frames, scan.astype(np.int64), MIN_SCANS)
    loose, slope = _shares(rows, rules)
    rows = replace(rows, weight=1.0 / (rows.variance + _mean_sky(rows) * (loose + slope**2)))
    offsets = _offsets(rows, len(frames), rules.rounds)
    explained = _explained(rows, loose, slope)
    explained += _offset_variance(rows, explained)
    compared = Compared(rows, rows.value - offsets[rows.frame], explained)
    scatter = compared.scatter(names.size)
    bad, chi = compared.worst_first(scatter, rules.sigma)
    left = [np.zeros(frame.sums.pixels.size, bool) for frame in frames]
    for k, place in zip(rows.frame[bad].tolist(), rows.place[bad].tolist(), strict=True):
        left[k][place] = True
    refused = [
        n >= rules.refuse_pixels and n > rules.refuse_share * int(np.count_nonzero(frame.sums.hits))
        for n, frame in zip((int(out.sum()) for out in left), frames, strict=True)
    ]
    tested = np.bincount(rows.frame, minlength=len(frames))
    offsets[tested == 0] = np.nan
    worst = np.full(len(frames), -np.inf)
    np.fmax.at(worst, rows.frame, chi)
    return LeftOut(
        left,
        refused,
        tested.tolist(),
        np.where(np.isfinite(worst), worst, np.nan).tolist(),
        offsets.tolist(),
        _by_scan(offsets, scans),
        {str(name): float(one) for name, one in zip(names, scatter, strict=True) if np.isfinite(one)},
    )


def without(frame: Contribution, left: Bool) -> Contribution:
    """Give a frame without some of its map pixels, in which it leaves bit 32.

    Parameters
    ----------
    frame : Contribution
    left : ndarray of bool, shape (m,)
        Of the pixels of its sums.

    Returns
    -------
    Contribution
    """
    if not left.any():
        return frame
    sums = frame.sums
    kept = replace(
        sums,
        hits=np.where(left, 0, sums.hits),
        sum_w=np.where(left, 0.0, sums.sum_w),
        sum_wx=np.where(left, 0.0, sums.sum_wx),
        sum_wxx=np.where(left, 0.0, sums.sum_wxx),
        sum_wwvv=np.where(left, 0.0, sums.sum_wwvv),
        low=np.where(left, np.float32(np.nan), sums.low),
        high=np.where(left, np.float32(np.nan), sums.high),
        bits=np.where(left, sums.bits | np.int32(LEFT_OUT), sums.bits),
    )
    return replace(frame, sums=kept)


def _by_scan(offsets: Float, scans: Sequence[str]) -> dict[str, float]:
    """Give the median offset of each scan that has one."""
    many: dict[str, list[float]] = {}
    for name, offset in zip(scans, offsets.tolist(), strict=True):
        if np.isfinite(offset):
            many.setdefault(name, []).append(offset)
    return {name: float(np.median(many[name])) for name in sorted(many)}


def _offsets(rows: Meetings, n_frames: int, rounds: int) -> Float:
    """Measure the median difference of each frame from the other scans, DN."""
    offsets = np.zeros(n_frames)
    if not rows.size:
        return offsets
    starts = np.searchsorted(rows.frame, np.arange(n_frames + 1)).tolist()
    settled = _SETTLED * float(np.sqrt(np.median(rows.variance)))
    for _ in range(rounds):
        difference = rows.value - rows.others(rows.weight, rows.value - offsets[rows.frame])
        middle = offsets.copy()
        for k, (first, end) in enumerate(itertools.pairwise(starts)):
            if end > first:
                middle[k] = np.median(difference[first:end])
        step = _STEP * (middle - offsets)
        offsets += step
        if np.max(np.abs(step)) < settled:
            break
    return offsets


def _shares(rows: Meetings, rules: LeaveOutRules) -> tuple[Float, Float]:
    """Give what the sky inside the map pixel does to each value, in units of its own.

    Returns
    -------
    loose : ndarray of float64, shape (n,)
        Variance by stars on the border and pixels missing here and there, of each value for itself.
    slope : ndarray of float64, shape (n,)
        Standard deviation by parts missing at one end, which may be the same for all scans.
    """
    if not rows.size:
        return np.zeros(0), np.zeros(0)
    missing = 1.0 - rows.hits / rows.hits.max()
    loose: Float = (rules.border + missing) / np.maximum(rows.hits / rules.beam_px, 1.0)
    return loose, rules.coherent * np.maximum(missing - rules.scattered, 0.0)


def _mean_sky(rows: Meetings) -> Float:
    """Give the variance of the sky in the map pixel of each row, over all scans, DN^2."""
    total, hits = (
        np.bincount(rows.pixel, weights=one)[rows.pixel] for one in (rows.hits * rows.sky, rows.hits)
    )
    result: Float = total / hits
    return result


def _explained(rows: Meetings, loose: Float, slope: Float) -> Float:
    """Give the variance of each difference that noise and the sky inside the map pixel explain, DN^2."""
    noise, share = (one + _of_others(rows, one) for one in (rows.variance, loose))
    share += slope**2 + rows.others(rows.weight, slope) ** 2
    result: Float = noise + rows.others(rows.hits, rows.sky) * share
    return result


def _offset_variance(rows: Meetings, explained: Float) -> Float:
    """Give what the errors of the offsets add: those of medians of values that differ in their noise."""
    n = np.bincount(rows.frame)[rows.frame]
    density = np.bincount(rows.frame, weights=explained**-0.5)[rows.frame]
    variance = 0.5 * np.pi * n / density**2
    return variance + _of_others(rows, variance)


def _of_others(rows: Meetings, variance: Float) -> Float:
    """Give the variance of the mean of the other scans."""
    total = rows.elsewhere(rows.weight)
    result: Float = rows.elsewhere(rows.weight**2 * variance) / np.where(total > 0.0, total, np.nan) ** 2
    return result
