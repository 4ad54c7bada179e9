"""Writing that leaves either the whole new file or the old one."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from isal import isal_zlib

from photomitrus_cli.errors import ConfigError, InputError, WriteError

_PACKED_SUFFIXES = frozenset({".gz", ".fz", ".bz2", ".xz"})
_MAX_STEM = 120
_CHUNK = 1 << 20
# Larger files are summed up by two threads.
_SPLIT_FROM = 1 << 26
_PART = re.compile(r"\..+\.(?P<host>[0-9a-f]{6})-(?P<pid>\d+)-[0-9a-f]{8}\.part(?:\.\w+){0,2}")
_FOREIGN_AGE_S = 7 * 86400.0
_NO_FOLDER_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EACCES, errno.EPERM})


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file that was written.

    Attributes
    ----------
    path : Path
        Where.
    n_bytes : int
        Its size.
    crc32 : int
        Of its bytes.
    """

    path: Path
    n_bytes: int
    crc32: int


@contextlib.contextmanager
def atomic_path(final: str | Path, *, durable: bool = True) -> Iterator[Path]:
    """Give a name to write to, and put the file in its place when the block ends well.

    The name does not exist yet (so that the file that is opened gets the mode of the umask), is in the folder
    of the final file, and ends in its suffix (so that a writer that packs by suffix does). When the block
    fails in any way, interruption included, what was written is removed and an older file stays as it was.

    Parameters
    ----------
    final : str or Path
        The file to make or replace. Of a symbolic link the target is replaced and the link kept.
    durable : bool
        Wait until the disk holds the file. Scratch files whose content is checked when they are read back do
        without: they survive the death of the process, and a power cut costs only their work.

    Yields
    ------
    Path
        ``.NAME.XXXX.part.SUFFIX``.

    Raises
    ------
    WriteError
        For any OSError of the block or of the replacement: no space, read-only, no folder, a folder in the
        way.
    """
    final = Path(final)
    target = _target(final)
    part = _part_name(target)
    try:
        yield part
        if durable:
            _synchronise(part)
        part.replace(target)
    except OSError as error:
        _remove(part)
        raise _write_error(final, error) from error
    except BaseException:
        _remove(part)
        raise
    if durable:
        _synchronise_folder(target.parent)


@contextlib.contextmanager
def writing(final: str | Path) -> Iterator[None]:
    """Turn what the disk says while a file is written in pieces into a WriteError.

    Parameters
    ----------
    final : str or Path
        The file that is made, as the user knows it.

    Raises
    ------
    WriteError
        For any OSError of the block.
    """
    try:
        yield
    except OSError as error:
        raise _write_error(Path(final), error) from error


def write_bytes(final: str | Path, data: bytes) -> None:
    """Write a file whole or not at all.

    Parameters
    ----------
    final : str or Path
        The file to make or replace.
    data : bytes
        Its content.

    Raises
    ------
    WriteError
        As `atomic_path`.
    """
    with atomic_path(final) as part:
        part.write_bytes(data)


def write_text(final: str | Path, text: str) -> None:
    """Write a text file, in UTF-8 and with the line ends as given, whole or not at all.

    Parameters
    ----------
    final : str or Path
        The file to make or replace.
    text : str
        Its content.

    Raises
    ------
    WriteError
        As `atomic_path`.
    """
    write_bytes(final, text.encode("utf-8"))


def write_json(final: str | Path, obj: object) -> None:
    """Write a JSON file, keys in the order given, whole or not at all.

    Parameters
    ----------
    final : str or Path
        The file to make or replace.
    obj : object
        What `json` can hold. JSON knows neither NaN nor infinity.

    Raises
    ------
    WriteError
        As `atomic_path`; or when a number is not finite.
    """
    try:
        text = json.dumps(obj, indent=2, allow_nan=False, ensure_ascii=False)
    except ValueError as error:
        raise WriteError(f"{final}: cannot be written as JSON: {error}") from error
    write_text(final, text + "\n")


def remove_stale_parts(folder: str | Path) -> list[Path]:
    """Remove the unfinished files of runs that died.

    Parameters
    ----------
    folder : str or Path
        Searched without its subfolders; may be missing.

    Returns
    -------
    list of Path
        What was removed: the parts of dead processes of this machine, and those of other machines that are
        older than a week.
    """
    removed = []
    for path in sorted(Path(folder).glob(".*.part*")):
        match = _PART.fullmatch(path.name)
        if match and _is_stale(path, match["host"], int(match["pid"])):
            with contextlib.suppress(OSError):
                path.unlink()
                removed.append(path)
    return removed


