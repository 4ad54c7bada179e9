"""A whole mission of synthetic scans: half a year, all of the sky, an eighth of it from both sides."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from truthkit.calibscans import START, HalfOrbits, PixelFrame, half_orbits, pixel_frame, sun_longitude
from truthkit.calibsky import COMPONENTS, Bench, lay_out, observe, true_zodi
from truthkit.calibworld import draw_sky

Floats = NDArray[np.float64]
Float32s = NDArray[np.float32]

N_SCANS = 6323
CHUNK = 200  # scans worked on at once
NODE, TILT = 78.0, 2.0  # deg, of the dust's plane of symmetry


def stand_in(latitude: Float32s, longitude: Float32s, sun: Float32s) -> Float32s:
    """Evaluate functions that look like the components of the zodiacal light, to some 5 %.

    A cloud of 32 MJy/sr at the ecliptic and 10 at the poles, tilted by 2 deg, and at either pole 9 % brighter
    when the Earth is on that side of its plane; three pairs of bands; a ring; a feature behind the Earth.

    Parameters
    ----------
    latitude, longitude : ndarray of float32, shape (n,)
        Ecliptic, deg.
    sun : ndarray of float32, shape (n,)
        Longitude of the Sun, deg.

    Returns
    -------
    ndarray of float32, shape (6, n)
        In the order of `COMPONENTS`, MJy/sr.
    """
    tilted = latitude - TILT * np.sin(np.radians(longitude - NODE))
    height = np.abs(np.sin(np.radians(tilted)))
    season = 1.0 + 0.09 * np.sin(np.radians(latitude)) * np.sin(np.radians(sun - NODE))
    behind = 0.5 * (1.0 + np.sin(np.radians(longitude - sun)))
    found = np.empty((len(COMPONENTS), len(latitude)), np.float32)
    found[0] = 10.5 * season / (0.33 + 0.67 * height**1.4)
    for band, (peak, at, width) in enumerate(((0.1, 1.0, 3.0), (1.9, 1.4, 4.0), (0.2, 13.0, 4.0)), start=1):
        found[band] = peak / (1.0 + ((np.abs(tilted) - at) / width) ** 2)
    found[4] = 0.05 + 0.9 * np.exp(-0.5 * (tilted / 11.0) ** 2)
    found[5] = 0.2 + 1.5 * behind * np.exp(-np.abs(tilted) / 25.0)
    return found


def stand_ins(frame: PixelFrame, seen: HalfOrbits) -> Float32s:
    """Evaluate `stand_in` for all samples.

    Parameters
    ----------
    frame : PixelFrame
    seen : HalfOrbits

    Returns
    -------
    ndarray of float32, shape (6, n)
        MJy/sr.
    """
    found = np.empty((len(COMPONENTS), len(seen.pixel)), np.float32)
    for scan in range(0, len(seen.middle), CHUNK):
        last = min(scan + CHUNK, len(seen.middle))
        mine = slice(seen.first[scan], seen.first[last])
        pixel, sun = seen.pixel[mine], sun_longitude(seen.mjd[mine]).astype(np.float32)
        found[:, mine] = stand_in(frame.latitude[pixel], frame.longitude[pixel], sun)
    return found


def make_mission(
    seed: int,
    n_scans: int = N_SCANS,
    *,
    error: str = "none",
    nside: int = 256,
    start: float = START,
    drift: str = "rough",
    cut: float = 10.0,
) -> Bench:
    """Make a mission.

    Parameters
    ----------
    seed : int
    n_scans : int
        30.2 a day.
    error : {'none', 'sides', 'bands', 'sin2beta', 'cosine'}
        Of the template, see `calibsky.true_zodi`.
    nside : int
    start : float
        d.
    drift : {'rough', 'smooth'}
        See `calibworld.drifts`.
    cut : float
        Samples nearer to the Galactic plane are marked GALAXY, deg.

    Returns
    -------
    Bench
        With the gains, offsets, drifts, noise and sky of `calibsky.make`, but templates that are no model.
    """
    frame = pixel_frame(nside)
    seen = half_orbits(frame, n_scans, start)
    samples = lay_out(frame, seen, stand_ins(frame, seen), COMPONENTS, cut)
    side = np.repeat(samples.side, np.diff(samples.first))
    zodi = true_zodi(samples.zodi, side, samples.latitude[samples.index], error)
    sky = draw_sky(frame.galactic_latitude, samples.pixels, nside, seed)
    return observe(samples, seen, zodi, sky, error=error, seed=seed, drift=drift)
