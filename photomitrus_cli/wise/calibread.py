"""Scan maps as columns, and the columns of all scans as the samples of a calibration."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError, NoDataError
from photomitrus_cli.io.healpixfile import PartialMap, read_partial_map
from photomitrus_cli.wise.calibbodies import sun_longitude
from photomitrus_cli.wise.calibplan import CalibPlan, ScanRef
from photomitrus_cli.wise.samples import FLAGGED, Samples
from photomitrus_cli.wise.skyplaces import SkyPlaces, offsets_in, sky_places

# From RING numbers (m,) and ascending times (m,), MJD UTC, to the template of each component, (C, m), MJy/sr.
# Maps that say where their pixels were seen add offsets east and north, (m,) each, arcsec.
Template = Callable[..., NDArray[np.float32]]

_COLUMNS = ("VALUE", "SIGMA", "HITS", "MJD", "MASK")


@dataclass(frozen=True, slots=True, eq=False)
class ScanColumns:
    """The usable pixels of one scan map, in the order of time.

    Attributes
    ----------
    name : str
        Of the scan.
    pixels : ndarray of int64, shape (m,)
        RING numbers.
    value : ndarray of float64, shape (m,)
        DN.
    sigma : ndarray of float32, shape (m,)
        1-sigma uncertainty of `value`, DN.
    hits : ndarray of int32, shape (m,)
        Detector pixels.
    mjd : ndarray of float64, shape (m,)
        Mean time, UTC, d; ascending.
    mask : ndarray of int32, shape (m,)
        Bits of the coadd.
    zodi : ndarray of float32, shape (C, m)
        Template of each component, MJy/sr; of shape (0, 0) without pixels.
    n_dropped : int
        Pixels of the map without hits, or without a value, an uncertainty above 0 or a time.
    """

    name: str
    pixels: NDArray[np.int64]
    value: NDArray[np.float64]
    sigma: NDArray[np.float32]
    hits: NDArray[np.int32]
    mjd: NDArray[np.float64]
    mask: NDArray[np.int32]
    zodi: NDArray[np.float32]
    n_dropped: int

    def __len__(self) -> int:
        """Give the number of pixels."""
        return len(self.pixels)


def read_scan(ref: ScanRef, plan: CalibPlan, template: Template | None = None) -> ScanColumns:
    """Read one scan map.

    Parameters
    ----------
    ref : ScanRef
    plan : CalibPlan
        That it belongs to.
    template : callable, optional
        Gives the zodiacal light of pixels and times, and of offsets in the pixels if the map has them;
        without it there are no components.

    Returns
    -------
    ScanColumns
        Without any pixel when none is usable.

    Raises
    ------
    InputError
        When the file cannot be read, is damaged, or is not what the plan was made for.
    ValueError
        When the template has another shape, or a value that is not finite.
    """
    sky = read_partial_map(ref.path)
    _check(sky, ref, plan)
    return scan_columns_of(ref.name, sky, template)


def scan_columns_of(name: str, sky: PartialMap, template: Template | None = None) -> ScanColumns:
    """Take the usable pixels of a scan map in the order of time.

    Parameters
    ----------
    name : str
        Of the scan.
    sky : PartialMap
        With the columns of ``wise coadd``.
    template : callable, optional
        As for `read_scan`.

    Returns
    -------
    ScanColumns

    Raises
    ------
    ValueError
        As `read_scan`.
    """
    columns = sky.columns
    with np.errstate(over="ignore"):
        sigma = columns["SIGMA"].astype(np.float32)
    usable = (
        (columns["HITS"] > 0)
        & np.isfinite(columns["VALUE"])
        & np.isfinite(columns["MJD"])
        & np.isfinite(sigma)
        & (sigma > 0)
    )
    places = np.flatnonzero(usable)
    places = places[np.argsort(columns["MJD"][places], kind="stable")]
    pixels = sky.pixels[places]
    mjd = columns["MJD"][places].astype(np.float64)
    return ScanColumns(
        name,
        pixels,
        columns["VALUE"][places].astype(np.float64),
        sigma[places],
        columns["HITS"][places].astype(np.int32),
        mjd,
        columns["MASK"][places].astype(np.int32),
        _template(name, template, pixels, mjd, *_offsets(sky, places)),
        int(usable.size - places.size),
    )


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


def _check(sky: PartialMap, ref: ScanRef, plan: CalibPlan) -> None:
    missing = [name for name in _COLUMNS if name not in sky.columns]
    if missing:
        raise InputError(
            f"{ref.path}: has no column {missing[0]}", hint="astromap wise coadd writes maps that have it"
        )
    if (sky.nside, sky.system) != (plan.nside, plan.system):
        raise InputError(f"{ref.path}: changed while the run was going on", hint="run again")


def _offsets(sky: PartialMap, places: NDArray[np.int64]) -> list[NDArray[Any]]:
    return [one[places] for one in offsets_in(sky.columns) or ()]


def _template(
    name: str,
    template: Template | None,
    pixels: NDArray[np.int64],
    mjd: NDArray[np.float64],
    *offsets: NDArray[Any],
) -> NDArray[np.float32]:
    if template is None or not pixels.size:
        return np.empty((0, pixels.size), np.float32)
    zodi = np.asarray(template(pixels, mjd, *offsets), np.float32)
    if zodi.ndim != 2 or zodi.shape[1] != pixels.size:
        raise ValueError(f"scan {name}: a template of shape {zodi.shape} for {pixels.size} pixels")
    if not np.isfinite(zodi).all():
        raise ValueError(f"scan {name}: the template has values that are not finite")
    return zodi


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
