"""From a frame's identifiers to its file: templates, several data roots, plain and packed files."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from string import Formatter

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import ConfigError, InputError
from photomitrus_cli.wise.textcells import Words

FIELDS = ("root", "scangrp", "scan_id", "frame_num", "band")
NOWHERE = -1
_GZIP = b".gz"
_SAFE = re.compile(rb"[0-9A-Za-z_]+")
# Frames on a network disk answer one after the other; waiting for several at once costs nothing.
_THREADS = 8
_CHUNK = 4096


@dataclass(frozen=True)
class PathRule:
    """How the files of frames are called.

    Attributes
    ----------
    pieces : tuple of (str, str)
        Text and the field that follows it, which may be empty.
    roots : tuple of Path
        Absolute.
    """

    pieces: tuple[tuple[str, str], ...]
    roots: tuple[Path, ...]

    def paths(self, scangrp: Words, scan_id: Words, frame_num: Words, band: int, root: int) -> Words:
        """Name the intensity images of frames.

        Parameters
        ----------
        scangrp, scan_id, frame_num : ndarray of bytes, shape (n,)
        band : int
        root : int
            Place in `roots`.

        Returns
        -------
        ndarray of bytes, shape (n,)
            UTF-8.
        """
        fields: dict[str, Words | bytes] = {"scangrp": scangrp, "scan_id": scan_id, "frame_num": frame_num}
        fields |= {"band": str(band).encode(), "root": os.fsencode(self.roots[root]), "": b""}
        made: Words = np.full(scan_id.size, b"", "S1")
        for text, field in self.pieces:
            made = np.strings.add(np.strings.add(made, text.encode()), fields[field])
        return made


def path_rule(template: str, roots: Sequence[Path]) -> PathRule:
    """Read a template of paths.

    Parameters
    ----------
    template : str
        With the fields ``{root}``, ``{scangrp}``, ``{scan_id}``, ``{frame_num}`` and ``{band}``; it begins
        with the root, and what follows cannot lead out of it.
    roots : sequence of Path

    Returns
    -------
    PathRule

    Raises
    ------
    ConfigError
        For unknown fields, formats, or a template that leaves the root or does not tell frames apart.
    """
    try:
        parsed = [(text, name, spec, change) for text, name, spec, change in Formatter().parse(template)]
    except ValueError as error:
        raise ConfigError(f"template {template}: {error}") from error
    for _, name, spec, change in parsed:
        if name is not None and (name not in FIELDS or spec or change):
            raise ConfigError(
                f"template {template}: '{{{name}}}' is unknown", hint=f"one of {', '.join(FIELDS)}"
            )
    names = [name or "" for _, name, _, _ in parsed]
    if not template.startswith("{root}/") or names.count("root") > 1:
        raise ConfigError(f"template {template}: has to begin with {{root}}/")
    if not {"scan_id", "frame_num"} <= set(names):
        raise ConfigError(f"template {template}: needs {{scan_id}} and {{frame_num}}, or frames share a file")
    if any(part in ("..", ".") for part in template.split("/")) or "\n" in template or "\0" in template:
        raise ConfigError(f"template {template}: leads out of the data root")
    pieces = tuple((text, name or "") for text, name, _, _ in parsed)
    return PathRule(pieces, tuple(_root(path) for path in roots))


def _root(path: Path) -> Path:
    if any(char in str(path) for char in '\n\r"'):
        raise ConfigError(f"root {str(path)!r}: quotes and line ends cannot be written into a table")
    return Path(os.path.abspath(path))  # noqa: PTH100 - links stay as they are: data disks are linked in


def refuse_unsafe(words: Words, where: Callable[[int], str]) -> None:
    """Make sure that words can be parts of a path that stay below its root.

    Parameters
    ----------
    words : ndarray of bytes, shape (n,)
    where : callable
        Says for people where a row is.

    Raises
    ------
    InputError
        For the first that is not of letters, digits and underscores alone.
    """
    for word in np.unique(words).tolist():
        if not _SAFE.fullmatch(word):
            row = int(np.flatnonzero(words == word)[0])
            shown = word.decode("utf-8", "replace")[:40]
            raise InputError(f"{where(row)}: {shown!r} would lead out of the data root")


def locate(candidates: Sequence[Words]) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """Find in which data root each file is, plain or packed by gzip.

    Parameters
    ----------
    candidates : sequence of ndarray of bytes, shape (n,)
        Plain names under each root, the preferred root first.

    Returns
    -------
    root : ndarray of int8, shape (n,)
        Place among the candidates; `NOWHERE` where there is no file.
    packed : ndarray of bool, shape (n,)
        Whether only the packed file is there.
    """
    count = candidates[0].size
    root, packed = np.full(count, NOWHERE, np.int8), np.zeros(count, np.bool_)
    with ThreadPoolExecutor(_THREADS) as threads:
        for place, names in enumerate(candidates):
            for suffix in (b"", _GZIP):
                rest = np.flatnonzero(root == NOWHERE)
                parts = [rest[start : start + _CHUNK] for start in range(0, rest.size, _CHUNK)]
                found = list(threads.map(_are_files, [np.strings.add(names[part], suffix) for part in parts]))
                here = rest[np.concatenate(found)] if found else rest
                root[here], packed[here] = place, bool(suffix)
    return root, packed


def _are_files(names: Words) -> NDArray[np.bool_]:
    return np.array([os.path.isfile(name) for name in names.tolist()], np.bool_)  # noqa: PTH113 - of bytes
