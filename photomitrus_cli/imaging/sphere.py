"""Directions on the sphere: vectors, the tangent plane, small rotations."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]

ARCSEC = np.pi / (180.0 * 3600.0)  # radians


class Basis(NamedTuple):
    """Unit vectors at a point of the sky.

    Attributes
    ----------
    east, north, centre : ndarray of float64, shape (3,)
        At a pole east is that of the given right ascension.
    """

    east: Float
    north: Float
    centre: Float


def unit_vectors(ra: ArrayLike, dec: ArrayLike) -> Float:
    """Convert sky positions to unit vectors.

    Parameters
    ----------
    ra, dec : array_like, shape (n,)
        Degrees.

    Returns
    -------
    ndarray of float64, shape (n, 3)
    """
    a, d = np.radians(np.asarray(ra, dtype=np.float64)), np.radians(np.asarray(dec, dtype=np.float64))
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=-1)


def basis_at(ra: float, dec: float) -> Basis:
    """Give east, north and outwards at a point of the sky, degrees."""
    a, d = np.radians(ra), np.radians(dec)
    east = np.array([-np.sin(a), np.cos(a), 0.0])
    north = np.array([-np.sin(d) * np.cos(a), -np.sin(d) * np.sin(a), np.cos(d)])
    return Basis(east, north, unit_vectors(ra, dec))


def tangent_plane(vectors: Float, basis: Basis) -> tuple[Float, Float]:
    """Project directions onto a tangent plane (gnomonic; Calabretta & Greisen 2002, section 5.1.3).

    Parameters
    ----------
    vectors : ndarray of float64, shape (n, 3)
    basis : Basis
        At the tangent point.

    Returns
    -------
    xi, eta : ndarray of float64, shape (n,)
        Radians, east and north; NaN for directions 90 degrees or more from the point.
    """
    depth = vectors @ basis.centre
    depth = np.where(depth > 0.0, depth, np.nan)
    return vectors @ basis.east / depth, vectors @ basis.north / depth


def rotation_matrix(vector: Float) -> Float:
    """Matrix of a rotation (Rodrigues' formula).

    Parameters
    ----------
    vector : ndarray of float64, shape (3,)
        Axis times angle, radians, right-handed.

    Returns
    -------
    ndarray of float64, shape (3, 3)
    """
    x, y, z = vector
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    angle = float(np.sqrt(vector @ vector))
    # sin(a)/a and (1 - cos(a))/a^2 without cancellation; numpy's sinc is sin(pi t)/(pi t).
    first = np.sinc(angle / np.pi)
    second = 0.5 * np.sinc(angle / (2.0 * np.pi)) ** 2
    return np.asarray(np.eye(3) + first * cross + second * (cross @ cross))


def rotation_vector(basis: Basis, dxi: float, deta: float, roll: float) -> Float:
    """Axis times angle of a small move of a frame.

    Parameters
    ----------
    basis : Basis
        At the frame's centre.
    dxi, deta : float
        How far the centre moves, radians, east and north.
    roll : float
        Turn about the centre, radians, from east towards north (anticlockwise with xi to the right).

    Returns
    -------
    ndarray of float64, shape (3,)
        For `rotation_matrix`.
    """
    # A rotation w moves the centre c by w x c, and n x c = e, e x c = -n.
    return np.asarray(dxi * basis.north - deta * basis.east + roll * basis.centre)
