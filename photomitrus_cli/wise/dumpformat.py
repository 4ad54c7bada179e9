"""Formats of frame tables, told by their content: IPAC, CSV, ECSV, the 31-column dump, FITS, VOTable."""

from __future__ import annotations

import csv
import re
from functools import partial
from itertools import islice
from pathlib import Path

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.tablefiles import UNREADABLE, read_by_astropy, repeated
from photomitrus_cli.wise.arraysource import ArraySource
from photomitrus_cli.wise.tablesource import TableSource, TextSource, open_table, unreadable
from photomitrus_cli.wise.textcells import aligned, separated

# The columns of the dump of the image inventory that WISEmapper reads; whitespace splits the two times.
SEED_COLUMNS = (
    *("band", "crval1", "crval2", "ra1", "dec1", "ra2", "dec2", "ra3", "dec3", "ra4", "dec4"),
    *("magzp", "magzpunc", "modeint", "scan_id", "scangrp", "frame_num", "date_obs_date", "date_obs_time"),
    *("mjd_obs", "dtanneal", "utanneal_date", "utanneal_time", "exptime", "qa_status", "qual_frame"),
    *("debgain", "febgain", "moon_sep", "saa_sep", "qual_scan"),
)
_HEAD_LINES = 2000
_MOST_BYTES = 1 << 22
_DUMP_HEADER = 20
_SEPARATORS = (",", "\t", ";")
_DELIMITER = re.compile(rb"#\s*delimiter:\s*(\S+)")
_QUOTED_COMMA = ("','", '","', ",")


def open_source(path: Path) -> TableSource:
    """Recognise a frame table and read its names of columns.

    Parameters
    ----------
    path : Path
        Plain or packed by gzip. Text formats are read in blocks later; FITS and VOTable are loaded here.

    Returns
    -------
    TableSource

    Raises
    ------
    InputError
        When the file cannot be read, is of no known format or names a column twice.
    """
    if path.is_dir():
        raise InputError(f"{path}: is a folder, not a frame table")
    head = _head(path)
    first = head[0] if head else b""
    if first.startswith(b"SIMPLE  ="):
        source: TableSource = _by_astropy(path, "fits")
    elif first.lstrip()[:9].lower().startswith((b"<?xml", b"<votable")):
        source = _by_astropy(path, "votable")
    elif first.startswith((b"\\", b"|")):
        source = _ipac(path, head)
    else:
        source = _words_of_lines(path, head)
    twice = repeated(source.names)
    if twice:
        raise InputError(f"{path}: two columns are called '{twice[0]}'")
    return source


def _head(path: Path) -> list[bytes]:
    try:
        with open_table(path) as stream:
            lines, total = [], 0
            for line in islice(iter(lambda: stream.readline(_MOST_BYTES), b""), _HEAD_LINES):
                lines.append(line)
                total += len(line)
                if total > _MOST_BYTES or line.startswith(b"SIMPLE  ="):
                    break
    except (OSError, EOFError) as error:
        raise unreadable(path, error) from error
    if not any(line.strip() for line in lines):
        raise InputError(f"{path}: the frame table is empty")
    return lines


def _ipac(path: Path, head: list[bytes]) -> TextSource:
    """Read the header of an IPAC table: names, types, units and words for nulls between bars."""
    skipped = 0
    while skipped < len(head) and head[skipped].startswith(b"\\"):
        skipped += 1
    count = 0
    while skipped + count < len(head) and head[skipped + count].startswith(b"|"):
        count += 1
    if not count:
        raise InputError(f"{path}: an IPAC table without a line of column names")
    lines = [line.rstrip() for line in head[skipped : skipped + count]]
    bars = [place for place, char in enumerate(lines[0]) if char == ord("|")]
    names = _names(lines[0].decode("utf-8", "replace").split("|")[1:-1])
    nulls = {}
    if count > 3:
        words = [word.strip().lower() for word in lines[3].split(b"|")[1:-1]]
        nulls = {name: word for name, word in zip(names, words, strict=False) if word}
    start = sum(map(len, head[: skipped + count]))
    return TextSource(path, names, start, partial(aligned, bars=bars), nulls)


def _words_of_lines(path: Path, head: list[bytes]) -> TextSource:
    """Tell CSV, ECSV, a table of words with their names, and the dump without names from each other."""
    place = next((n for n, line in enumerate(head) if line.strip() and not line.startswith(b"#")), None)
    if place is None:
        raise InputError(f"{path}: has no line of column names")
    line = head[place].decode("utf-8-sig", "replace").strip("\r\n")
    after = sum(map(len, head[: place + 1]))
    if head[0].startswith(b"# %ECSV"):
        match = next(filter(None, map(_DELIMITER.match, head[:place])), None)
        comma = match is not None and match[1].decode() in _QUOTED_COMMA
        return _with_names(path, line, "," if comma else " ", after)
    separator = max(_SEPARATORS, key=line.count)
    if line.count(separator) > 1:
        return _with_names(path, line, separator, after)
    if "scan_id" in line.lower().split():
        return _with_names(path, line, " ", after)
    return _dump(path, head)


def _with_names(path: Path, line: str, separator: str, start: int) -> TextSource:
    try:
        names = _names(next(csv.reader([line], delimiter=separator, skipinitialspace=True), []))
    except csv.Error as error:
        raise unreadable(path, error) from error
    if separator == " ":
        names = tuple(name for name in names if name)
    find = partial(separated, n_columns=len(names), separator=separator.encode())
    return TextSource(path, names, start, find, {})


def _dump(path: Path, head: list[bytes]) -> TextSource:
    """Find where the rows of a dump begin: 31 words, the first a band, the last a whole number."""
    start = 0
    for line in head[:_DUMP_HEADER]:
        words = line.split()
        if len(words) == len(SEED_COLUMNS) and words[0] in (b"1", b"2", b"3", b"4"):
            find = partial(separated, n_columns=len(SEED_COLUMNS), separator=b" ")
            return TextSource(path, SEED_COLUMNS, start, find, {})
        start += len(line)
    raise InputError(
        f"{path}: no frame table: neither IPAC, CSV, ECSV, FITS, VOTable nor "
        f"{len(SEED_COLUMNS)} words a line that begin with a band"
    )


def _names(words: list[str]) -> tuple[str, ...]:
    return tuple(word.strip().strip('"').lower() for word in words)


def _by_astropy(path: Path, kind: str) -> ArraySource:
    options = {"character_as_bytes": True} if kind == "fits" else {}
    try:
        table = read_by_astropy(path, kind, **options)
    except UNREADABLE as error:
        raise unreadable(path, error) from error
    columns = {str(name): table[name] for name in table.colnames}
    flat = {name: column for name, column in columns.items() if getattr(column, "ndim", 0) == 1}
    names = [name.lower() for name in flat]
    twice = repeated(names)
    if twice:
        raise InputError(f"{path}: two columns are called '{twice[0]}'")
    return ArraySource(path, {name.lower(): column for name, column in flat.items()})
