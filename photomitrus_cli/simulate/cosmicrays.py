"""Tracks of cosmic rays on an array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_TRACK_STEP_PX = 0.25


@dataclass(frozen=True)
class CosmicRays:
    """The hits of one frame, or of the planes of one subarray exposure.

    Attributes
    ----------
    deposit : ndarray, shape (ny, nx)
        Electrons added to each pixel.
    flagged_deposit : ndarray, shape (ny, nx)
        The part of it from hits that the pipeline is to find.
    owner : ndarray of int, shape (ny, nx)
        Number of the hit that left most in the pixel; -1 where none did.
    length_px, angle_deg : ndarray, shape (n_hits,)
        Path length on the array and direction from +x.
    found : ndarray of bool, shape (n_hits,)
        Whether the hit is to be flagged.
    """

    deposit: Floats
    flagged_deposit: Floats
    owner: Ints
    length_px: Floats
    angle_deg: Floats
    found: NDArray[np.bool_]


def _track_points(x: Floats, y: Floats, length: Floats, angle: Floats) -> tuple[Ints, Floats, Floats]:
    """Evenly spaced points on every track: hit number, x, y."""
    steps = np.maximum(np.rint(length / _TRACK_STEP_PX).astype(np.int64), 1)
    hit = np.repeat(np.arange(len(length)), steps)
    along = np.arange(len(hit)) - np.repeat(np.cumsum(steps) - steps, steps)
    distance = ((along + 0.5) / steps[hit] - 0.5) * length[hit]
    return hit, x[hit] + distance * np.cos(angle[hit]), y[hit] + distance * np.sin(angle[hit])


def _splat(shape: tuple[int, int], x: Floats, y: Floats, charge: Floats) -> tuple[Ints, Ints, Floats]:
    """Share each point's charge among the four nearest pixels: point number, flat pixel, charge."""
    x0, y0 = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    fx, fy = x - x0, y - y0
    parts = ((0, 0, (1 - fx) * (1 - fy)), (1, 0, fx * (1 - fy)), (0, 1, (1 - fx) * fy), (1, 1, fx * fy))
    points, pixels, charges = [], [], []
    for dx, dy, share in parts:
        px, py = x0 + dx, y0 + dy
        inside = (px >= 0) & (px < shape[1]) & (py >= 0) & (py < shape[0])
        points.append(np.flatnonzero(inside))
        pixels.append((py * shape[1] + px)[inside])
        charges.append((charge * share)[inside])
    return np.concatenate(points), np.concatenate(pixels), np.concatenate(charges)


def cosmic_rays(
    rng: np.random.Generator,
    shape: tuple[int, int],
    expected_hits: float,
    *,
    energy_e: float,
    spread_dex: float,
    max_length_px: float,
    completeness: float,
) -> CosmicRays:
    """Draw straight tracks of random place, direction, length and energy.

    Parameters
    ----------
    rng : numpy.random.Generator
        The frame's own stream.
    shape : tuple of int
        (ny, nx).
    expected_hits : float
        Mean of the Poisson number of hits.
    energy_e : float
        Median deposit in electrons per pixel of path.
    spread_dex : float
        Scatter of that deposit from hit to hit, in dex.
    max_length_px : float
        Lengths L run from 1 px to this with a density proportional to L**-1.5: mostly short, as in reality.
    completeness : float
        Fraction of hits marked as found.

    Returns
    -------
    CosmicRays
        Tracks are about one pixel wide (charge is shared bilinearly).
    """
    count = int(rng.poisson(expected_hits))
    x = rng.uniform(-0.5, shape[1] - 0.5, count)
    y = rng.uniform(-0.5, shape[0] - 0.5, count)
    length = (1.0 - rng.uniform(size=count) * (1.0 - max_length_px**-0.5)) ** -2.0
    angle = rng.uniform(0.0, np.pi, count)
    energy = energy_e * 10.0 ** (spread_dex * rng.standard_normal(count))
    found = rng.uniform(size=count) < completeness

    hit, px, py = _track_points(x, y, length, angle)
    points_per_hit = np.bincount(hit, minlength=count)
    charge = (energy * length / np.maximum(points_per_hit, 1))[hit]
    point, pixel, share = _splat(shape, px, py, charge)
    size = shape[0] * shape[1]
    deposit, flagged = np.zeros(size), np.zeros(size)
    np.add.at(deposit, pixel, share)
    np.add.at(flagged, pixel, share * found[hit[point]])
    owner = np.full(size, -1, dtype=np.int64)
    order = np.argsort(share, kind="stable")
    owner[pixel[order]] = hit[point[order]]
    return CosmicRays(
        deposit.reshape(shape),
        flagged.reshape(shape),
        owner.reshape(shape),
        length,
        np.degrees(angle),
        found,
    )


def stack_rays(planes: Sequence[CosmicRays]) -> CosmicRays:
    """Join the hits of the planes of an exposure.

    Parameters
    ----------
    planes : sequence of CosmicRays
        At least one, images of shape (ny, nx).

    Returns
    -------
    CosmicRays
        Images of shape (planes, ny, nx); the hits are numbered through.
    """
    before = np.cumsum([0, *(one.length_px.size for one in planes)])[:-1]
    owners = [
        np.where(one.owner < 0, -1, one.owner + first) for one, first in zip(planes, before, strict=True)
    ]
    return CosmicRays(
        deposit=np.stack([one.deposit for one in planes]),
        flagged_deposit=np.stack([one.flagged_deposit for one in planes]),
        owner=np.stack(owners),
        length_px=np.concatenate([one.length_px for one in planes]),
        angle_deg=np.concatenate([one.angle_deg for one in planes]),
        found=np.concatenate([one.found for one in planes]),
    )
