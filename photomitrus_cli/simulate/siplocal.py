"""Geometry of the subarrays: the distortion of the whole array expanded about their reference pixel.

Subarray headers have a CD matrix and a polynomial of their own about (16.5, 16.5). Both follow from those of
the whole array. With F(u, v) the distorted offsets, (s, t) the offsets from the reference pixel of the
subarray and J the Jacobian of F there, ``F(u0 + s, v0 + t) - F(u0, v0) = J ((s, t) + A'(s, t))``; CD' = CD J,
and A' has the orders from 2 on. The turn of the tangent plane between the two reference points (3 arcmin) is
left out: it changes the scale by less than 1e-6.
"""

from __future__ import annotations

from functools import lru_cache
from math import comb

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate.iracfacts import CRPIX, SCALES, Mission, ReadMode, Scale, readout
from photomitrus_cli.simulate.sipdata import SIP_TABLES, Polynomial, SipModel, SipTable
from photomitrus_cli.simulate.sipprojection import cd_matrix, evaluate

Floats = NDArray[np.float64]

_FIT_HALF_PX = 24.0  # the inverse polynomial is fitted over the subarray and half its width around


def _coefficients(polynomial: Polynomial, axis: int) -> Floats:
    """Coefficients [p, q] of u + A (axis 0) or v + B (axis 1)."""
    order = len(polynomial) + 1
    grid = np.zeros((order + 1, order + 1))
    grid[1 - axis, axis] = 1.0
    for degree, row in enumerate(polynomial, start=2):
        for q, value in enumerate(row):
            grid[degree - q, q] = value
    return grid


def _shifted(grid: Floats, u0: float, v0: float) -> Floats:
    """Coefficients of the same polynomial in (s, t) = (u - u0, v - v0)."""
    out = np.zeros_like(grid)
    for p, q in np.argwhere(grid != 0.0).tolist():
        for i in range(p + 1):
            for j in range(q + 1):
                out[i, j] += grid[p, q] * comb(p, i) * comb(q, j) * u0 ** (p - i) * v0 ** (q - j)
    return out


def _rows(grid: Floats) -> Polynomial:
    order = grid.shape[0] - 1
    return tuple(tuple(float(grid[n - q, q]) for q in range(n + 1)) for n in range(2, order + 1))


def _inverse(a: Polynomial, b: Polynomial) -> tuple[Polynomial, Polynomial]:
    """Least-squares polynomials, from order 1 on, that undo A and B over the subarray."""
    axis = np.linspace(-_FIT_HALF_PX, _FIT_HALF_PX, 33)
    s, t = (item.ravel() for item in np.meshgrid(axis, axis))
    f, g = s + evaluate(a, 2, s, t), t + evaluate(b, 2, s, t)
    order = len(a) + 1
    powers = [(n - q, q) for n in range(1, order + 1) for q in range(n + 1)]
    terms = np.column_stack([(f / _FIT_HALF_PX) ** p * (g / _FIT_HALF_PX) ** q for p, q in powers])
    solved, *_ = np.linalg.lstsq(terms, np.column_stack([s - f, t - g]), rcond=None)
    values = dict(zip(powers, solved / _FIT_HALF_PX ** np.array([[p + q] for p, q in powers]), strict=True))
    ap, bp = (
        tuple(tuple(float(values[n - q, q][axis]) for q in range(n + 1)) for n in range(1, order + 1))
        for axis in (0, 1)
    )
    return ap, bp


def _scale(cd_deg: Floats) -> Scale:
    """Pixel lengths and skew of a CD matrix at position angle 0."""
    (xx, xy), (yx, yy) = (cd_deg * 3600.0).tolist()
    turn_x, turn_y = np.degrees(np.arctan2(yx, -xx)), np.degrees(np.arctan2(xy, yy))
    return Scale(-float(np.hypot(xx, yx)), float(np.hypot(xy, yy)), float(turn_x - turn_y))


@lru_cache(maxsize=32)
def array_geometry(mission: Mission, sip: SipModel, channel: int, mode: ReadMode) -> tuple[Scale, SipTable]:
    """Return the linear part and the distortion of the pixels that a read mode reads.

    Parameters
    ----------
    mission, sip : {'cryo', 'warm'}
        Linear part; distortion.
    channel : int
        IRAC channel.
    mode : {'full', 'sub'}

    Returns
    -------
    Scale
    SipTable
        About the reference pixel of `readout`.
    """
    scale, table = SCALES[mission, channel], SIP_TABLES[sip, channel]
    if mode == "full":
        return scale, table
    area = readout(mode, channel)
    u0, v0 = (first + area.crpix - CRPIX for first in area.corner)
    f = _shifted(_coefficients(table.a, 0), u0, v0)
    g = _shifted(_coefficients(table.b, 1), u0, v0)
    jacobian = np.array([[f[1, 0], f[0, 1]], [g[1, 0], g[0, 1]]])
    turned = np.linalg.solve(jacobian, np.stack([f.ravel(), g.ravel()])).reshape(2, *f.shape)
    a, b = _rows(turned[0]), _rows(turned[1])
    cd = cd_matrix(scale.x_arcsec, scale.y_arcsec, 0.0, scale.skew_deg) @ jacobian
    return _scale(cd), SipTable(a, b, *_inverse(a, b))
