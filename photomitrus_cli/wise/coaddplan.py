"""The plan of a coadd run: which frames, in which groups, which products."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from photomitrus_cli.errors import ConfigError, InputError, NoDataError
from photomitrus_cli.io.atomic import refuse_overwriting_inputs
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.provenance import guard_outputs
from photomitrus_cli.run.summary import UnitRecord
from photomitrus_cli.wise.coaddgroups import Group, files_of, group_frames, product_of, product_of_everything
from photomitrus_cli.wise.coaddsettings import CoaddSettings
from photomitrus_cli.wise.framefiles import FrameRef
from photomitrus_cli.wise.frametable import FrameTable, load, offers, read_frame_table
from photomitrus_cli.wise.headertable import frames_source

_NEEDED = ("scan_id", "frame_num", "mjd_obs")
_READ = (*_NEEDED, "full_filepath", "band", "moon_sep", "saa_sep")
# Times that are dates at all: the years 1858 to 2132.
_MJD_RANGE = (0.0, 100_000.0)


@dataclass(frozen=True)
class CoaddPlan:
    """What will be done.

    Attributes
    ----------
    settings : CoaddSettings
    source : Path
        The frame table, or the folder.
    groups : tuple of Group
        In the order of their names.
    failed : tuple of UnitRecord
        Frames of a folder whose headers cannot be read, under ``--keep-going``.
    """

    settings: CoaddSettings
    source: Path
    groups: tuple[Group, ...]
    failed: tuple[UnitRecord, ...] = ()

    @property
    def n_frames(self) -> int:
        """Number of all frames."""
        return sum(len(group.frames) for group in self.groups)

    @property
    def frame_table(self) -> Path:
        """Path of the table of all frames: of the band, or of the scans when some were asked for.

        Runs for single scans, as job arrays start them, do not replace each other's table.
        """
        settings = self.settings
        which = settings.scans[:3] or ([] if settings.group == "scan" else [settings.group])
        return settings.output / f"{'_'.join([f'w{settings.band}', *which, 'frames'])}.ecsv"


def make_plan(settings: CoaddSettings, context: Context) -> CoaddPlan:
    """Read the frame table, group its frames and make sure that no product stands in the way.

    Parameters
    ----------
    settings : CoaddSettings
    context : Context

    Returns
    -------
    CoaddPlan

    Raises
    ------
    ConfigError
        When a scan that was asked for is not in the table, or a product is one of the inputs.
    InputError
        When the table is absent or broken, or lacks what is needed.
    NoDataError
        When no frame is left.
    OutputExistsError
        When a product exists and neither ``--overwrite`` nor ``--resume`` is given.
    """
    source = Path(str(settings.frames).replace("{band}", str(settings.band)))
    refs, failed = listed_frames(source, settings.band, context)
    grouped = _chosen(group_frames(refs, settings.group), settings, source)
    groups = tuple(
        Group(name, tuple(frames), product_of(settings, name)) for name, frames in sorted(grouped.items())
    )
    plan = CoaddPlan(settings, source, groups, tuple(failed))
    _guard(plan, refs, context)
    return plan


def _guard(plan: CoaddPlan, refs: Sequence[FrameRef], context: Context) -> None:
    """Make sure that the run replaces nothing that it must not."""
    outputs = [path for group in plan.groups for path in group.product.written]
    inputs = [plan.source, *(ref.path for ref in refs if ref.path.exists())]
    everything = plan.settings.all_scans_map
    # Uncertainties and masks are thousands of files more to look at, and only these names can lead there.
    if any(path.is_symlink() for path in outputs) or (everything is not None and everything.exists()):
        inputs += [path for ref in refs for path in files_of(ref)]
    refuse_overwriting_inputs([*outputs, plan.frame_table], inputs)
    for group in plan.groups:
        guard_outputs(group.product, context)
    if everything is None:
        return
    whole = product_of_everything(everything)
    refuse_overwriting_inputs(whole.written, [*inputs, *outputs])
    guard_outputs(whole, context)


def _chosen(
    groups: Mapping[str, list[FrameRef]], settings: CoaddSettings, source: Path
) -> dict[str, list[FrameRef]]:
    """Take the groups that were asked for."""
    if not settings.scans:
        return dict(groups)
    for name in settings.scans:
        if name not in groups:
            raise ConfigError(
                f"{source}: has no {settings.group} {name} in band {settings.band}",
                hint=f"it has {len(groups)}, such as {', '.join(sorted(groups)[:3])}",
            )
    return {name: groups[name] for name in settings.scans}


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
