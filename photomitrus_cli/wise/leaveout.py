"""What one scan shows and the others of its group do not: moving objects, and frames that are off."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.wise.comparing import MIN_SCANS, Compared
from photomitrus_cli.wise.meetings import Meetings, find_meetings
from photomitrus_cli.wise.merging import LEFT_OUT, Contribution

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]

# How far offsets move in a round. Of K scans on the same sky each takes over -1 / (K - 1) of the errors of
# the others: three quarters of the way errors shrink to -1/8 in a round for 3 scans, to 1/4 for many.
_STEP = 0.75
# Of the noise of a typical value; steps that small change no decision.
_SETTLED = 0.02


@dataclass(frozen=True, slots=True)
class LeaveOutRules:
    """When a frame is left out of a map pixel.

    Attributes
    ----------
    sigma : float
        Limit of the difference from the other scans, in its standard deviations.
    refuse_share : float
        A frame is refused when more than this part of its map pixels is left out
    refuse_pixels : int
        and no fewer of them: at nside 256 a frame has twenty, and one asteroid must not cost all of it.
    coherent : float
        How far the mean of a part of a map pixel may be from that of the whole, per part that is missing, in
        standard deviations of the sky inside the map pixel. 1.7 is a slope seen from one of its ends.
    beam_px : float
        Detector pixels that are not independent of each other: 4 pi s^2 of a Gaussian PSF of 1 px.
    rounds : int
        How often offsets are measured, at most; fewer when they no longer move.
    """

    sigma: float = 5.0
    refuse_share: float = 0.05
    refuse_pixels: int = 3
    coherent: float = 1.0
    beam_px: float = 12.6
    rounds: int = 50


@dataclass(frozen=True, slots=True, eq=False)
class LeftOut:
    """What was left out.

    Attributes
    ----------
    left : list of ndarray of bool
        For each frame one value per pixel of its sums.
    refused : list of bool
        Frames of which too much was left out.
    tested : list of int
        Map pixels of each frame that could be tested.
    worst : list of float
        Largest difference of each frame, standard deviations; NaN where nothing was tested.
    offsets : list of float
        What was taken off each frame, for the comparison and for nothing else, DN; NaN where nothing was
        tested.
    scan_offsets : dict of str to float
        Median of the offsets of each scan that could be tested, DN.
    scan_scatter : dict of str to float
        Scatter of each scan about the others beyond what noise and sky explain, DN; part of the standard
        deviation of its differences.
    """

    left: list[Bool]
    refused: list[bool]
    tested: list[int]
    worst: list[float]
    offsets: list[float]
    scan_offsets: dict[str, float]
    scan_scatter: dict[str, float]


def leave_out(frames: Sequence[Contribution], scans: Sequence[str], rules: LeaveOutRules) -> LeftOut:
    """Find what a scan shows in a map pixel where at least two other scans do not.

    The value of a frame in a map pixel is compared with the mean of the other scans there. Each frame first
    loses its median difference, because scans differ by drift of gain and by zodiacal light, along the scan
    too. The variance of a difference is the sum of

    - the noise of both values;
    - what parts of the map pixel that one of them has not seen may do: the scatter of the sky inside the
      pixel, as the *other* scans see it, less noise, over the number of independent places, and a slope;
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
    offsets = _offsets(rows, len(frames), rules.rounds)
    compared = Compared(rows, rows.value - offsets[rows.frame], _explained(rows, rules))
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


def _explained(rows: Meetings, rules: LeaveOutRules) -> Float:
    """Give the variance of each difference that noise and the sky inside the map pixel explain, DN^2."""
    noise = rows.variance + _noise_of_others(rows, rows.weight)
    if not rows.size:
        return noise
    seen = rows.hits / rows.hits.max()
    missing, of_others = 1.0 - seen, 1.0 - rows.others(rows.hits, seen)
    edge = min(4.0 / float(np.sqrt(rows.hits.max())), 1.0)
    places = np.maximum(rows.hits / rules.beam_px, 1.0)
    part = (missing + edge) / places + rules.coherent**2 * (missing**2 + of_others**2)
    result: Float = noise + rows.others(rows.hits, rows.sky) * part
    return result


def _noise_of_others(rows: Meetings, weight: Float) -> Float:
    total = rows.elsewhere(weight)
    result: Float = rows.elsewhere(weight**2 * rows.variance) / np.where(total > 0.0, total, np.nan) ** 2
    return result
