"""The bytes of a FITS file, plain or gzip, read once from start to end."""

from __future__ import annotations

import gzip
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from isal import igzip, igzip_lib, isal_zlib

from photomitrus_cli.errors import InputError

BLOCK = 2880
MAX_HEADER_BYTES = 4000 * BLOCK
_CARD = 80
_END = np.frombuffer(b"END     ", np.uint64)[0]
_NO_WORDS = np.empty(0, np.uint64)
_FIRST_READ = 32 * BLOCK
_CHUNK = 1 << 20
_GZIP = b"\x1f\x8b"
# Declared as an instance in the stubs.
_InflateError: type[Exception] = igzip_lib.error  # type: ignore[assignment]


class _SummingFile(io.RawIOBase):
    """A raw file that sums up what is read from it."""

    def __init__(self, raw: io.FileIO) -> None:
        self._raw = raw
        self.crc32 = 0

    def readable(self) -> bool:
        """Say that it can be read, as the protocol of raw streams asks."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer and count what was read."""
        count = self._raw.readinto(buffer)
        self.crc32 = isal_zlib.crc32(memoryview(buffer)[:count], self.crc32)
        return count


class BlockReader:
    """Sequential access to the bytes of an open file; made by `open_blocks`.

    Parameters
    ----------
    path : Path
        The file, for messages.
    raw : io.FileIO
        The file as stored.
    summed : bool
        Whether `finish` is to return a sum.

    Attributes
    ----------
    size : int or None
        How many bytes there are to read; None for gzip, where the end tells.
    position : int
        How many were handed out.
    n_bytes, mtime_ns : int
        Size and modification time (ns) of the file as stored.
    """

    def __init__(self, path: Path, raw: io.FileIO, *, summed: bool) -> None:
        self.path = path
        status = os.fstat(raw.fileno())
        self.n_bytes = status.st_size
        self.mtime_ns = status.st_mtime_ns
        gzipped = os.pread(raw.fileno(), len(_GZIP), 0) == _GZIP
        self.size = None if gzipped else self.n_bytes
        self.position = 0
        self._pending = b""
        self._summing = _SummingFile(raw) if summed else None
        self._raw: io.RawIOBase = self._summing or raw
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
        done += self._read_into(buffer[done:])
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
        self._look(n_bytes)
        taken, self._pending = self._pending[:n_bytes], self._pending[n_bytes:]
        self.position += len(taken)
        return taken

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
        searched = 0
        self._look(_FIRST_READ)
        while (end := find_end(self._pending, searched)) is None and len(self._pending) < MAX_HEADER_BYTES:
            searched = len(self._pending)
            self._look(searched + max(_FIRST_READ, searched))
            if len(self._pending) == searched:
                break
        if end is None:
            if not self._pending:
                return b""
            raise InputError(f"{self.path}: truncated header: no END card in {len(self._pending)} bytes")
        length = -(-end // BLOCK) * BLOCK
        header, self._pending = self._pending[:length], self._pending[length:]
        self.position += len(header)
        return header

    def peek(self, n_bytes: int) -> bytes:
        """Return the next bytes as `take` does, without passing them."""
        self._look(n_bytes)
        return self._pending[:n_bytes]

    def finish(self) -> int:
        """Sum up the rest of the file and return the sum of all of it.

        A gzip file is inflated for one more block, so that its own check sum is compared where it ends there.

        Returns
        -------
        int
            CRC-32 of the bytes as stored; 0 when the file was not opened for it.

        Raises
        ------
        InputError
            As `fill`.
        """
        if self.size is None:
            self.take(BLOCK + 1)
        if self._summing is None:
            return 0
        if self.size is not None and self.position + len(self._pending) >= self.size:
            return self._summing.crc32
        rest = memoryview(bytearray(_CHUNK))
        while self._summing.readinto(rest):
            pass
        return self._summing.crc32

    def _look(self, n_bytes: int) -> None:
        """Have at least so many bytes pending, fewer at the end of the file."""
        missing = n_bytes - len(self._pending)
        if missing > 0:
            # A header, which is what is looked at as a rule, comes in one reading.
            missing = max(missing, 0 if self._pending else _FIRST_READ)
            buffer = bytearray(missing)
            count = self._read_into(memoryview(buffer))
            self._pending += memoryview(buffer)[:count]

    def _read_into(self, buffer: memoryview) -> int:
        done = 0
        while done < len(buffer) and (count := self._read(buffer[done : done + _CHUNK])):
            done += count
        return done

    def _read(self, buffer: memoryview) -> int:
        try:
            return self._stream.readinto(buffer) or 0
        except EOFError as error:
            raise InputError(f"{self.path}: truncated gzip data") from error
        except _InflateError as error:
            raise InputError(f"{self.path}: damaged gzip data: {error}") from error
        except OSError as error:
            raise InputError(f"{self.path}: cannot be read: {error.strerror or error}") from error


def padded(n_bytes: int) -> int:
    """Give a size in whole blocks, bytes."""
    return -(-n_bytes // BLOCK) * BLOCK


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
    # Headers are full of blanks, of which END has five: a search at the starts of the cards alone is much
    # quicker than one of the whole text.
    n_cards = (len(blocks) - start) // _CARD
    words = np.ndarray(n_cards, np.uint64, blocks, offset=start, strides=(_CARD,)) if n_cards else _NO_WORDS
    found = np.flatnonzero(words == _END)
    return start + _CARD * (int(found[0]) + 1) if found.size else None


@contextmanager
def open_blocks(path: Path, *, summed: bool = False) -> Iterator[BlockReader]:
    """Open a file for sequential reading.

    Parameters
    ----------
    path : Path
        A regular file, plain or gzip (told by its first bytes, not by its name).
    summed : bool
        Whether to compute the CRC-32 of what is read.

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
        blocks = BlockReader(path, raw, summed=summed)
        if not blocks.n_bytes:
            raise InputError(f"{path}: empty file")
        yield blocks
