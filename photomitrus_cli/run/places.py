"""What a folder offers: whether files can be made in it, how much is free, and how much is in it."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """A folder that may not exist yet.

    Attributes
    ----------
    problem : str
        Why no file can be made in it, or below the nearest folder that exists; empty when one can.
    free_bytes : int
        Free on its disk; 0 where the system does not say.
    """

    problem: str
    free_bytes: int


def look_at(folder: Path) -> Place:
    """Try whether a folder can be used. Nothing is left behind, and a missing folder is not made.

    Parameters
    ----------
    folder : Path
    """
    there = folder.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    try:
        with tempfile.TemporaryFile(dir=there):
            problem = ""
    except OSError as error:
        problem = error.strerror or str(error)
    try:
        free = shutil.disk_usage(there).free
    except OSError:
        free = 0
    return Place(problem, free)


def content(folder: Path) -> tuple[int, int]:
    """Count the files below a folder, and their bytes.

    Parameters
    ----------
    folder : Path
        May be missing.

    Returns
    -------
    n_files, n_bytes : int
    """
    sizes = [size for path in folder.rglob("*") if (size := _size(path)) is not None]
    return len(sizes), sum(sizes)


def _size(path: Path) -> int | None:
    """Give the size of a file, bytes, or None of what is no file, or is gone by now."""
    try:
        return path.lstat().st_size if path.is_file() else None
    except OSError:
        return None
