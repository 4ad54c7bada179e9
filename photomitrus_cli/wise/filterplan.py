"""The plan of a filter run: which tables, which columns of them, which frames pass which cuts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError, NoDataError
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.provenance import Product
from photomitrus_cli.run.summary import UnitRecord
from photomitrus_cli.wise.cuts import CutCount, apply_cuts, chosen_cuts
from photomitrus_cli.wise.filtercolumns import joined_tables, open_sources, read_columns
from photomitrus_cli.wise.filtersettings import ALL_BANDS, CutRule, FilterSettings
from photomitrus_cli.wise.paths import PathRule, path_rule
from photomitrus_cli.wise.tablesource import TableSource

Bool = NDArray[np.bool_]


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
    sources, failed = open_sources(settings, context)
    tables = [read_columns(source, cuts, settings, context) for source in sources]
    columns = tables[0].columns if len(tables) == 1 else joined_tables(tables)
    starts = np.cumsum([0, *(len(table) for table in tables)]).tolist()
    bands = _judged(columns, cuts, settings)
    return FilterPlan(settings, cuts, sources, columns, starts, rule, bands, failed)


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
