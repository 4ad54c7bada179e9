"""One plain map of all maps of a run, as they are: nothing is calibrated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from photomitrus_cli.io.healpixfile import read_partial_map, write_partial_map
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.provenance import RunRecord, is_current, run_key, utc_now, write_manifest
from photomitrus_cli.run.summary import UnitRecord
from photomitrus_cli.wise.coaddgroups import product_of_everything
from photomitrus_cli.wise.coaddproducts import map_of, primary_cards
from photomitrus_cli.wise.coaddsettings import CoaddSettings
from photomitrus_cli.wise.mapmerging import merge_maps
from photomitrus_cli.wise.mapsums import ScanSums
from photomitrus_cli.wise.skyplaces import offsets_in

_SUMMED = ("n_used", "n_refused", "n_failed")


def write_everything(
    path: Path,
    maps: Sequence[Path],
    facts: Sequence[Mapping[str, Any]],
    settings: CoaddSettings,
    context: Context,
) -> None:
    """Combine maps by their weights and write the result, unless ``--resume`` finds it up to date.

    Parameters
    ----------
    path : Path
        The file to make or replace.
    maps : sequence of Path
        Maps of this run, in the order in which they are added.
    facts : sequence of mapping
        Of each map, as `combine_group` gives them.
    settings : CoaddSettings
    context : Context

    Raises
    ------
    InputError
        When a map cannot be read.
    WriteError
        When the file cannot be written.
    """
    product = product_of_everything(path)
    key = run_key("wise coadd --all-scans-map", {"nside": settings.nside}, maps)
    if context.control.resume and is_current(product, key):
        return
    units = [UnitRecord(str(one), "used") for one in maps]
    record = RunRecord(key, context.config_yaml, utc_now(), units=units, facts=_together(facts))
    sky = map_of(merge_maps(_read(maps)), settings)
    product.manifest.unlink(missing_ok=True)
    written = write_partial_map(path, sky, cards=primary_cards(record, record.facts, settings), name="COADD")
    write_manifest(product, record, context, status="complete", written=[written])


def _together(facts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {name: sum(int(one[name]) for one in facts) for name in _SUMMED} | {
        "mjd_first": min(one["mjd_first"] for one in facts),
        "mjd_last": max(one["mjd_last"] for one in facts),
    }


def _read(paths: Sequence[Path]) -> Iterator[ScanSums]:
    for path in paths:
        sky = read_partial_map(path)
        columns = sky.columns
        yield ScanSums(
            sky.pixels,
            columns["VALUE"],
            columns["SIGMA"],
            columns["HITS"].astype(np.int64),
            columns["FRAMES"],
            columns["MJD"],
            columns["MIN"],
            columns["MAX"],
            columns["WEIGHT"],
            columns["MASK"],
            *(offsets_in(columns) or np.full((2, sky.pixels.size), np.nan, np.float32)),
        )
