"""Which samples take no part in the fit: Galaxy, partly seen pixels, a user's map, Moon, planets, sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.healpix import MAX_NSIDE, pixel_directions, ring_pixels, rotation_from_fk5
from photomitrus_cli.io.healpixfile import PartialMap, read_partial_map
from photomitrus_cli.wise.calibbodies import MOON as THE_MOON
from photomitrus_cli.wise.calibbodies import PLANETS, body_directions
from photomitrus_cli.wise.samples import (
    BRIGHT,
    CONTRADICTED,
    FLAGGED,
    GALAXY,
    MOON,
    PARTIAL,
    PLANET,
    USER,
    Samples,
)

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

REASONS = {
    "galaxy": GALAXY,
    "bright": BRIGHT,
    "user": USER,
    "partial": PARTIAL,
    "moon": MOON,
    "planet": PLANET,
    "flagged": FLAGGED,
    "contradicted": CONTRADICTED,
}
_CHUNK = 1 << 19
# This percentile of a scan's detector pixels per map pixel is that of a map pixel that it sees as a whole.
_WHOLE_PERCENTILE = 90
_NODES_PER_DAY = 24
# So many pixels of similar Galactic latitude tell what is usual there, and so few do not.
_BAND_PIXELS, _FEWEST = 500, 20
_SIGMA_OF_MAD = 1.482602218505602


@dataclass(frozen=True, slots=True)
class MaskRules:
    """What is excluded.

    Attributes
    ----------
    galaxy_deg : float
        Samples with a smaller Galactic latitude, deg; 0 for none.
    moon_deg, planet_deg : float
        Samples nearer than this to the Moon; to Mars, Jupiter or Saturn, deg; 0 for none.
    moon_windows : sequence of (first, last)
        Times, MJD UTC, whose samples count as spoilt by the Moon wherever they are.
    user_map : Path or None
        A partial HEALPix map of any resolution and system: what its first column has not 0 in is excluded.
    min_coverage : float
        Samples of map pixels of which a scan has seen a smaller part; 0 for none.
    """

    galaxy_deg: float = 0.0
    moon_deg: float = 0.0
    moon_windows: Sequence[tuple[float, float]] = ()
    planet_deg: float = 0.0
    user_map: Path | None = None
    min_coverage: float = 0.0


def exclude(samples: Samples, rules: MaskRules) -> NDArray[np.uint8]:
    """Mark the samples that the rules exclude, besides those that are marked already.

    Parameters
    ----------
    samples : Samples
    rules : MaskRules

    Returns
    -------
    ndarray of uint8, shape (n,)
        Bits of `photomitrus_cli.wise.samples`.

    Raises
    ------
    InputError
        When the map of the user cannot be read, or has no column.
    """
    excluded = samples.excluded.copy()
    pixel_bits = np.zeros(len(samples.pixels), np.uint8)
    pixel_bits[np.abs(samples.galactic_latitude) < rules.galaxy_deg] |= GALAXY
    if rules.user_map is not None:
        inside = inside_map(samples.pixels, samples.nside, samples.system, rules.user_map)
        pixel_bits[inside] |= USER
    if pixel_bits.any():
        excluded |= pixel_bits[samples.index]
    if rules.min_coverage > 0:
        excluded[partly_seen(samples, rules.min_coverage)] |= PARTIAL
    for first, last in rules.moon_windows:
        excluded[(samples.mjd >= first) & (samples.mjd <= last)] |= MOON
    if rules.moon_deg > 0:
        excluded[near_body(samples, THE_MOON, rules.moon_deg)] |= MOON
    if rules.planet_deg > 0:
        for planet in PLANETS:
            excluded[near_body(samples, planet, rules.planet_deg)] |= PLANET
    return excluded


def partly_seen(samples: Samples, least: float) -> Flags:
    """Tell which samples stand for a small part of their map pixels.

    What is seen of a pixel at the border of a scan is another part of the sky each time.

    Parameters
    ----------
    samples : Samples
    least : float
        Part of the detector pixels of a whole map pixel, as the scan has them (their 90th percentile).

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    partly = np.zeros(len(samples), np.bool_)
    for low, high in pairwise(samples.first.tolist()):
        if high > low:
            hits = samples.hits[low:high]
            partly[low:high] = hits < least * np.percentile(hits, _WHOLE_PERCENTILE)
    return partly


def count_reasons(excluded: NDArray[np.uint8]) -> dict[str, int]:
    """Count the samples of each reason; a sample may have several.

    Parameters
    ----------
    excluded : ndarray of uint8, shape (n,)

    Returns
    -------
    dict of str to int
        By the names in `REASONS`, all of them.
    """
    counts = np.bincount(excluded, minlength=256)
    values = np.arange(256)
    return {name: int(counts[(values & bit) != 0].sum()) for name, bit in REASONS.items()}


