"""Which targets are to be measured on which frames: one position for all, or a table of AOR-target pairs."""

from __future__ import annotations

import csv
import glob
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from photomitrus_cli.errors import ConfigError, InputError, first_line
from photomitrus_cli.imaging.skytext import parse_position
from photomitrus_cli.io.refcat import RefCat, julian_year
from photomitrus_cli.io.tablefiles import UNREADABLE, read_by_astropy

TABLE_SUFFIXES = (".csv", ".ecsv")
_MAGIC = frozenset("*?[")
# Spellings of the columns, lower case; the first of each is that of rafia37/IRAC_photometry.
_PATH = ("aor filepath", "aor_filepath", "filepath", "path", "aor", "file")
_COORDINATES = ("target coordinates", "target_coordinates", "coordinates", "position")
_RA, _DEC = ("ra", "target ra", "ra_deg"), ("dec", "target dec", "dec_deg")
_NAME = ("target name", "target", "name", "object")
_PM_RA, _PM_DEC = ("pmra", "pm_ra", "pm_ra_cosdec"), ("pmdec", "pm_dec")
_EPOCH = ("epoch", "ref_epoch")


@dataclass(frozen=True)
class Target:
    """A position on the sky, with its motion if it is known.

    Attributes
    ----------
    name : str
        As the user has it, else the position as text.
    ra, dec : float
        Degrees ICRS at ``epoch``.
    pm_ra_cosdec, pm_dec : float
        Proper motion, mas/yr.
    epoch : float
        Julian year of the position.
    """

    name: str
    ra: float
    dec: float
    pm_ra_cosdec: float = 0.0
    pm_dec: float = 0.0
    epoch: float = 2000.0

    def at(self, mjd: float) -> tuple[float, float]:
        """Give the position (ra, dec), degrees ICRS, at a modified Julian date; NaN moves nothing."""
        if not (self.pm_ra_cosdec or self.pm_dec) or not math.isfinite(mjd):
            return self.ra, self.dec
        numbers = (self.ra, self.dec, self.pm_ra_cosdec, self.pm_dec, self.epoch, np.nan)
        ra, dec, pm_ra, pm_dec, epoch, mag = (np.array([number]) for number in numbers)
        star = RefCat(ra, dec, pm_ra, pm_dec, epoch, mag)
        ra, dec = star.at_epoch(julian_year(mjd))
        return float(ra[0]), float(dec[0])


@dataclass(frozen=True)
class Wanted:
    """What was asked for.

    Attributes
    ----------
    targets : tuple of Target
    pairs : dict of Path to tuple of int
        Of each folder, file or list the indices of the targets to be measured on its frames, in order.
    tables : tuple of Path
        Tables of pairs that were read.
    """

    targets: tuple[Target, ...]
    pairs: dict[Path, tuple[int, ...]]
    tables: tuple[Path, ...]


def read_wanted(inputs: Iterable[Path], target: str | None, name: str, motion: Sequence[float]) -> Wanted:
    """Find out which targets are to be measured on what.

    Parameters
    ----------
    inputs : iterable of Path
        Folders, FITS files, lists of them, patterns with ``*``, and tables of pairs (.csv, .ecsv).
    target : str or None
        Position for all inputs that are no tables.
    name : str
        Its name; empty takes the position.
    motion : sequence of float
        Proper motion in right ascension (times cos dec) and declination, mas/yr, and the epoch of the
        position, Julian year; empty for none.

    Raises
    ------
    ConfigError
        When there is no target for an input, or the position cannot be read.
    InputError
        When a table cannot be read, or a pattern matches nothing.
    """
    chosen: dict[Target, int] = {}
    pairs: dict[Path, dict[int, None]] = {}
    tables = []
    for given in inputs:
        for path in _matches(given):
            if path.name.lower().endswith(TABLE_SUFFIXES) and path.is_file():
                tables.append(path)
                for place, one in read_pairs(path):
                    pairs.setdefault(place, {})[chosen.setdefault(one, len(chosen))] = None
                continue
            if target is None:
                raise ConfigError(
                    f"no target for {path}", hint="give --target 'RA DEC', or a CSV table of AORs and targets"
                )
            one = Target(name or " ".join(target.split()), *parse_position(target), *motion)
            pairs.setdefault(path, {})[chosen.setdefault(one, len(chosen))] = None
    return Wanted(tuple(chosen), {path: tuple(found) for path, found in pairs.items()}, tuple(tables))


