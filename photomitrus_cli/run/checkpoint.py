"""Checkpoints: finished units of work kept on disk until the product is complete.

A checkpoint exists under its final name only when it was written whole; it carries the key of the run it
belongs to and a CRC-32 of every array. After a crash ``--resume`` repeats only what is missing. Within a run
the arrays are mapped into memory, not read: a tile touches only the rows of a frame that it needs.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import math
import mmap
import os
import shutil
import struct
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from photomitrus_cli.errors import ConfigError, InputError, WriteError
from photomitrus_cli.io.atomic import atomic_path, remove_stale_parts

_log = logging.getLogger(__name__)

_LOCK_TRIES = 20
_REMOVERS = 4
# Changed with the arrays that stages keep; checkpoints of another layout do not count.
LAYOUT = 3
_MAGIC = b"ASTROMAP"
# Magic, length and CRC-32 of the text that follows.
_HEAD = struct.Struct("<8sII")
_ALIGN = 64
# What damaged or foreign bytes can lead to.
_DAMAGED = (OSError, ValueError, KeyError, TypeError, OverflowError, struct.error)


@dataclass(frozen=True)
class Checkpoint:
    """One unit's saved result.

    Attributes
    ----------
    arrays : mapping of str to ndarray
        Private views of the file, made when asked for: what is written to them does not reach it.
    text : str
        The values as JSON, parsed when somebody asks for them.
    """

    arrays: Mapping[str, NDArray[Any]]
    text: str

    @property
    def meta(self) -> dict[str, Any]:
        """JSON-ready values."""
        meta: dict[str, Any] = json.loads(self.text)
        return meta


@dataclass(frozen=True)
class Store:
    """A folder of checkpoints of one run.

    Attributes
    ----------
    folder : Path
    key : str
        The run's key; checkpoints of another key do not count.
    """

    folder: Path
    key: str

    def path(self, name: str) -> Path:
        """Give the file of a unit's checkpoint."""
        return self.folder / f"{name}.unit"

    def save(self, name: str, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> None:
        """Save a unit's result atomically.

        Raises
        ------
        WriteError
            When the disk is full or the folder is not writable.
        """
        solid = {key: np.asarray(array, order="C") for key, array in arrays.items()}
        table = [
            [key, array.dtype.str, list(array.shape), isal_zlib.crc32(_bytes(array))]
            for key, array in solid.items()
        ]
        head = {"layout": LAYOUT, "key": self.key, "meta": json.dumps(dict(meta)), "arrays": table}
        text = json.dumps(head).encode()
        with atomic_path(self.path(name), durable=False) as part, part.open("wb") as stream:
            stream.write(_HEAD.pack(_MAGIC, len(text), isal_zlib.crc32(text)))
            stream.write(text)
            for array in solid.values():
                stream.write(bytes(-stream.tell() % _ALIGN))
                stream.write(_bytes(array))

    def load(self, name: str, *, verify: bool = True) -> Checkpoint | None:
        """Give a unit's saved result, or None when it is absent, damaged or of another run.

        Parameters
        ----------
        name : str
        verify : bool
            Compare the arrays with their CRC-32; a unit that this run has written or verified needs it no
            more.
        """
        try:
            with self.path(name).open("rb") as stream:
                view = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)
            head, start = _read_head(view)
            if (head["layout"], head["key"]) != (LAYOUT, self.key):
                return None
            arrays = _Views(view, head["arrays"], start)
            if verify:
                arrays.verify()
            return Checkpoint(arrays, head["meta"])
        except _DAMAGED:
            return None

    def require(self, name: str) -> Checkpoint:
        """Give the saved result of a unit that this run has finished.

        Raises
        ------
        InputError
            When it was damaged since it was written.
        """
        checkpoint = self.load(name, verify=False)
        if checkpoint is None:
            raise InputError(
                f"{self.path(name)}: the checkpoint is damaged", hint="run again with --overwrite"
            )
        return checkpoint

    def load_meta(self, name: str) -> dict[str, Any] | None:
        """Give only the saved values of a unit whose whole checkpoint is sound."""
        checkpoint = self.load(name)
        return None if checkpoint is None else checkpoint.meta

    def drop(self, patterns: Iterable[str]) -> None:
        """Remove checkpoints that no stage needs any more; what cannot be removed stays until the end.

        Parameters
        ----------
        patterns : iterable of str
            Names, with ``*`` for anything.
        """
        for pattern in patterns:
            for path in self.folder.glob(f"{pattern}.unit"):
                with contextlib.suppress(OSError):
                    path.unlink()


def _bytes(array: NDArray[Any]) -> memoryview:
    """View an array as bytes; one without elements has none."""
    return memoryview(array.reshape(-1).view(np.uint8).data) if array.size else memoryview(b"")