def inside_map(pixels: NDArray[np.int64], nside: int, system: str, path: Path) -> Flags:
    """Tell which pixels have their centres where the first column of a map is neither 0 nor without a value.

    Parameters
    ----------
    pixels : ndarray of int64, shape (P,)
        RING numbers.
    nside : int
    system : {'galactic', 'ecliptic', 'equatorial'}
        Of the pixels; the map may have others.
    path : Path
        A partial HEALPix map.

    Returns
    -------
    ndarray of bool, shape (P,)

    Raises
    ------
    InputError
        When the file cannot be read, has no column besides the pixel numbers, or its NSIDE is above 8192.
    """
    sky = read_partial_map(path)
    marked = _marked(sky, path)
    if (sky.nside, sky.system) == (nside, system):
        sought = pixels
    else:
        turn = rotation_from_fk5(sky.system) @ rotation_from_fk5(system).T
        sought = ring_pixels(turn @ pixel_directions(pixels, nside), sky.nside)
    return np.isin(sought, marked)


def near_body(samples: Samples, body: str, radius_deg: float) -> Flags:
    """Tell which samples were near a body at their times.

    Parameters
    ----------
    samples : Samples
    body : {'Moon', 'Mars', 'Jupiter', 'Saturn'}
    radius_deg : float
        Less than 180.

    Returns
    -------
    ndarray of bool, shape (n,)
        Whether the centre of the pixel was nearer than that to the body's geocentric place.
    """
    places = pixel_directions(samples.pixels, samples.nside)
    # The square of the chord: unlike a cosine, it is exact at small angles.
    limit = (2.0 * np.sin(np.radians(radius_deg) / 2.0)) ** 2
    hours = np.unique(np.floor(samples.mjd * _NODES_PER_DAY).astype(np.int64))
    nodes = np.union1d(hours, hours + 1)
    # Between nodes the way is straight: none moves by a degree in an hour.
    bodies = body_directions(body, nodes / _NODES_PER_DAY, samples.system)
    near = np.zeros(len(samples), bool)
    for start in range(0, len(samples), _CHUNK):
        mine = slice(start, start + _CHUNK)
        chord = places[:, samples.index[mine]]
        times = samples.mjd[mine] * _NODES_PER_DAY
        for axis in range(3):
            chord[axis] -= np.interp(times, nodes, bodies[axis])
        near[mine] = np.einsum("ij,ij->j", chord, chord) < limit
    return near


def bright_pixels(
    sky: Floats,
    sky_sigma: Floats,
    galactic_latitude: NDArray[np.float32],
    threshold: float,
) -> Flags:
    """Find pixels that are brighter than is usual at their Galactic latitude.

    Pixels are sorted by |b| and cut into bands of some hundreds; median and robust scatter (1.48 times the
    median absolute deviation) are interpolated between the middles of bands, so that there are no steps.

    Parameters
    ----------
    sky : ndarray of float64, shape (P,)
        Brightness without zodiacal light, any unit; NaN for none.
    sky_sigma : ndarray of float64, shape (P,)
        Its uncertainty.
    galactic_latitude : ndarray, shape (P,)
        deg.
    threshold : float
        How far above the median a pixel stands, in units of scatter and uncertainty added in quadrature.

    Returns
    -------
    ndarray of bool, shape (P,)
        False where there is no brightness; everywhere when fewer than 20 pixels have one.
    """
    bright = np.zeros(sky.shape, bool)
    there = np.flatnonzero(np.isfinite(sky) & np.isfinite(sky_sigma))
    if there.size < _FEWEST:
        return bright
    height = np.abs(galactic_latitude[there].astype(np.float64))
    usual = _usual(height, sky[there])
    median, scatter = (np.interp(height, usual[0], values) for values in usual[1:])
    bright[there] = sky[there] - median > threshold * np.hypot(scatter, sky_sigma[there])
    return bright


def _marked(sky: PartialMap, path: Path) -> NDArray[np.int64]:
    if sky.nside > MAX_NSIDE:
        raise InputError(f"{path}: NSIDE is {sky.nside}, above {MAX_NSIDE}", hint="degrade the map")
    if not sky.columns:
        raise InputError(f"{path}: has no column besides the pixel numbers", hint="add one that is not 0")
    values = next(iter(sky.columns.values()))
    if values.dtype.kind not in "iuf":
        raise InputError(f"{path}: the first column is text, not numbers")
    marked = (values != 0) & ~np.isnan(values)
    return np.asarray(sky.pixels[marked])


def _usual(height: Floats, sky: Floats) -> Floats:
    """Give latitude, median and scatter of bands, shape (3, bands); latitudes ascend."""
    order = np.argsort(height, kind="stable")
    bands = np.array_split(order, max(1, order.size // _BAND_PIXELS))
    usual = np.empty((3, len(bands)))
    for column, band in enumerate(bands):
        median = np.median(sky[band])
        scatter = _SIGMA_OF_MAD * np.median(np.abs(sky[band] - median))
        usual[:, column] = np.median(height[band]), median, scatter
    return usual
