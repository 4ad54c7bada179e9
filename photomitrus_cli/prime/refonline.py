"""Reference stars from VizieR, asked for once and kept: Gaia for positions, 2MASS or VHS for magnitudes."""

from __future__ import annotations

import logging
import queue
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from photomitrus_cli.errors import ConfigError, InputError, NoDataError
from photomitrus_cli.imaging.tangent import directions_of
from photomitrus_cli.io.refcat import Photometry, RefCat, read_refcat
from photomitrus_cli.prime.refcache import cached, default_folder, keep
from photomitrus_cli.prime.refcatalogue import Field, RefCatalogue, catalogue_at

if TYPE_CHECKING:
    from astropy.table import Table

_log = logging.getLogger(__name__)

HINT = "give --refcat FILE, or run once with a network and astromap[online] installed: the answer is kept"
# Servers of VizieR that are tried in turn.
_SERVERS = ("vizier.cds.unistra.fr", "vizier.cfa.harvard.edu")
# Seconds without a byte after which a server is given up, and seconds for the whole of one query.
_SILENCE = 20.0
TIMEOUT = 120.0
# How far a star of one catalogue may be from its place in another, arcsec.
_MATCH_ARCSEC = 1.0


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A catalogue of VizieR.

    Attributes
    ----------
    key : str
        In names of cached files.
    title : str
        In messages and headers.
    table : str
        Its name at VizieR.
    columns : tuple of str
        What is asked for.
    filters : mapping of str to str
        Conditions on columns, as VizieR writes them.
    """

    key: str
    title: str
    table: str
    columns: tuple[str, ...]
    filters: Mapping[str, str]


_GAIA_COLUMNS = "RA_ICRS DE_ICRS e_RA_ICRS e_DE_ICRS pmRA pmDE e_pmRA e_pmDE Gmag RUWE"
_2MASS_COLUMNS = "2MASS RAJ2000 DEJ2000 errMaj errMin Jmag e_Jmag Hmag e_Hmag Kmag e_Kmag Qflg"
_VHS_COLUMNS = "RAJ2000 DEJ2000 Yap3 e_Yap3 Jap3 e_Jap3 Hap3 e_Hap3 Ksap3 e_Ksap3"
CATALOGUES = {
    "gaia": Catalogue("gaia-dr3", "Gaia DR3", "I/355/gaiadr3", tuple(_GAIA_COLUMNS.split()), {"Gmag": "<20"}),
    "2mass": Catalogue("2mass", "2MASS", "II/246/out", tuple(_2MASS_COLUMNS.split()), {}),
    "vhs": Catalogue("vhs-dr5", "VHS DR5", "II/367/vhs_dr5", tuple(_VHS_COLUMNS.split()), {}),
}
# Magnitudes of which catalogue, by band; Gaia has none of the infrared.
PHOTOMETRY: Mapping[str, tuple[str, ...]] = {
    "J": ("2mass",),
    "H": ("2mass",),
    "Ks": ("2mass",),
    "Y": ("vhs",),
}


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


def _obtain(catalogue: Catalogue, field: Field, folder: Path, timeout: float, band: str | None) -> RefCat:
    """Read a catalogue from the folder of answers, or ask for it."""
    for path in cached(folder, catalogue.key, field):
        try:
            return read_refcat(path, band)
        except InputError as error:
            _log.warning("a damaged answer is asked for again: %s", error)
    _log.info("asking VizieR for %s within %s, %g s at most", catalogue.title, field, timeout)
    table = query(catalogue, field, timeout)
    return read_refcat(keep(folder, catalogue.key, field, table), band)


def query(catalogue: Catalogue, field: Field, timeout: float = TIMEOUT) -> Table:
    """Ask VizieR for the stars of a field.

    Parameters
    ----------
    catalogue : Catalogue
    field : Field
    timeout : float, optional
        Seconds for all servers together. What still runs then is left behind and ends by itself.

    Returns
    -------
    astropy.table.Table

    Raises
    ------
    NoDataError
        When astroquery is not installed, no server answers in time, or the catalogue has no stars there.
    """
    try:
        from astroquery import exceptions
    except ImportError as error:
        raise _unavailable(catalogue, field, "astroquery is not installed") from error
    failures = (
        *(exceptions.TimeoutError, exceptions.RemoteServiceError, exceptions.TableParseError),
        *(OSError, ValueError, TypeError, KeyError, IndexError, AttributeError, RuntimeError),
    )
    end, reason = time.monotonic() + timeout, "no server was asked"
    for server in _SERVERS:
        left = end - time.monotonic()
        if left <= 0.0:
            break
        try:
            table = _within(left, partial(_ask, catalogue, field, server), failures)
        except failures as error:
            reason = f"{server}: {(str(error).splitlines() or [''])[0] or type(error).__name__}"
            continue
        if table is None:
            raise NoDataError(f"{catalogue.title} has no stars within {field}", hint="give --refcat FILE")
        return table
    raise _unavailable(catalogue, field, reason)


def _unavailable(catalogue: Catalogue, field: Field, reason: str) -> NoDataError:
    short = reason if len(reason) <= 200 else f"{reason[:197]}..."
    return NoDataError(
        f"no reference stars: {catalogue.title} within {field} is not to be had: {short}", hint=HINT
    )


def _ask(catalogue: Catalogue, field: Field, server: str) -> Table | None:
    """Ask one server; None when it knows no stars there."""
    from astropy import units
    from astropy.coordinates import SkyCoord
    from astroquery.vizier import Vizier

    service = Vizier(
        columns=list(catalogue.columns),
        column_filters=dict(catalogue.filters),
        row_limit=-1,
        timeout=_SILENCE,
        vizier_server=server,
    )
    centre = SkyCoord(field.ra, field.dec, unit="deg", frame="icrs")
    tables = service.query_region(
        centre, radius=field.radius * units.deg, catalog=catalogue.table, cache=False
    )
    return tables[0] if len(tables) and len(tables[0]) else None


def _within(seconds: float, work: Callable[[], Any], failures: tuple[type[Exception], ...]) -> Any:
    """Do something in a thread that cannot hold up the program.

    A server that sends a byte now and then would never run into the limits of sockets.
    """
    answers: queue.SimpleQueue[tuple[Any, Exception | None]] = queue.SimpleQueue()

    def run() -> None:
        """Work, and put down what comes of it."""
        try:
            answers.put((work(), None))
        except failures as error:
            answers.put((None, error))

    with warnings.catch_warnings():
        # astroquery warns of what is judged here: no stars, odd units.
        warnings.simplefilter("ignore")
        threading.Thread(target=run, daemon=True).start()
        try:
            answer, error = answers.get(timeout=seconds)
        except queue.Empty:
            raise OSError(f"no answer within {seconds:.3g} s") from None
    if error is not None:
        raise error
    return answer
