"""The inner loops that turn calibrated samples of scans into maps."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Int = NDArray[np.int64]
Int32 = NDArray[np.int32]
Byte = NDArray[np.uint8]
Bool = NDArray[np.bool_]

# What a row of the sums holds; one row fills one line of the processor's cache.
WEIGHT, VALUE, SQUARE, TIME, ZODI, LOW, HIGH, HITS = range(8)
N_SUMS = 8
# What a row of the counts holds.
SCANS, MASK = range(2)
N_COUNTS = 2


@kernel
def sum_scans(
    first: Int,
    use: Bool,
    label: Int32,
    index: Int32,
    value: Float,
    weight: Float,
    mjd: Float,
    zodi: Float32 | Float,
    hits: Int32,
    bits: Byte,
    unmapped: int,
    sums: Float,
    counts: Int32,
) -> None:
    """Add the samples of scans to the pixels of a map, in place and in their order.

    Parameters
    ----------
    first : ndarray of int64, shape (S + 1,)
        Samples of scan s are ``first[s]`` to ``first[s + 1] - 1``; no scan has two in a pixel.
    use : ndarray of bool, shape (S,)
        Scans that are mapped. The others only give their label to the mask of pixels that they reach.
    label : ndarray of int32, shape (S,)
        Bits that a scan gives to the mask of pixels that it is mapped in.
    index : ndarray of int32, shape (n,)
        Pixel of each sample.
    value, weight, mjd, zodi : ndarray of float64 (`zodi` also of float32), shape (n,)
        A sample without a positive weight or a finite value is not mapped.
    hits : ndarray of int32, shape (n,)
    bits : ndarray of uint8, shape (n,)
        ORed into the mask of the pixel, also of samples that are not mapped.
    unmapped : int
        A sample with any of these bits is not mapped.
    sums : ndarray of float64, shape (P, N_SUMS)
        Sums w, w x, w x^2, w t, w z, lowest and highest x, hits; lowest and highest start at infinity and its
        negative.
    counts : ndarray of int32, shape (P, N_COUNTS)
        Scans and mask.
    """
    for s in range(use.size):
        for k in range(first[s], first[s + 1]):
            at = index[k]
            if not use[s]:
                counts[at, MASK] |= label[s]
                continue
            counts[at, MASK] |= np.int32(bits[k])
            x, w = value[k], weight[k]
            if not (w > 0.0 and np.isfinite(w) and np.isfinite(x)) or bits[k] & unmapped:
                continue
            row = sums[at]
            row[WEIGHT] += w
            row[VALUE] += w * x
            row[SQUARE] += w * x * x
            row[TIME] += w * mjd[k]
            row[ZODI] += w * np.float64(zodi[k])
            row[LOW] = min(row[LOW], x)
            row[HIGH] = max(row[HIGH], x)
            row[HITS] += hits[k]
            counts[at, SCANS] += 1
            counts[at, MASK] |= label[s]
