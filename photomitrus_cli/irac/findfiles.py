"""Which files the user meant: those of folders, patterns and lists, each once."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from photomitrus_cli.errors import InputError
from photomitrus_cli.irac.names import (
    ARCHIVE_TYPES,
    COMPANION_TYPES,
    RMASK_TYPE,
    imask_type,
    is_fits,
    stem_and_type,
    uncertainty_types,
)

_log = logging.getLogger(__name__)
_LIST_BYTES = 50_000_000

# Of each type the files by device and inode, which several names may share.
_Found = dict[str, dict[tuple[int, int], Path]]


def find_files(inputs: Iterable[Path], filetype: str) -> dict[str, list[Path]]:
    """Find frames of one type and whatever may accompany them.

    Parameters
    ----------
    inputs : iterable of Path
        Folders (searched recursively, hidden ones left out), FITS files, or text files with one folder or
        file a line, relative to the list. A file that is named itself counts as a frame unless its type is
        another one of the archive's (``r*/ch1/bcd/*.fits`` names masks and uncertainties too); its folder
        is searched for companions.
    filetype : str
        Type of the frames.

    Returns
    -------
    dict of str to list of Path
        Sorted, each file once (links resolved), under ``filetype`` and the companion types.

    Raises
    ------
    InputError
        When an input does not exist or cannot be read.
    """
    companions = {*uncertainty_types(filetype), imask_type(filetype), RMASK_TYPE}
    found: _Found = {kind: {} for kind in (filetype, *companions)}
    searched: set[Path] = set()
    for path in _expand(inputs):
        if path.is_dir():
            _add(found, _walk(path, set()))
            continue
        kind = stem_and_type(path)[1]
        if kind == filetype or kind not in ARCHIVE_TYPES:
            found[filetype].setdefault(_identity(path), path)
        else:
            _add(found, [path])
        if path.parent not in searched:
            searched.add(path.parent)
            _add(found, (p for p in _children(path.parent) if stem_and_type(p)[1] in companions))
    return {kind: sorted(paths.values()) for kind, paths in found.items()}


def types_found(inputs: Iterable[Path]) -> Counter[str]:
    """Count the FITS files of each type below the inputs, companions left out; for a helpful message."""
    kinds: Counter[str] = Counter()
    for path in _expand(inputs):
        files = _walk(path, set()) if path.is_dir() else [path]
        kinds.update(stem_and_type(file)[1] for file in files if is_fits(file))
    return Counter({kind: n for kind, n in kinds.items() if kind not in COMPANION_TYPES})


def _identity(path: Path) -> tuple[int, int]:
    """Give device and inode, the same for all names of a file; a link that leads nowhere is itself."""
    try:
        status = path.stat()
    except OSError:
        status = path.lstat()
    return status.st_dev, status.st_ino


def _add(found: _Found, paths: Iterable[Path]) -> None:
    for path in paths:
        kind = stem_and_type(path)[1]
        if kind in found and is_fits(path):
            first = found[kind].setdefault(_identity(path), path)
            if first is not path:
                _log.debug("%s is the same file as %s", path, first)


def _children(folder: Path) -> list[Path]:
    return [path for path, _ in _entries(folder)]


def _entries(folder: Path) -> list[tuple[Path, bool]]:
    """List a folder, sorted; tell of each entry whether it is a folder."""
    try:
        with os.scandir(folder) as found:
            return sorted((folder / entry.name, _is_folder(entry)) for entry in found)
    except OSError as error:
        raise InputError(f"{folder}: the folder cannot be read: {error.strerror or error}") from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Tell a folder; a link that leads back to itself is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _walk(folder: Path, above: set[Path]) -> Iterator[Path]:
    """Give the files below a folder; a link to a folder that is being searched is not followed."""
    here = folder.resolve()
    if here in above:
        return
    for path, is_folder in _entries(folder):
        if path.name.startswith("."):
            continue
        if is_folder:
            yield from _walk(path, above | {here})
        else:
            yield path


def _expand(inputs: Iterable[Path], listed_in: tuple[Path, ...] = ()) -> Iterator[Path]:
    for path in inputs:
        if not _exists(path):
            where = f"{listed_in[-1]}: lists " if listed_in else ""
            raise InputError(f"{where}{path}: no such file or folder")
        if path.is_dir() or is_fits(path):
            yield path
        elif path.resolve() in listed_in:
            raise InputError(f"{path}: the list leads back to itself")
        else:
            yield from _expand(_read_list(path), (*listed_in, path.resolve()))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        # A line of some other text file: too long for a name, or with a null character.
        return False


def _read_list(path: Path) -> list[Path]:
    problem = InputError(f"{path}: neither a folder, a FITS file nor a text list of them")
    try:
        if path.stat().st_size > _LIST_BYTES:
            raise InputError(f"{path}: too large for a list of files")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise problem from error
    names = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if any("\0" in name or name.startswith("<") for name in names):
        raise problem
    return [path.parent / name for name in names]
