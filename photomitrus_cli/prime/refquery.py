"""Star catalogues at VizieR, and queries of them that end in time."""

from __future__ import annotations

import queue
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from photomitrus_cli.errors import NoDataError, first_line
from photomitrus_cli.prime.skyfield import Field

if TYPE_CHECKING:
    from astropy.table import Table

HINT = "give --refcat FILE, or run once with a network and astromap[online] installed: the answer is kept"
# Servers of VizieR that are tried in turn.
_SERVERS = ("vizier.cds.unistra.fr", "vizier.cfa.harvard.edu")
# Seconds without a byte after which a server is given up, and seconds for the whole of one query.
_SILENCE = 20.0
TIMEOUT = 120.0


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


def require_astroquery(catalogue: Catalogue, field: Field) -> None:
    """Make sure that a catalogue can be asked for.

    Parameters
    ----------
    catalogue : Catalogue
    field : Field
        For the message.

    Raises
    ------
    NoDataError
        When astroquery is not installed.
    """
    if find_spec("astroquery") is None:
        raise _unavailable(catalogue, field, "astroquery is not installed")


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
    require_astroquery(catalogue, field)
    from astroquery import exceptions

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
            reason = f"{server}: {first_line(error)}"
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
