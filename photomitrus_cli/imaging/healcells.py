"""The cells of a frame on the charts of HEALPix: which lie in one map pixel, and those of the others.

The borders of map pixels are straight on these charts, so that a second-order interpolation between the
corners of the cells finds the map pixels of all detector pixels without any trigonometry.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.healnodes import CELL
from photomitrus_cli.imaging.healpix import BELT, chart_of, ring_of
from photomitrus_cli.imaging.jit import kernel

Float = NDArray[np.float64]
Index = NDArray[np.int64]
Parts = NDArray[np.int8]

# A cell that is worked on with exact directions, because a chart has an edge there or too strong a curvature.
EXACT = -1
# Of cells that more than one map pixel may cover.
MIXED = -2
# How near a pole charts are too strongly curved. At the edge of a frame, where the fit is one-sided, its
# error is a quarter of h^3 / d^2, h the side of a cell and d the distance from the pole; wanted is 1e-8 rad
# (0.002").
_POLAR = 0.015
_ERROR = 1e-8
# Places on a chart move by at most so many pixels a radian, in units of nside: on a chart of a cap the slopes
# along and across the meridian are at most 1.225 and 0.854.
_STEEPEST = 1.5
# How far the sides and the inside of a cell lie off the values at its corners, in units of nside times the
# square of the diagonal in radians: an eighth of the second derivative on a chart, which is below 2.2 over
# the distance from the pole (1.2 far from it).
_BULGE = 0.125 * 2.2 / _POLAR
# Part of a map pixel that cells keep away from the edges of their chart.
_MARGIN = 0.01
# Relative error of the extent of a cell that is computed from its corners.
_SPARE = 1.001
# Bits of the number of a line of pixels: below 9 x 8192.
_BITS = 20
_LOW = (1 << _BITS) - 1


@kernel
def chart_nodes(nodes: Float, nside: int, p: Float, q: Float, parts: Parts) -> None:
    """Place the corners of the cells on charts.

    Parameters
    ----------
    nodes : ndarray of float64, shape (3, my, mx)
        Unit vectors.
    nside : int
        Of the map.
    p, q : ndarray of float64, shape (my, mx)
        See `chart_of`; continuous over longitude 0. Result.
    parts : ndarray of int8, shape (my, mx)
        The chart, EXACT near a pole; result.
    """
    # In the belt p + q is nside (1 + 2 t), t quarters of a turn; those of the first corner, plus a turn.
    middle = nside * (9.0 + 4.0 / math.pi * math.atan2(nodes[1, 0, 0], nodes[0, 0, 0]))
    dx, dy, dz = (
        nodes[0, 1, 0] - nodes[0, 0, 0],
        nodes[1, 1, 0] - nodes[1, 0, 0],
        nodes[2, 1, 0] - nodes[2, 0, 0],
    )
    polar = max(_POLAR * _POLAR, (dx * dx + dy * dy + dz * dz) ** 1.5 * (0.25 / _ERROR))
    for j in range(parts.shape[0]):
        for i in range(parts.shape[1]):
            x, y, z = nodes[0, j, i], nodes[1, j, i], nodes[2, j, i]
            part, here, there = chart_of(x, y, z, nside)
            while part == BELT and here + there < middle - 4.0 * nside:
                here += 4.0 * nside
                there += 4.0 * nside
            p[j, i], q[j, i] = here, there
            parts[j, i] = part if x * x + y * y > polar else EXACT


@kernel
def fit_line(values: Float, parts: Parts, part: int, j: int, i: int, out: Float) -> bool:
    """Fit the surface of one cell: bilinear, with a curvature along each axis.

    Parameters
    ----------
    values : ndarray of float64, shape (my, mx)
        At the corners of cells.
    parts : ndarray of int8, shape (my, mx)
        Of the corners.
    part : int
        Only corners of this chart count.
    j, i : int
        The cell.
    out : ndarray of float64, shape (6,)
        The four corners, row by row, and the second differences along x and y; result.

    Returns
    -------
    bool
        False where the curvature cannot be had because of too few corners on the chart.
    """
    out[0], out[1], out[2], out[3] = values[j, i], values[j, i + 1], values[j + 1, i], values[j + 1, i + 1]
    along, n_along, across, n_across = 0.0, 0, 0.0, 0
    for b in range(j, j + 2):
        for a in range(i, i + 2):
            if 0 < a < values.shape[1] - 1 and parts[b, a - 1] == part and parts[b, a + 1] == part:
                along += values[b, a - 1] - 2.0 * values[b, a] + values[b, a + 1]
                n_along += 1
            if 0 < b < values.shape[0] - 1 and parts[b - 1, a] == part and parts[b + 1, a] == part:
                across += values[b - 1, a] - 2.0 * values[b, a] + values[b + 1, a]
                n_across += 1
    out[4] = along / n_along if n_along else 0.0
    out[5] = across / n_across if n_across else 0.0
    # A frame of one or two cells has no neighbours to ask.
    return (n_along > 0 or values.shape[1] < 3) and (n_across > 0 or values.shape[0] < 3)


@kernel
def _extent(fit: Float) -> tuple[float, float]:
    """Bound the values of a cell."""
    bulge = 0.125 * (abs(fit[4]) + abs(fit[5]))
    low = min(fit[0], fit[1], fit[2], fit[3])
    high = max(fit[0], fit[1], fit[2], fit[3])
    return low - bulge, high + bulge


@kernel
def fit_cell(p: Float, q: Float, parts: Parts, nside: int, j: int, i: int, fit_a: Float, fit_b: Float) -> int:
    """Fit the places of a cell on its chart.

    Parameters
    ----------
    p, q, parts : ndarray, shape (my, mx)
        From `chart_nodes`.
    nside : int
        Of the map.
    j, i : int
        The cell.
    fit_a, fit_b : ndarray of float64, shape (6,)
        Of p and q, see `fit_line`; result.

    Returns
    -------
    int
        The chart, or EXACT for a cell that must be worked on with directions.
    """
    part = parts[j, i]
    if part == EXACT or parts[j, i + 1] != part or parts[j + 1, i] != part or parts[j + 1, i + 1] != part:
        return EXACT
    if not (fit_line(p, parts, part, j, i, fit_a) and fit_line(q, parts, part, j, i, fit_b)):
        return EXACT
    low_p, high_p = _extent(fit_a)
    low_q, high_q = _extent(fit_b)
    if part == BELT:
        inside = high_p - low_q < nside - _MARGIN and high_q - low_p < nside - _MARGIN
    else:
        inside = high_p + high_q < nside - _MARGIN
    return part if inside else EXACT


@kernel
def whole_chart(nodes: Float, p: Float, q: Float, parts: Parts, nside: int, j: int, i: int) -> int:
    """Find the map pixel in which a cell lies as a whole, from its corners on their chart.

    Parameters
    ----------
    nodes : ndarray of float64, shape (3, my, mx)
        Unit vectors.
    p, q, parts : ndarray, shape (my, mx)
        From `chart_nodes`.
    nside : int
        Of the map.
    j, i : int
        The cell.

    Returns
    -------
    int
        RING index, MIXED, or EXACT where the corners are not on one chart.
    """
    part = parts[j, i]
    if part == EXACT or parts[j, i + 1] != part or parts[j + 1, i] != part or parts[j + 1, i + 1] != part:
        return EXACT
    dx, dy = nodes[0, j + 1, i + 1] - nodes[0, j, i], nodes[1, j + 1, i + 1] - nodes[1, j, i]
    dz = nodes[2, j + 1, i + 1] - nodes[2, j, i]
    bulge = _BULGE * nside * (dx * dx + dy * dy + dz * dz)
    low_p = min(p[j, i], p[j, i + 1], p[j + 1, i], p[j + 1, i + 1]) - bulge
    high_p = max(p[j, i], p[j, i + 1], p[j + 1, i], p[j + 1, i + 1]) + bulge
    low_q = min(q[j, i], q[j, i + 1], q[j + 1, i], q[j + 1, i + 1]) - bulge
    high_q = max(q[j, i], q[j, i + 1], q[j + 1, i], q[j + 1, i + 1]) + bulge
    if int(low_p) != int(high_p) or int(low_q) != int(high_q) or low_p < 0.0 or low_q < 0.0:
        return MIXED
    return ring_of(part, int(low_p), int(low_q), nside)


@kernel
def fit_directions(nodes: Float, j: int, i: int, fit_a: Float, fit_b: Float, fit_c: Float) -> None:
    """Fit the directions of a cell.

    Parameters
    ----------
    nodes : ndarray of float64, shape (3, my, mx)
        Unit vectors.
    j, i : int
        The cell.
    fit_a, fit_b, fit_c : ndarray of float64, shape (6,)
        Of x, y and z, see `fit_line`; result.
    """
    everywhere = np.zeros(nodes.shape[1:], np.int8)
    fit_line(nodes[0], everywhere, 0, j, i, fit_a)
    fit_line(nodes[1], everywhere, 0, j, i, fit_b)
    fit_line(nodes[2], everywhere, 0, j, i, fit_c)


@kernel
def whole_exact(fit_a: Float, fit_b: Float, fit_c: Float, nside: int) -> int:
    """Give the map pixel in which a cell lies as a whole, or MIXED.

    Parameters
    ----------
    fit_a, fit_b, fit_c : ndarray of float64, shape (6,)
        From `fit_directions`.
    nside : int
        Of the map.

    Returns
    -------
    int
        RING index or MIXED.
    """
    reach = 0.0
    x, y, z = place(fit_a, 0.5, 0.5), place(fit_b, 0.5, 0.5), place(fit_c, 0.5, 0.5)
    for corner in range(4):
        dx, dy, dz = fit_a[corner] - x, fit_b[corner] - y, fit_c[corner] - z
        reach = max(reach, dx * dx + dy * dy + dz * dz)
    part, p, q = chart_of(x, y, z, nside)
    room = min(p - int(p), int(p) + 1 - p, q - int(q), int(q) + 1 - q)
    # A straight way of this length from the centre cannot leave the pixel, on whatever chart it goes on.
    if room > _STEEPEST * _SPARE * nside * math.sqrt(reach):
        return ring_of(part, int(p), int(q), nside)
    return MIXED


@kernel
def place(fit: Float, s: float, t: float) -> float:
    """Evaluate a fit of `fit_line` at (s, t) in units of the cell."""
    lower, upper = fit[0] + t * (fit[2] - fit[0]), fit[1] + t * (fit[3] - fit[1])
    bend = s * (1.0 - s) * fit[4] + t * (1.0 - t) * fit[5]
    return float(lower + s * (upper - lower) - 0.5 * bend)


@kernel
def cell_keys(fit_a: Float, fit_b: Float, fit_c: Float, part: int, nside: int, keys: Index) -> None:
    """Name the map pixels of the detector pixels of a cell.

    Parameters
    ----------
    fit_a, fit_b, fit_c : ndarray of float64, shape (6,)
        From `fit_cell` (which has no third), or from `fit_directions` for an EXACT cell.
    part : int
        Chart of the cell.
    nside : int
        Of the map.
    keys : ndarray of int64, shape (CELL, CELL)
        For `key_pixel`; equal where the pixel is the same. Result.
    """
    offset = part << (2 * _BITS)
    p2, q2 = 0.5 * fit_a[4], 0.5 * fit_b[4]
    for j in range(CELL):
        t = (j + 0.5) / CELL
        if part == EXACT:
            for k in range(CELL):
                s = (k + 0.5) / CELL
                x, y, z = place(fit_a, s, t), place(fit_b, s, t), place(fit_c, s, t)
                chart, p, q = chart_of(x, y, z, nside)
                keys[j, k] = (((chart << _BITS) | int(p)) << _BITS) | int(q)
            continue
        p0, q0 = place(fit_a, 0.0, t), place(fit_b, 0.0, t)
        p1, q1 = place(fit_a, 1.0, t) - p0, place(fit_b, 1.0, t) - q0
        for k in range(CELL):
            s = (k + 0.5) / CELL
            p = p0 + s * (p1 - (1.0 - s) * p2)
            q = q0 + s * (q1 - (1.0 - s) * q2)
            keys[j, k] = offset | (int(p) << _BITS) | int(q)


@kernel
def key_pixel(key: int, nside: int) -> int:
    """Give the RING index of a key of `row_keys`."""
    return ring_of(key >> (2 * _BITS), (key >> _BITS) & _LOW, key & _LOW, nside)
