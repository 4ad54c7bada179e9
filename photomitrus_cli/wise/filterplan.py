"""The plan of a filter run: which tables, which columns of them, which frames pass which cuts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import ConfigError, InputError, NoDataError
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.provenance import Product
from photomitrus_cli.run.summary import UnitRecord
from photomitrus_cli.wise.cuts import POSITION, CutCount, apply_cuts, chosen_cuts, columns_of
from photomitrus_cli.wise.dumpformat import open_source
from photomitrus_cli.wise.filtersettings import ALL_BANDS, CutRule, FilterSettings
from photomitrus_cli.wise.frametable import TEXT_COLUMNS, FrameTable, load, offers
from photomitrus_cli.wise.headertable import frames_source
from photomitrus_cli.wise.paths import PathRule, path_rule
from photomitrus_cli.wise.tablesource import ArraySource, TableSource

Bool = NDArray[np.bool_]
NEEDED = ("scan_id", "frame_num", "mjd_obs")


@dataclass
class BandRows:
    """The frames of one band.

    Attributes
    ----------
    band : int
    rows : ndarray of bool, shape (n,)
        The band's frames without repeated ones.
    passed : ndarray of bool, shape (n,)
        Those that pass all cuts; less those without a file, once that is known.
    n_read, n_repeated : int
        Frames of the tables, and those of them that repeat another.
    counts : list of CutCount
    n_absent : int
        Frames that pass and have no file.
    first_absent : str
    """

    band: int
    rows: Bool
    passed: Bool
    n_read: int
    n_repeated: int
    counts: list[CutCount]
    n_absent: int = 0
    first_absent: str = ""

    def product(self, folder: Path) -> Product:
        """Give the files of the band."""
        return product_of(self.band, folder)


def product_of(band: int, folder: Path) -> Product:
    """Give the files that a run writes of a band.

    Parameters
    ----------
    band : int
    folder : Path

    Returns
    -------
    Product
    """
    name = f"w{band}"
    files = (f"filtered_df_band{band}.csv", f"{name}_scans.ecsv", f"{name}_cuts.ecsv", f"{name}_filter.png")
    return Product(folder, f"{name}_filter", files)


@dataclass(frozen=True)
class FilterPlan:
    """What was read and judged.

    Attributes
    ----------
    settings : FilterSettings
    cuts : tuple of CutRule
    sources : list of TableSource
    columns : mapping of str to ndarray, shape (n,)
        Of all tables, one after the other.
    starts : list of int
        Where each table's rows begin, and the number of all.
    rule : PathRule or None
        None where the tables name the files.
    bands : list of BandRows
    failed : list of UnitRecord
        Frames whose headers cannot be read.
    """

    settings: FilterSettings
    cuts: tuple[CutRule, ...]
    sources: list[TableSource]
    columns: Mapping[str, NDArray[Any]]
    starts: list[int]
    rule: PathRule | None
    bands: list[BandRows]
    failed: list[UnitRecord] = field(default_factory=list)


def make_plan(settings: FilterSettings, context: Context) -> FilterPlan:
    """Read what the cuts need and apply them.

    Parameters
    ----------
    settings : FilterSettings
    context : Context

    Returns
    -------
    FilterPlan

    Raises
    ------
    ConfigError
        When there is no input, or settings contradict each other.
    InputError
        When a table cannot be read, or lacks a column that a cut needs.
    NoDataError
        When there are no frames of the band.
    """
    cuts = chosen_cuts(settings)
    rule = None if settings.template is None else path_rule(settings.template, settings.roots)
    sources, failed = _sources(settings, context)
    tables = [_read(source, cuts, settings, context) for source in sources]
    columns = tables[0].columns if len(tables) == 1 else _joined(tables)
    starts = np.cumsum([0, *(len(table) for table in tables)]).tolist()
    bands = _judged(columns, cuts, settings)
    return FilterPlan(settings, cuts, sources, columns, starts, rule, bands, failed)


def _joined(tables: list[FrameTable]) -> dict[str, NDArray[Any]]:
    shared = [name for name in tables[0].columns if all(name in table for table in tables)]
    return {name: np.concatenate([table[name] for table in tables]) for name in shared}


def _sources(settings: FilterSettings, context: Context) -> tuple[list[TableSource], list[UnitRecord]]:
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


def _read(
    source: TableSource, cuts: tuple[CutRule, ...], settings: FilterSettings, context: Context
) -> FrameTable:
    used = tuple(cut for cut in cuts if set(cut.bands) & set(settings.bands))
    _require(source, used, settings)
    wanted = [*NEEDED, *columns_of(used), *(name for name in ("band", *POSITION) if offers(source, name))]
    text = TEXT_COLUMNS | {cut.column for cut in used if cut.is_text}
    with context.progress.task(f"rows of {source.path.name}", 0) as advance:
        table = load(source, dict.fromkeys(wanted), text=frozenset(text), advance=advance)
    if not len(table):
        raise NoDataError(f"{source.path}: the frame table has no rows")
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
    named = () if settings.template or has_paths(source) else ("full_filepath",)
    for name in (*NEEDED, *named, *settings.extra_columns):
        if not offers(source, name):
            raise InputError(f"{source.path}: needs the column '{name}', {lacks}")
    if settings.band == "all" and not offers(source, "band"):
        raise InputError(
            f"{source.path}: needs the column 'band', {lacks}",
            hint="--band says of which band the frames are",
        )


def _judged(
    columns: Mapping[str, NDArray[Any]], cuts: tuple[CutRule, ...], settings: FilterSettings
) -> list[BandRows]:
    repeated = repeats(columns["scan_id"], columns["frame_num"], columns["band"])
    bands = []
    for band in settings.bands:
        mine = columns["band"] == band
        if not mine.any():
            continue
        rows = mine & ~repeated
        n_read, n_repeated = int(mine.sum()), int((mine & repeated).sum())
        if n_repeated and settings.duplicates == "refuse":
            row = int(np.flatnonzero(mine & repeated)[0])
            name = f"{columns['scan_id'][row]}{columns['frame_num'][row]}"
            raise InputError(
                f"{n_repeated} rows of band {band} repeat another frame, first {name}",
                hint="--duplicates drop keeps the first of each",
            )
        passed, counts = apply_cuts(cuts, columns, rows, band)
        bands.append(BandRows(band, rows, passed, n_read, n_repeated, counts))
    if not bands:
        found = ", ".join(f"W{band}" for band in np.unique(columns["band"]).tolist())
        wanted = ", ".join(f"W{band}" for band in settings.bands)
        raise NoDataError(f"no frames of {wanted} in the frame table; it has {found}")
    return bands


def repeats(
    scan_id: NDArray[np.str_], frame_num: NDArray[np.str_], band: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Find rows that repeat an earlier one's scan, frame and band.

    Parameters
    ----------
    scan_id, frame_num : ndarray of str, shape (n,)
        As `FrameTable` has them.
    band : ndarray of int64, shape (n,)

    Returns
    -------
    ndarray of bool, shape (n,)
    """
    found = np.zeros(band.size, np.bool_)
    if not band.size:
        return found
    chars = np.ascontiguousarray(scan_id.astype("U6")).view(np.uint32).reshape(-1, 6).astype(np.int64)
    scan = (chars[:, :5] - ord("0")) @ 10 ** np.arange(4, -1, -1) * 256 + chars[:, 5]
    key = (scan * 10**5 + frame_num.astype(np.int64)) * (len(ALL_BANDS) + 1) + band
    order = np.argsort(key, kind="stable")
    found[order[1:]] = key[order[1:]] == key[order[:-1]]
    return found
