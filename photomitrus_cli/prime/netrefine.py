"""Where frames look, asked of solve-field (Astrometry.net): its answers are only more places to search at."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.io.atomic import check_folder, writing
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.io.wcs import celestial_wcs
from photomitrus_cli.prime.geometry import initial_geometry
from photomitrus_cli.prime.solvefield import (
    PROGRAM,
    SolveTask,
    find_solver,
    run_solver,
    solver_words,
    write_stars,
)
from photomitrus_cli.prime.sources import Sources
from photomitrus_cli.run.checkpoint import Store

if TYPE_CHECKING:
    from photomitrus_cli.prime.stackplan import StackPlan


Float = NDArray[np.float64]

_log = logging.getLogger(__name__)
_NODES = 7
# The frame as it is known is only turned on the sky; what then deviates by more than this part of its
# diagonal is of another scale, or mirrored.
_FIT = 0.02


def solve_tasks(
    plan: StackPlan, indices: Sequence[int], sources: Sequence[Sources], store: Store
) -> list[SolveTask]:
    """Give the tasks of all frames.

    Parameters
    ----------
    plan : StackPlan
    indices : sequence of int
        Frames that there are, by their numbers in the plan.
    sources : sequence of Sources
        Of these frames.
    store : Store

    Raises
    ------
    ConfigError
        When there is no solve-field.
    """
    program = find_solver()
    tasks = []
    for index, found in zip(indices, sources, strict=True):
        frame = plan.chip.frames[index]
        start = initial_geometry(frame, plan.instrument, plan.settings.geometry)
        log = plan.frame_names(index).solver_log
        tasks.append(SolveTask(program, index, str(frame.path), found, start, log, store))
    return tasks


def ask_solver(task: SolveTask) -> tuple[int, TanSip | None]:
    """Let solve-field find a frame's place.

    Parameters
    ----------
    task : SolveTask

    Returns
    -------
    index : int
    place : TanSip or None
        The frame's start turned on the sky to that place; None when the program has found none, failed or
        took too long, which its log tells.

    Raises
    ------
    WriteError
        When its input or its log cannot be written.
    """
    name = f"solved_{task.index}"
    known = task.store.load(name)
    if known is None:
        place = _asked(task)
        task.store.save(name, {} if place is None else {"axes": place.axes}, {})
        return task.index, place
    axes = known.arrays["axes"].copy() if len(known.arrays) else None
    return task.index, None if axes is None else replace(task.start, axes=axes)


def _asked(task: SolveTask) -> TanSip | None:
    folder = task.store.folder / f"solve-field_{task.index}"
    # What a run that was killed has left there must not pass for an answer.
    shutil.rmtree(folder, ignore_errors=True)
    check_folder(folder)
    check_folder(task.log.parent)
    with writing(folder):
        write_stars(folder / "stars.xyls", task.sources)
    with writing(task.log), task.log.open("w", encoding="utf-8") as log:
        ended = run_solver(solver_words(task, folder), folder, log)
    answer = folder / "stars.wcs"
    place = None
    if ended and answer.is_file():
        try:
            place = turned_onto(task.start, answer)
        except (InputError, OSError, ValueError) as error:
            _log.warning("%s: the answer of %s is of no use: %s", task.name, PROGRAM, error)
    if place is None:
        _log.warning("%s: %s has found no place (its log is %s)", task.name, PROGRAM, task.log)
    shutil.rmtree(folder, ignore_errors=True)
    return place


def turned_onto(start: TanSip, answer: Path) -> TanSip | None:
    """Turn a frame on the sky to where an answer has it.

    Scale, parity and distortion stay those of the start: solve-field knows the distortion less well.

    Parameters
    ----------
    start : TanSip
    answer : Path
        A FITS header with a WCS of this frame.

    Returns
    -------
    TanSip or None
        None when no turn brings the two together.

    Raises
    ------
    InputError
        When the header holds no usable WCS.
    """
    found = celestial_wcs(Cards(answer, answer.read_bytes().decode("ascii")))
    ny, nx = start.shape
    x, y = np.meshgrid(np.linspace(0.0, nx - 1.0, _NODES), np.linspace(0.0, ny - 1.0, _NODES))
    ours = start.directions(x, y).reshape(3, -1)
    theirs = found.directions(x, y).reshape(3, -1)
    if not np.isfinite(theirs).all():
        return None
    turned = start.moved(_rotation(ours, theirs))
    off = turned.directions(x, y).reshape(3, -1) - theirs
    size = np.linalg.norm(ours[:, -1] - ours[:, 0])
    return turned if float(np.sqrt(np.mean(np.sum(off**2, axis=0)))) < _FIT * size else None


def _rotation(ours: Float, theirs: Float) -> Float:
    """Give the rotation that brings directions nearest to others (Kabsch 1976, Acta Cryst. A32, 922)."""
    left, _, right = np.linalg.svd(ours @ theirs.T)
    sign = np.sign(np.linalg.det(left @ right))
    rotation: Float = right.T @ np.diag([1.0, 1.0, sign]) @ left.T
    return rotation
