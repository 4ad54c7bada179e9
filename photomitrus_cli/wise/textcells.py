"""Cells of tables in text, found by whole blocks: a million rows cost seconds, not minutes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.bytes_]
Float = NDArray[np.float64]
Bytes = NDArray[np.uint8]

_NEWLINE, _RETURN, _TAB, _BLANK, _QUOTE = 10, 13, 9, 32, 34
LONGEST_CELL = 1000


class RowError(ValueError):
    """A row that cannot be taken apart.

    Parameters
    ----------
    row : int
        Within the block.
    reason : str
    """

    def __init__(self, row: int, reason: str) -> None:
        super().__init__(reason)
        self.row = row
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Cells:
    """Where the cells of a block lie in its text.

    Attributes
    ----------
    text : ndarray of uint8
        Whole lines, and behind them `LONGEST_CELL` zeros.
    starts, ends : ndarray of int64, shape (n_rows, n_columns)
        First character, and the one behind the last.
    quoted : bool
        Whether cells may be in quotes.
    """

    text: Bytes
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    quoted: bool

    def words(self, column: int) -> Words:
        """Give a column as text without blanks and quotes around it.

        Raises
        ------
        RowError
            When a cell is longer than `LONGEST_CELL`.
        """
        start, length = self.starts[:, column], self.ends[:, column] - self.starts[:, column]
        if not length.size:
            return np.empty(0, "S1")
        width = max(1, int(length.max()))
        if width > LONGEST_CELL:
            raise RowError(int(length.argmax()), f"a cell of {width} characters")
        # Every place of the text as the beginning of a word, so that a word is copied as one.
        kind = np.dtype((np.bytes_, width))
        every: Words = np.ndarray((self.text.size - width + 1,), kind, self.text.data, strides=(1,))
        words = every[start]
        if length.min() < width:
            inside = 255 * np.tri(width + 1, width, -1, dtype=np.uint8)
            chars = words.view(np.uint8).reshape(-1, width)
            np.bitwise_and(chars, inside[length], out=chars)
        words = np.strings.strip(words)
        return _unquoted(words) if self.quoted else words


def _unquoted(words: Words) -> Words:
    quoted = np.strings.startswith(words, b'"') & np.strings.endswith(words, b'"')
    inner = np.strings.replace(np.strings.strip(words, b'"'), b'""', b'"')
    return np.where(quoted, np.strings.strip(inner), words)


def separated(text: Bytes, n_columns: int, separator: bytes) -> Cells:
    """Find the cells between separators.

    Parameters
    ----------
    text : ndarray of uint8
        Lines, each with its end. Separators within quotes do not count.
    n_columns : int
    separator : bytes
        One character; a blank stands for any run of blanks and tabs.

    Returns
    -------
    Cells

    Raises
    ------
    RowError
        When a row has another number of cells.
    """
    newline = text == _NEWLINE
    outside = _outside_quotes(text)
    if separator == b" ":
        gap = (text == _BLANK) | (text == _TAB) | (text == _RETURN)
        gap = newline | (gap if outside is None else gap & outside)
        before = np.concatenate(([True], gap[:-1]))
        starts, ends = np.flatnonzero(before & ~gap), np.flatnonzero(gap & ~before)
    else:
        edge = text == separator[0]
        edge = newline | (edge if outside is None else edge & outside)
        ends = np.flatnonzero(edge)
        starts = np.concatenate(([0], ends[:-1] + 1))
    lines = np.flatnonzero(newline)
    last = np.searchsorted(starts, lines, side="right")
    counts = np.diff(last, prepend=0)
    if np.any(counts != n_columns):
        row = int(np.flatnonzero(counts != n_columns)[0])
        raise RowError(row, f"{counts[row]} values for {n_columns} columns")
    shape = lines.size, n_columns
    return Cells(_padded(text), starts.reshape(shape), ends.reshape(shape), outside is not None)


def _padded(text: Bytes) -> Bytes:
    return np.concatenate((text, np.zeros(LONGEST_CELL, np.uint8)))


def _outside_quotes(text: Bytes) -> NDArray[np.bool_] | None:
    quotes = text == _QUOTE
    return np.cumsum(quotes) % 2 == 0 if quotes.any() else None


def aligned(text: Bytes, bars: Sequence[int]) -> Cells:
    """Find the cells of an IPAC table: what stands between the places of the bars of its header.

    Parameters
    ----------
    text : ndarray of uint8
        Lines, each with its end.
    bars : sequence of int
        Places of the bars in the line, one more than there are columns.

    Returns
    -------
    Cells

    Raises
    ------
    RowError
        When a value stands under a bar, or a line is empty.
    """
    stops = np.flatnonzero(text == _NEWLINE)
    lines = np.concatenate(([0], stops[:-1] + 1)).astype(np.int64)
    if np.any(lines == stops):
        raise RowError(int(np.argmax(lines == stops)), "an empty line")
    edges = np.minimum(lines[:, None] + np.asarray(bars, np.int64), stops[:, None])
    under = text[edges]
    crossed = (under != _BLANK) & (under != _NEWLINE) & (under != _RETURN) & (under != _TAB)
    if crossed.any():
        row, bar = (int(place[0]) for place in np.nonzero(crossed))
        raise RowError(row, f"a value under the bar at character {bars[bar] + 1}")
    return Cells(_padded(text), np.minimum(edges[:, :-1] + 1, stops[:, None]), edges[:, 1:], quoted=False)
