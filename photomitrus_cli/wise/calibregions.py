"""Samples that lie in a map of the user, or near the Moon and planets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.healpix import MAX_NSIDE, pixel_directions, ring_pixels, rotation_from_fk5
from photomitrus_cli.io.healpixfile import PartialMap, read_partial_map
from photomitrus_cli.wise.calibbodies import body_directions
from photomitrus_cli.wise.samples import (
    Samples,
)

Flags = NDArray[np.bool_]

_CHUNK = 1 << 19
_NODES_PER_DAY = 24


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
