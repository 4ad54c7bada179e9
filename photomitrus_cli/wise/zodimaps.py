"""The template of one scan map: computed, and written with its header."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError, WriteError
from photomitrus_cli.io.atomic import crc32_file
from photomitrus_cli.io.cardvalue import Card
from photomitrus_cli.io.healpixfile import PartialMap, read_partial_map, write_partial_map
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.provenance import (
    RunRecord,
    file_entry,
    write_failure,
    write_manifest,
)
from photomitrus_cli.wise.runcards import run_cards
from photomitrus_cli.wise.unfinished import remove_unfinished
from photomitrus_cli.wise.zodiplan import ZodiTask
from photomitrus_cli.wise.zodistore import scan_template

_log = logging.getLogger(__name__)

_UNIT = "MJy/sr"


def scan_map(task: ZodiTask) -> tuple[PartialMap, dict[str, Any]]:
    """Compute the template of one scan map.

    Parameters
    ----------
    task : ZodiTask

    Returns
    -------
    sky : PartialMap
        With the columns ZODI, one of each component, and MJD.
    entry : dict
        What was read.

    Raises
    ------
    InputError
        When the map cannot be read or has no times.
    """
    path = task.scan.path
    entry = file_entry(path, path.stat().st_size, crc32_file(path))
    sky = read_partial_map(path)
    if "MJD" not in sky.columns or not np.isfinite(sky.columns["MJD"]).any():
        raise InputError(f"{path}: has no times (column MJD)", hint="wise coadd writes maps that have them")
    components, template = scan_template(sky, task.settings, observer=task.observer)
    columns: dict[str, NDArray[Any]] = {"ZODI": template.sum(axis=0, dtype=np.float64).astype(np.float32)}
    columns |= {name.upper().replace("-", "_"): row for name, row in zip(components, template, strict=True)}
    units = dict.fromkeys(columns, _UNIT) | {"MJD": "d"}
    told = {"ZODI": "zodiacal light: sum of the components", "MJD": "weighted mean time, UTC"}
    columns["MJD"] = sky.columns["MJD"]
    return PartialMap(sky.nside, sky.system, sky.pixels, columns, units, told), entry


def write_template(
    task: ZodiTask, record: RunRecord, sky: PartialMap, cards: Sequence[Card], context: Context
) -> None:
    """Write a template and its manifest.

    Parameters
    ----------
    task : ZodiTask
    record : RunRecord
    sky : PartialMap
    cards : sequence of Card
        Of the header, besides those of the run.
    context : Context

    Raises
    ------
    WriteError
        When a file cannot be written.
    """
    path = task.product.paths[0]
    record.facts.update(template_numbers(sky))
    own: list[Card] = [
        *run_cards(record, task.settings.band),
        ("OBJECT", task.scan.name, "scan"),
        ("TIMESYS", "UTC", "time system"),
        ("MJD-BEG", task.scan.mjd_first, "[d] middle of the first frame"),
        ("MJD-END", task.scan.mjd_last, "[d] middle of the last frame"),
    ]
    try:
        # An old manifest says nothing about the new files.
        task.product.manifest.unlink(missing_ok=True)
        written = write_partial_map(path, sky, cards=[*own, *cards], name="ZODI")
        write_manifest(task.product, record, context, status="complete", written=[written])
    except WriteError as error:
        remove_unfinished(task.product, context)
        write_failure(task.product, record, context, error)
        raise
    _log.info("%s: %d pixels", task.product.stem, len(sky.pixels))


def template_numbers(sky: PartialMap) -> dict[str, Any]:
    """Give the range of a template for its manifest.

    Parameters
    ----------
    sky : PartialMap
        With the column ZODI.

    Returns
    -------
    dict of str to object
    """
    light = sky.columns["ZODI"]
    low, high = (float(pick(light)) for pick in (np.nanmin, np.nanmax))
    return {"n_pixels": len(sky.pixels), "lowest_mjy_sr": low, "highest_mjy_sr": high}
