"""The columns that a filter run needs, from tables or from the frames themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import ConfigError, InputError, NoDataError
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.summary import UnitRecord
from photomitrus_cli.wise.arraysource import ArraySource
from photomitrus_cli.wise.cuts import POSITION, columns_of
from photomitrus_cli.wise.dumpformat import open_source
from photomitrus_cli.wise.filtersettings import CutRule, FilterSettings
from photomitrus_cli.wise.frametable import TEXT_COLUMNS, FrameTable, load, offers
from photomitrus_cli.wise.headertable import frames_source
from photomitrus_cli.wise.tablesource import TableSource
from photomitrus_cli.wise.textcells import RowError
from photomitrus_cli.wise.textnumbers import numbers

NEEDED = ("scan_id", "frame_num", "mjd_obs")
# What the run itself reads as numbers.
_NUMBERS = frozenset({"band", "mjd_obs", *POSITION})


def joined_tables(tables: list[FrameTable]) -> dict[str, NDArray[Any]]:
    """Join tables by the columns that all of them have.

    Parameters
    ----------
    tables : list of FrameTable

    Returns
    -------
    dict of str to ndarray
    """
    shared = [name for name in tables[0].columns if all(name in table for table in tables)]
    return {name: np.concatenate([table[name] for table in tables]) for name in shared}


def open_sources(settings: FilterSettings, context: Context) -> tuple[list[TableSource], list[UnitRecord]]:
    """Open the tables, and those made of frames.

    Parameters
    ----------
    settings : FilterSettings
    context : Context

    Returns
    -------
    sources : list of TableSource
    failed : list of UnitRecord
        Frames whose headers cannot be read.

    Raises
    ------
    ConfigError
        When no table is given.
    InputError
        When one is not there or of no known format.
    """
    folders = [path for path in settings.inputs if path.is_dir()]
    folders += [settings.from_frames] if settings.from_frames else []
    tables = [path for path in settings.inputs if path not in folders]
    if not folders and not tables:
        raise ConfigError("no frame table is given", hint="astromap wise filter TABLE, or --from-frames DIR")
    for path in tables:
        if not path.exists():
            raise InputError(f"{path}: the frame table does not exist")
    sources: list[TableSource] = [open_source(path) for path in tables]
    failed = []
    for folder in folders:
        source, wrong = frames_source(folder, settings.bands, context)
        sources.append(source)
        failed += wrong
    return sources, failed


def has_paths(source: TableSource) -> bool:
    """Tell whether a source is a folder of frames, which knows its files.

    Parameters
    ----------
    source : TableSource

    Returns
    -------
    bool
    """
    return isinstance(source, ArraySource) and source.path.is_dir()


def read_columns(
    source: TableSource, cuts: tuple[CutRule, ...], settings: FilterSettings, context: Context
) -> FrameTable:
    """Read the columns that cuts and products need.

    Parameters
    ----------
    source : TableSource
    cuts : tuple of CutRule
    settings : FilterSettings
    context : Context

    Returns
    -------
    FrameTable

    Raises
    ------
    ConfigError
        When a cut compares numbers with text.
    InputError
        When a column is not there.
    NoDataError
        When there are no rows.
    """
    used = tuple(cut for cut in cuts if set(cut.bands) & set(settings.bands))
    _require(source, used, settings)
    wanted = [*NEEDED, *columns_of(used), *(name for name in ("band", *POSITION) if offers(source, name))]
    text = TEXT_COLUMNS | {cut.column for cut in used if cut.is_text}
    with context.progress.task(f"rows of {source.path.name}", 0) as advance:
        table = load(source, dict.fromkeys(wanted), text=frozenset(text), advance=advance)
    if not len(table):
        raise NoDataError(f"{source.path}: the frame table has no rows")
    _refuse_other_kinds(table, used)
    if "band" in table:
        return table
    bands = np.full(len(table), int(settings.bands[0]), np.int64)
    return FrameTable(table.path, {**table.columns, "band": bands})


def _require(source: TableSource, cuts: tuple[CutRule, ...], settings: FilterSettings) -> None:
    """Make sure that a table has what is needed, and say for what."""
    frames = has_paths(source)
    preset = {cut.column for cut in settings.presets[settings.preset]}
    lacks = "which the headers of frames do not give" if frames else "which the table lacks"
    for cut in cuts:
        for name in columns_of([cut]):
            if not offers(source, name):
                raise InputError(
                    f"{source.path}: the cut '{cut}' needs the column '{name}', {lacks}",
                    hint=f"--without {cut.column} leaves the cut out" if cut.column in preset else None,
                )
    named = () if settings.template or frames else ("full_filepath",)
    for name in (*NEEDED, *named, *settings.extra_columns):
        if not offers(source, name):
            raise InputError(f"{source.path}: needs the column '{name}', {lacks}")
    if settings.band == "all" and not offers(source, "band"):
        raise InputError(
            f"{source.path}: needs the column 'band', {lacks}",
            hint="--band says of which band the frames are",
        )


def _refuse_other_kinds(table: FrameTable, cuts: tuple[CutRule, ...]) -> None:
    """Refuse cuts that compare numbers with text: all frames would pass != and fail ==."""
    for cut in cuts:
        if cut.op == "finite":
            continue
        if cut.column in TEXT_COLUMNS and not cut.is_text:
            raise ConfigError(
                f"{table.path}: the cut {cut}: the column '{cut.column}' holds text and no numbers",
                hint="write text in quotes, as in \"moon_masked == '0'\"",
            )
        if cut.is_text and cut.column not in TEXT_COLUMNS:
            words = [str(one) for one in (cut.value if isinstance(cut.value, tuple) else (cut.value,))]
            refused = not _are_numbers(np.array(words)) and _are_numbers(table[cut.column])
            if refused or cut.column in _NUMBERS:
                raise ConfigError(
                    f"{table.path}: the cut {cut}: the column '{cut.column}' holds numbers and no text",
                    hint="write numbers, without quotes and units; each cut is a --cut of its own",
                )


def _are_numbers(words: NDArray[np.str_]) -> bool:
    """Tell whether words are numbers, some of them missing; with zeros in front they are flags."""
    try:
        plain = words.astype(np.bytes_)
        known = ~np.isnan(numbers(plain))
    except (RowError, UnicodeEncodeError):
        return False
    start = plain.astype("S2")
    padded = np.strings.startswith(start, b"0") & np.strings.isdigit(start) & (np.strings.str_len(start) > 1)
    return bool(known.any() and not padded.any())
