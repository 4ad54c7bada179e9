"""The filtered table of one band, written row by row with the cells as they were."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.run.context import Advance
from photomitrus_cli.wise.dumpformat import SEED_COLUMNS
from photomitrus_cli.wise.filtercolumns import has_paths
from photomitrus_cli.wise.filterplan import BandRows, FilterPlan
from photomitrus_cli.wise.framecells import cells
from photomitrus_cli.wise.frametable import offers
from photomitrus_cli.wise.paths import NOWHERE, locate, refuse_unsafe
from photomitrus_cli.wise.tablesource import Block, TableSource
from photomitrus_cli.wise.textcells import Words

PATH_COLUMN = "full_filepath"
_IDENTIFIERS = ("scangrp", "scan_id", "frame_num")
_GZIP = b".gz"


@dataclass
class RowWriter:
    """Writes rows of blocks to the tables of their bands."""

    plan: FilterPlan
    advance: Advance
    streams: dict[int, IO[bytes]] = field(default_factory=dict)

    def add(self, source: TableSource, block: Block, first: int) -> None:
        """Write the rows of a block, of which the first has this number among all."""
        span = slice(first, first + len(block))
        used = [(one, np.flatnonzero(one.passed[span])) for one in self.plan.bands]
        if not any(rows.size for _, rows in used):
            return
        known = self._cells(source, block)
        for one, rows in used:
            if rows.size:
                self._add(
                    source, block, one, {name: words[rows] for name, words in known.items()}, first + rows
                )

    def _cells(self, source: TableSource, block: Block) -> dict[str, Words]:
        names = [*SEED_COLUMNS, *self.plan.settings.extra_columns]
        names += [PATH_COLUMN] if self.plan.rule is None or has_paths(source) else []
        return {name: cells(source, block, name) for name in names if offers(source, name)}

    def _add(
        self,
        source: TableSource,
        block: Block,
        one: BandRows,
        known: Mapping[str, Words],
        rows: NDArray[np.int64],
    ) -> None:
        paths, there = self._paths(source, block, one.band, known)
        self.advance(paths.size)
        if not there.all():
            if not one.n_absent:
                one.first_absent = os.fsdecode(paths[~there][0])
            one.n_absent += int((~there).sum())
            if self.plan.settings.missing_files == "drop":
                one.passed[rows[~there]] = False
                known = {name: words[there] for name, words in known.items()}
                paths = paths[there]
        stream = self.streams.get(one.band)
        if stream is not None and paths.size:
            blank = np.full(paths.size, b"", "S1")
            columns = {**known, PATH_COLUMN: paths, "band": np.full(paths.size, str(one.band).encode())}
            names = (*SEED_COLUMNS, PATH_COLUMN, *self.plan.settings.extra_columns)
            stream.write(csv_rows([columns.get(name, blank) for name in names]))

    def _paths(
        self, source: TableSource, block: Block, band: int, known: Mapping[str, Words]
    ) -> tuple[Words, NDArray[np.bool_]]:
        """Name the files of frames and tell which are there; under ``keep`` nobody looks."""
        rule = self.plan.rule
        if has_paths(source):
            return known[PATH_COLUMN], np.ones(known[PATH_COLUMN].size, np.bool_)
        if rule is None:
            roots = [os.path.abspath(root) for root in self.plan.settings.roots]  # noqa: PTH100 - links stay
            candidates = [_below(root, roots, known[PATH_COLUMN], source) for root in roots]
        else:
            identifiers = [known[name] for name in _IDENTIFIERS]
            refuse_unsafe(identifiers[0], lambda row: f"{source.path}, row {block.first + row + 1}")
            candidates = [
                rule.paths(identifiers[0], identifiers[1], identifiers[2], band, place)
                for place in range(len(rule.roots))
            ]
        if self.plan.settings.missing_files == "keep":
            return candidates[0], np.ones(candidates[0].size, np.bool_)
        place, packed = locate(candidates)
        paths = candidates[0]
        for number, words in enumerate(candidates):
            paths = np.where(place == number, words, paths)
        return np.where(packed, np.strings.add(paths, _GZIP), paths), place != NOWHERE


def _below(root: str, roots: Sequence[str], words: Words, source: TableSource) -> Words:
    """Make paths of a table absolute, from a data root, and make sure that each lies below one of them."""
    found = []
    for word in words.tolist():
        path = os.path.normpath(os.path.join(root, os.fsdecode(word)))  # noqa: PTH118 - of a million
        if not any(path.startswith(base.rstrip("/") + "/") for base in roots):
            raise InputError(
                f"{source.path}: the file {os.fsdecode(word)} is outside of the data root {root}",
                hint="--root names where the frames are",
            )
        found.append(os.fsencode(path))
    return np.array(found, dtype=np.bytes_)


def csv_rows(columns: Sequence[Words]) -> bytes:
    """Write columns as lines of CSV.

    Parameters
    ----------
    columns : sequence of ndarray of bytes, shape (n,)
        Cells; those with commas, quotes or line ends are quoted (RFC 4180).

    Returns
    -------
    bytes
    """
    count = columns[0].size
    pieces = []
    for place, words in enumerate(columns):
        cell = np.ascontiguousarray(_quoted(words))
        end = b"\n" if place == len(columns) - 1 else b","
        pieces += [cell.view(np.uint8).reshape(count, -1), np.full((count, 1), end[0], np.uint8)]
    chars = np.concatenate(pieces, axis=1)
    return bytes(chars[chars != 0].tobytes())


def _quoted(words: Words) -> Words:
    chars = np.ascontiguousarray(words).view(np.uint8).reshape(words.size, -1)
    special = ((chars == ord(",")) | (chars == ord('"')) | (chars == ord("\n"))).any(axis=1)
    if not special.any():
        return words
    doubled = np.strings.replace(words, b'"', b'""')
    return np.where(special, np.strings.add(np.strings.add(b'"', doubled), b'"'), words)
