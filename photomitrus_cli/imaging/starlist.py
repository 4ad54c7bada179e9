"""A list of stars that grows frame by frame, and the frames' places in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.matching import match_offset, mutual_pairs
from photomitrus_cli.imaging.sphere import ARCSEC, Basis, rotation_matrix, rotation_vector, tangent_plane

Float = NDArray[np.float64]
Index = NDArray[np.int64]

# Frames that did not match are tried again this often after others have joined.
_TRIES = 3


@dataclass(frozen=True)
class Limits:
    """What is looked for.

    Attributes
    ----------
    offset, tolerance : float
        Largest offset between two frames, and largest distance of a star from its place after it, arcsec.
    stars : int
        Smallest number of stars in common.
    """

    offset: float
    tolerance: float
    stars: int


@dataclass(frozen=True)
class Measured:
    """Stars of one frame as unit vectors.

    Attributes
    ----------
    vectors : ndarray of float64, shape (n, 3)
        Where the header puts them.
    weight : ndarray of float64, shape (n,)
        1 / error^2, arcsec^-2.
    basis : Basis
        At the frame's centre.
    radius : float
        Distance of the farthest star from the centre, radians; 0 without stars.
    """

    vectors: Float
    weight: Float
    basis: Basis
    radius: float


class StarList:
    """Weighted mean positions of stars.

    Parameters
    ----------
    capacity : int
        Largest number of stars.
    """

    def __init__(self, capacity: int) -> None:
        self.size = 0
        self._sum = np.zeros((capacity, 3))

    def near(self, basis: Basis, radius: float) -> tuple[Index, Float, Float]:
        """Give the stars around a point: their numbers, xi and eta (arcsec) in the tangent plane there."""
        sums = self._sum[: self.size]
        close = np.flatnonzero(sums @ basis.centre >= np.cos(radius) * np.sqrt(np.square(sums).sum(axis=1)))
        xi, eta = tangent_plane(sums[close], basis)
        return close, xi / ARCSEC, eta / ARCSEC

    def add(self, frame: Measured, vectors: Float, tolerance: float) -> Index:
        """Add the stars of a frame: each to the star it is the nearest to, or as a new one.

        Parameters
        ----------
        frame : Measured
        vectors : ndarray of float64, shape (n, 3)
            Its stars, moved to where they belong.
        tolerance : float
            Largest distance from a star's mean position, arcsec.

        Returns
        -------
        ndarray of int64, shape (n,)
            Numbers of the stars.
        """
        close, xi, eta = self.near(frame.basis, frame.radius + 10.0 * tolerance * ARCSEC)
        x, y = (v / ARCSEC for v in tangent_plane(vectors, frame.basis))
        i, j = mutual_pairs(x, y, xi, eta, tolerance)
        number = np.full(x.size, -1, np.int64)
        number[i] = close[j]
        new = number < 0
        number[new] = self.size + np.arange(np.count_nonzero(new))
        self.size += int(np.count_nonzero(new))
        self._sum[number] += frame.weight[:, None] * vectors
        return number


def connect(frames: Sequence[Measured], limits: Limits) -> tuple[Float, list[list[int]]]:
    """Find first offsets between frames that have stars in common.

    Every set starts with the frame of most stars; then the nearest frame to those already in joins, if its
    stars agree with the list on an offset.

    Parameters
    ----------
    frames : sequence of Measured
    limits : Limits

    Returns
    -------
    offsets : ndarray of float64, shape (f, 2)
        Of each frame's centre, east and north, arcsec.
    sets : list of list of int
        Frames that hang together, two or more each, in the order in which they joined.
    """
    offsets = np.zeros((len(frames), 2))
    left = set(range(len(frames)))
    sets = []
    while left:
        seed = min(left, key=lambda n: (-frames[n].weight.size, n))
        joined = _grow(frames, seed, left, limits, offsets)
        left -= set(joined)
        if len(joined) > 1:
            sets.append(joined)
    return offsets, sets


def _grow(frames: Sequence[Measured], seed: int, left: set[int], limits: Limits, offsets: Float) -> list[int]:
    """Collect the frames that hang together with one; fills their offsets."""
    centres = np.array([frame.basis.centre for frame in frames])
    stars = StarList(sum(frames[n].weight.size for n in left))
    stars.add(frames[seed], frames[seed].vectors, limits.tolerance)
    joined, waiting = [seed], np.zeros(len(frames), dtype=np.bool_)
    waiting[list(left - {seed})] = True
    failed = np.zeros(len(frames), np.int64)
    closeness = centres @ centres[seed]
    while waiting.any():
        # Frames that failed go to the end of the queue.
        rank = np.where(waiting, closeness - 10.0 * failed, -np.inf)
        n = int(np.argmax(rank))
        found = None
        if closeness[n] > np.cos(min(frames[n].radius + max(f.radius for f in frames), np.pi)):
            found = _offset(frames[n], stars, limits)
        if found is None:
            failed[n] += 1
            waiting[n] = failed[n] < _TRIES
            continue
        offsets[n] = found
        waiting[n] = False
        joined.append(n)
        stars.add(frames[n], moved(frames[n], *offsets[n]), limits.tolerance)
        closeness = np.maximum(closeness, centres @ centres[n])
    return joined


def _offset(frame: Measured, stars: StarList, limits: Limits) -> tuple[float, float] | None:
    _, xi, eta = stars.near(frame.basis, frame.radius + 2.0 * limits.offset * ARCSEC)
    x, y = (v / ARCSEC for v in tangent_plane(frame.vectors, frame.basis))
    found = match_offset(
        x, y, xi, eta, radius=limits.offset, tolerance=limits.tolerance, min_pairs=limits.stars
    )
    return None if found is None else (found.dx, found.dy)


def moved(frame: Measured, dxi: float, deta: float, roll: float = 0.0) -> Float:
    """Move the stars of a frame.

    Parameters
    ----------
    frame : Measured
    dxi, deta : float
        Of the centre, arcsec.
    roll : float, optional
        Radians.

    Returns
    -------
    ndarray of float64, shape (n, 3)
        Unit vectors.
    """
    vector = rotation_vector(frame.basis, dxi * ARCSEC, deta * ARCSEC, roll)
    return np.asarray(frame.vectors @ rotation_matrix(vector).T)


def common_stars(frames: Sequence[Measured], moves: Float, tolerance: float) -> tuple[Index, Index, Index]:
    """Tell which stars of moved frames are the same.

    Parameters
    ----------
    frames : sequence of Measured
        Compared in this order.
    moves : ndarray of float64, shape (f, 3)
        dxi, deta (arcsec) and roll (radians) of every frame.
    tolerance : float
        Largest distance from the mean of the frames before, arcsec.

    Returns
    -------
    frame, row, star : ndarray of int64, shape (m,)
        Number of the frame, number of the star in the frame, number of the star; stars seen on one frame
        only are left out.
    """
    stars = StarList(sum(frame.weight.size for frame in frames))
    numbers = [stars.add(f, moved(f, *move), tolerance) for f, move in zip(frames, moves, strict=True)]
    star = np.concatenate(numbers)
    frame = np.repeat(np.arange(len(frames)), [v.size for v in numbers])
    row = np.concatenate([np.arange(v.size) for v in numbers])
    shared = np.bincount(star, minlength=stars.size)[star] > 1
    _, star = np.unique(star[shared], return_inverse=True)
    return frame[shared], row[shared], star