def _read_head(view: mmap.mmap) -> tuple[dict[str, Any], int]:
    """Read what a file says of its arrays, and where they start."""
    magic, length, crc = _HEAD.unpack_from(view)
    text = view[_HEAD.size : _HEAD.size + length]
    if magic != _MAGIC or isal_zlib.crc32(text) != crc:
        raise ValueError("not a checkpoint")
    return json.loads(text), _HEAD.size + length


class _Views(Mapping[str, NDArray[Any]]):
    """The arrays of a file; a short file raises ValueError."""

    def __init__(self, view: mmap.mmap, table: list[Any], start: int) -> None:
        self._view = view
        self._places: dict[str, tuple[np.dtype[Any], int, int, list[int], int]] = {}
        for name, kind, shape, crc in table:
            start += -start % _ALIGN
            dtype = np.dtype(kind)
            count = math.prod(shape)
            self._places[name] = (dtype, count, start, shape, crc)
            start += count * dtype.itemsize
        if start > len(view):
            raise ValueError("truncated")

    def __getitem__(self, name: str) -> NDArray[Any]:
        dtype, count, start, shape, _ = self._places[name]
        array = np.frombuffer(self._view, dtype, count, start) if count else np.empty(0, dtype)
        return array.reshape(shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def verify(self) -> None:
        """Compare all arrays with their sums; ValueError tells of a difference."""
        for name, (*_, crc) in self._places.items():
            if isal_zlib.crc32(_bytes(self[name])) != crc:
                raise ValueError("damaged")


@contextlib.contextmanager
def open_store(folder: Path, key: str, *, resume: bool) -> Iterator[Store]:
    """Open the checkpoint folder of a run; it is removed when the block ends without an error.

    Parameters
    ----------
    folder : Path
    key : str
    resume : bool
        Keep checkpoints found there; otherwise the folder starts empty.

    Raises
    ------
    ConfigError
        When another run is working in the same folder.
    WriteError
        When the folder cannot be made, emptied or written to, or is a symbolic link.
    """
    with _locked(folder) as lock:
        if not resume:
            _empty(folder, keep=lock)
        remove_stale_parts(folder)
        try:
            yield Store(folder, key)
        except BaseException:
            # Checkpoints serve a later run; what ended workers had begun to write serves nobody.
            remove_stale_parts(folder)
            raise
        # The product is safe by now; what cannot be removed (another run may be opening the lock) may stay.
        _remove(folder)


@contextlib.contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Keep other runs of the same product out; the folder is removed however the block ends.

    Parameters
    ----------
    folder : Path
        Made for the lock alone; a killed run leaves it behind, and the next one takes it over.

    Raises
    ------
    ConfigError
        When another run holds it.
    WriteError
        When the folder cannot be made, or is a symbolic link.
    """
    with _locked(folder):
        try:
            yield
        finally:
            _remove(folder)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[Path]:
    """Make a folder and hold its lock file."""
    if folder.is_symlink():
        # It may lead to somebody's data, and a work folder is emptied.
        raise WriteError(f"{folder}: is a symbolic link, not a work folder", hint="remove the link")
    lock = folder / "lock"
    for _ in range(_LOCK_TRIES):
        with contextlib.ExitStack() as stack:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                handle = stack.enter_context(lock.open("w"))
            except FileNotFoundError:
                continue
            except OSError as error:
                raise WriteError(f"{folder}: cannot be written: {error.strerror or error}") from error
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise ConfigError(
                    f"another run is writing this product (its work folder is {folder})"
                ) from error
            except OSError as error:
                _log.warning("%s: the file system has no locks (%s)", folder, error.strerror)
            if _is_still(lock, handle.fileno()):
                yield lock
                return
    raise ConfigError(f"another run keeps removing the work folder {folder}")


def _remove(folder: Path) -> None:
    """Remove a work folder; several threads do, as a disk that is busy with its files makes each wait."""
    with contextlib.suppress(OSError), ThreadPoolExecutor(_REMOVERS) as threads:
        threads.map(lambda path: path.unlink(missing_ok=True), folder.glob("*.unit"))
    shutil.rmtree(folder, ignore_errors=True)


def _is_still(lock: Path, descriptor: int) -> bool:
    """Tell whether an open lock file still has its name: a run that ended just now may have removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), lock.stat())
    except FileNotFoundError:
        return False


def _empty(folder: Path, *, keep: Path) -> None:
    try:
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path != keep:
                path.unlink()
    except OSError as error:
        raise WriteError(f"{folder}: cannot be emptied: {error.strerror or error}") from error
