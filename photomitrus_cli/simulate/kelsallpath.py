"""Points and weights along lines of sight: Gauss-Legendre between the places where the dust changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photomitrus_cli.simulate.kelsallfacts import SOLAR_RADIUS

Floats = npt.NDArray[np.float64]
_LEAST_IMPACT = 1e-4  # AU; keeps the substitution finite for lines through the Sun


@dataclass(frozen=True, slots=True)
class Sight:
    """Lines of sight from one observer.

    Attributes
    ----------
    observer : ndarray, shape (3,)
        Heliocentric position, AU.
    directions : ndarray, shape (3, n)
        Unit vectors.
    """

    observer: Floats
    directions: Floats

    @property
    def nearest(self) -> Floats:
        """Signed distance along each line to its point nearest the Sun, AU, shape (n,)."""
        toward: Floats = -(self.observer @ self.directions)
        return toward

    @property
    def impact(self) -> Floats:
        """Distance of each line from the Sun, AU, shape (n,)."""
        moment = np.cross(self.observer, self.directions, axis=0)
        distance: Floats = np.sqrt(np.einsum("ij,ij->j", moment, moment))
        return distance


@dataclass(frozen=True, slots=True)
class Nodes:
    """Quadrature nodes: n lines, m points each.

    Attributes
    ----------
    distance : ndarray, shape (n, m)
        From the observer, AU.
    weight : ndarray, shape (n, m)
        Lengths, AU; they sum to the length of the line.
    positions : ndarray, shape (3, n, m)
        Heliocentric, AU.
    radius : ndarray, shape (n, m)
        Distance from the Sun, AU, at least the Sun's radius.
    """

    distance: Floats
    weight: Floats
    positions: Floats
    radius: Floats


def sphere_crossings(sight: Sight, radius: float) -> Floats:
    """Find where lines meet a sphere around the Sun.

    Parameters
    ----------
    sight : Sight
    radius : float
        AU.

    Returns
    -------
    ndarray, shape (n, 2)
        Signed distances, AU, the nearer first; lines that miss have the point nearest the Sun twice.
    """
    half = np.sqrt(np.maximum(radius**2 - sight.impact**2, 0.0))
    return np.stack([sight.nearest - half, sight.nearest + half], axis=1)


def cone_crossings(sight: Sight, normal: Floats, sine: float) -> Floats:
    """Find where lines meet the double cone around a plane through the Sun; the plane itself for sine 0.

    Parameters
    ----------
    sight : Sight
    normal : ndarray, shape (3,)
        Unit vector of the plane's north.
    sine : float
        Sine of the cone's latitude over the plane.

    Returns
    -------
    ndarray, shape (n, 2)
        Signed distances, AU; 0 where there is no crossing.
    """
    height, rise = float(normal @ sight.observer), normal @ sight.directions
    a = rise**2 - sine**2
    b = height * rise + sine**2 * sight.nearest
    c = height**2 - sine**2 * float(sight.observer @ sight.observer)
    root = np.sqrt(np.maximum(b * b - a * c, 0.0))
    q = -(b + np.copysign(root, b))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.stack([q / a, c / q], axis=1)
    found[~np.isfinite(found) | (b * b < a * c)[:, None]] = 0.0
    return found


def line_nodes(sight: Sight, breaks: Sequence[Floats], end: Floats, order: int) -> Nodes:
    """Lay Gauss-Legendre points between breaks.

    The variable is w with distance = nearest + impact sinh(w), in which the radius is impact cosh(w): steps
    shrink towards the Sun as the dust thickens.

    Parameters
    ----------
    sight : Sight
    breaks : sequence of ndarray, shape (n, k) or (n,)
        Distances, AU, in any order; those outside the line are ignored.
    end : ndarray, shape (n,)
        Where each line ends, AU.
    order : int
        Points between two breaks.

    Returns
    -------
    Nodes
    """
    count = end.size
    inside = np.concatenate([part.reshape(count, -1) for part in breaks], axis=1)
    edges = np.concatenate(
        [np.zeros((count, 1)), np.sort(np.clip(inside, 0.0, end[:, None]), axis=1), end[:, None]], 1
    )
    nearest, impact = sight.nearest[:, None], np.maximum(sight.impact, _LEAST_IMPACT)[:, None]
    turn = np.arcsinh((edges - nearest) / impact)
    half = 0.5 * np.diff(turn, axis=1)[:, :, None]
    points, weights = np.polynomial.legendre.leggauss(order)
    w = (turn[:, :-1, None] + half * (1 + points)).reshape(count, -1)
    offset = impact * np.sinh(w)
    distance = np.maximum(nearest + offset, 0.0)
    weight = (half * weights).reshape(count, -1) * np.sqrt(impact**2 + offset**2)
    positions = sight.observer[:, None, None] + sight.directions[:, :, None] * distance
    radius = np.sqrt(np.einsum("ijk,ijk->jk", positions, positions))
    return Nodes(distance, weight, positions, np.maximum(radius, SOLAR_RADIUS))
