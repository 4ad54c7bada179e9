"""One scan map read with its template; a unit of work."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.io.atomic import crc32_file
from photomitrus_cli.run.provenance import file_entry
from photomitrus_cli.wise.scancolumns import ScanColumns, read_scan
from photomitrus_cli.wise.scanrefs import CalibPlan, ScanRef
from photomitrus_cli.wise.zodiobserver import Track
from photomitrus_cli.wise.zodisettings import ZodiChoices
from photomitrus_cli.wise.zodistore import pixel_template


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
