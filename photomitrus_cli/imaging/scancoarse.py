"""The normal matrix of a joint calibration for groups of scans that move together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel

Floats = NDArray[np.float64]


@kernel
def add_sample(
    w: float, g: float, numbers: NDArray[np.int64], factors: Floats, place: NDArray[np.int64],
    found: NDArray[np.int64], c: Floats, t: Floats, m: int, matrix: Floats,
) -> int:  # fmt: skip
    """Add a sample to the matrix and to the list of what reaches its pixel.

    Parameters
    ----------
    w, g : float
        Weight and gain.
    numbers : ndarray of int64, shape (k,)
        Unknowns that the sample depends on, ascending.
    factors : ndarray, shape (k,)
        How.
    place : ndarray of int64, shape (N,)
        Where unknowns are in the list, -1 for those that are not.
    found : ndarray of int64, shape (N,)
        The list.
    c, t : ndarray, shape (N,)
        What samples and sky bring, in the order of the list.
    m : int
        Its length.
    matrix : ndarray, shape (N, N)

    Returns
    -------
    int
        The new length.
    """
    for a in range(len(numbers)):
        q = numbers[a]
        if place[q] < 0:
            place[q] = m
            found[m] = q
            c[m] = 0.0
            t[m] = 0.0
            m += 1
        c[place[q]] += w * g * factors[a]
        for b in range(a, len(numbers)):
            matrix[q, numbers[b]] += w * factors[a] * factors[b]
    return m


@kernel
def add_pixel(
    seen: float, full: float, found: NDArray[np.int64], c: Floats, t: Floats, m: int, matrix: Floats
) -> None:
    """Add to the matrix what the unknowns of a pixel have to do with each other through its sky.

    Parameters
    ----------
    seen, full : float
        Sum of ``weight gain^2``, and that with the prior.
    found, c, t, m, matrix
        As in `add_sample`.
    """
    for a in range(m):
        q = found[a]
        whole = (c[a] + seen * t[a]) / full
        for b in range(m):
            r = found[b]
            if r >= q:
                matrix[q, r] += c[a] * t[b] + t[a] * c[b] + seen * t[a] * t[b] - whole * (c[b] + seen * t[b])


@kernel
def coarse_matrix(
    starts: NDArray[np.int64],
    order: NDArray[np.int64],
    scan: NDArray[np.int32],
    group: NDArray[np.int32],
    node: NDArray[np.uint8],
    part: NDArray[np.float32],
    slope: Floats,
    modes: NDArray[np.float32],
    weight: Floats,
    gain: Floats,
    full: Floats,
    share: Floats,
    sky_starts: NDArray[np.int32],
    sky_index: NDArray[np.int32],
    sky_value: Floats,
    n_nodes: int,
    n_groups: int,
    matrix: Floats,
) -> None:
    """Add up the normal matrix for directions of whole groups, the sky of single pixels eliminated.

    The unknowns are, for each group, its gain and its offsets; then the template's amplitudes; then the
    numbers of the smooth sky. In a pixel each of them has a part ``c = sum(weight gain v)`` that its samples
    bring and a part ``t`` that is sky; with the pixel's ``W = sum(weight gain^2)`` and ``M``, that with its
    prior, the elements are ``sum(weight v v') + c t' + t c' + W t t' - (c + W t) (c' + W t') / M``.

    Parameters
    ----------
    starts : ndarray of int64, shape (P + 1,)
    order : ndarray of int64, shape (n,)
        Samples pixel by pixel.
    scan : ndarray of int32, shape (n,)
    group : ndarray of int32, shape (S,)
    node, part, slope, modes, weight, gain
        As in `scansums.scan_model`.
    full : ndarray, shape (P,)
        M.
    share : ndarray, shape (P,)
        The sky by W: how the mean change of gains is taken out of the sky.
    sky_starts, sky_index, sky_value : ndarray
        The smooth sky's factors in each pixel, compressed by rows.
    n_nodes, n_groups : int
    matrix : ndarray, shape (N, N)
        Gets the upper triangle added.
    """
    n_modes = modes.shape[1]
    side = n_nodes + 1
    mode_base = n_groups * side
    sky_base = mode_base + n_modes
    place = np.full(matrix.shape[0], -1, np.int64)
    found = np.empty(matrix.shape[0], np.int64)
    c = np.zeros(matrix.shape[0])
    t = np.zeros(matrix.shape[0])
    numbers = np.arange(mode_base - 3, sky_base)
    factors = np.empty(3 + n_modes)
    for p in range(len(starts) - 1):
        m = 0
        seen = 0.0
        for at in range(starts[p], starts[p + 1]):
            i = order[at]
            w = weight[i]
            if w == 0.0:
                continue
            g = gain[scan[i]]
            base = group[scan[i]] * side
            numbers[0] = base
            numbers[1] = base + 1 + node[i]
            numbers[2] = numbers[1] + 1
            factors[0] = slope[i]
            factors[1] = 1.0 - part[i]
            factors[2] = part[i]
            for j in range(n_modes):
                factors[3 + j] = g * modes[i, j]
            m = add_sample(w, g, numbers, factors, place, found, c, t, m, matrix)
            seen += w * g * g
            t[place[base]] -= share[p] * w * g * g
        for a in range(m):
            place[found[a]] = -1
        if seen == 0.0:
            continue
        for at in range(sky_starts[p], sky_starts[p + 1]):
            found[m] = sky_base + sky_index[at]
            c[m] = 0.0
            t[m] = sky_value[at]
            m += 1
        add_pixel(seen, full[p], found, c, t, m, matrix)
