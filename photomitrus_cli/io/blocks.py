"""The bytes of a FITS file, plain or gzip, read once from start to end."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from isal import igzip, igzip_lib

from photomitrus_cli.errors import InputError

BLOCK = 2880
MAX_HEADER_BYTES = 4000 * BLOCK
_CARD = 80
_END = b"END     "
_FIRST_READ = 32 * BLOCK
_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"
# Declared as an instance in the stubs.
_InflateError: type[Exception] = igzip_lib.error  # type: ignore[assignment]


class _HashingFile(io.RawIOBase):
    """A raw file that hashes what is read from it."""

    def __init__(self, raw: io.FileIO) -> None:
        self._raw = raw
        self.sha256 = hashlib.sha256()

    def readable(self) -> bool:
        """Say that it can be read, as the protocol of raw streams asks."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer and count what was read."""
        count = self._raw.readinto(buffer)
        self.sha256.update(memoryview(buffer)[:count])
        return count


class BlockReader:
    """Sequential access to the bytes of an open file; made by `open_blocks`.

    Parameters
    ----------
    path : Path
        The file, for messages.
    raw : io.FileIO
        The file as stored.
    n_bytes : int
        Its size.
    hashed : bool
        Whether `finish` is to return a hash.

    Attributes
    ----------
    size : int or None
        How many bytes there are to read; None for gzip, where the end tells.
    position : int
        How many were handed out.
    """

    def __init__(self, path: Path, raw: io.FileIO, n_bytes: int, *, hashed: bool) -> None:
        self.path = path
        self.n_bytes = n_bytes
        gzipped = os.pread(raw.fileno(), len(_GZIP), 0) == _GZIP
        self.size = None if gzipped else n_bytes
        self.position = 0
        self._pending = b""
        self._hashing = _HashingFile(raw) if hashed else None
        self._raw: io.RawIOBase = self._hashing or raw
        self._stream: io.RawIOBase | gzip.GzipFile = self._raw
        if gzipped:
            self._stream = igzip.IGzipFile(fileobj=self._raw, mode="rb")  # type: ignore[no-untyped-call]

    def fill(self, buffer: memoryview) -> int:
        """Fill a buffer with the next bytes.

        Parameters
        ----------
        buffer : memoryview
            Of single bytes. Nothing is inflated beyond its end, apart from a few kilobytes.

        Returns
        -------
        int
            How many bytes there were; less than asked for at the end of the file only.

        Raises
        ------
        InputError
            When the file cannot be read or inflated.
        """
        done = min(len(self._pending), len(buffer))
        buffer[:done] = self._pending[:done]
        self._pending = self._pending[done:]
        while done < len(buffer):
            count = self._read(buffer[done : done + _CHUNK])
            if not count:
                break
            done += count
        self.position += done
        return done

    def take(self, n_bytes: int) -> bytes:
        """Return the next bytes, fewer at the end of the file.

        Parameters
        ----------
        n_bytes : int
            How many.

        Returns
        -------
        bytes
            At most `n_bytes`.

        Raises
        ------
        InputError
            As `fill`.
        """
        buffer = bytearray(n_bytes)
        count = self.fill(memoryview(buffer))
        return bytes(memoryview(buffer)[:count])

    def skip(self, n_bytes: int) -> None:
        """Pass over bytes.

        Parameters
        ----------
        n_bytes : int
            How many; the end of the file may come first.

        Raises
        ------
        InputError
            As `fill`.
        """
        while n_bytes > 0 and (passed := self.take(min(n_bytes, _CHUNK))):
            n_bytes -= len(passed)

    def header(self) -> bytes:
        """Return the blocks of the header that starts here.

        Returns
        -------
        bytes
            Whole blocks up to the one with END, the last one shorter when the file ends there. Empty at the
            end of the file.

        Raises
        ------
        InputError
            When there is no END card, or none within `MAX_HEADER_BYTES`.
        """
        blocks = self.take(_FIRST_READ)
        searched = 0
        while (end := find_end(blocks, searched)) is None and len(blocks) < MAX_HEADER_BYTES:
            searched = len(blocks)
            more = self.take(max(_FIRST_READ, searched))
            if not more:
                break
            blocks += more
        if end is None:
            if not blocks:
                return b""
            raise InputError(f"{self.path}: truncated header: no END card in {len(blocks)} bytes")
        length = -(-end // BLOCK) * BLOCK
        self.position -= len(blocks[length:])
        self._pending = blocks[length:] + self._pending
        return blocks[:length]

    def peek(self, n_bytes: int) -> bytes:
        """Return the next bytes without passing them.

        Parameters
        ----------
        n_bytes : int
            How many.

        Returns
        -------
        bytes
            At most `n_bytes`.

        Raises
        ------
        InputError
            As `fill`.
        """
        ahead = self.take(n_bytes)
        self._pending = ahead + self._pending
        self.position -= len(ahead)
        return ahead

    def finish(self) -> str:
        """Hash the rest of the file and return the hash of all of it.

        A gzip file is inflated for one more block, so that its own check sum is compared where it ends there.

        Returns
        -------
        str
            SHA-256 of the bytes as stored, hexadecimal; empty when the file was not opened for hashing.

        Raises
        ------
        InputError
            As `fill`.
        """
        if self.size is None:
            self.take(BLOCK + 1)
        if self._hashing is None:
            return ""
        rest = memoryview(bytearray(_CHUNK))
        while self._hashing.readinto(rest):
            pass
        return self._hashing.sha256.hexdigest()

    def _read(self, buffer: memoryview) -> int:
        try:
            return self._stream.readinto(buffer) or 0
        except EOFError as error:
            raise InputError(f"{self.path}: truncated gzip data") from error
        except _InflateError as error:
            raise InputError(f"{self.path}: damaged gzip data: {error}") from error
        except OSError as error:
            raise InputError(f"{self.path}: cannot be read: {error.strerror or error}") from error


def find_end(blocks: bytes, start: int) -> int | None:
    """Find the end of a header.

    Parameters
    ----------
    blocks : bytes
        From the start of the header.
    start : int
        Where to begin to look; the start of a card.

    Returns
    -------
    int or None
        Where the END card ends; None when there is none yet.
    """
    found = blocks.find(_END, start)
    while found >= 0 and found % _CARD:
        found = blocks.find(_END, found + 1)
    return found + _CARD if found >= 0 else None


@contextmanager
def open_blocks(path: Path, *, hashed: bool = False) -> Iterator[BlockReader]:
    """Open a file for sequential reading.

    Parameters
    ----------
    path : Path
        A regular file, plain or gzip (told by its first bytes, not by its name).
    hashed : bool
        Whether to hash what is read.

    Yields
    ------
    BlockReader
        At the start of the file.

    Raises
    ------
    InputError
        When the file is missing, not a regular file, not readable or empty.
    """
    try:
        # Looked at before opening: to open a pipe would wait for its writer.
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise InputError(f"{path}: is a folder, not a file")
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{path}: is not a regular file")
        raw = io.FileIO(path)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be opened: {error.strerror or error}") from error
    except ValueError as error:
        raise InputError(f"{str(path)!r}: not a file name") from error
    with raw:
        if not status.st_size:
            raise InputError(f"{path}: empty file")
        yield BlockReader(path, raw, status.st_size, hashed=hashed)
