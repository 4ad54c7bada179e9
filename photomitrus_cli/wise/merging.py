"""From the sums of frames to one map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import NoDataError
from photomitrus_cli.imaging.mergesums import (
    EAST,
    FRAMES,
    HIGH,
    HITS,
    LOW,
    N_SUMS,
    NORTH,
    TIME,
    VALUE,
    VARIANCE,
    WEIGHT,
    add_sums,
)
from photomitrus_cli.wise.mapsums import Contribution, ScanSums

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Int32 = NDArray[np.int32]

REFUSED, LEFT_OUT, ESTIMATED, FEW = 16, 32, 64, 128
# Fewer frames than these cannot be checked against each other.
FEW_FRAMES = 3


def merge(frames: Sequence[Contribution]) -> ScanSums:
    """Merge frames into a map.

    With W = weight w the value is sum W x / sum W and its variance sum W^2 unc^2 / (sum W)^2, which holds for
    any weights. Frames are added in the order given, so that the same frames in the same order give the same
    bits, whatever was computed in parallel before.

    Parameters
    ----------
    frames : sequence of Contribution
        Refused ones included.

    Returns
    -------
    ScanSums

    Raises
    ------
    NoDataError
        If no frame reaches any pixel.

    Notes
    -----
    Memory is 96 bytes per map pixel and 8 per pixel of each frame. Levels and times are summed up relative to
    those of the first frame, so that a level of 2700 DN costs no digits.
    """
    union = union_of([frame.sums.pixels for frame in frames])
    total = blank_sums(union.size)
    mask = np.zeros(union.size, np.int32)
    first = next((frame for frame in frames if frame.used), frames[0])
    for frame in frames:
        if frame.used:
            _add(total, mask, union, frame, first)
        else:
            mask[np.searchsorted(union, frame.sums.pixels)] |= REFUSED
    return finish_sums(union, total, mask, first.level, first.mjd)


def blank_sums(n_pixels: int) -> Float:
    """Give sums of nothing.

    Parameters
    ----------
    n_pixels : int

    Returns
    -------
    ndarray of float64, shape (n_pixels, k)
        In the columns of `photomitrus_cli.imaging.mergesums`.
    """
    total = np.zeros((n_pixels, N_SUMS))
    total[:, LOW], total[:, HIGH] = np.inf, -np.inf
    return total


def union_of(many: Sequence[Int]) -> Int:
    """Give the pixels that any of several lists has.

    Parameters
    ----------
    many : sequence of ndarray of int64

    Returns
    -------
    ndarray of int64
        Ascending.

    Raises
    ------
    NoDataError
        When there is none.
    """
    if not sum(pixels.size for pixels in many):
        raise NoDataError("no frame reaches any pixel of the map")
    # np.unique hashes, which costs forty times as much here.
    ordered: Int = np.sort(np.concatenate(many))
    union: Int = ordered[np.append(True, ordered[1:] != ordered[:-1])]
    return union


def _add(total: Float, mask: Int32, union: Int, frame: Contribution, first: Contribution) -> None:
    sums = frame.sums
    zero = frame.level - frame.scale * sums.level
    numbers = (frame.weight, frame.scale, frame.level - first.level, zero, frame.mjd - first.mjd)
    add_sums(
        total,
        mask,
        union,
        sums.pixels,
        sums.hits,
        sums.sum_w,
        sums.sum_wx,
        sums.sum_wwvv,
        sums.low,
        sums.high,
        sums.bits,
        frame.offsets,
        np.array(numbers),
        frame.bits,
    )


def finish_sums(union: Int, total: Float, mask: Int32, level: float, mjd: float) -> ScanSums:
    """Divide the sums; refused pixels become NaN.

    Parameters
    ----------
    union : ndarray of int64, shape (m,)
        Pixels of the map.
    total : ndarray of float64, shape (m, k)
        Sums, in the columns of `photomitrus_cli.imaging.mergesums`.
    mask : ndarray of int32, shape (m,)
        Changed in place.
    level, mjd : float
        Of the first frame, which values and times were summed less.

    Returns
    -------
    ScanSums
    """
    frames = total[:, FRAMES].astype(np.int32)
    empty = frames == 0
    weight = total[:, WEIGHT].copy()
    divisor = np.where(empty, np.nan, weight)
    low, high = (np.where(empty, np.nan, total[:, k]).astype(np.float32) for k in (LOW, HIGH))
    mask[frames < FEW_FRAMES] |= FEW
    return ScanSums(
        union,
        level + total[:, VALUE] / divisor,
        np.sqrt(total[:, VARIANCE]) / divisor,
        total[:, HITS].astype(np.int64),
        frames,
        mjd + total[:, TIME] / divisor,
        low,
        high,
        weight,
        mask,
        *((total[:, k] / divisor).astype(np.float32) for k in (EAST, NORTH)),
    )
