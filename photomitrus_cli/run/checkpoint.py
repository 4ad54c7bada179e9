"""Checkpoints: finished units of work kept on disk until the product is complete.

A checkpoint exists under its final name only when it was written whole; it carries the key of the run it
belongs to, and the archive's own CRC guards its bytes. After a crash ``--resume`` repeats only what is
missing.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import ConfigError, InputError, WriteError
from photomitrus_cli.io.atomic import atomic_path, remove_stale_parts

_log = logging.getLogger(__name__)

_META = "meta_json"
_LOCK_TRIES = 20
# Changed with the arrays that stages keep; checkpoints of another layout do not count.
LAYOUT = 2
# What numpy and zipfile raise for damaged archives: wrong flags look like encryption or unknown methods, a
# wrong magic like another kind of file, a wrong shape like an enormous array.
_DAMAGED = (
    OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError, MemoryError, OverflowError, SyntaxError,
    struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


@dataclass(frozen=True)
class Checkpoint:
    """One unit's saved result.

    Attributes
    ----------
    arrays : dict of str to ndarray
    meta : dict
        JSON-ready values.
    """

    arrays: dict[str, NDArray[Any]]
    meta: dict[str, Any]


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
        return self.folder / f"{name}.npz"

    def save(self, name: str, arrays: Mapping[str, NDArray[Any]], meta: Mapping[str, Any]) -> None:
        """Save a unit's result atomically.

        Raises
        ------
        WriteError
            When the disk is full or the folder is not writable.
        """
        text = json.dumps({"layout": LAYOUT, "key": self.key, "meta": dict(meta)})
        with atomic_path(self.path(name), durable=False) as part, part.open("wb") as stream:
            np.savez(stream, allow_pickle=False, **{_META: np.array(text)}, **arrays)

    def load(self, name: str) -> Checkpoint | None:
        """Give a unit's saved result, or None when it is absent, damaged or of another run."""
        try:
            # Opened here, because numpy leaves a damaged file open.
            with self.path(name).open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
                head = json.loads(str(archive[_META]))
                if (head["layout"], head["key"]) != (LAYOUT, self.key):
                    return None
                arrays = {key: archive[key] for key in archive.files if key != _META}
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
        checkpoint = self.load(name)
        if checkpoint is None:
            raise InputError(
                f"{self.path(name)}: the checkpoint is damaged", hint="run again with --overwrite"
            )
        return checkpoint

    def load_meta(self, name: str) -> dict[str, Any] | None:
        """Give only the saved values of a unit whose whole checkpoint is sound."""
        checkpoint = self.load(name)
        return None if checkpoint is None else checkpoint.meta


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
        When the folder cannot be made, emptied or written to.
    """
    with _locked(folder) as lock:
        if not resume:
            _empty(folder, keep=lock)
        remove_stale_parts(folder)
        yield Store(folder, key)
        # The product is safe by now; what cannot be removed (another run may be opening the lock) may stay.
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[Path]:
    """Make a folder and hold its lock file."""
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
