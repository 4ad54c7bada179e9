"""Reference stars from VizieR, asked for once and kept: Gaia for positions, 2MASS or VHS for magnitudes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from photomitrus_cli.errors import ConfigError, InputError, NoDataError
from photomitrus_cli.imaging.tangent import directions_of
from photomitrus_cli.io.refcat import Photometry, RefCat, read_refcat
from photomitrus_cli.prime.refcache import cached, default_folder, keep
from photomitrus_cli.prime.refcatalogue import RefCatalogue, catalogue_at
from photomitrus_cli.prime.refquery import CATALOGUES, HINT, TIMEOUT, Catalogue, query, require_astroquery
from photomitrus_cli.prime.skyfield import Field

_log = logging.getLogger(__name__)

# Magnitudes of which catalogue, by band; Gaia has none of the infrared.
PHOTOMETRY: Mapping[str, tuple[str, ...]] = {
    "J": ("2mass",),
    "H": ("2mass",),
    "Ks": ("2mass",),
    "Y": ("vhs",),
}
# How far a star of one catalogue may be from its place in another, arcsec.
_MATCH_ARCSEC = 1.0


def online_catalogue(
    field: Field,
    year: float,
    band: str | None = None,
    *,
    folder: Path | None = None,
    photometry: Sequence[str] | None = None,
    timeout: float = TIMEOUT,
) -> RefCatalogue:
    """Give the reference stars of a field: positions of Gaia, magnitudes of an infrared survey.

    Parameters
    ----------
    field : Field
        Answers are kept, and serve every field inside this one later, without a network.
    year : float
        Julian year of the frames.
    band : str, optional
        J, H, Ks, Y or Z.
    folder : Path, optional
        Of the answers; `photomitrus_cli.prime.refcache.default_folder` without.
    photometry : sequence of {'2mass', 'vhs'}, optional
        Where magnitudes are looked for, the first that has a star; by the band without (`PHOTOMETRY`). When
        one cannot be had there is a warning and its magnitudes are unknown.
    timeout : float, optional
        Seconds after which a query is given up.

    Returns
    -------
    RefCatalogue
        The stars of Gaia in the field.

    Raises
    ------
    ConfigError
        When `photometry` names an unknown catalogue.
    NoDataError
        When Gaia can neither be read from the folder nor asked for.
    WriteError
        When the answers cannot be kept.
    """
    wanted = PHOTOMETRY.get(band or "", ()) if photometry is None else photometry
    for name in wanted:
        if name not in CATALOGUES:
            raise ConfigError(f"{name}: unknown catalogue", hint=f"one of {', '.join(CATALOGUES)}")
    folder = default_folder() if folder is None else folder
    stars = _obtain(CATALOGUES["gaia"], field, folder, timeout, None)
    origin = [CATALOGUES["gaia"].title]
    for catalogue in (CATALOGUES[name] for name in wanted):
        try:
            found = _obtain(catalogue, field, folder, timeout, band)
        except NoDataError as error:
            _log.warning("no magnitudes of %s: %s", catalogue.title, error)
            continue
        if found.band is not None:
            stars = with_magnitudes(stars, found, found.band)
            origin.append(catalogue.title)
    return catalogue_at(stars, year, " + ".join(origin)).near(field.ra, field.dec, field.radius)


def require_positions(fields: Sequence[Field], folder: Path | None = None) -> None:
    """Make sure that the positions of one of these fields are kept or can be asked for; nothing is asked.

    Parameters
    ----------
    fields : sequence of Field
    folder : Path, optional
        Of the answers, as in `online_catalogue`.

    Raises
    ------
    NoDataError
        When they would have to be asked for, and astroquery is not installed.
    """
    folder, gaia = default_folder() if folder is None else folder, CATALOGUES["gaia"]
    if not any(cached(folder, gaia.key, field) for field in fields):
        require_astroquery(gaia, fields[0])


def online_plan(field: Field, band: str, folder: Path | None = None) -> str:
    """Tell which catalogues `online_catalogue` would read, and which it would ask for.

    Parameters
    ----------
    field : Field
    band : str
    folder : Path, optional
        Of the answers, as in `online_catalogue`.

    Returns
    -------
    str
        Nothing is asked.
    """
    folder = default_folder() if folder is None else folder
    wanted = [CATALOGUES[name] for name in ("gaia", *PHOTOMETRY.get(band, ()))]
    kept = [one.title for one in wanted if cached(folder, one.key, field)]
    asked = [one.title for one in wanted if one.title not in kept]
    lines = [f"{' and '.join(kept)} kept in {folder}"] if kept else []
    if asked:
        lines.append(f"{' and '.join(asked)} to be asked for at VizieR")
        if find_spec("astroquery") is None:
            lines.append(f"astroquery is not installed ({HINT})")
    return "; ".join(lines)


def _obtain(catalogue: Catalogue, field: Field, folder: Path, timeout: float, band: str | None) -> RefCat:
    """Read a catalogue from the folder of answers, or ask for it."""
    for path in cached(folder, catalogue.key, field):
        try:
            return read_refcat(path, band)
        except InputError as error:
            _log.warning("a damaged answer is asked for again: %s", error)
    require_astroquery(catalogue, field)
    _log.info("asking VizieR for %s within %s, %g s at most", catalogue.title, field, timeout)
    table = query(catalogue, field, timeout)
    return read_refcat(keep(folder, catalogue.key, field, table), band)


def with_magnitudes(stars: RefCat, other: RefCat, band: Photometry) -> RefCat:
    """Give stars the magnitudes that another catalogue has of them, where they have none yet.

    Parameters
    ----------
    stars : RefCat
        Moved to the epoch of the other catalogue for the comparison.
    other : RefCat
    band : Photometry
        Magnitudes of `other`.

    Returns
    -------
    RefCat
        `stars`, each with the magnitude of the star that is nearest to it, and it to that, within 1 arcsec.
    """
    from scipy.spatial import cKDTree

    epochs = other.epoch[np.isfinite(other.epoch)]
    moved = stars.at_epoch(float(np.median(epochs))) if epochs.size else (stars.ra, stars.dec)
    here, there = directions_of(*moved).T, directions_of(other.ra, other.dec).T
    distance, nearest = cKDTree(there).query(here)
    back = cKDTree(here).query(there)[1]
    paired = (back[nearest] == np.arange(len(here))) & (distance < np.radians(_MATCH_ARCSEC / 3600.0))
    before = stars.band
    mag = np.full(len(here), np.nan) if before is None else before.mag.copy()
    mag_err = np.full(len(here), np.nan) if before is None else before.mag_err.copy()
    filled = paired & ~np.isfinite(mag)
    mag[filled], mag_err[filled] = band.mag[nearest[filled]], band.mag_err[nearest[filled]]
    name = band.name if before is None else f"{before.name}, {band.name}"
    return replace(stars, band=Photometry(name, mag, mag_err))
