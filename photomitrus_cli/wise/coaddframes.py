"""The frames of a coadd run, as its table lists them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from photomitrus_cli.errors import InputError, NoDataError
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.summary import UnitRecord
from photomitrus_cli.wise.framefiles import FrameRef
from photomitrus_cli.wise.frametable import FrameTable, load, offers, read_frame_table
from photomitrus_cli.wise.headertable import frames_source

_NEEDED = ("scan_id", "frame_num", "mjd_obs")
_READ = (*_NEEDED, "full_filepath", "band", "moon_sep", "saa_sep")
# Times that are dates at all: the years 1858 to 2132.
_MJD_RANGE = (0.0, 100_000.0)


def listed_frames(source: Path, band: int, context: Context) -> tuple[list[FrameRef], list[UnitRecord]]:
    """Read what the table, or the headers of a folder, say of the frames of one band."""
    if not source.exists():
        raise InputError(
            f"{source}: no such frame table or folder",
            hint=f"astromap wise filter --band {band} writes one, --frames names another",
        )
    table, failed = _read(source, band, context)
    for name in _NEEDED if source.is_dir() else (*_NEEDED, "full_filepath"):
        if name not in table.columns:
            raise InputError(
                f"{source}: has no column {name}", hint="astromap wise filter writes a table that has it"
            )
    chosen = np.ones(len(table), bool)
    if "band" in table.columns:
        chosen = table.columns["band"] == band
    if not chosen.any():
        bands = np.unique(table.columns["band"]).tolist() if "band" in table.columns else []
        listed = ", ".join(map(str, bands))
        raise NoDataError(
            f"{source}: has no frame of band {band}", hint=f"it has band {listed}" if bands else None
        )
    return _refs(table, np.flatnonzero(chosen).tolist(), source), failed


def _read(source: Path, band: int, context: Context) -> tuple[FrameTable, list[UnitRecord]]:
    if not source.is_dir():
        return read_frame_table(source, columns=_READ), []
    headers, failed = frames_source(source, (band,), context)
    return load(headers, [name for name in _READ if offers(headers, name)]), failed


def _refs(table: FrameTable, rows: Sequence[int], source: Path) -> list[FrameRef]:
    columns = table.columns
    nan = np.full(len(table), np.nan)
    moon, saa = (columns.get(name, nan) for name in ("moon_sep", "saa_sep"))
    base = Path() if source.is_dir() else source.parent
    refs = [
        FrameRef(
            f"{columns['scan_id'][row]}{columns['frame_num'][row]}",
            str(columns["scan_id"][row]),
            base / str(columns["full_filepath"][row]),
            float(columns["mjd_obs"][row]),
            float(moon[row]),
            float(saa[row]),
        )
        for row in rows
    ]
    _check(refs, source, base)
    return refs


def _check(refs: Sequence[FrameRef], source: Path, base: Path) -> None:
    """Make sure that each frame is there once, with a time and a file."""
    seen: set[str] = set()
    low, high = _MJD_RANGE
    for ref in refs:
        if ref.name in seen:
            raise InputError(
                f"{source}: frame {ref.name} is listed twice", hint="wise filter removes duplicates"
            )
        seen.add(ref.name)
        if not low <= ref.mjd <= high:
            found = f"mjd_obs {ref.mjd:g}, which is no date" if np.isfinite(ref.mjd) else "no mjd_obs"
            raise InputError(f"{source}: frame {ref.name} has {found}")
        if ref.path == base:
            raise InputError(
                f"{source}: frame {ref.name} has no full_filepath", hint="wise filter fills it in"
            )
