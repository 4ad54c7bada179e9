"""One scan map as the columns of a calibration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.healpixfile import PartialMap, read_partial_map
from photomitrus_cli.wise.scanrefs import CalibPlan, ScanRef
from photomitrus_cli.wise.skyplaces import offsets_in

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
