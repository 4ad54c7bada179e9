"""Simulated PRIME dithers and the stacks made of them, through the program's own commands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from numpy.typing import NDArray

from photomitrus_cli.prime import stack
from photomitrus_cli.prime.stackastrom import Judged, judge_frames
from truthkit.faultkit import run_here

Float = NDArray[np.float64]

CHIP = 1
# No frame that must be refused: all of them are to be compared.
QUIET: dict[str, Any] = {"cloudy": 0, "trailed": 0, "mispointed": 0}
# Nothing that is to be left out of a mean: pixels that are missing in a stack of these were clipped in vain.
SPOTLESS: dict[str, Any] = {
    "cosmic_rays": 0.0,
    "satellites": 0,
    "bad_fraction": 0.0,
    "bad_columns": 0,
    "persistence": 0.0,
}


@dataclass(frozen=True, eq=False)
class Stacked:
    """A stack with what it was made of.

    Attributes
    ----------
    folder : Path
        Of the simulation.
    header : fits.Header
    sci, noise : ndarray of float32, shape (ny, nx)
    coverage, mask : ndarray of int, shape (ny, nx)
    inputs : Table
        A row for every frame.
    judged : Judged
        Geometries, light and verdicts as the program had them.
    """

    folder: Path
    header: fits.Header
    sci: NDArray[np.float32]
    noise: NDArray[np.float32]
    coverage: NDArray[np.int16]
    mask: NDArray[np.uint8]
    inputs: Table
    judged: Judged

    @property
    def wcs(self) -> WCS:
        """Geometry of the stack, from its header."""
        return WCS(self.header)

    @property
    def used(self) -> list[str]:
        """Serials of the frames in the stack, in the order of the table."""
        return [str(row["serial"]) for row in self.inputs if row["status"] == "used"]


def run(*words: object, **settings: Any) -> None:
    """Run a command that has to succeed, with settings by their dotted names."""
    chosen = [part for key, value in settings.items() for part in ("--set", f"{key}={_yaml(value)}")]
    done = run_here(*words, *chosen)
    if done.code:
        raise RuntimeError(f"{' '.join(map(str, words))}: {done.stderr}")


def _yaml(value: object) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_yaml, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else str(value)


def simulate(folder: Path, **changes: Any) -> Path:
    """Simulate frames of chip 1 with the packaged defaults and some keys changed; once for each folder."""
    if not folder.exists():
        part = folder.with_name(folder.name + ".part")
        run("simulate", "prime", part, **{f"prime.simulate.{key}": value for key, value in changes.items()})
        part.rename(folder)
    return folder


def make_stack(folder: Path, *, like: Stacked | None = None, **changes: Any) -> Stacked:
    """Stack the frames of chip 1 of a simulated set, with its own flat, bad pixels and catalogue.

    Parameters
    ----------
    folder : Path
        Of the simulation.
    like : Stacked, optional
        Of the same frames but for accidents: its geometries, scales and grid are taken, so that pixels are
        the same places.
    **changes : object
        Keys of ``prime.stack``.

    Returns
    -------
    Stacked
    """
    judged: list[Judged] = []

    def judge(*args: Any, **more: Any) -> Judged:
        """Keep what the program finds."""
        judged.append(judge_frames(*args, **more) if like is None else like.judged)
        return judged[-1]

    words: tuple[object, ...] = (
        "-parent",
        folder,
        "-chip",
        CHIP,
        "--refcat",
        folder / "refcat.ecsv",
        "--overwrite",
        "-j",
        1,
    )
    mask = folder / "weightmaps" / f"badpixmask_c{CHIP}.fits"
    if mask.exists():
        words += ("--bad-pixels", mask)
    with mock.patch.object(stack, "judge_frames", judge):
        run("prime", "stack", *words, **{f"prime.stack.{key}": value for key, value in changes.items()})
    (path,) = (folder / "stack").glob("coadd.*.fits")
    return read_stack(folder, path, judged[-1])


def read_stack(folder: Path, path: Path, judged: Judged) -> Stacked:
    """Read a stack back."""
    with fits.open(path) as hdus:
        planes = [np.array(hdus[name].data) for name in ("PRIMARY", "NOISE", "COV", "MASK")]
        sci, noise = (plane.astype(np.float32) for plane in planes[:2])
        return Stacked(
            folder,
            hdus[0].header.copy(),
            sci,
            noise,
            planes[2],
            planes[3],
            Table(hdus["INPUTS"].data),
            judged,
        )
