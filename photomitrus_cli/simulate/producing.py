"""What every simulation does with its folder and its units: refuse foreign files, make all, keep records."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TypeVar

from photomitrus_cli.errors import OutputExistsError
from photomitrus_cli.io.atomic import atomic_path, remove_stale_parts
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.parallel import Outcome
from photomitrus_cli.run.summary import UnitRecord

TRUTH_FOLDER = "truth"

_Unit = TypeVar("_Unit")
_Made = TypeVar("_Made")


def refuse_existing(
    output: Path, present: Collection[Path], foreign: Collection[Path], *, overwrite: bool
) -> None:
    """Refuse a folder that holds a simulation; when overwriting, only what would be left beside the new one.

    Unfinished files of a simulation that died are removed when overwriting.

    Parameters
    ----------
    output : Path
    present : collection of Path
        Files of an earlier simulation.
    foreign : collection of Path
        Those of them, without their truth, that the new one does not replace.
    overwrite : bool

    Raises
    ------
    OutputExistsError
        When there are such files.
    """
    if present and not overwrite:
        raise OutputExistsError(
            f"{output} already holds simulated frames", hint="choose another folder or pass --overwrite"
        )
    for folder in {output, output / TRUTH_FOLDER, *(path.parent for path in present)}:
        remove_stale_parts(folder)
    left = [path for path in foreign if path.exists()]
    if left:
        raise OutputExistsError(
            f"{output} holds frames of another simulation, such as {min(left).name}",
            hint="choose an empty folder: their truth would be lost",
        )


def write_frame(path: Path, content: bytes) -> None:
    """Write a file of a simulation, whole or not at all.

    Parameters
    ----------
    path : Path
        In an existing folder.
    content : bytes

    Raises
    ------
    WriteError
        When the file cannot be written.
    """
    # A simulated frame can be made again; waiting for the disk would take longer than making it.
    with atomic_path(path, durable=False) as part:
        part.write_bytes(content)


def make_units(
    make: Callable[[_Unit], _Made | None],
    units: Sequence[_Unit],
    name: Callable[[_Unit], str],
    context: Context,
) -> tuple[list[_Made], list[UnitRecord]]:
    """Make all units of a simulation, and count them.

    Parameters
    ----------
    make : callable
        Writes a unit and gives its truth, or None when it has none; runs in workers.
    units : sequence
    name : callable
        Gives the name of a unit.
    context : Context

    Returns
    -------
    made : list
        Truth of the units that were made, in the order of ``units``.
    records : list of UnitRecord
        Of every unit, in the same order.

    Raises
    ------
    AstromapError
        Of the first unit that fails, unless the run is to keep going.
    """
    made: list[_Made] = []
    records: list[UnitRecord] = []

    def keep(outcome: Outcome[_Made | None]) -> None:
        """Take note of a unit, made or failed."""
        unit = name(units[outcome.index])
        if outcome.error is not None:
            records.append(UnitRecord.of_error(unit, outcome.error))
            return
        records.append(UnitRecord(unit, "done"))
        if outcome.result is not None:
            made.append(outcome.result)

    with context.progress.task("frames", len(units)) as advance:
        context.executor.run(
            make, units, keep_going=context.control.keep_going, advance=advance, consume=keep
        )
    return made, records
