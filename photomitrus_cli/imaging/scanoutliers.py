"""The inner loops that compare scans with each other: samples contradicted by those of other scans."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Int32 = NDArray[np.int32]
Bool = NDArray[np.bool_]
# Fewer values than this of a pixel do not tell which of them is off.
MIN_SCANS = 3


@kernel
def order_by_pixel(index: Int32, use: Bool, start: Int, order: Int) -> None:
    """Sort samples by pixel, those of a pixel in their order: a counting sort.

    Parameters
    ----------
    index : ndarray of int32, shape (n,)
        Pixel of each sample.
    use : ndarray of bool, shape (n,)
        Samples to sort.
    start : ndarray of int64, shape (P + 1,)
        Zeros; becomes the place of the first sample of each pixel, and at last the number of all.
    order : ndarray of int64, shape (at least the number of samples to sort,)
        Becomes the samples.
    """
    for k in range(index.size):
        if use[k]:
            start[index[k] + 1] += 1
    for p in range(start.size - 1):
        start[p + 1] += start[p]
    # While a pixel is being filled, its start says where the next sample goes ...
    for k in range(index.size):
        if use[k]:
            order[start[index[k]]] = k
            start[index[k]] += 1
    # ... and afterwards where the next pixel starts.
    for p in range(start.size - 1, 0, -1):
        start[p] = start[p - 1]
    start[0] = 0


@kernel
def reject_contradicted(
    start: Int, order: Int, value: Float, weight: Float, limit: float, rejected: Bool
) -> None:
    """Find the samples of each pixel that the other samples there contradict, the worst first.

    A sample is compared with the weighted mean of the others that are left:
    chi = (x - mean) / sqrt(1 / w + 1 / sum of the weights of the others). While the largest |chi| of a pixel
    is beyond the limit, this sample is rejected: it would spoil the means that the others are compared with.
    The majority stays, whatever it says. Where those that are left contradict each other more than the first
    that was rejected contradicted them, as two pairs do, nobody can say who is right, and all stay.

    Parameters
    ----------
    start : ndarray of int64, shape (P + 1,)
    order : ndarray of int64, shape (m,)
        See `order_by_pixel`; all samples with a positive weight and a finite value.
    value, weight : ndarray of float64, shape (n,)
    limit : float
    rejected : ndarray of bool, shape (n,)
        False; changed.
    """
    for p in range(start.size - 1):
        n = start[p + 1] - start[p]
        if n < MIN_SCANS:
            continue
        mine = order[start[p] : start[p + 1]]
        most = (n - 1) // 2
        strongest = 0.0
        for done in range(most + 1):
            chi2, worst = _worst(mine, value, weight, rejected)
            if worst < 0 or chi2 <= limit * limit:
                break
            if done == 0:
                strongest = chi2
            if done < most:
                rejected[worst] = True
            elif chi2 > strongest:
                for k in mine:
                    rejected[k] = False


@kernel
def _worst(mine: Int, value: Float, weight: Float, rejected: Bool) -> tuple[float, np.int64]:
    """Give the largest chi^2 of the samples that are left, and the sample; -1 when fewer than two are."""
    # Sums about a value of the pixel lose no digits where the sky is bright.
    about = value[mine[0]]
    total, moment = 0.0, 0.0
    for k in mine:
        if not rejected[k]:
            total += weight[k]
            moment += weight[k] * (value[k] - about)
    largest, worst = -1.0, np.int64(-1)
    for k in mine:
        if rejected[k]:
            continue
        others = total - weight[k]
        if others <= 0.0:
            continue
        x = value[k] - about
        difference = x - (moment - weight[k] * x) / others
        chi2 = difference * difference / (1.0 / weight[k] + 1.0 / others)
        if chi2 > largest:
            largest, worst = chi2, k
    return largest, worst


def leave_one_out(
    index: Int32, value: Float, weight: Float, n_pixels: int, limit: float, *, use: Bool | None = None
) -> Bool:
    """Find samples that the other scans of their pixel contradict.

    Parameters
    ----------
    index : ndarray of int32, shape (n,)
        Pixel of each sample, below `n_pixels`.
    value : ndarray of float64, shape (n,)
        What agrees between scans, any unit.
    weight : ndarray of float64, shape (n,)
        Inverse variances of `value`.
    n_pixels : int
    limit : float
        Largest difference from the others, standard deviations; see `reject_contradicted`.
    use : ndarray of bool, shape (n,), optional
        Samples to compare; those without a positive weight or a finite value are never.

    Returns
    -------
    ndarray of bool, shape (n,)
        Samples that are contradicted.
    """
    good = (weight > 0.0) & np.isfinite(weight) & np.isfinite(value)
    if use is not None:
        good &= use
    start = np.zeros(n_pixels + 1, np.int64)
    order = np.empty(int(np.count_nonzero(good)), np.int64)
    order_by_pixel(index, good, start, order)
    rejected = np.zeros(len(index), np.bool_)
    reject_contradicted(start, order, value, weight, limit, rejected)
    return rejected
