"""Kernels of aperture photometry: a circle over pixels, and the light in it."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

# Bad pixels with centres this near the centre of the aperture are in the core of the source, px.
CORE_PX = 1.0
# Pixels whose distances from the centre differ by less are alike, px.
ALIKE_PX = 0.5
# Light opposite a bad pixel is scaled from pixel to pixel by a Gaussian with this standard deviation, as far
# as this distance, px. Standard error of the estimate as a part of it, per pixel of distance. All three are
# from the PRFs of the four IRAC channels at 25 pixel phases.
CORE_SIGMA = 1.0
CORE_REACH = 2.0
MIRROR_ERROR = 0.3
# Weight that the good ones of the four pixels around the opposite position must have.
LEAST_WEIGHT = 0.25


@kernel
def _corner(x: float, y: float, r: float) -> float:
    """Area of a disc around the origin between 0 and x and between 0 and y, with the sign of x y."""
    ax, ay = min(abs(x), r), min(abs(y), r)
    if ax * ax + ay * ay <= r * r:
        area = ax * ay
    else:
        # Up to `turn` the side of the rectangle is the limit, from there to ax the circle.
        turn = math.sqrt(r * r - ay * ay)
        height = math.sqrt(r * r - ax * ax)
        angle = math.atan2(ax * ay - turn * height, ay * height + ax * turn)
        area = turn * ay + 0.5 * (ax * height - turn * ay + r * r * angle)
    return area if (x > 0.0) == (y > 0.0) else -area


@kernel
def overlap_area(dx: float, dy: float, r: float) -> float:
    """Exact area that a circle and a pixel share.

    The area of a disc over [0, x] x [0, y] has a closed form; that over a pixel follows from its values at
    the four corners.

    Parameters
    ----------
    dx, dy : float
        Centre of the pixel, as seen from that of the circle, pixels.
    r : float
        Radius, pixels.

    Returns
    -------
    float
        0 to 1, pixels.
    """
    ax, ay = abs(dx), abs(dy)
    if (ax + 0.5) ** 2 + (ay + 0.5) ** 2 <= r * r:
        return 1.0
    if max(ax - 0.5, 0.0) ** 2 + max(ay - 0.5, 0.0) ** 2 >= r * r:
        return 0.0
    right, top, left, bottom = ax + 0.5, ay + 0.5, ax - 0.5, ay - 0.5
    area = (
        _corner(right, top, r) - _corner(left, top, r) - _corner(right, bottom, r) + _corner(left, bottom, r)
    )
    return min(max(area, 0.0), 1.0)


@kernel
def _side(across: float, low: float, high: float, r: float) -> float:
    """Length of a pixel's side, at `across` from the centre and from `low` to `high` along, in the circle."""
    square = r * r - across * across
    if square <= 0.0:
        return 0.0
    end = math.sqrt(square)
    return max(min(high, end) - max(low, -end), 0.0)


@kernel
def _add_slopes(dx: float, dy: float, r: float, value: float, out: Float) -> None:
    """Add a pixel's part in the derivatives of the sum: its overlap changes by its sides' lengths inside."""
    left, right, bottom, top = dx - 0.5, dx + 0.5, dy - 0.5, dy + 0.5
    out[7] += value * (_side(left, bottom, top, r) - _side(right, bottom, top, r))
    out[8] += value * (_side(bottom, left, right, r) - _side(top, left, right, r))


@kernel
def _fall(dx: float, dy: float) -> float:
    """Height of the core's Gaussian, constant beyond its reach."""
    return math.exp(-0.5 * min(dx * dx + dy * dy, CORE_REACH * CORE_REACH) / (CORE_SIGMA * CORE_SIGMA))


@kernel
def _from_opposite(
    sci: Float, bad: Bool, x: float, y: float, i: int, j: int, w: float, level: float, coef: Float
) -> tuple[float, float]:
    """Estimate a bad pixel from the light opposite: constant part and variance; NaN where that is no good."""
    ny, nx = sci.shape
    at_x, at_y = 2.0 * x - i, 2.0 * y - j
    left, bottom = math.floor(at_x), math.floor(at_y)
    weight, estimate, share = 0.0, 0.0, 0.0
    for step in range(2):
        for b in range(max(bottom, 0), min(bottom + 2, ny)):
            for a in range(max(left, 0), min(left + 2, nx)):
                part = (1.0 - abs(a - at_x)) * (1.0 - abs(b - at_y))
                if bad[b, a] or part <= 0.0:
                    continue
                if step == 0:
                    weight += part
                    continue
                c = w * part / weight * _fall(i - x, j - y) / _fall(a - x, b - y)
                coef[b, a] += c
                share += c
                estimate += c * (sci[b, a] - level)
        if weight < LEAST_WEIGHT:
            return np.nan, np.nan
    distance = max(math.sqrt((i - x) ** 2 + (j - y) ** 2), 1.0)
    return (w - share) * level, (MIRROR_ERROR * distance * estimate) ** 2


