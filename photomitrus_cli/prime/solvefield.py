"""The program solve-field: what it is asked, and how it is run."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.io.bintable import Column, table_unit
from photomitrus_cli.io.fitsstream import ImageUnit, StreamedFits
from photomitrus_cli.prime.geometry import pixel_arcsec
from photomitrus_cli.prime.sources import Sources
from photomitrus_cli.run.checkpoint import Store

PROGRAM, PACKAGE = "solve-field", "astrometry.net"
# Brightest stars that are given to it.
_STARS = 300
# Limits of its search: relative scale, degrees about the pointing of the header, seconds of computing.
_SCALE, _RADIUS, _CPU_S = 0.1, 2.0, 60
# It may wait for the disk that holds its index files.
_WALL_S = 180.0


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
    scale = pixel_arcsec(task.start)
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


def run_solver(words: Sequence[str], folder: Path, log: IO[str]) -> bool:
    """Run a program to its end or its time limit.

    Parameters
    ----------
    words : sequence of str
        The program and its arguments.
    folder : Path
        Where it runs.
    log : text file
        Takes what it prints.

    Returns
    -------
    bool
        Whether it ended well.
    """
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
