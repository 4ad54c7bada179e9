"""What a worker does with one master flat: read its frames, make it, write it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli import __version__
from photomitrus_cli.errors import InputError, NoDataError
from photomitrus_cli.io.atomic import FileRecord, atomic_path
from photomitrus_cli.io.bintable import Column, table_unit
from photomitrus_cli.io.cardvalue import Card
from photomitrus_cli.io.fitsstream import ImageUnit, StreamedFits
from photomitrus_cli.prime.flatplan import FlatPlan
from photomitrus_cli.prime.flats import MasterFlat, make_flat, usable_values
from photomitrus_cli.prime.frame import Frame
from photomitrus_cli.prime.rawframes import read_raw
from photomitrus_cli.run.summary import UnitRecord, finite

# The median of two is their mean: an outlier in one of them stays.
_FEW_PAIRS = 3


@dataclass(frozen=True)
class FlatTask:
    """One flat; a unit of work.

    Attributes
    ----------
    plan : FlatPlan
    keep_going : bool
        Do without pairs that cannot be read.
    """

    plan: FlatPlan
    keep_going: bool

    def __str__(self) -> str:
        return self.plan.product.stem


@dataclass(frozen=True)
class MadeFlat:
    """A flat that was written.

    Attributes
    ----------
    written : FileRecord
    units : list of UnitRecord
        Its frames.
    facts : dict
        Lines and warnings.
    """

    written: FileRecord
    units: list[UnitRecord]
    facts: dict[str, Any]


def write_flat(task: FlatTask) -> MadeFlat:
    """Make a master flat and write it.

    Parameters
    ----------
    task : FlatTask

    Returns
    -------
    MadeFlat

    Raises
    ------
    InputError
        When a frame is damaged.
    NoDataError
        When the light did not change, or no pixel has a value.
    WriteError
        When the file cannot be written.
    """
    plan = task.plan
    failed: list[UnitRecord] = []
    read: list[tuple[Frame, Frame]] = []
    try:
        flat = make_flat(_pairs(task, read, failed))
    except NoDataError as error:
        where = f"{plan.frames[0].path.parent}, {plan.band}"
        raise NoDataError(f"{where}: {error.message}", hint=error.hint) from error
    units = [*plan.left_out, *failed, *_records(plan, read, flat)]
    # The manifest of an older flat is not that of this one.
    with atomic_path(plan.path) as part:
        with StreamedFits(part, [_unit(plan, flat)]) as stream:
            stream.write_rows("PRIMARY", 0, flat.values)
            stream.append(_inputs(read, flat))
            written = replace(stream.finish(), path=plan.path)
        plan.product.manifest.unlink(missing_ok=True)
    return MadeFlat(written, units, _facts(plan, flat))


def _pairs(
    task: FlatTask, read: list[tuple[Frame, Frame]], failed: list[UnitRecord]
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Read one pair after the other, and note which could be read."""
    for pair in task.plan.pairs:
        try:
            values = [_values(frame, task.plan) for frame in pair]
        except InputError as error:
            if not task.keep_going:
                raise
            failed.append(UnitRecord.of_error(f"{pair[0].path} and {pair[1].path.name}", error))
            continue
        read.append(pair)
        yield values[0], values[1]


def _values(frame: Frame, plan: FlatPlan) -> NDArray[np.float32]:
    """Read the active area of a frame, NaN where it holds nothing; its limit is that of its reads."""
    detector = plan.instrument.detector
    raw, _ = read_raw(frame.source, frame.window)
    return usable_values(raw, limit=detector.limit(frame.n_frames), invalid=detector.invalid)


def _records(plan: FlatPlan, read: Sequence[tuple[Frame, Frame]], flat: MasterFlat) -> list[UnitRecord]:
    """Tell of every frame that was read, or had no partner."""
    records = []
    for pair, level, reasons in zip(read, flat.levels, flat.reasons, strict=True):
        for frame, other, reason in zip(pair, pair[::-1], reasons, strict=True):
            values = {"partner": other.path.name, "mjd": frame.mjd, "level": finite(level)}
            records.append(UnitRecord(str(frame.path), "skipped" if reason else "used", reason, values))
    alone = "without a partner in its twilight"
    return [*records, *(UnitRecord(str(frame.path), "skipped", alone) for frame in plan.unpaired)]


def _unit(plan: FlatPlan, flat: MasterFlat) -> ImageUnit:
    frames = plan.frames
    cards: list[Card] = [
        ("CONTENT", "master flat, 1 in the median", ""),
        ("INSTRUME", plan.instrument.name, "camera"),
        ("CHIP", plan.chip, "detector"),
        ("BAND", plan.band, "band"),
    ]
    keys = plan.instrument.keywords.filters
    cards += [(key, name, "filter wheel") for key, name in zip(keys, frames[0].filters, strict=True)]
    cards += [
        ("OBJTYPE", "Flat", ""),
        ("NPAIRS", sum(flat.used), "differences of two frames, their median"),
        ("FIRSTRMP", frames[0].serial, "first frame"),
        ("LASTRAMP", frames[-1].serial, "last frame"),
        ("MJD-BEG", frames[0].mjd, "start of the first exposure, UTC"),
        ("MJD-END", frames[-1].mjd + frames[-1].exptime / 86400.0, "end of the last exposure, UTC"),
        ("TIMESYS", "UTC", "time scale"),
        ("CREATOR", f"astromap {__version__}", "program"),
    ]
    shape = (flat.values.shape[0], flat.values.shape[1])
    return ImageUnit("PRIMARY", shape, "f4", cards)


def _inputs(read: Sequence[tuple[Frame, Frame]], flat: MasterFlat) -> bytes:
    """Make the table of pairs."""
    return table_unit(
        "INPUTS",
        [
            Column("first", _ascii([one.path.name for one, _ in read]), "", "earlier frame"),
            Column("second", _ascii([two.path.name for _, two in read]), "", "frame taken off it"),
            Column("level", np.array(flat.levels), "adu", "median of the difference"),
            Column("used", np.array(flat.used, np.uint8), "", "1 if the difference was bright enough"),
        ],
    )


def _ascii(names: Sequence[str]) -> NDArray[np.bytes_]:
    return np.array([name.encode("ascii", "backslashreplace") for name in names])


def _facts(plan: FlatPlan, flat: MasterFlat) -> dict[str, Any]:
    """Give the line that tells of a flat, and what to warn of."""
    levels = [abs(level) for level, used in zip(flat.levels, flat.used, strict=True) if used]
    bare = float(np.mean(~np.isfinite(flat.values)))
    line = (
        f"{len(levels)} pairs of {len(plan.frames)} frames, "
        f"light {min(levels):.4g} to {max(levels):.4g} {plan.instrument.detector.unit}"
    )
    warnings = []
    if bare > 0.0:
        line += f", {bare:.3%} of the pixels without a value"
    if len(levels) < _FEW_PAIRS:
        warnings.append(f"{plan.product.stem}: a median of {len(levels)} pairs does not take out outliers")
    return {"line": line, "warnings": warnings}
