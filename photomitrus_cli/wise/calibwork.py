"""Reading of all scans and their templates: templates take the time, and they are kept on disk."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import AstromapError, InputError, NoDataError
from photomitrus_cli.io.atomic import crc32_file
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.parallel import Outcome
from photomitrus_cli.run.provenance import file_entry
from photomitrus_cli.run.summary import UnitRecord
from photomitrus_cli.wise.calibread import assemble
from photomitrus_cli.wise.samples import Samples
from photomitrus_cli.wise.scancolumns import ScanColumns, read_scan
from photomitrus_cli.wise.scanrefs import CalibPlan, ScanRef
from photomitrus_cli.wise.zodimodel import component_names
from photomitrus_cli.wise.zodiobserver import Track
from photomitrus_cli.wise.zodisettings import ZodiChoices
from photomitrus_cli.wise.zodistore import pixel_template

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ScanTask:
    """A scan map to be read, with its template; a unit of work.

    Attributes
    ----------
    scan : ScanRef
    plan : CalibPlan
        Of this scan alone: units go to other processes.
    choices : ZodiChoices
    folder : Path
        That keeps templates.
    observer : Track or None
    """

    scan: ScanRef
    plan: CalibPlan
    choices: ZodiChoices
    folder: Path
    observer: Track | None

    def __str__(self) -> str:
        return f"scan {self.scan.name}"


def read_unit(task: ScanTask) -> tuple[ScanColumns, dict[str, Any]]:
    """Read one scan map and compute its template, or take it from disk.

    Parameters
    ----------
    task : ScanTask

    Returns
    -------
    columns : ScanColumns
    entry : dict
        What was read.

    Raises
    ------
    InputError
        As `read_scan`.
    WriteError
        When the template cannot be kept.
    """
    path, plan = task.scan.path, task.plan
    entry = file_entry(path, task.scan.n_bytes, crc32_file(path))
    template = partial(_template, task=task)
    return read_scan(task.scan, plan, template), entry


def _template(
    pixels: NDArray[np.int64], mjd: NDArray[np.float64], *offsets: NDArray[np.float32], task: ScanTask
) -> NDArray[np.float32]:
    plan = task.plan
    east_north = (offsets[0], offsets[1]) if offsets else None
    return pixel_template(
        pixels, mjd, plan.nside, plan.system, task.choices, task.folder, task.observer, east_north
    )


@dataclass
class ScansRead:
    """What was read.

    Attributes
    ----------
    scans : list of ScanColumns
        In the order of time, those without pixels as well.
    failed : list of UnitRecord
        Scans that could not be read.
    inputs : list of dict
        Of each file read.
    """

    scans: list[ScanColumns] = field(default_factory=list)
    failed: list[UnitRecord] = field(default_factory=list)
    inputs: list[dict[str, Any]] = field(default_factory=list)


def read_scans(
    plan: CalibPlan,
    choices: ZodiChoices,
    folder: Path,
    tracks: Mapping[str, Track],
    context: Context,
) -> ScansRead:
    """Read all scans on all workers.

    Parameters
    ----------
    plan : CalibPlan
    choices : ZodiChoices
    folder : Path
        That keeps templates.
    tracks : mapping of str to Track
        Of the spacecraft, by scan; empty when it does not matter.
    context : Context

    Returns
    -------
    ScansRead

    Raises
    ------
    AstromapError
        The first failing scan's error, unless the run is to keep going; also when none could be read.
    """
    read = ScansRead()
    tasks = [
        ScanTask(scan, _of_one(plan, scan), choices, folder, tracks.get(scan.name)) for scan in plan.scans
    ]

    def take(outcome: Outcome[tuple[ScanColumns, dict[str, Any]]]) -> None:
        """Collect one scan."""
        if outcome.result is None:
            read.failed.append(_failure(plan.scans[outcome.index], outcome.error))
            return
        columns, entry = outcome.result
        read.scans.append(columns)
        read.inputs.append(entry)

    with context.progress.task("scans", len(tasks)) as advance:
        context.executor.run(
            read_unit, tasks, keep_going=context.control.keep_going, advance=advance, consume=take
        )
    if not read.scans:
        first = read.failed[0]
        raise NoDataError(f"no scan map could be read: {first.name}: {first.reason}")
    return read


def to_samples(read: ScansRead, plan: CalibPlan, choices: ZodiChoices, flag_bits: int) -> Samples:
    """Put what was read together; the single scans are given up, which frees half of the memory.

    Parameters
    ----------
    read : ScansRead
    plan : CalibPlan
    choices : ZodiChoices
    flag_bits : int
        As for `assemble`.

    Returns
    -------
    Samples

    Raises
    ------
    NoDataError
        When there is no sample.
    """
    samples = assemble(read.scans, plan.nside, plan.system, component_names(choices), flag_bits)
    dropped = sum(scan.n_dropped for scan in read.scans)
    read.scans.clear()
    _log.info(
        "%d samples of %d scans in %d pixels; %d map pixels had no value",
        len(samples),
        samples.n_scans,
        len(samples.pixels),
        dropped,
    )
    return samples


def _of_one(plan: CalibPlan, scan: ScanRef) -> CalibPlan:
    return CalibPlan(plan.band, plan.nside, plan.system, plan.magzp, (scan,))


def _failure(scan: ScanRef, error: AstromapError | None) -> UnitRecord:
    return UnitRecord.of_error(scan.name, error or InputError(f"{scan.path}: failed"))