def check_folder(folder: str | Path, needed_bytes: int = 0) -> None:
    """Make a folder and make sure that files can be written to it, before any work is done.

    Parameters
    ----------
    folder : str or Path
        Made with its parents when missing.
    needed_bytes : int
        How much the run will write.

    Raises
    ------
    WriteError
        When it cannot be made or written to, or has too little space.
    """
    folder = Path(folder)
    if folder.is_file():
        raise WriteError(f"{folder}: cannot be written: is a file, not a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = _part_name(folder / "probe")
        try:
            probe.touch(exist_ok=False)
        finally:
            _remove(probe)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise _write_error(folder, error) from error
    if free < needed_bytes:
        raise WriteError(
            f"{folder}: {needed_bytes / 1e9:.3g} GB are needed and {free / 1e9:.3g} GB are free",
            hint="choose another output folder or make room",
        )


def refuse_overwriting_inputs(outputs: Iterable[str | Path], inputs: Iterable[str | Path]) -> None:
    """Make sure that no output is one of the inputs.

    Parameters
    ----------
    outputs, inputs : iterable of str or Path
        Files that may or may not exist.

    Raises
    ------
    ConfigError
        When an output has the resolved path or the inode of an input.
    """
    known = {identity: Path(path) for path in outputs for identity in _identities(Path(path))}
    for path in inputs:
        # Resolving every part of thousands of paths takes longer than reading their headers;
        # inputs exist, and what exists is told by its inode.
        for identity in _inode(Path(path)) or [os.path.realpath(path)]:
            if identity in known:
                raise ConfigError(
                    f"{known[identity]}: the output is the input {path}", hint="name another output"
                )


def crc32_file(path: str | Path) -> int:
    """Sum up a file.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    int
        CRC-32 of its bytes.

    Raises
    ------
    InputError
        When it cannot be read.
    """
    from concurrent.futures import ThreadPoolExecutor

    try:
        with Path(path).open("rb", buffering=0) as handle:
            size = os.fstat(handle.fileno()).st_size
            if size < _SPLIT_FROM:
                return _crc32_part(handle.fileno(), 0, size)
            half = size // 2
            with ThreadPoolExecutor(1) as beside:
                second = beside.submit(_crc32_part, handle.fileno(), half, size)
                first = _crc32_part(handle.fileno(), 0, half)
                return int(isal_zlib.crc32_combine(first, second.result(), size - half))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error


def _crc32_part(handle: int, start: int, stop: int) -> int:
    """Sum up the bytes of an open file from ``start`` up to ``stop``, or its end where that comes first."""
    total, buffer = 0, memoryview(bytearray(min(_CHUNK, max(1, stop - start))))
    while start < stop and (count := os.preadv(handle, [buffer[: stop - start]], start)):
        total = isal_zlib.crc32(buffer[:count], total)
        start += count
    return total


def _target(final: Path) -> Path:
    target = Path(os.path.realpath(final))
    if target.is_symlink():
        raise WriteError(f"{final}: is a symbolic link that leads nowhere")
    if target.is_dir():
        raise WriteError(f"{final}: is a folder")
    return target


def _part_name(target: Path) -> Path:
    suffixes = target.suffixes[-2:] if target.suffix in _PACKED_SUFFIXES else target.suffixes[-1:]
    owner = f"{_host()}-{os.getpid()}-{secrets.token_hex(4)}"
    return target.with_name(f".{target.name[:_MAX_STEM]}.{owner}.part{''.join(suffixes)}")


def _host() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:6]


def _is_stale(path: Path, host: str, pid: int) -> bool:
    if host == _host():
        return not _is_alive(pid)
    with contextlib.suppress(OSError):
        return time.time() - path.stat().st_mtime > _FOREIGN_AGE_S
    return False


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _synchronise(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _synchronise_folder(folder: Path) -> None:
    """Make the new name durable where the file system can."""
    try:
        _synchronise(folder)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise _write_error(folder, error) from error


def _remove(part: Path) -> None:
    with contextlib.suppress(OSError):
        part.unlink()


def _write_error(path: Path, error: OSError) -> WriteError:
    # NumPy reports a short write without saying why; the disk or the quota is full.
    cause = error.strerror or f"the disk is full? {error}"
    return WriteError(f"{path}: cannot be written: {cause}")


def _identities(path: Path) -> set[object]:
    return {os.path.realpath(path), *_inode(path)}


def _inode(path: Path) -> list[object]:
    with contextlib.suppress(OSError):
        status = path.stat()
        return [(status.st_dev, status.st_ino)]
    return []
