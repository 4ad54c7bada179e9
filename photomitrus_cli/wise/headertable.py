"""Frame tables made of the frames themselves, from their headers."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from photomitrus_cli.errors import InputError, NoDataError
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.io.fitsread import read_header
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.summary import UnitRecord
from photomitrus_cli.wise.arraysource import ArraySource
from photomitrus_cli.wise.frametable import KNOWN_COLUMNS, FrameTable, load, offers

_FILES_PER_UNIT = 64
_NAME = re.compile(r".+-w(?P<band>[1-4])-int-1b\.fits(\.gz)?")
# Column of the image inventory and keyword of the header. GCD2SAA is the distance that saa_sep gives.
_NUMBERS = {
    "crval1": "CRVAL1",
    "crval2": "CRVAL2",
    "magzp": "MAGZP",
    "magzpunc": "MAGZPUNC",
    "modeint": "MODEINT",
    "mjd_obs": "MJD_OBS",
    "dtanneal": "DTANNEAL",
    "exptime": "EXPTIME",
    "debgain": "DEBGAIN",
    "febgain": "FEBGAIN",
    "moon_sep": "MOONSEP",
    "saa_sep": "GCD2SAA",
}
_TEXTS = {"date_obs": "DATE_OBS", "utanneal": "UTANNEAL"}


@dataclass(frozen=True)
class HeadersTask:
    """Frames whose headers are to be read; a unit of work."""

    paths: tuple[Path, ...]

    def __str__(self) -> str:
        return f"headers of {self.paths[0]} to {self.paths[-1].name}"


Row = dict[str, str | float]


def read_rows(task: HeadersTask) -> list[Row | InputError]:
    """Read the headers of a unit; what is wrong with a frame is part of the result.

    Parameters
    ----------
    task : HeadersTask

    Returns
    -------
    list of dict or InputError
    """
    return [_row(path) for path in task.paths]


def _row(path: Path) -> Row | InputError:
    try:
        cards, _ = read_header(path)
        row: Row = {"full_filepath": str(path), "band": float(cards.integer("BAND"))}
        row |= {"scan_id": cards.text("SCAN"), "frame_num": str(cards.integer("FRNUM"))}
        row |= {name: _known(cards, key) for name, key in _NUMBERS.items()}
        return row | {name: cards.text(key, "") for name, key in _TEXTS.items()}
    except InputError as error:
        return error


def _known(cards: Cards, key: str) -> float:
    return cards.number(key, np.nan)


def find_frames(folder: Path, bands: Iterable[int]) -> list[Path]:
    """Find the intensity frames below a folder by their names.

    Parameters
    ----------
    folder : Path
    bands : iterable of int

    Returns
    -------
    list of Path
        Sorted; of a frame that is there plain and packed the plain one.

    Raises
    ------
    InputError
        When the folder cannot be read.
    NoDataError
        When there is none.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder of frames")
    wanted = {str(band) for band in bands}
    found: list[Path] = []
    top = os.path.abspath(folder)  # noqa: PTH100 - links stay as they are
    for base, folders, names in os.walk(top, onerror=_refuse):
        folders.sort()
        found += (Path(base, name) for name in names if (m := _NAME.fullmatch(name)) and m["band"] in wanted)
    plain = {str(path) for path in found if path.suffix != ".gz"}
    kept = sorted(path for path in found if path.suffix != ".gz" or str(path)[:-3] not in plain)
    if not kept:
        listed = ", ".join(f"w{band}" for band in sorted(wanted))
        raise NoDataError(f"{folder}: holds no frames of {listed}", hint="*-w<band>-int-1b.fits or .fits.gz")
    return kept


def _refuse(error: OSError) -> None:
    raise InputError(f"{error.filename}: cannot be read: {error.strerror}") from error


def frames_source(
    folder: Path, bands: Iterable[int], context: Context
) -> tuple[ArraySource, list[UnitRecord]]:
    """Make a table of the headers of all frames below a folder.

    Parameters
    ----------
    folder : Path
    bands : iterable of int
    context : Context
        Its workers read the headers; under ``keep_going`` broken frames are recorded instead of raising.

    Returns
    -------
    source : ArraySource
        Without what only the archive's tables know: the quality of frames and scans, the corners.
    failed : list of UnitRecord

    Raises
    ------
    InputError
        For the first broken frame.
    NoDataError
        When there is none.
    """
    paths = find_frames(folder, bands)
    starts = range(0, len(paths), _FILES_PER_UNIT)
    tasks = [HeadersTask(tuple(paths[start : start + _FILES_PER_UNIT])) for start in starts]
    with context.progress.task("headers", len(paths)) as advance:
        outcomes = context.executor.run(read_rows, tasks, consume=lambda one: advance(len(one.result or ())))
    rows, failed = [], []
    for path, row in zip(paths, (row for one in outcomes for row in one.result or ()), strict=True):
        if not isinstance(row, InputError):
            rows.append(row)
        elif context.control.keep_going:
            failed.append(UnitRecord.of_error(str(path), row))
        else:
            raise row
    if not rows:
        raise NoDataError(f"{folder}: none of {len(paths)} frames has a header that can be used")
    return ArraySource(folder, {name: np.array([row[name] for row in rows]) for name in rows[0]}), failed


def table_from_frames(
    folder: str | Path, band: int | None = None, *, context: Context | None = None
) -> FrameTable:
    """Make a frame table of the headers of all intensity frames below a folder.

    Parameters
    ----------
    folder : str or Path
        Searched recursively for ``*-w<band>-int-1b.fits``, plain or packed by gzip.
    band : int, optional
        All bands without it.
    context : Context, optional
        Workers and progress; by default this process alone.

    Returns
    -------
    FrameTable
        Sorted by path; without the columns that headers do not know.

    Raises
    ------
    InputError
        When the folder or the header of a frame cannot be read.
    NoDataError
        When there is no frame.
    """
    bands = (1, 2, 3, 4) if band is None else (band,)
    source, _ = frames_source(Path(folder), bands, context or Context())
    return load(source, [name for name in KNOWN_COLUMNS if offers(source, name)])
