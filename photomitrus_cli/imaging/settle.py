"""Clipping of the values of one pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.reference import SPLIT_SIGMA, choose

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

# From this many values on their own scatter is known too.
_SCATTER_FROM = 5
_MAD = 1.4826022
_ROUNDS = 5


@kernel
def select(a: Float32, k: int) -> None:
    """Reorder values so that number k is in its sorted place, smaller ones before it (Hoare 1961, FIND).

    Parameters
    ----------
    a : ndarray of float32, shape (n,)
        Changed in place.
    k : int
        From 0 to n - 1.
    """
    low, high = 0, a.size - 1
    while low < high:
        pivot, i, j = a[k], low, high
        while i <= j:
            while a[i] < pivot:
                i += 1
            while pivot < a[j]:
                j -= 1
            if i <= j:
                a[i], a[j] = a[j], a[i]
                i += 1
                j -= 1
        if j < k:
            low = i
        if k < i:
            high = j


@kernel
def centre_of(a: Float32, noise: float, soft: float) -> float:
    """Find the centre of values as `photomitrus_cli.imaging.reference.middle` does.

    Parameters
    ----------
    a : ndarray of float32, shape (n,)
        At least one value; reordered.
    noise, soft : float
        Standard deviation of one value, and by how much two good ones may differ beside.

    Returns
    -------
    float
    """
    k = a.size // 2
    select(a, k)
    high = float(a[k])
    least, below = high, -np.inf
    for f in range(k):
        least, below = min(least, float(a[f])), max(below, float(a[f]))
    split = (SPLIT_SIGMA, 0.0, soft)
    if a.size == 3:
        return choose(least, high, high, noise, split)[0]
    low = high if a.size % 2 else below
    return choose(low, high, 0.5 * (low + high), noise, split)[0]


@kernel
def settle(value: Float32, noise2: Float32, sigma: float, soft: float, keep: Bool, work: Float32) -> None:
    """Clip the values of one pixel until nothing changes.

    Parameters
    ----------
    value, noise2 : ndarray of float32, shape (k,)
        Values and their variances.
    sigma, soft : float
        The limit is sigma times the noise, or the scatter of the values if that is larger but at most `soft`
        more, plus `soft`.
    keep : ndarray of bool, shape (k,)
        Which are kept, at least one; result.
    work : ndarray of float32, shape (k,)
        Room to work in.
    """
    keep[:] = True
    near = np.empty(value.size, np.bool_)
    kept = 0
    for _ in range(_ROUNDS):
        n, total = 0, 0.0
        for f in range(value.size):
            if keep[f]:
                work[n] = value[f]
                total += noise2[f]
                n += 1
        if n == kept:
            break
        kept = n
        spread = np.sqrt(total / n)
        centre = centre_of(work[:n], spread, soft)
        scatter = 0.0
        if n >= _SCATTER_FROM:
            for f in range(n):
                work[f] = abs(work[f] - np.float32(centre))
            scatter = _MAD * centre_of(work[:n], spread, np.inf)
        left = 0
        for f in range(value.size):
            noise = np.sqrt(noise2[f])
            # Hits make values scatter too: where the map is flat, only the noise counts.
            limit = sigma * max(noise, min(scatter, noise + soft)) + soft
            near[f] = keep[f] and abs(value[f] - centre) <= limit
            left += near[f]
        # Between two values of small variance none may be near.
        for f in range(value.size if left > 0 else 0):
            keep[f] = near[f]
