"""The stage behind ``astromap irac correct``: response corrections for a table of positions and fluxes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli import __version__
from photomitrus_cli.errors import ConfigError, InputError, OutputExistsError
from photomitrus_cli.io.atomic import refuse_overwriting_inputs, remove_stale_parts
from photomitrus_cli.irac.choice import UNIT_RESPONSE, Chosen, Mission, choose, factors
from photomitrus_cli.irac.corrections import off_array
from photomitrus_cli.irac.correctsettings import CorrectSettings
from photomitrus_cli.irac.fluxtable import FluxTable, read_table, table_format
from photomitrus_cli.run.summary import Summary

Float = NDArray[np.float64]
ADDED = ("r_al", "r_pp", "flux_corrected")
_PIXELS = frozenset({"", "pix", "pixel"})
_MODES = {"0": False, "1": True, "false": False, "true": True, "full": False, "sub": True}


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of one channel, mission and readout mode, and the sets that correct them.

    Attributes
    ----------
    channel : int
    mission : str
    subarray : bool
    rows : ndarray of bool, shape (n_rows,)
    chosen : Chosen
    """

    channel: int
    mission: Mission
    subarray: bool
    rows: NDArray[np.bool_]
    chosen: Chosen

    def __str__(self) -> str:
        """Say it for the table's metadata and the summary."""
        mode = "subarray" if self.subarray else "full array"
        return f"channel {self.channel} {self.mission} {mode}: {self.chosen}"


def correct_file(settings: CorrectSettings, *, overwrite: bool = False) -> Summary:
    """Divide the fluxes of a table by the response at their positions, and write the table with the factors.

    Parameters
    ----------
    settings : CorrectSettings
    overwrite : bool
        Replace an existing output.

    Returns
    -------
    Summary

    Raises
    ------
    ConfigError
        When table or output are not named, of an unknown format, or the same file.
    InputError
        When the table cannot be read, has no rows, lacks a column, holds text in a number's place or a
        position off the array.
    OutputExistsError
        When the output exists.
    WriteError
        When the output cannot be written.
    """
    source, output = _paths(settings, overwrite=overwrite)
    formats = {table_format(source), table_format(output)}
    table = read_table(source, as_text=formats == {"ascii.csv"})
    columns = _columns(table, settings)
    x, y = (table.numbers(columns[axis]) - settings.first_pixel for axis in ("x", "y"))
    groups = list(_groups(table, columns, settings))
    warned = [_warning(group) for group in groups if _uncorrectable(group, settings)]
    outside = _outside(table, x, y, groups, settings)
    x, y = np.where(outside, np.nan, x), np.where(outside, np.nan, y)
    r_al, r_pp = np.full(len(table), np.nan), np.full(len(table), np.nan)
    for group in groups:
        r_al[group.rows], r_pp[group.rows] = factors(
            x[group.rows],
            y[group.rows],
            group.channel,
            group.chosen,
            subarray=group.subarray,
            coefficients=settings.coefficients,
        )
    flux = table.numbers(columns["flux"])
    values = dict(zip(ADDED, (r_al, r_pp, flux / (r_al * r_pp)), strict=True))
    sets = "; ".join(map(str, groups))
    note = f"astromap irac correct {__version__}: {sets}; coefficients {settings.coefficients}"
    table.write(output, values, columns["flux"], note)
    return _summary(output, groups, values["flux_corrected"], warned)


def _summary(output: Path, groups: list[Group], corrected: Float, warned: list[str]) -> Summary:
    n_missing = int(np.isnan(corrected).sum())
    facts = {
        "corrected": f"{corrected.size - n_missing} of {corrected.size} rows",
        "sets": "; ".join(map(str, groups)),
    }
    return Summary("irac correct", facts=facts, products=[output], warnings=warned)


def _paths(settings: CorrectSettings, *, overwrite: bool) -> tuple[Path, Path]:
    if settings.table is None:
        raise ConfigError("no table is given", hint="astromap irac correct TABLE -o OUT")
    if settings.output is None:
        raise ConfigError("no output is given", hint="astromap irac correct TABLE -o OUT")
    refuse_overwriting_inputs([settings.output], [settings.table])
    remove_stale_parts(settings.output.parent)
    if settings.output.exists() and not overwrite:
        raise OutputExistsError(f"{settings.output}: exists", hint="--overwrite replaces it")
    return settings.table, settings.output