def _matches(path: Path) -> list[Path]:
    """Expand a pattern; a file or folder whose name holds such characters is itself."""
    if not _MAGIC.intersection(str(path)) or path.exists():
        return [path]
    found = sorted(map(Path, glob.glob(str(path), recursive=True)))  # noqa: PTH207 - patterns may be absolute
    if not found:
        raise InputError(f"{path}: the pattern matches nothing")
    return found


def read_pairs(path: Path) -> list[tuple[Path, Target]]:
    """Read a table of AOR-target pairs.

    Parameters
    ----------
    path : Path
        CSV or ECSV with a column ``AOR Filepath`` (a folder, file or pattern, relative to the table) and
        either ``Target Coordinates`` ("18 02 30.74 +58 37 38.16" or degrees) or ``ra`` and ``dec`` (degrees);
        a name (``Target Name``), proper motions (``pmra``, ``pmdec``, mas/yr) and ``epoch`` are optional.

    Returns
    -------
    list of (Path, Target)
        In the order of the rows.

    Raises
    ------
    InputError
        Naming the row or the column that is wrong.
    """
    rows = _rows(path)
    if not rows:
        raise InputError(f"{path}: the table has no rows")
    columns = {name.strip().lower(): name for name in reversed(list(rows[0]))}
    place = next((columns[key] for key in _PATH if key in columns), None)
    coordinates = next((columns[key] for key in _COORDINATES if key in columns), None)
    if place is None or (coordinates is None and not _has(columns, _RA, _DEC)):
        lack = "AOR Filepath" if place is None else "Target Coordinates (or ra and dec)"
        raise InputError(f"{path}: no column {lack} among: {', '.join(rows[0])}")
    found: list[tuple[Path, Target]] = []
    for number, row in enumerate(rows, start=1):
        try:
            one = _target(row, columns, coordinates)
        except (ConfigError, ValueError) as error:
            raise InputError(f"{path}: row {number}: {error}") from error
        text = str(row[place] or "").strip()
        if not text:
            raise InputError(f"{path}: row {number}: the column {place} is empty")
        found.extend((match, one) for match in _matches(path.parent / Path(text).expanduser()))
    return found


def _has(columns: Mapping[str, str], *groups: Sequence[str]) -> bool:
    return all(any(key in columns for key in group) for group in groups)


def _rows(path: Path) -> list[dict[str, Any]]:
    if path.name.lower().endswith(".ecsv"):
        return _ecsv_rows(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            rows = [row for row in reader if any(value for value in row.values() if value)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as CSV: {error}") from error
    for number, row in enumerate(rows, start=1):
        if None in row or None in row.values():
            raise InputError(f"{path}: row {number}: not as many cells as the header has columns")
    return rows


def _ecsv_rows(path: Path) -> list[dict[str, Any]]:
    try:
        table = read_by_astropy(path, "ascii.ecsv")
    except UNREADABLE as error:
        reason = first_line(error)
        raise InputError(f"{path}: cannot be read as ECSV: {reason}") from error
    return [dict(zip(table.colnames, map(str, row), strict=True)) for row in table]


def _target(row: Mapping[str, Any], columns: Mapping[str, str], coordinates: str | None) -> Target:
    def cell(keys: Sequence[str]) -> str:
        """Give the text of the first of these columns that the table has."""
        return next((str(row[columns[key]]).strip() for key in keys if key in columns), "")

    def number(keys: Sequence[str], default: float) -> float:
        """Give its number; the default where the cell is empty."""
        text = cell(keys)
        if text in {"", "--", "nan"}:
            return default
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise ValueError(f"{keys[0]} is '{text}', not a finite number")
        return value

    text = str(row[coordinates]).strip() if coordinates else f"{cell(_RA)} {cell(_DEC)}"
    ra, dec = parse_position(text)
    motion = number(_PM_RA, 0.0), number(_PM_DEC, 0.0), number(_EPOCH, 2000.0)
    return Target(cell(_NAME) or " ".join(text.split()), ra, dec, *motion)
