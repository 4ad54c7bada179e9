"""Densities of the six dust components of Kelsall et al. 1998, section 4.2.

Where the printed formulas and the DIRBE software differ, the software's are used, since the parameters were
fitted with it: bands have 1 + (zeta/width)^4 / shape, ring and blob no factors 1/2, and the blob trails the
Earth's mean longitude. Only so are the tables of the software met to 1e-3.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from photomitrus_cli.simulate.kelsallfacts import (
    BANDS,
    BLOB,
    CLOUD,
    RING,
    SOLAR_RADIUS,
    Band,
    Cloud,
    Component,
    Plane,
    Ring,
)

Floats = npt.NDArray[np.float64]
_NEGLIGIBLE = 80.0  # exponents are cut here, well before exp underflows


def plane_normal(plane: Plane) -> Floats:
    """Compute the unit vector of a symmetry plane's north.

    Parameters
    ----------
    plane : Plane

    Returns
    -------
    ndarray, shape (3,)
        Ecliptic axes.
    """
    node, tilt = math.radians(plane.node), math.radians(plane.inclination)
    return np.array([math.sin(node) * math.sin(tilt), -math.cos(node) * math.sin(tilt), math.cos(tilt)])


def _height(plane: Plane, positions: Floats) -> Floats:
    """Heights above a plane that holds the Sun, shape of one coordinate."""
    normal = plane_normal(plane)
    height: Floats = normal[0] * positions[0]
    height += normal[1] * positions[1]
    height += normal[2] * positions[2]
    return height


def _cloud(cloud: Cloud, positions: Floats) -> Floats:
    offset = positions - np.reshape(cloud.plane.centre, (3,) + (1,) * (positions.ndim - 1))
    radius_squared = np.maximum(np.einsum("i...,i...->...", offset, offset), SOLAR_RADIUS**2)
    zeta = np.abs(_height(cloud.plane, offset)) / np.sqrt(radius_squared)
    bend = np.where(zeta < cloud.mu, zeta * zeta / (2 * cloud.mu), zeta - cloud.mu / 2)
    exponent = cloud.beta * bend**cloud.gamma + 0.5 * cloud.alpha * np.log(radius_squared)
    density: Floats = cloud.density * np.exp(-exponent)
    return density


def _power(base: Floats, exponent: int) -> Floats:
    """Raise to a whole power by squaring; NumPy's own is ten times slower."""
    result = np.ones_like(base)
    while exponent:
        if exponent & 1:
            result *= base
        exponent >>= 1
        if exponent:
            base = base * base
    return result


def _band(band: Band, positions: Floats, radius: Floats) -> Floats:
    reach = np.abs(_height(band.plane, positions)) / (radius * math.radians(band.width))
    square = np.minimum(reach * reach, 1e3)
    fall = np.exp(-np.minimum(square * square * square, _NEGLIGIBLE))
    gap = -np.expm1(-_power(np.minimum(radius / band.inner, 2.0), 20))
    density: Floats = 3 * band.density / radius * fall * (1 + square * square / band.shape) * gap
    return density


def _ring_exponent(ring: Ring, positions: Floats, radius: Floats) -> Floats:
    across = (radius - ring.radius) / ring.width
    exponent: Floats = across * across + np.abs(_height(ring.plane, positions)) / ring.height
    return exponent


def _ring(ring: Ring, exponent: Floats) -> Floats:
    density: Floats = ring.density * np.exp(-np.minimum(exponent, _NEGLIGIBLE))
    return density


def _blob(positions: Floats, radius: Floats, earth_longitude: float) -> Floats:
    centre = earth_longitude + math.radians(BLOB.trail)
    # The angle from the blob's middle, without a jump where arctan2 has one.
    along = math.cos(centre) * positions[0] + math.sin(centre) * positions[1]
    beside = math.cos(centre) * positions[1] - math.sin(centre) * positions[0]
    turn = np.arctan2(beside, along) / math.radians(BLOB.length)
    return _ring(BLOB.ring, _ring_exponent(BLOB.ring, positions, radius) + turn * turn)


def dust_density(component: Component, positions: Floats, radius: Floats, earth_longitude: float) -> Floats:
    """Compute the density of one component.

    Parameters
    ----------
    component : {'cloud', 'band1', 'band2', 'band3', 'ring', 'blob'}
    positions : ndarray, shape (3, ...)
        Heliocentric positions, ecliptic J2000, AU.
    radius : ndarray, shape (...)
        Their distances from the Sun, AU.
    earth_longitude : float
        Mean heliocentric longitude of the Earth, rad; only the blob asks for it.

    Returns
    -------
    ndarray, shape (...)
        Cross-section per volume, 1/AU.
    """
    if component == "cloud":
        return _cloud(CLOUD, positions)
    if component == "ring":
        return _ring(RING, _ring_exponent(RING, positions, radius))
    if component == "blob":
        return _blob(positions, radius, earth_longitude)
    return _band(BANDS[component], positions, radius)
