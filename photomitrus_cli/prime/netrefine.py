"""Where frames look, asked of solve-field (Astrometry.net): its answers are only more places to search at."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import ConfigError, InputError
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.io.atomic import check_folder, writing
from photomitrus_cli.io.bintable import Column, table_unit
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.io.fitsstream import ImageUnit, StreamedFits
from photomitrus_cli.io.wcs import celestial_wcs
from photomitrus_cli.prime.detect import Sources
from photomitrus_cli.prime.geometry import initial_geometry
from photomitrus_cli.run.checkpoint import Store

if TYPE_CHECKING:
    from photomitrus_cli.prime.stackplan import StackPlan

Float = NDArray[np.float64]

_log = logging.getLogger(__name__)

PROGRAM, PACKAGE = "solve-field", "astrometry.net"
# Brightest stars that are given to it.
_STARS = 300
# Limits of its search: relative scale, degrees about the pointing of the header, seconds of computing.
_SCALE, _RADIUS, _CPU_S = 0.1, 2.0, 60
# It may wait for the disk that holds its index files.
_WALL_S = 180.0
_NODES = 7
# The frame as it is known is only turned on the sky; what then deviates by more than this part of its
# diagonal is of another scale, or mirrored.
_FIT = 0.02


@dataclass(frozen=True)
class SolveTask:
    """One frame for solve-field; a unit of work.

    Attributes
    ----------
    program : str
        Path of solve-field.
    index : int
    name : str
        Of the frame, for messages.
    sources : Sources
        Brightest first.
    start : TanSip
        Where the header says that it looks.
    log : Path
        What the program says goes there.
    store : Store
    """

    program: str
    index: int
    name: str
    sources: Sources
    start: TanSip
    log: Path
    store: Store

    def __str__(self) -> str:
        return self.name


def find_solver() -> str:
    """Find solve-field on PATH.

    Raises
    ------
    ConfigError
        When it is not there.
    """
    path = shutil.which(PROGRAM)
    if path is None:
        raise ConfigError(
            f"-net_refine needs the program {PROGRAM}, and it is not on PATH",
            hint=f"install the Debian package {PACKAGE}, or leave -net_refine out",
        )
    return path


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
        ended = _run(solver_words(task, folder), folder, log)
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


def write_stars(path: Path, sources: Sources) -> None:
    """Write the brightest stars as solve-field takes them: 1-based positions, a flux to sort by.

    Parameters
    ----------
    path : Path
    sources : Sources

    Raises
    ------
    OSError
        When the disk is full or fails.
    """
    few = sources.chosen(np.arange(min(_STARS, sources.x.size)))
    columns = [
        Column("X", few.x.astype(np.float32) + np.float32(1.0), "pix"),
        Column("Y", few.y.astype(np.float32) + np.float32(1.0), "pix"),
        Column("FLUX", few.flux.astype(np.float32)),
    ]
    with StreamedFits(path, [ImageUnit("PRIMARY")]) as stream:
        stream.append(table_unit("SOURCES", columns))
        stream.finish()


def solver_words(task: SolveTask, folder: Path) -> list[str]:
    """Give the command.

    Parameters
    ----------
    task : SolveTask
    folder : Path
        Holds ``stars.xyls`` and gets the answer, ``stars.wcs``.

    Returns
    -------
    list of str
    """
    ny, nx = task.start.shape
    ra, dec = (float(value) for value in task.start.sky((nx - 1) / 2.0, (ny - 1) / 2.0))
    scale = 3600.0 * float(np.sqrt(abs(np.linalg.det(task.start.cd))))
    given: dict[str, object] = {
        "--width": nx,
        "--height": ny,
        "--x-column": "X",
        "--y-column": "Y",
        "--sort-column": "FLUX",
        "--scale-units": "arcsecperpix",
        "--scale-low": f"{scale * (1.0 - _SCALE):.5f}",
        "--scale-high": f"{scale * (1.0 + _SCALE):.5f}",
        "--ra": f"{ra:.6f}",
        "--dec": f"{dec:.6f}",
        "--radius": _RADIUS,
        "--cpulimit": _CPU_S,
        "--dir": folder,
        "--wcs": "stars.wcs",
    }
    unwanted = ("--new-fits", "--match", "--rdls", "--corr", "--index-xyls", "--solved")
    # The two steps that it leaves to Python look for modules that a virtual environment does not have.
    words = [task.program, "--overwrite", "--no-plots", "--no-remove-lines", "--uniformize=0"]
    words += [f"{key}={value}" for key, value in given.items()]
    words += [f"{key}=none" for key in unwanted]
    return [*words, str(folder / "stars.xyls")]


def _run(words: Sequence[str], folder: Path, log: IO[str]) -> bool:
    """Run a program to its end or its time limit; tell whether it ended well."""
    log.write(" ".join(words) + "\n")
    log.flush()
    try:
        # A session of its own: the program starts others, which have to end with it.
        with subprocess.Popen(  # noqa: S603 - no shell, and all words are ours
            words,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            try:
                code = process.wait(_WALL_S)
            except BaseException:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                raise
    except subprocess.TimeoutExpired:
        log.write(f"ended after {_WALL_S:g} s\n")
        return False
    except OSError as error:
        log.write(f"cannot be run: {error.strerror or error}\n")
        return False
    log.write(f"exit code {code}\n")
    return code == 0


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
