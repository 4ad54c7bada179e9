"""Small scan maps on disk, written as ``wise coadd`` writes them, from pixels that the caller chooses."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.healpix import ring_pixels, rotation_from_fk5
from photomitrus_cli.io.healpixfile import PartialMap
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.provenance import RunRecord, utc_now, write_manifest
from photomitrus_cli.wise.coaddgroups import Group, product_of
from photomitrus_cli.wise.coaddproducts import UNITS, write_products
from photomitrus_cli.wise.coaddsettings import CoaddSettings
from truthkit.runs import settings

START = 55238.0
HALF_ORBIT = 0.033  # d


@lru_cache(maxsize=1)
def _packaged() -> CoaddSettings:
    return settings({"wise.coadd.pictures": False, "wise.coadd.nside": 16}).wise.coadd


def scan_columns(mjd: NDArray[np.float64], **changed: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Give the columns of a map of so many pixels, of which some may be given.

    Parameters
    ----------
    mjd : ndarray of float64, shape (m,)
        Of the pixels, in their order.
    **changed : ndarray, shape (m,)
        Other columns.

    Returns
    -------
    dict of str to ndarray
    """
    count = mjd.size
    columns: dict[str, NDArray[Any]] = {
        "VALUE": np.arange(count) + 2700.0,
        "SIGMA": np.full(count, 0.5),
        "HITS": np.full(count, 9, np.int32),
        "FRAMES": np.full(count, 2, np.int32),
        "MJD": mjd,
        "MIN": np.full(count, 2000.0, np.float32),
        "MAX": np.full(count, 3000.0, np.float32),
        "WEIGHT": np.ones(count),
        "MASK": np.zeros(count, np.int32),
    }
    return columns | changed


def write_scan(
    folder: Path,
    name: str,
    *,
    start: float = START,
    sky: PartialMap | None = None,
    status: str = "complete",
    config: str = "",
    **overrides: Any,
) -> Path:
    """Write the product of a scan, with its manifest.

    Parameters
    ----------
    folder : Path
        Made when it is not there.
    name : str
        Of the scan.
    start : float
        Time of the first frame, MJD.
    sky : PartialMap, optional
        The map; else one of five pixels.
    status : str
        Of the manifest.
    config : str
        The configuration that the manifest quotes.
    **overrides : Any
        Further settings of the coadd, such as ``nside=64`` or ``group="day"``; nobody checks them.

    Returns
    -------
    Path
        Of the map.
    """
    folder.mkdir(exist_ok=True)
    chosen = _packaged().model_copy(update={"output": folder, **overrides})
    if sky is None:
        columns = scan_columns(start + np.linspace(0.0, HALF_ORBIT, 5))
        sky = PartialMap(chosen.nside, chosen.system, np.arange(5) * 7, columns, UNITS)
    group = Group(name, (), product_of(chosen, name))
    facts = {"n_used": 5, "n_refused": 0, "n_failed": 0, "mjd_first": start, "mjd_last": start + HALF_ORBIT}
    record = RunRecord("0" * 64, config, utc_now(), facts=facts)
    written = write_products(group, sky, record, facts, chosen)
    write_manifest(group.product, record, Context(config_yaml=config), status=status, written=written)
    return group.product.paths[0]


def meridian(
    longitude: float, nside: int, system: str, *, ascending: bool
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Give the pixels of an ecliptic meridian from pole to pole, in the order in which a scan meets them.

    Parameters
    ----------
    longitude : float
        Ecliptic, J2000, deg.
    nside : int
    system : {'galactic', 'ecliptic', 'equatorial'}
        Of the pixels.
    ascending : bool
        From the southern pole on.

    Returns
    -------
    pixels : ndarray of int64, shape (m,)
        RING numbers, each once.
    share : ndarray of float64, shape (m,)
        Of the way done there, 0 to 1.
    """
    share = np.linspace(0.0, 1.0, 8 * nside)
    lat = np.pi * (share - 0.5) if ascending else np.pi * (0.5 - share)
    lon = np.radians(longitude)
    places = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    turn = rotation_from_fk5(system) @ rotation_from_fk5("ecliptic").T
    pixels, met = np.unique(ring_pixels(turn @ places, nside), return_index=True)
    order = np.argsort(met)
    return pixels[order], share[met[order]]
