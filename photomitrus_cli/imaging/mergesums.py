"""The inner loop that adds the sums of one frame to the pixels of a map."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Int = NDArray[np.int64]
Int32 = NDArray[np.int32]

# What a row of the accumulator holds.
WEIGHT, VALUE, VARIANCE, TIME, LOW, HIGH, HITS, FRAMES, EAST, NORTH = range(10)
N_SUMS = 10


@kernel
def add_sums(
    total: Float,
    mask: Int32,
    union: Int,
    pixels: Int,
    hits: Int,
    sum_w: Float,
    sum_wx: Float,
    sum_wwvv: Float,
    low: Float32,
    high: Float32,
    bits: Int32,
    offsets: Float32,
    numbers: Float,
    extra: int,
) -> None:
    """Add one frame to a map, in place.

    Parameters
    ----------
    total : ndarray of float64, shape (m, 10)
        Sums W, W x, W^2 var, W t, lowest, highest value, hits, frames, W east and W north of each map pixel;
        lowest and highest start at infinity and its negative.
    mask : ndarray of int32, shape (m,)
    union : ndarray of int64, shape (m,)
        Map pixels, ascending.
    pixels, hits : ndarray of int64, shape (n,)
        Of the frame; pixels ascending and all of them in ``union``.
    sum_w, sum_wx, sum_wwvv : ndarray of float64, shape (n,)
    low, high : ndarray of float32, shape (n,)
    bits : ndarray of int32, shape (n,)
    offsets : ndarray of float32, shape (2, n)
        East and north.
    numbers : ndarray of float64, shape (5,)
        Weight of the frame; factor of its values; what is added to x and to low and high after the factor;
        time less that of the map.
    extra : int
        Bits of pixels in which values of the frame are used.
    """
    weight, scale, shift, zero, time = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]
    at = 0
    for k in range(pixels.size):
        # Galloping: the frame's pixels come in rings, runs of neighbours with gaps between them.
        pixel = pixels[k]
        step = 1
        while at + step < union.size and union[at + step] <= pixel:
            at += step
            step *= 2
        while step > 1:
            step //= 2
            if at + step < union.size and union[at + step] <= pixel:
                at += step
        mask[at] |= np.int32(bits[k])
        if hits[k] == 0:
            continue
        mask[at] |= np.int32(extra)
        row = total[at]
        own = weight * sum_w[k]
        row[WEIGHT] += own
        row[VALUE] += weight * scale * sum_wx[k] + own * shift
        row[VARIANCE] += weight * weight * scale * scale * sum_wwvv[k]
        row[TIME] += own * time
        row[LOW] = min(row[LOW], scale * low[k] + zero)
        row[HIGH] = max(row[HIGH], scale * high[k] + zero)
        row[HITS] += hits[k]
        row[FRAMES] += 1.0
        row[EAST] += own * offsets[0, k]
        row[NORTH] += own * offsets[1, k]
