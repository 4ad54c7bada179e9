"""Files of a stack: the coadd with its companions, its weights and its sky."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.io.atomic import FileRecord, atomic_path
from photomitrus_cli.io.bintable import Column, table_unit
from photomitrus_cli.io.cardvalue import Card
from photomitrus_cli.io.fitsstream import StreamedFits
from photomitrus_cli.io.unitheader import ImageUnit
from photomitrus_cli.prime.compressing import write_units
from photomitrus_cli.prime.stackcombine import MASK_BITS
from photomitrus_cli.prime.stackplan import StackPlan
from photomitrus_cli.prime.stacktiles import TileTask
from photomitrus_cli.run.checkpoint import Store
from photomitrus_cli.run.summary import UnitRecord

# Companions of the stack in its file, with their types.
COMPANIONS: dict[str, type[np.generic]] = {
    "NOISE": np.float32,
    "COV": np.int16,
    "EXP": np.float32,
    "MASK": np.uint8,
}
_MEANING = {
    "NOISE": "1-sigma noise of a pixel of the stack",
    "COV": "number of frames",
    "EXP": "total exposure time",
    "MASK": "bits, see BIT0 ...",
}
# Few different values, which pack well as they are.
_LOSSLESS = ("EXP",)
# Where a plain file is while it is packed.
_SCRATCH, _SKY_SCRATCH = "unpacked.fits", "unpacked.sky.fits"
# Column: type, unit, description.
_COLUMNS: dict[str, tuple[str, str, str]] = {
    "file": ("str", "", "frame"),
    "status": ("str", "", "used, skipped or failed"),
    "reason": ("str", "", "why the frame was not used"),
    "serial": ("str", "", "serial of the ramp"),
    "mjd": ("f8", "d", "start of the exposure, UTC"),
    "exptime": ("f8", "s", "exposure time"),
    "sky": ("f8", "adu", "level of the sky"),
    "rms": ("f8", "adu", "scatter of the blank sky"),
    "fwhm": ("f8", "pix", "width of the stars"),
    "ellipticity": ("f8", "", "median of the bright stars"),
    "stars": ("i4", "", "stars found"),
    "matched": ("f8", "", "part of them with a catalogue star"),
    "rms_catalogue": ("f8", "arcsec", "scatter against the catalogue"),
    "rms_frames": ("f8", "arcsec", "scatter against the other frames"),
    "offset_east": ("f8", "arcsec", "true position less that of the header, east"),
    "offset_north": ("f8", "arcsec", "true position less that of the header, north"),
    "scale": ("f8", "", "light of the stars against the median of the frames"),
    "weight": ("f8", "", "in the mean"),
}


def column_units() -> dict[str, str]:
    """Give the unit of each column of the table INPUTS that has one."""
    return {name: unit for name, (_, unit, _) in _COLUMNS.items() if unit}


def write_stack(
    plan: StackPlan,
    tasks: Sequence[TileTask],
    grid: Grid,
    cards: Sequence[Card],
    records: Sequence[UnitRecord],
    store: Store,
) -> list[FileRecord]:
    """Write the coadd and its weights.

    Both take their names when both are whole; the old manifest goes just before.

    Raises
    ------
    WriteError
        When a file cannot be written.
    """
    names = plan.names
    unit = plan.instrument.detector.unit
    coadd = [ImageUnit("PRIMARY", grid.shape, "f4", [*cards, *grid.cards()], unit)]
    for name, kind in COMPANIONS.items():
        bits = [(f"BIT{bit}", text, "") for bit, text in MASK_BITS.items()] if name == "MASK" else []
        about: list[Card] = [("CONTENT", _MEANING[name], ""), *bits, *grid.cards()]
        bunit = {"NOISE": unit, "EXP": "s"}.get(name, "")
        coadd.append(ImageUnit(name, grid.shape, np.dtype(kind).str[1:], about, bunit))
    weight = [ImageUnit("PRIMARY", grid.shape, "f4", [("CONTENT", "1 / NOISE^2", ""), *cards, *grid.cards()])]

    def fill(stream: StreamedFits) -> None:
        """Write the planes of the coadd and the table of its frames."""
        _fill(stream, tasks, store, {"PRIMARY": "SCI", **{name: name for name in COMPANIONS}})
        stream.append(_inputs(records))

    def fill_weight(stream: StreamedFits) -> None:
        """Write the weights."""
        _fill(stream, tasks, store, {"PRIMARY": "WEIGHT"})

    packing, scratch = plan.packing, store.folder / _SCRATCH
    with atomic_path(names.coadd) as coadd_part:
        first = write_units(
            coadd_part, coadd, fill, packing, scratch=scratch, first="SCI", lossless=_LOSSLESS
        )
        with atomic_path(names.weight) as part:
            second = write_units(part, weight, fill_weight, packing, scratch=scratch, first="WEIGHT")
            plan.product.manifest.unlink(missing_ok=True)
    # One stack has one set of companions; those of an earlier run that packed differently are replaced, too.
    for path in names.of_other_packing:
        path.unlink(missing_ok=True)
    return [replace(first, path=names.coadd), replace(second, path=names.weight)]


def _fill(stream: StreamedFits, tasks: Sequence[TileTask], store: Store, planes: dict[str, str]) -> None:
    for task in tasks:
        arrays = store.require(task.name).arrays
        for unit, plane in planes.items():
            stream.write_tile(unit, task.window[0], task.window[2], arrays[plane])


def write_sky(
    plan: StackPlan, bands: Sequence[str], n_frames: int, cards: Sequence[Card], store: Store
) -> FileRecord:
    """Write the sky of the frames, about 1.

    Parameters
    ----------
    plan : StackPlan
    bands : sequence of str
        Checkpoints of its rows, from above to below.
    n_frames : int
    cards : sequence of Card
    store : Store

    Raises
    ------
    WriteError
        When the file cannot be written.
    """
    about: list[Card] = [
        ("CONTENT", "sky over its level, objects masked", ""),
        ("NSKY", n_frames, "frames that it was made of"),
        *cards,
    ]
    units = [ImageUnit("PRIMARY", plan.chip.window.shape, "f4", about)]

    def fill(stream: StreamedFits) -> None:
        """Write the sky."""
        first = 0
        for band in bands:
            rows = store.require(band).arrays["value"]
            stream.write_rows("PRIMARY", first, rows)
            first += rows.shape[0]

    with atomic_path(plan.names.sky) as part:
        record = write_units(
            part, units, fill, plan.packing, scratch=store.folder / _SKY_SCRATCH, first="SKY"
        )
    return replace(record, path=plan.names.sky)


def plane(tasks: Sequence[TileTask], grid: Grid, store: Store, name: str) -> NDArray[Any]:
    """Put one plane of a stack together."""
    out = np.empty(grid.shape, COMPANIONS.get(name, np.float32))
    for task in tasks:
        y0, y1, x0, x1 = task.window
        out[y0:y1, x0:x1] = store.require(task.name).arrays[name]
    return out


def _inputs(records: Sequence[UnitRecord]) -> bytes:
    columns = []
    for name, (kind, unit, description) in _COLUMNS.items():
        values = np.array([_cell(one, name, kind) for one in records], None if kind == "str" else kind)
        columns.append(Column(name, values, unit, description))
    return table_unit("INPUTS", columns)


def _cell(record: UnitRecord, name: str, kind: str) -> Any:
    own = {"file": record.name, "status": record.status, "reason": record.reason}
    value = own.get(name, record.values.get(name))
    if value is None:
        return {"str": "", "i4": -1, "f8": math.nan}[kind]
    return value.encode("ascii", "backslashreplace").decode() if isinstance(value, str) else value
