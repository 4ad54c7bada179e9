"""The level of the sky, which the scans themselves do not tell: where it is taken from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError, NoDataError
from photomitrus_cli.imaging.healpix import (
    MAX_NSIDE,
    pixel_directions,
    ring_pixels,
    rotation_from_fk5,
)
from photomitrus_cli.io.healpixfile import PartialMap, read_partial_map
from photomitrus_cli.wise.calibsettings import COSECANT
from photomitrus_cli.wise.samples import Samples

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_UNITS = ("", "MJy/sr", "MJy / sr", "MJy sr-1", "MJy.sr-1")


def zero_shift(zero: str | float | Path, sky: Floats, fitted: Flags, samples: Samples) -> float:
    """Give what is to be added to the sky, and taken from the offsets times the gain, MJy/sr.

    Parameters
    ----------
    zero : 'cosecant', float or Path
        As in the settings.
    sky : ndarray of float64, shape (P,)
        MJy/sr, by the cosecant.
    fitted : ndarray of bool, shape (P,)
        Pixels in the fit.
    samples : Samples

    Returns
    -------
    float

    Raises
    ------
    InputError
        When the reference map cannot be read or is not in MJy/sr.
    NoDataError
        When the reference map has no fitted pixel.
    """
    if zero == COSECANT:
        return 0.0
    if not isinstance(zero, Path):
        return float(zero)
    reference = reference_at(read_partial_map(zero), samples, zero)
    both = fitted & np.isfinite(reference) & np.isfinite(sky)
    if not both.any():
        raise NoDataError(f"{zero}: the reference map has none of the {int(fitted.sum())} fitted pixels")
    return float(np.mean(reference[both] - sky[both]))


def check_reference(path: Path) -> None:
    """Make sure that a reference map can be used.

    Parameters
    ----------
    path : Path

    Raises
    ------
    InputError
        When it cannot be read, has no column of numbers or is not in MJy/sr.
    """
    _values(read_partial_map(path), path)


def reference_at(reference: PartialMap, samples: Samples, path: Path) -> Floats:
    """Bring a reference map to the pixels of the samples.

    Of a finer map the mean over each pixel is taken, of a coarser one the value at its centre.

    Parameters
    ----------
    reference : PartialMap
    samples : Samples
    path : Path
        For messages.

    Returns
    -------
    ndarray of float64, shape (P,)
        NaN where it has no value.

    Raises
    ------
    InputError
        As `check_reference`.
    """
    values = _values(reference, path)
    turn = rotation_from_fk5(samples.system) @ rotation_from_fk5(reference.system).T
    found = np.full(len(samples.pixels), np.nan)
    if (reference.nside, reference.system) == (samples.nside, samples.system) or (
        reference.nside > samples.nside
    ):
        good = np.isfinite(values)
        where = ring_pixels(turn @ pixel_directions(reference.pixels[good], reference.nside), samples.nside)
        place = np.searchsorted(samples.pixels, where)
        place = np.minimum(place, len(samples.pixels) - 1)
        inside = samples.pixels[place] == where
        place, values = place[inside], values[good][inside]
        counts = np.bincount(place, minlength=len(found))
        np.divide(np.bincount(place, values, len(found)), counts, out=found, where=counts > 0)
        return found
    sought = ring_pixels(turn.T @ pixel_directions(samples.pixels, samples.nside), reference.nside)
    place = np.minimum(np.searchsorted(reference.pixels, sought), len(reference.pixels) - 1)
    known = reference.pixels[place] == sought
    found[known] = values[place[known]]
    return found


def _values(reference: PartialMap, path: Path) -> Floats:
    """Give the column SKY of a map, or else its first one."""
    if reference.nside > MAX_NSIDE:
        raise InputError(f"{path}: NSIDE is {reference.nside}, above {MAX_NSIDE}", hint="degrade the map")
    name = "SKY" if "SKY" in reference.columns else next(iter(reference.columns), "")
    if not name or reference.columns[name].dtype.kind not in "iuf":
        raise InputError(f"{path}: has no column of brightness", hint="name a partial HEALPix map in MJy/sr")
    unit = reference.units.get(name, "")
    if unit not in _UNITS:
        raise InputError(f"{path}: {name} is in {unit}, not in MJy/sr", hint="convert it")
    return np.asarray(reference.columns[name], np.float64)
