"""A slice of the WISE survey, and ways to coadd, break and compare it; shared by CLI, fault and MPI tests."""

# ruff: noqa: S101 - what several tests assert is here

from __future__ import annotations

import csv
import gzip
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from photomitrus_cli.wise.oneframe import FrameResult, FramesTask, coadd_frames
from truthkit.faultkit import Ran, edit, run_here

SCANS = ("01772a", "01773a", "01774a")
FRAMES = ("143", "144", "145")
N_FRAMES = len(SCANS) * len(FRAMES)
TABLE = "frames.csv"
NSIDE = 64
# All maps of a run in a folder, without pictures.
SUFFIXES = (".fits", ".manifest.json", ".config.yaml")
VICTIM = SCANS[1] + FRAMES[1]
# Cards of a map that tell of the run, not of the sky.
_OF_RUN = (b"DATE    ", b"CHECKSUM")
_OF_FILES = (b"RUNKEY  ",)
_CARD, _BLOCK = 80, 2880


def survey(
    base: Path, *more: object, n_scans: int = 3, bands: Iterable[int] = (3,), name: str = "wise_survey"
) -> Path:
    """Give scans of three frames of 64 x 64 pixels below a folder, simulated at the first call.

    Parameters
    ----------
    base : Path
    *more : str
        Further options of the simulation.
    n_scans : int
    bands : iterable of int
    name : str
        Of the folder.

    Returns
    -------
    Path
        The folder, with ``frames.csv``: the table of the archive with relative paths of the frames.
    """
    folder = base / name
    if not folder.exists():
        part = base / f"{name}.part"
        chosen = [word for band in bands for word in ("--band", str(band))]
        words = ("--frame-px", "64", "--scans", n_scans, "-j", "1", *chosen, *more)
        done = run_here("simulate", "wise", part, *words)
        assert done.code == 0, done.stderr
        words = ("--config", part / "astromap.yaml", "--preset", "none", "-o", part, "-j", "1")
        done = run_here("wise", "filter", *words)
        assert done.code == 0, done.stderr
        tables = [part / f"filtered_df_band{band}.csv" for band in bands]
        write_table(part / TABLE, [row for table in tables for row in table_rows(table)], below=part)
        for path in part.iterdir():
            if path.is_file() and path.name not in (TABLE, "frames.tbl", "astromap.yaml"):
                path.unlink()
        part.rename(folder)
    return folder


def long_survey(base: Path) -> Path:
    """Give two scans of a dozen frames each: several units of work a scan."""
    return survey(base, "--latitude", "-4", "4", n_scans=2, name="wise_long")


def copy_survey(base: Path, target: Path) -> Path:
    """Copy the survey of three scans (not its truth), so that it can be broken."""
    shutil.copytree(survey(base), target, ignore=shutil.ignore_patterns("truth"))
    return target


def table_rows(path: Path) -> list[dict[str, str]]:
    """Read a frame table of CSV."""
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def write_table(path: Path, rows: list[dict[str, str]], *, below: Path | None = None) -> Path:
    """Write a frame table of CSV, its paths relative to a folder when one is given."""
    if below is not None:
        where = "full_filepath"
        rows = [row | {where: str(Path(row[where]).relative_to(below))} for row in rows]
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def edit_table(folder: Path, change: Callable[[list[dict[str, str]]], list[dict[str, str]]]) -> None:
    """Change the rows of the frame table of a survey."""
    write_table(folder / TABLE, change(table_rows(folder / TABLE)))


def coadd(folder: Path, *args: object) -> Ran:
    """Coadd the frames of a survey in this process, serially, coarsely and without pictures."""
    words = ("--frames", folder / TABLE, "--nside", NSIDE, "--no-pictures", "-j", "1")
    return run_here("wise", "coadd", *words, *args)


def reference(base: Path) -> Path:
    """Give the folder of maps of the survey, made at the first call."""
    folder = base / "wise_reference"
    if not folder.exists():
        done = coadd(survey(base), "-o", folder)
        assert done.code == 0, done.stderr
    return folder


def product_names(*scans: str, table: str = "w3_frames.ecsv", band: int = 3) -> set[str]:
    """List what a complete run leaves in its folder."""
    return {f"w{band}_{scan}{suffix}" for scan in scans for suffix in SUFFIXES} | {table}


def part_of(folder: Path, kind: str, scan: str = SCANS[1], frame: str = FRAMES[1]) -> Path:
    """Name a file of a frame: ``int``, ``unc`` or ``msk``."""
    name = f"{scan}{frame}-w3-{kind}-1b.fits" + ("" if kind == "int" else ".gz")
    return folder / scan[-2:] / scan / frame / name


def repack(path: Path, change: Callable[[Path], Any]) -> None:
    """Change a packed FITS file in its unpacked form."""
    plain = path.with_name(path.name.removesuffix(".gz"))
    plain.write_bytes(gzip.decompress(path.read_bytes()))
    change(plain)
    path.write_bytes(gzip.compress(plain.read_bytes(), mtime=0))
    plain.unlink()


def change(path: Path, **what: Any) -> None:
    """Change cards, pixels or both of a file of a frame, packed or not; see `faultkit.edit`."""
    if path.suffix == ".gz":
        repack(path, lambda plain: edit(plain, **what))
    else:
        edit(path, **what)


def cut(path: Path, size: int) -> None:
    """Cut a file off."""
    path.write_bytes(path.read_bytes()[:size])


def columns(path: Path) -> NDArray[Any]:
    """Read the table of a map with another reader."""
    with fits.open(path) as hdus:
        hdus.verify("exception")
        return np.array(hdus[1].data)


def content(path: Path, *, moved: bool = False) -> bytes:
    """Give the bytes of a map but for when it was made.

    Parameters
    ----------
    path : Path
    moved : bool
        Also but for which files it was made of: their names and times.
    """
    data = bytearray(path.read_bytes())
    for start in range(0, data.index(b"END".ljust(_CARD)), _CARD):
        if data[start : start + 8] in _OF_RUN + (_OF_FILES if moved else ()):
            data[start + 8 : start + _CARD] = b" " * (_CARD - 8)
    assert len(data) % _BLOCK == 0
    return bytes(data)


def coadd_or_die(task: FramesTask) -> list[FrameResult]:
    """Do the work of a unit, but end the whole process at one frame."""
    if any(ref.name == VICTIM for ref in task.frames):
        os._exit(9)
    return coadd_frames(task)


def assert_same_maps(a: Path, b: Path, *scans: str, moved: bool = False) -> None:
    """Compare maps of two folders byte for byte, and the tables of frames of complete runs."""
    for scan in scans or SCANS:
        one, other = (folder / f"w3_{scan}.fits" for folder in (a, b))
        assert content(one, moved=moved) == content(other, moved=moved), scan
    if not scans:
        assert (a / "w3_frames.ecsv").read_bytes() == (b / "w3_frames.ecsv").read_bytes()


def assert_same_columns(a: Path, b: Path) -> None:
    """Compare the tables of two maps bit for bit."""
    assert columns(a).dtype == columns(b).dtype
    assert columns(a).tobytes() == columns(b).tobytes()