def _columns(table: FluxTable, settings: CorrectSettings) -> dict[str, str]:
    """Find the columns of the table, whose names may differ in case from those asked for."""
    wanted = {"x": settings.x_column, "y": settings.y_column, "flux": settings.flux_column}
    found = {role: _named(table, name) for role, name in wanted.items()}
    for role, column in found.items():
        if column is None:
            raise InputError(
                f"{table.path}: has no column '{wanted[role]}' among: {', '.join(table.names[:20])}",
                hint=f"--{role}-column NAME takes another",
            )
        if role != "flux" and (unit := table.unit(column)) not in _PIXELS:
            raise InputError(f"{table.path}: column '{column}' is in {unit}, not in pixels")
    for role in ("channel", "mission", "subarray"):
        column = found[role] = _named(table, role)
        if column is not None and getattr(settings, role) is not None:
            raise ConfigError(
                f"{table.path}: has a column '{column}', and --{role} is given as well",
                hint="leave the option out, or rename the column",
            )
    taken = [name for name in ADDED if _named(table, name) is not None]
    if taken:
        raise InputError(f"{table.path}: has a column '{taken[0]}' already", hint="remove it or rename it")
    return {role: column for role, column in found.items() if column is not None}


def _named(table: FluxTable, name: str) -> str | None:
    if name in table.names:
        return name
    return next((known for known in table.names if known.lower() == name.lower()), None)


def _groups(table: FluxTable, columns: dict[str, str], settings: CorrectSettings) -> Iterator[Group]:
    channel = _channels(table, columns.get("channel"), settings)
    mission = _missions(table, columns.get("mission"), settings)
    subarray = _modes(table, columns.get("subarray"), settings)
    missions = get_args(Mission)
    keys = channel + 10 * np.array([missions.index(word) for word in mission]) + 100 * subarray
    for key in np.unique(keys).tolist():
        rows = keys == key
        ch, name, mode = key % 10, cast("Mission", missions[key // 10 % 10]), key >= 100
        chosen = Chosen("none", "none")
        if not (name == "warm" and ch > 2):
            chosen = choose(
                name,
                ch,
                subarray=mode,
                aperture=settings.aperture,
                functions=settings.functions,
                spectrum=settings.spectrum,
            )
        yield Group(ch, name, mode, rows, chosen)


def _channels(table: FluxTable, column: str | None, settings: CorrectSettings) -> NDArray[np.int64]:
    if column is None:
        if settings.channel is None:
            raise InputError(f"{table.path}: has no column 'channel'", hint="give --channel")
        return np.full(len(table), settings.channel)
    values = table.numbers(column)
    wrong = np.flatnonzero(~np.isin(values, [1, 2, 3, 4]))
    if wrong.size:
        raise InputError(f"{table.where(wrong[0])}: channel {values[wrong[0]]:g}: IRAC has channels 1 to 4")
    return values.astype(np.int64)


def _missions(table: FluxTable, column: str | None, settings: CorrectSettings) -> list[str]:
    if column is None:
        if settings.mission is None:
            raise InputError(f"{table.path}: has no column 'mission'", hint="give --mission cryo or warm")
        return [settings.mission] * len(table)
    return _chosen_words(table, column, {word: word for word in get_args(Mission)})


def _modes(table: FluxTable, column: str | None, settings: CorrectSettings) -> NDArray[np.int64]:
    if column is None:
        return np.full(len(table), int(bool(settings.subarray)))
    return np.array(_chosen_words(table, column, _MODES), dtype=np.int64)


def _chosen_words(table: FluxTable, column: str, known: dict[str, Any]) -> list[Any]:
    words = [word.lower() for word in table.words(column)]
    for row, word in enumerate(words):
        if word not in known:
            raise InputError(
                f"{table.where(row)}: '{word[:40]}' in column {column} is none of {', '.join(known)}"
            )
    return [known[word] for word in words]


def _uncorrectable(group: Group, settings: CorrectSettings) -> bool:
    return group.mission == "warm" and group.channel > 2 and settings.functions != "none"


def _warning(group: Group) -> str:
    return f"{UNIT_RESPONSE}: {int(group.rows.sum())} fluxes of channel {group.channel} stay as they are"


def _outside(
    table: FluxTable, x: Float, y: Float, groups: list[Group], settings: CorrectSettings
) -> NDArray[np.bool_]:
    """Tell which rows have positions off their array; refuse them unless they are to become NaN."""
    outside = np.zeros(len(table), bool)
    for group in groups:
        outside[group.rows] = off_array(x[group.rows], y[group.rows], subarray=group.subarray)
    if settings.off_array == "refuse" and outside.any():
        row = int(np.flatnonzero(outside)[0])
        mode = next(group.subarray for group in groups if group.rows[row])
        raise InputError(
            f"{table.where(row)}: x {x[row]:g}, y {y[row]:g} is off the {'sub' if mode else ''}array"
            f"{_more(int(outside.sum()))}",
            hint="--off-array nan leaves such rows without a flux",
        )
    return outside


def _more(count: int) -> str:
    return f" (as {count - 1} more rows are)" if count > 1 else ""
