"""Frame tables as blocks of columns; those in text are read in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np

from photomitrus_cli.errors import InputError, first_line
from photomitrus_cli.wise.textcells import Bytes, Cells, Float, RowError, Words
from photomitrus_cli.wise.textnumbers import MISSING_WORDS, numbers

BLOCK_BYTES = 1 << 21
_GZIP = b"\x1f\x8b"


class Block(Protocol):
    """Some rows of a table."""

    @property
    def first(self) -> int:
        """Give the number of the first of them."""
        ...

    def __len__(self) -> int:
        """Count the rows."""
        ...

    def words(self, name: str) -> Words:
        """Give a column as text, empty where a value is missing."""
        ...

    def numbers(self, name: str) -> Float:
        """Give a column as numbers, NaN where a value is missing."""
        ...


class TableSource(Protocol):
    """A frame table."""

    @property
    def path(self) -> Path:
        """Give the file or folder that it comes from."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """Give the names of the columns as stored, lower case."""
        ...

    def blocks(self) -> Iterator[Block]:
        """Read the rows in their order; InputError for what cannot be read."""
        ...


def open_table(path: Path) -> AbstractContextManager[IO[bytes]]:
    """Open a file, unpacking gzip.

    Parameters
    ----------
    path : Path

    Returns
    -------
    binary stream

    Raises
    ------
    OSError
        When it cannot be opened.
    """
    with path.open("rb") as stream:
        packed = stream.read(2) == _GZIP
    if not packed:
        return path.open("rb")
    from isal import igzip

    opener: Any = igzip.IGzipFile
    opened: AbstractContextManager[IO[bytes]] = opener(str(path), "rb")
    return opened


def unreadable(path: Path, error: BaseException) -> InputError:
    """Say that a table cannot be read.

    Parameters
    ----------
    path : Path
    error : BaseException
        Why.

    Returns
    -------
    InputError
    """
    reason = getattr(error, "strerror", None) or first_line(error)
    return InputError(f"{path}: the frame table cannot be read: {reason}")


@dataclass(frozen=True)
class TextSource:
    """A table in text.

    Attributes
    ----------
    path : Path
    names : tuple of str
    start : int
        Where the rows begin, bytes of the unpacked file.
    find : callable
        Finds the cells of a block of whole lines.
    nulls : mapping of str to bytes
        Words of a column that stand for no value, lower case, besides `MISSING_WORDS`.
    """

    path: Path
    names: tuple[str, ...]
    start: int
    find: Callable[[Bytes], Cells]
    nulls: Mapping[str, bytes]

    def blocks(self) -> Iterator[Block]:
        """Read the rows in their order."""
        first = 0
        for text in self._texts():
            cells = self._cells(text, first)
            if cells is not None:
                block = TextBlock(self, first, cells)
                first += len(block)
                yield block

    def _cells(self, text: bytes, first: int) -> Cells | None:
        """Find the cells of some lines; None when all of them are empty."""
        try:
            return self.find(np.frombuffer(text, np.uint8))
        except RowError as error:
            filled = b"".join(line for line in text.splitlines(keepends=True) if line.strip())
            if len(filled) == len(text):
                raise self.wrong(first, error) from error
        return self._cells(filled, first) if filled else None

    def wrong(self, first: int, error: RowError, name: str = "") -> InputError:
        """Say which row is wrong; ``first`` is the number of its block's first row."""
        column = f" in column {name}" if name else ""
        return InputError(f"{self.path}, row {first + error.row + 1}: {error.reason}{column}")

    def _texts(self) -> Iterator[bytes]:
        """Read blocks of whole lines."""
        try:
            with open_table(self.path) as stream:
                stream.seek(self.start)
                rest = b""
                while chunk := stream.read(BLOCK_BYTES):
                    whole, end, rest = (rest + chunk).rpartition(b"\n")
                    if end:
                        yield whole + end
                    elif len(rest) > 4 * BLOCK_BYTES:
                        raise InputError(f"{self.path}: has a line of more than {len(rest) // 2**20} MB")
                if rest:
                    yield rest + b"\n"
        except (OSError, EOFError) as error:
            raise unreadable(self.path, error) from error


@dataclass(frozen=True)
class TextBlock:
    """Rows of a table in text."""

    source: TextSource
    first: int
    cells: Cells

    def __len__(self) -> int:
        """Count the rows."""
        return int(self.cells.starts.shape[0])

    def words(self, name: str) -> Words:
        """Give a column as text; see `Block`."""
        words = self._raw(name)
        null = self.source.nulls.get(name, b"null")
        return np.where((words == null) | (words == b"null"), b"", words)

    def numbers(self, name: str) -> Float:
        """Give a column as numbers; see `Block`."""
        missing = (*MISSING_WORDS, self.source.nulls.get(name, b""))
        try:
            return numbers(self._raw(name), missing)
        except RowError as error:
            raise self.source.wrong(self.first, error, name) from error

    def _raw(self, name: str) -> Words:
        try:
            return self.cells.words(self.source.names.index(name))
        except RowError as error:
            raise self.source.wrong(self.first, error, name) from error
