"""Sums over the samples of scans that a joint calibration needs: all linear in the number of samples.

A sample i of scan s in sky pixel p is modelled as ``value = gain_s (zodi_i + sky_p) + offset_s(i)``. Its
linearisation has the coefficients ``slope_i`` for the scan's logarithmic gain, ``1 - part_i`` and ``part_i``
for the two offsets (nodes) it lies between, ``gain_s modes_ij`` for the amplitude of template mode j and
``gain_s`` for the sky. Samples of weight 0 take no part.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel

Floats = NDArray[np.float64]


@kernel
def scan_model(
    first: NDArray[np.int64],
    start: int,
    stop: int,
    index: NDArray[np.int32],
    node: NDArray[np.uint8],
    part: NDArray[np.float32],
    slope: Floats,
    modes: NDArray[np.float32],
    weight: Floats,
    gain: Floats,
    log_gain: Floats,
    nodes: Floats,
    amplitudes: Floats,
    out: Floats,
    sums: Floats,
    changes: Floats,
) -> None:
    """Evaluate the linearised model of scans, without the sky, and add it up per sky pixel.

    Parameters
    ----------
    first : ndarray of int64, shape (S + 1,)
    start, stop : int
        The scans to be done.
    index : ndarray of int32, shape (n,)
    node : ndarray of uint8, shape (n,)
    part : ndarray of float32, shape (n,)
    slope : ndarray, shape (n,)
    modes : ndarray of float32, shape (n, J)
    weight : ndarray, shape (n,)
    gain : ndarray, shape (S,)
    log_gain : ndarray, shape (S,)
        Changes.
    nodes : ndarray, shape (S, K)
    amplitudes : ndarray, shape (J,)
    out : ndarray, shape (n,)
        Gets the model.
    sums, changes : ndarray, shape (P,)
        Get ``weight gain model`` and ``weight gain^2 log_gain`` added.
    """
    for s in range(start, stop):
        g = gain[s]
        for i in range(first[s], first[s + 1]):
            w = weight[i]
            if w == 0.0:
                out[i] = 0.0
                continue
            k = node[i]
            f = part[i]
            p = index[i]
            bright = 0.0
            for j in range(modes.shape[1]):
                bright += modes[i, j] * amplitudes[j]
            u = slope[i] * log_gain[s] + nodes[s, k] * (1.0 - f) + nodes[s, k + 1] * f + g * bright
            out[i] = u
            sums[p] += w * g * u
            changes[p] += w * g * g * log_gain[s]


@kernel
def pixel_sums(
    first: NDArray[np.int64],
    start: int,
    stop: int,
    index: NDArray[np.int32],
    weight: Floats,
    gain: Floats,
    value: Floats,
    sums: Floats,
    weights: Floats,
) -> None:
    """Add ``weight gain value`` and ``weight gain^2`` of scans up per sky pixel.

    Parameters
    ----------
    first : ndarray of int64, shape (S + 1,)
    start, stop : int
    index : ndarray of int32, shape (n,)
    weight : ndarray, shape (n,)
    gain : ndarray, shape (S,)
    value : ndarray, shape (n,)
    sums, weights : ndarray, shape (P,)
        Get them added.
    """
    for s in range(start, stop):
        g = gain[s]
        for i in range(first[s], first[s + 1]):
            w = weight[i]
            if w == 0.0:
                continue
            p = index[i]
            sums[p] += w * g * value[i]
            weights[p] += w * g * g


@kernel
def scan_gradient(
    first: NDArray[np.int64],
    start: int,
    stop: int,
    index: NDArray[np.int32],
    node: NDArray[np.uint8],
    part: NDArray[np.float32],
    slope: Floats,
    modes: NDArray[np.float32],
    weight: Floats,
    gain: Floats,
    value: Floats,
    sky: Floats,
    pull: Floats,
    to_gain: Floats,
    to_nodes: Floats,
    to_modes: Floats,
) -> None:
    """Project ``weight (value - gain sky)`` of scans on the parameters.

    Parameters
    ----------
    first, start, stop, index, node, part, slope, modes, weight, gain
        As in `scan_model`.
    value : ndarray, shape (n,)
    sky : ndarray, shape (P,)
        The sky that fits `value` best, given everything else.
    pull : ndarray, shape (P,)
        Times ``weight gain^2``, taken from the gain's projection: what the sky's prior would do to gains.
    to_gain : ndarray, shape (S,)
    to_nodes : ndarray, shape (S, K)
    to_modes : ndarray, shape (S, J)
        Get the projections of these scans; `to_modes` scan by scan, so that their sum has one order.
    """
    n_modes = modes.shape[1]
    for s in range(start, stop):
        g = gain[s]
        total = 0.0
        for k in range(to_nodes.shape[1]):
            to_nodes[s, k] = 0.0
        for j in range(n_modes):
            to_modes[s, j] = 0.0
        for i in range(first[s], first[s + 1]):
            w = weight[i]
            if w == 0.0:
                continue
            p = index[i]
            r = w * (value[i] - g * sky[p])
            k = node[i]
            f = part[i]
            total += slope[i] * r - w * g * g * pull[p]
            to_nodes[s, k] += (1.0 - f) * r
            to_nodes[s, k + 1] += f * r
            for j in range(n_modes):
                to_modes[s, j] += g * modes[i, j] * r
        to_gain[s] = total


@kernel
def scan_blocks(
    first: NDArray[np.int64],
    start: int,
    stop: int,
    index: NDArray[np.int32],
    node: NDArray[np.uint8],
    part: NDArray[np.float32],
    slope: Floats,
    weight: Floats,
    gain: Floats,
    full: Floats,
    blocks: Floats,
) -> None:
    """Add up each scan's own block of the normal matrix, the sky being eliminated.

    Parameters
    ----------
    first, start, stop, index, node, part, slope, weight, gain
        As in `scan_model`.
    full : ndarray, shape (P,)
        Sum of ``weight gain^2`` over all scans, with the sky's prior.
    blocks : ndarray, shape (S, K + 1, K + 1)
        Gets them: the gain first, then the nodes. Only the upper triangles' entries that samples reach.
    """
    for s in range(start, stop):
        g = gain[s]
        for i in range(first[s], first[s + 1]):
            w = weight[i]
            if w == 0.0:
                continue
            w *= 1.0 - w * g * g / full[index[i]]
            a = slope[i]
            k = node[i] + 1
            f = part[i]
            e = 1.0 - f
            blocks[s, 0, 0] += w * a * a
            blocks[s, 0, k] += w * a * e
            blocks[s, 0, k + 1] += w * a * f
            blocks[s, k, k] += w * e * e
            blocks[s, k, k + 1] += w * e * f
            blocks[s, k + 1, k + 1] += w * f * f
