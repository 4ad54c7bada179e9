"""The columns of all scans as the samples of a calibration."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import NoDataError
from photomitrus_cli.wise.calibbodies import sun_longitude
from photomitrus_cli.wise.samples import FLAGGED, Samples
from photomitrus_cli.wise.scancolumns import ScanColumns
from photomitrus_cli.wise.skyplaces import SkyPlaces, sky_places


def assemble(
    scans: Sequence[ScanColumns],
    nside: int,
    system: str,
    components: Sequence[str] = (),
    flag_bits: int = 0,
) -> Samples:
    """Put the scans together.

    Parameters
    ----------
    scans : sequence of ScanColumns
        In the order of time. Scans without pixels stay: without samples, of side 0.
    nside : int
    system : {'galactic', 'ecliptic', 'equatorial'}
    components : sequence of str
        Names of the components of the template.
    flag_bits : int
        Samples with any of these bits of the coadd's mask are excluded as FLAGGED; 0 for none.

    Returns
    -------
    Samples

    Raises
    ------
    NoDataError
        When there is no sample.
    ValueError
        When the scans do not have as many components as there are names.
    """
    first = np.concatenate([[0], np.cumsum([len(scan) for scan in scans], dtype=np.int64)]).astype(np.int64)
    if not first[-1]:
        raise NoDataError(f"none of the {len(scans)} scan maps has a usable pixel")
    if any(len(scan) and len(scan.zodi) != len(components) for scan in scans):
        raise ValueError(f"scans do not have the {len(components)} components {', '.join(components)}")
    pixels, index = _union(scans, first, nside)
    places = sky_places(pixels, nside, system)
    excluded = np.zeros(first[-1], np.uint8)
    zodi = np.empty((len(components), first[-1]), np.float32)
    for scan, start, end in zip(scans, first[:-1], first[1:], strict=True):
        excluded[start:end][(scan.mask & flag_bits) != 0] = FLAGGED
        if len(scan):
            zodi[:, start:end] = scan.zodi
    mjd = _joined(scans, "mjd")
    side, ascending = scan_directions(first, mjd, index, places)
    return Samples(
        tuple(scan.name for scan in scans),
        first,
        nside,
        system,
        pixels,
        index,
        _joined(scans, "value"),
        _joined(scans, "sigma"),
        _joined(scans, "hits"),
        mjd,
        excluded,
        zodi,
        tuple(components),
        places.longitude.astype(np.float32),
        places.latitude.astype(np.float32),
        places.galactic_latitude.astype(np.float32),
        side,
        ascending,
    )


def scan_directions(
    first: NDArray[np.int64], mjd: NDArray[np.float64], index: NDArray[np.int32], places: SkyPlaces
) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """Tell on which side of the Sun, and which way, each scan went.

    Near the poles of the ecliptic longitudes mean nothing. What counts is how far ahead of the Earth a sample
    is: the mean of cos(latitude) sin(longitude of the Sun - longitude), 1 straight ahead, -1 behind.

    Parameters
    ----------
    first : ndarray of int64, shape (S + 1,)
        Begins of the scans.
    mjd : ndarray of float64, shape (n,)
        UTC, d.
    index : ndarray of int32, shape (n,)
        Of the samples in `places`.
    places : SkyPlaces

    Returns
    -------
    side : ndarray of int8, shape (S,)
        1 ahead of the Earth, -1 behind it, 0 for a scan without samples.
    ascending : ndarray of bool, shape (S,)
        Whether latitude grows with time: the sign of their covariance.
    """
    lon, lat = np.radians(places.longitude), np.radians(places.latitude)
    # Places along and across the zero of longitude, so that each scan needs its Sun only once.
    along, across = np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon)
    n_scans = len(first) - 1
    side, ascending = np.zeros(n_scans, np.int8), np.zeros(n_scans, bool)
    there = np.flatnonzero(np.diff(first))
    middle = 0.5 * (mjd[first[there]] + mjd[first[there + 1] - 1])
    sun = np.radians(sun_longitude(middle))
    for scan, sun_lon in zip(there, sun, strict=True):
        mine = slice(first[scan], first[scan + 1])
        where = index[mine]
        ahead = np.sin(sun_lon) * along[where].mean() - np.cos(sun_lon) * across[where].mean()
        side[scan] = 1 if ahead >= 0 else -1
        times = mjd[mine] - mjd[mine].mean()
        ascending[scan] = times @ lat[where] > 0
    return side, ascending


def _union(
    scans: Sequence[ScanColumns], first: NDArray[np.int64], nside: int
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Give the pixels that any scan is in, and the place of each sample in them."""
    small = np.int32 if 12 * nside**2 <= np.iinfo(np.int32).max else np.int64
    everywhere = np.empty(first[-1], small)
    for scan, start, end in zip(scans, first[:-1], first[1:], strict=True):
        everywhere[start:end] = scan.pixels
    # Sorting whole numbers takes a tenth of the time of the hashing of np.unique.
    ordered = np.sort(everywhere)
    pixels = ordered[np.append(True, ordered[1:] != ordered[:-1])]
    del ordered
    index = np.empty(first[-1], np.int32)
    # Scan by scan, because sought places take twice the memory of what is kept of them.
    for start, end in pairwise(first):
        index[start:end] = np.searchsorted(pixels, everywhere[start:end])
    return pixels.astype(np.int64), index


def _joined(scans: Sequence[ScanColumns], name: str) -> NDArray[Any]:
    return np.concatenate([getattr(scan, name) for scan in scans])
