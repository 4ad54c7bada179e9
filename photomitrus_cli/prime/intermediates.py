"""What ``--keep`` keeps of every frame, in folders and under names of the instrument's own pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.io.atomic import atomic_path, check_folder, remove_stale_parts, write_text
from photomitrus_cli.io.cardvalue import Card
from photomitrus_cli.io.fitsstream import ImageUnit, StreamedFits
from photomitrus_cli.prime.frame import Frame
from photomitrus_cli.prime.geometry import initial_geometry
from photomitrus_cli.prime.geometrycards import head_text, sip_cards, tpv_cards
from photomitrus_cli.prime.headertimes import utc_text
from photomitrus_cli.prime.ldac import write_ldac
from photomitrus_cli.prime.names import FrameNames
from photomitrus_cli.prime.sources import Sources
from photomitrus_cli.prime.stackframes import load_residual
from photomitrus_cli.prime.stackplan import StackPlan
from photomitrus_cli.run.checkpoint import Store


@dataclass(frozen=True)
class KeepTask:
    """One frame to be kept; a unit of work.

    Attributes
    ----------
    names : FrameNames
    frame : Frame
    unit : str
        Of the pixels.
    store : Store
    flat, subtracted : str
        What it is called there over the flat, and less its sky.
    sources : Sources
    start : TanSip
        First geometry.
    wcs : TanSip or None
        Fitted geometry; None for a frame that was refused.
    scale : float or None
        Light of its stars; None for a frame that is not in the stack.
    """

    names: FrameNames
    frame: Frame
    unit: str
    store: Store
    flat: str
    subtracted: str
    sources: Sources
    start: TanSip
    wcs: TanSip | None
    scale: float | None

    def __str__(self) -> str:
        return str(self.frame.path)


def keep_tasks(
    plan: StackPlan,
    indices: Sequence[int],
    of_frames: tuple[Sequence[Sources], Sequence[TanSip | None]],
    scales: Mapping[int, float],
    store: Store,
    sky: str,
) -> list[KeepTask]:
    """Give the tasks of all frames, and make the folders.

    Parameters
    ----------
    plan : StackPlan
    indices : sequence of int
        Frames that there are, by their numbers in the plan.
    of_frames : tuple of sequence of Sources, and of TanSip or None
        Stars and fitted geometries of these frames.
    scales : mapping of int to float
        Of frames in the stack, by their numbers in the plan.
    store : Store
    sky : str
        What frames less their sky are called in the store, without number.

    Raises
    ------
    WriteError
        When a folder cannot be made.
    """
    tasks = []
    for index, found, fitted in zip(indices, *of_frames, strict=True):
        frame, names = plan.chip.frames[index], plan.frame_names(index)
        start = initial_geometry(frame, plan.instrument, plan.settings.geometry)
        stored = (f"frame_{index}", f"{sky}_{index}")
        unit = plan.instrument.detector.unit
        tasks.append(KeepTask(names, frame, unit, store, *stored, found, start, fitted, scales.get(index)))
    for path in (tasks[0].names.initial, tasks[0].names.flat, tasks[0].names.subtracted) if tasks else ():
        check_folder(path.parent)
        remove_stale_parts(path.parent)
    return tasks


def keep_frame(task: KeepTask) -> bool:
    """Write what is kept of a frame.

    That is: the header with the first geometry, without pixels; the frame over the flat; the frame less its
    sky with the fitted geometry, pixels of no use NaN; its stars; the fitted geometry as text.

    Parameters
    ----------
    task : KeepTask

    Returns
    -------
    bool
        Whether it has a fitted geometry.

    Raises
    ------
    WriteError
        When a file cannot be written.
    """
    names, known = task.names, _frame_cards(task)
    first = [*known, *sip_cards(task.start)]
    bare = ImageUnit("PRIMARY", cards=[("WCSAXES", 2, "there are no pixels"), *first])
    with atomic_path(names.initial, durable=False) as part, StreamedFits(part, [bare]) as stream:
        stream.finish()
    _write(names.flat, task.store.require(task.flat).arrays["values"], first, task.unit)
    less, bad, meta = load_residual(task.store, task.subtracted)
    values = np.where(bad, np.float32(np.nan), less)
    about: list[Card] = [
        *known,
        ("SKYLEVEL", float(meta["level"]), "level of the sky that was taken off"),
        ("SKYRMS", float(meta["rms"]), "scatter of the blank sky"),
        ("ASTRSTAT", "none" if task.wcs is None else "fitted", "geometry is the first one, or fitted"),
        *sip_cards(task.wcs or task.start),
    ]
    _write(names.subtracted, values, about, task.unit)
    with atomic_path(names.catalogue, durable=False) as part:
        write_ldac(part, task.sources, about, task.wcs)
    if task.wcs is None:
        # Of a run with other settings.
        names.head.unlink(missing_ok=True)
        return False
    light: list[Card] = (
        [] if task.scale is None else [("FLXSCALE", 1.0 / task.scale, "to the light of the stack")]
    )
    write_text(names.head, head_text([*tpv_cards(task.wcs), *light]))
    return True


def _frame_cards(task: KeepTask) -> list[Card]:
    frame = task.frame
    return [
        ("SERIAL", frame.serial, "of the ramp"),
        ("CHIP", frame.chip, "detector"),
        *((key, value, "") for key, value in frame.facts.items() if key != "CHIP"),
        ("DATE-BEG", utc_text(frame.mjd), "start of the exposure, UTC"),
        ("MJD-BEG", frame.mjd, ""),
        ("EXPTIME", frame.exptime, "[s]"),
    ]


def _write(path: Path, values: NDArray[np.float32], cards: Sequence[Card], unit: str) -> None:
    shape = (values.shape[0], values.shape[1])
    image = ImageUnit("PRIMARY", shape, "f4", cards, unit)
    with atomic_path(path, durable=False) as part, StreamedFits(part, [image]) as stream:
        stream.write_rows("PRIMARY", 0, values)
        stream.finish()
