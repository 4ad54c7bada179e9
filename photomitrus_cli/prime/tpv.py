"""TPV distortions as SIP polynomials, which is exact for the polynomial terms of TPV.

TPV distorts degrees in the tangent plane behind the CD matrix, SIP distorts pixels in front of it
(https://fits.gsfc.nasa.gov/registry/tpvwcs/tpv.html; Shupe et al. 2005). With (x, y) = CD (u, v) the terms of
TPV are polynomials of the same degree in (u, v).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli.imaging.tangent import invert_pair

Float = NDArray[np.float64]


def _powers() -> dict[int, tuple[int, int]]:
    """Give the powers of x and y of each polynomial term of PV1; PV2 has them the other way round."""
    powers, term = {}, 0
    for degree in range(8):
        for second in range(degree + 1):
            powers[term] = (degree - second, second)
            term += 1
        # Behind every odd degree stands its power of the radius.
        term += degree % 2
    return powers


POWERS = _powers()


def sip_from_tpv(cd: ArrayLike, pv1: Mapping[int, float], pv2: Mapping[int, float]) -> tuple[Float, Float]:
    """Turn a CD matrix with TPV coefficients into one with SIP coefficients.

    Parameters
    ----------
    cd : array_like, shape (2, 2)
        Degrees a pixel.
    pv1, pv2 : mapping of int to float
        PV1_k and PV2_k by k; keys of `POWERS`. Those not given are 0.

    Returns
    -------
    cd : ndarray of float64, shape (2, 2)
        With the linear terms of TPV in it, degrees a pixel.
    sip : ndarray of float64, shape (2, n + 1, n + 1)
        A and B, [power of u, power of v], pixels; n is the degree of the TPV polynomials. PV1_0 and PV2_0
        become the terms A_0_0 and B_0_0.

    Raises
    ------
    KeyError
        For a term that is no polynomial.
    """
    matrix = np.asarray(cd, dtype=np.float64)
    degree = max(1, *(sum(POWERS[term]) for term in (*pv1, *pv2)))
    x, y = (_powers_of(row, degree) for row in matrix)
    plane = np.zeros((2, degree + 1, degree + 1))
    for axis, terms in enumerate((pv1, pv2)):
        for term, value in terms.items():
            powers = POWERS[term] if axis == 0 else POWERS[term][::-1]
            product = _times(x[powers[0]], y[powers[1]])
            plane[axis, : product.shape[0], : product.shape[1]] += value * product
    linear = np.stack([plane[:, 1, 0], plane[:, 0, 1]], axis=1)
    plane[:, 1, 0] = plane[:, 0, 1] = 0.0
    return linear, np.einsum("ij,jpq->ipq", invert_pair(linear), plane)


def _powers_of(row: Float, degree: int) -> list[Float]:
    """Expand (a u + b v)^k for k from 0 to a degree, [power of u, power of v]."""
    line = np.array([[0.0, row[1]], [row[0], 0.0]])
    powers = [np.ones((1, 1))]
    for _ in range(degree):
        powers.append(_times(powers[-1], line))
    return powers


def _times(first: Float, second: Float) -> Float:
    """Multiply two polynomials in u and v."""
    out = np.zeros((first.shape[0] + second.shape[0] - 1, first.shape[1] + second.shape[1] - 1))
    for (i, j), value in np.ndenumerate(second):
        if value:
            out[i : i + first.shape[0], j : j + first.shape[1]] += value * first
    return out


def tpv_from_sip(cd: ArrayLike, sip: Float) -> tuple[dict[int, float], dict[int, float]]:
    """Turn SIP coefficients into those of TPV behind the same CD matrix.

    Parameters
    ----------
    cd : array_like, shape (2, 2)
        Degrees a pixel.
    sip : ndarray of float64, shape (2, n + 1, n + 1)
        A and B, [power of u, power of v], pixels; n is at most 7, the highest degree of TPV.

    Returns
    -------
    pv1, pv2 : dict of int to float
        PV1_k and PV2_k by k, those that are not 0.

    Raises
    ------
    KeyError
        When the degree is above 7.
    """
    matrix = np.asarray(cd, dtype=np.float64)
    degree = max(sip.shape[1] - 1, 1)
    u, v = (_powers_of(row, degree) for row in invert_pair(matrix))
    pixels = np.zeros((2, degree + 1, degree + 1))
    pixels[:, : sip.shape[1], : sip.shape[2]] = sip
    pixels[0, 1, 0] += 1.0
    pixels[1, 0, 1] += 1.0
    plane = np.zeros_like(pixels)
    for (axis, p, q), value in np.ndenumerate(pixels):
        if value:
            product = _times(u[p], v[q])
            plane[axis, : product.shape[0], : product.shape[1]] += value * product
    plane = np.einsum("ij,jpq->ipq", matrix, plane)
    terms = {powers: term for term, powers in POWERS.items()}
    first = {terms[p, q]: float(value) for (p, q), value in np.ndenumerate(plane[0]) if value}
    second = {terms[q, p]: float(value) for (p, q), value in np.ndenumerate(plane[1]) if value}
    return first, second