@kernel
def _from_alike(
    sci: Float, bad: Bool, x: float, y: float, i: int, j: int, w: float, coef: Float
) -> tuple[float, float]:
    """Estimate a bad pixel from good ones at its distance: constant part (0) and variance, or NaN."""
    ny, nx = sci.shape
    wanted = math.sqrt((i - x) ** 2 + (j - y) ** 2)
    reach = int(wanted + ALIKE_PX) + 1
    middle_i, middle_j = int(np.round(x)), int(np.round(y))
    count, total, square = 0, 0.0, 0.0
    for step in range(2):
        for b in range(max(middle_j - reach, 0), min(middle_j + reach + 1, ny)):
            for a in range(max(middle_i - reach, 0), min(middle_i + reach + 1, nx)):
                if bad[b, a] or abs(math.sqrt((a - x) ** 2 + (b - y) ** 2) - wanted) > ALIKE_PX:
                    continue
                if step == 1:
                    coef[b, a] += w / count
                    continue
                count += 1
                total += sci[b, a]
                square += sci[b, a] ** 2
        if count < 2:
            return np.nan, np.nan
    return 0.0, w * w * max(square - total * total / count, 0.0) / (count - 1)


@kernel
def _variance(var: Float, x: float, y: float, i: int, j: int, lowest: float) -> float:
    """Variance of a pixel; where it is not known, that of the pixel opposite or `lowest`."""
    mine: float = var[j, i]
    if mine > 0.0:
        return mine
    oi, oj = int(np.round(2.0 * x - i)), int(np.round(2.0 * y - j))
    ny, nx = var.shape
    if 0 <= oi < nx and 0 <= oj < ny and var[oj, oi] > 0.0:
        other: float = var[oj, oi]
        return other
    return lowest


@kernel
def _sum_up(
    sci: Float, var: Float, x: float, y: float, r: float, lowest: float, coef: Float, say: Float, out: Float
) -> None:
    """Add up pixels with their coefficients."""
    ny, nx = sci.shape
    # Coefficients reach beyond the circle by the pixels that stand in for bad ones.
    for j in range(max(int(y - r) - 2, 0), min(int(y + r) + 4, ny)):
        for i in range(max(int(x - r) - 2, 0), min(int(x + r) + 4, nx)):
            c = coef[j, i]
            if c != 0.0:
                v = _variance(var, x, y, i, j, lowest)
                out[1] += c * sci[j, i]
                out[2] += c * c * v
                out[4] += c * say[j, i] * v


@kernel
def sum_circle(
    sci: Float,
    var: Float,
    bad: Bool,
    x: float,
    y: float,
    r: float,
    level: float,
    lowest: float,
    say: Float,
    coef: Float,
    out: Float,
) -> None:
    """Add up the light in a circle, with estimates for bad pixels.

    Parameters
    ----------
    sci, var : ndarray of float64, shape (ny, nx)
        Image and variance, 0 where not known.
    bad : ndarray of bool, shape (ny, nx)
    x, y, r : float
        Circle, pixels of the image.
    level, lowest : float
        Background level, and the variance of a pixel of it.
    say : ndarray of float64, shape (ny, nx)
        Derivative of the background level by each pixel.
    coef : ndarray of float64, shape (ny, nx)
        Result: derivative of the sum by each pixel.
    out : ndarray of float64, shape (9,)
        Result: sum over good pixels; sum with estimates, NaN without one; its variance, the estimates apart;
        their variance; covariance of sum and level; bad area; bad pixels in the core; derivatives of
        the sum by x and y, from the good pixels.
    """
    ny, nx = sci.shape
    coef[:] = 0.0
    out[:] = 0.0
    for j in range(max(int(y - r) - 1, 0), min(int(y + r) + 3, ny)):
        for i in range(max(int(x - r) - 1, 0), min(int(x + r) + 3, nx)):
            w = overlap_area(i - x, j - y, r)
            if w == 0.0:
                continue
            if not bad[j, i]:
                coef[j, i] += w
                out[0] += w * sci[j, i]
                if w < 1.0:
                    _add_slopes(i - x, j - y, r, sci[j, i] - level, out)
                continue
            out[5] += w
            out[6] += (i - x) ** 2 + (j - y) ** 2 <= CORE_PX * CORE_PX
            constant, error = _from_opposite(sci, bad, x, y, i, j, w, level, coef)
            if not np.isfinite(constant):
                constant, error = _from_alike(sci, bad, x, y, i, j, w, coef)
            out[1] += constant
            out[3] += error
    _sum_up(sci, var, x, y, r, lowest, coef, say, out)
