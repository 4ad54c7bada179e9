"""Templates at the pixels of scan maps, kept on disk: every calibration needs the same ones."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli import __version__
from photomitrus_cli.io.atomic import check_folder
from photomitrus_cli.io.healpixfile import PartialMap
from photomitrus_cli.run.checkpoint import Store
from photomitrus_cli.wise.skyplaces import offsets_in, seen_places, sky_places
from photomitrus_cli.wise.zodimodel import component_names, zodi_components
from photomitrus_cli.wise.zodiobserver import Track
from photomitrus_cli.wise.zodisettings import ZodiChoices

Template = NDArray[np.float32]
Offsets = tuple[ArrayLike, ArrayLike]

# Changed with what this package itself makes of zodipy's results.
_FORMULA = 1
_ARRAY = "zodi"


@dataclass(frozen=True, slots=True)
class _Wanted:
    """All that decides a template: places, times, model and observer, as for `pixel_template`."""

    pixels: NDArray[np.int64]
    mjd: NDArray[np.float64]
    nside: int
    system: str
    choices: ZodiChoices
    observer: Track | None
    offsets: Offsets | None


def scan_template(
    sky: PartialMap, choices: ZodiChoices, folder: Path | None = None, observer: Track | None = None
) -> tuple[tuple[str, ...], Template]:
    """Give the template at the pixels of a scan map; see `pixel_template`.

    Parameters
    ----------
    sky : PartialMap
        With a column MJD (UTC, d). Where it has OFF_EAST and OFF_NORTH (arcsec), the template is that of the
        places seen.
    choices : ZodiChoices
    folder : Path, optional
        Of the cache.
    observer : Track, optional
        For ``choices.observer`` 'header', which needs it.

    Returns
    -------
    components : tuple of str
    template : ndarray of float32, shape (C, m)
        MJy/sr.

    Raises
    ------
    ConfigError, WriteError
        As `pixel_template`.
    """
    mjd = sky.columns["MJD"]
    template = pixel_template(
        sky.pixels, mjd, sky.nside, sky.system, choices, folder, observer, offsets_in(sky.columns)
    )
    return component_names(choices), template


def pixel_template(
    pixels: ArrayLike,
    mjd: ArrayLike,
    nside: int,
    system: str,
    choices: ZodiChoices,
    folder: Path | None = None,
    observer: Track | None = None,
    offsets: Offsets | None = None,
) -> Template:
    """Give the template at pixels and times, from the cache if it is there.

    It is the value at the middle of each pixel, or of what was seen of it. On scans at 90 deg from the Sun in
    W3 the mean over a pixel of nside 256 differs by 8e-5 of the light at most (1.5e-3 of a single dust band),
    within 10 deg of the ecliptic, and by 5e-6 elsewhere. From the middle of a pixel to that of the part that
    a scan covers the light changes by up to 0.2 %, which `offsets` are there for.

    Parameters
    ----------
    pixels : array_like of int64, shape (m,)
        RING indices, in any order.
    mjd : array_like of float64, shape (m,)
        UTC, d; where it is NaN, so is the template.
    nside : int
    system : {'galactic', 'ecliptic', 'equatorial'}
    choices : ZodiChoices
    folder : Path, optional
        Of the cache, made if it is not there; without it everything is computed. Files that are damaged or of
        other content are computed anew.
    observer : Track, optional
        For ``choices.observer`` 'header', which needs it.
    offsets : tuple of array_like of float, each of shape (m,), optional
        East and north from the centre of each pixel to the place seen, arcsec (`seen_places`).

    Returns
    -------
    ndarray of float32, shape (C, m)
        MJy/sr, in the order of `component_names`.

    Raises
    ------
    ConfigError
        As `component_names`.
    WriteError
        When the cache cannot be written.
    """
    where, when = np.asarray(pixels, np.int64), np.asarray(mjd, np.float64)
    wanted = _Wanted(where, when, nside, system, choices, observer, offsets)
    if folder is None:
        return _computed(wanted)
    key = _key(wanted)
    name, store = key[:24], Store(folder, key)
    kept = store.load(name)
    if kept is not None and kept.arrays.keys() == {_ARRAY}:
        # The key, which stands in the file, decides the shape; its sum says that the numbers are whole.
        return np.array(kept.arrays[_ARRAY])
    template = _computed(wanted)
    check_folder(folder)
    store.save(name, {_ARRAY: template}, {"components": component_names(choices)})
    return template


def _key(wanted: _Wanted) -> str:
    """Hash all that decides a template: choices, versions, pixels and places, times, spacecraft."""
    # Settings of a stage hold more than that.
    decisive = [getattr(wanted.choices, name) for name in ZodiChoices.model_fields]
    versions = [__version__, *(version(name) for name in ("astropy", "speclite", "zodipy"))]
    shapes = [wanted.pixels.size, wanted.offsets is not None]
    of_sky = [component_names(wanted.choices), wanted.nside, wanted.system]
    text = json.dumps([_FORMULA, versions, decisive, *of_sky, *shapes])
    digest = hashlib.sha256(text.encode())
    # As float64, so that arrays of the same numbers have the same key.
    seen = np.asarray(wanted.offsets or (), np.float64)
    for array in (wanted.pixels, wanted.mjd, seen, *(wanted.observer or ())):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _computed(wanted: _Wanted) -> Template:
    if wanted.offsets is None:
        places = sky_places(wanted.pixels, wanted.nside, wanted.system)
    else:
        places = seen_places(wanted.pixels, wanted.nside, wanted.system, *wanted.offsets)
    positions = None if wanted.observer is None else wanted.observer.at(wanted.mjd)
    return zodi_components(places.longitude, places.latitude, wanted.mjd, wanted.choices, positions).astype(
        np.float32
    )
