"""One map of all maps of a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging import mergesums
from photomitrus_cli.wise.mapsums import ScanSums
from photomitrus_cli.wise.merging import FEW, blank_sums, finish_sums, union_of

Float = NDArray[np.float64]

# Maps of all scans are merged in parts of at least so many pixels, or as many as the sum has by then.
_PART = 1 << 20


def merge_maps(maps: Iterable[ScanSums]) -> ScanSums:
    """Merge finished maps into one, by their weights.

    Parameters
    ----------
    maps : iterable of ScanSums
        May be made one at a time: only some are held together.

    Returns
    -------
    ScanSums
        Weights, hits and frames are summed up, ``sigma`` is that of the weighted mean, bits are ORed but for
        128, which follows from the new number of frames.

    Raises
    ------
    NoDataError
        If there is no map.
    """
    parts: list[ScanSums] = []
    size = 0
    for one in maps:
        parts.append(one)
        size += one.pixels.size
        if size > max(_PART, 2 * parts[0].pixels.size):
            parts = [_join(parts)]
            size = parts[0].pixels.size
    return _join(parts)


def _join(maps: Sequence[ScanSums]) -> ScanSums:
    """Merge maps that are all in memory."""
    union = union_of([one.pixels for one in maps])
    total = blank_sums(union.size)
    mask = np.zeros(union.size, np.int32)
    level, mjd = (_reference([getattr(one, name) for one in maps]) for name in ("value", "mjd"))
    for one in maps:
        at = np.searchsorted(union, one.pixels)
        mask[at] |= one.mask & ~np.int32(FEW)
        good = one.frames > 0
        at, weight = at[good], one.weight[good]
        # Pixels of one map differ, so that each row is written once.
        total[at, mergesums.WEIGHT] += weight
        total[at, mergesums.VALUE] += weight * (one.value[good] - level)
        total[at, mergesums.VARIANCE] += (weight * one.sigma[good]) ** 2
        total[at, mergesums.TIME] += weight * (one.mjd[good] - mjd)
        total[at, mergesums.EAST] += weight * one.east[good]
        total[at, mergesums.NORTH] += weight * one.north[good]
        total[at, mergesums.LOW] = np.minimum(total[at, mergesums.LOW], one.low[good])
        total[at, mergesums.HIGH] = np.maximum(total[at, mergesums.HIGH], one.high[good])
        total[at, mergesums.HITS] += one.hits[good]
        total[at, mergesums.FRAMES] += one.frames[good]
    return finish_sums(union, total, mask, level, mjd)


def _reference(many: Sequence[Float]) -> float:
    """Give the first number there is, to take differences from."""
    for values in many:
        good = np.isfinite(values)
        if good.any():
            return float(values[good.argmax()])
    return 0.0
