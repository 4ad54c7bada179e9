"""From the sums of frames to one map, and from maps to one map of all scans."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from photomitrus_cli.imaging.healbin import FrameSums

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Int = NDArray[np.int64]
Int32 = NDArray[np.int32]

REFUSED, LEFT_OUT, ESTIMATED, FEW = 16, 32, 64, 128
# Fewer frames than these cannot be checked against each other.
FEW_FRAMES = 3

# Maps of all scans are merged in parts of at least so many pixels, or as many as the sum has by then.
_PART = 1 << 20


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one frame gives to a map.

    Attributes
    ----------
    sums : FrameSums
        x in them is the value less ``sums.level``, DN of the frame.
    weight : float
        Factor of the weights in the sums: 1 / (median unc^2 scale^2), DN^-2; with weights of each pixel
        1 / scale^2, which is 1 without zero points.
    scale : float
        Factor that brings DN to the nominal zero point.
    level : float
        What is added to ``scale`` x: ``scale * sums.level`` unless the frame is to be shifted, DN.
    mjd : float
        Middle of the exposure, d.
    offsets : ndarray of float32, shape (2, m)
        East and north from the centre of each map pixel of the sums to the mean place of the detector pixels
        used there, arcsec.
    bits : int
        Bits of the map's mask in pixels where values of the frame are used, such as 64.
    used : bool
        A refused frame only leaves bit 16 in the pixels that it reaches.
    """

    sums: FrameSums
    weight: float
    scale: float
    level: float
    mjd: float
    offsets: Float32
    bits: int = 0
    used: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class ScanSums:
    """A map: one value of each array per pixel; NaN where no value was used (``hits`` 0).

    Attributes
    ----------
    pixels : ndarray of int64, shape (m,)
        RING index, ascending.
    value, sigma : ndarray of float64, shape (m,)
        Weighted mean and the standard deviation of its noise, DN.
    hits : ndarray of int64, shape (m,)
        Detector pixels used.
    frames : ndarray of int32, shape (m,)
        Frames used.
    mjd : ndarray of float64, shape (m,)
        Weighted mean time, d.
    low, high : ndarray of float32, shape (m,)
        Lowest and highest detector pixel used, DN.
    weight : ndarray of float64, shape (m,)
        Sum of the weights, DN^-2; 0 where no value was used.
    mask : ndarray of int32, shape (m,)
        Bits: 1 to 8 of detector pixels not used, 16 refused frame, 32 left out against other scans,
        64 estimated uncertainty, 128 fewer than three frames.
    east, north : ndarray of float32, shape (m,)
        From the centre of the pixel to the weighted mean place of the detector pixels used, arcsec (see
        `offsets_of`).
    """

    pixels: Int
    value: Float
    sigma: Float
    hits: Int
    frames: Int32
    mjd: Float
    low: Float32
    high: Float32
    weight: Float
    mask: Int32
    east: Float32
    north: Float32


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
    union = _union([frame.sums.pixels for frame in frames])
    total = np.zeros((union.size, N_SUMS))
    total[:, LOW], total[:, HIGH] = np.inf, -np.inf
    mask = np.zeros(union.size, np.int32)
    first = next((frame for frame in frames if frame.used), frames[0])
    for frame in frames:
        if frame.used:
            _add(total, mask, union, frame, first)
        else:
            mask[np.searchsorted(union, frame.sums.pixels)] |= REFUSED
    return _finish(union, total, mask, first.level, first.mjd)


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


def _union(many: Sequence[Int]) -> Int:
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


def _finish(union: Int, total: Float, mask: Int32, level: float, mjd: float) -> ScanSums:
    """Divide the sums; refused pixels become NaN."""
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


def _join(maps: Sequence[ScanSums]) -> ScanSums:
    """Merge maps that are all in memory."""
    union = _union([one.pixels for one in maps])
    total = np.zeros((union.size, N_SUMS))
    total[:, LOW], total[:, HIGH] = np.inf, -np.inf
    mask = np.zeros(union.size, np.int32)
    level, mjd = (_reference([getattr(one, name) for one in maps]) for name in ("value", "mjd"))
    for one in maps:
        at = np.searchsorted(union, one.pixels)
        mask[at] |= one.mask & ~np.int32(FEW)
        good = one.frames > 0
        at, weight = at[good], one.weight[good]
        # Pixels of one map differ, so that each row is written once.
        total[at, WEIGHT] += weight
        total[at, VALUE] += weight * (one.value[good] - level)
        total[at, VARIANCE] += (weight * one.sigma[good]) ** 2
        total[at, TIME] += weight * (one.mjd[good] - mjd)
        total[at, EAST] += weight * one.east[good]
        total[at, NORTH] += weight * one.north[good]
        total[at, LOW] = np.minimum(total[at, LOW], one.low[good])
        total[at, HIGH] = np.maximum(total[at, HIGH], one.high[good])
        total[at, HITS] += one.hits[good]
        total[at, FRAMES] += one.frames[good]
    return _finish(union, total, mask, level, mjd)


def _reference(many: Sequence[Float]) -> float:
    """Give the first number there is, to take differences from."""
    for values in many:
        good = np.isfinite(values)
        if good.any():
            return float(values[good.argmax()])
    return 0.0
