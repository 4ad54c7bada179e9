"""The stage behind ``astromap irac phot``: frames of AORs to corrected fluxes of targets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from photomitrus_cli.errors import AstromapError, NoDataError
from photomitrus_cli.io.atomic import write_text
from photomitrus_cli.io.tables import write_csv, write_ecsv
from photomitrus_cli.irac.aortable import aor_table
from photomitrus_cli.irac.measure import Flag
from photomitrus_cli.irac.photaors import combine_aors
from photomitrus_cli.irac.photdraw import draw
from photomitrus_cli.irac.photflux import calibrate
from photomitrus_cli.irac.photframes import FrameResult, has_target, measure_frames
from photomitrus_cli.irac.photlog import log_of
from photomitrus_cli.irac.photplan import PhotPlan, make_plan, product_of
from photomitrus_cli.irac.photrows import columns_of
from photomitrus_cli.irac.photsettings import PhotSettings
from photomitrus_cli.irac.phottables import Measurements, image_table, problem_aors
from photomitrus_cli.irac.phottelling import summarise, up_to_date
from photomitrus_cli.run.checkpoint import Store
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.provenance import guard_outputs, is_current, write_manifest
from photomitrus_cli.run.summary import Summary, UnitRecord
from photomitrus_cli.run.underway import under_way

if TYPE_CHECKING:
    from astropy.table import Table


def run(settings: PhotSettings, context: Context) -> Summary:
    """Measure targets and write the tables of a run.

    Parameters
    ----------
    settings : PhotSettings
    context : Context

    Returns
    -------
    Summary
        With the status ``planned`` for a dry run, ``up to date`` when nothing had to be done.

    Raises
    ------
    AstromapError
        Any of its children, with the documented exit codes.
    """
    product = product_of(settings)
    guard_outputs(product, context)
    plan = make_plan(settings, context)
    if context.control.dry_run:
        return summarise(plan, _planned(plan) + plan.selection.records, "planned")
    if context.control.resume and is_current(product, plan.record.key):
        return up_to_date(plan)
    with under_way(product, plan.record, context) as store:
        return _make(plan, store, context)


def _planned(plan: PhotPlan) -> list[UnitRecord]:
    """Record what will become of every frame, as far as headers tell."""
    frames = plan.selection.frames
    on = [has_target(frame, plan.targets_of(frame)) for frame in frames]
    if not any(on):
        raise _on_no_frame(plan, len(frames))
    return [UnitRecord(str(frame.path), _status(one)) for frame, one in zip(frames, on, strict=True)]


def photometer(
    inputs: Sequence[str | Path],
    target: str | None = None,
    *,
    context: Context | None = None,
    **settings: Any,
) -> tuple[Table, Table, list[int]]:
    """Measure targets and give the tables; nothing is written.

    Parameters
    ----------
    inputs : sequence of str or Path
        Folders of AORs, FITS files, patterns, lists, or tables of AOR-target pairs.
    target : str, optional
        Position for all inputs that are no tables of pairs, such as ``"18 02 30.74 +58 37 38.16"``.
    context : Context, optional
        Workers and progress; by default this process alone.
    **settings
        Any other key of ``irac.phot`` in the configuration, such as ``apertures=[(3, 3, 7)]``; the others are
        as packaged.

    Returns
    -------
    aor_table : astropy.table.Table
        One row per AOR, target, frame time and aperture.
    image_table : astropy.table.Table
        One row per image, target and aperture.
    problem_aors : list of int
        Keys of the AORs that have a target without any usable frame.

    Raises
    ------
    AstromapError
        Any of its children.
    """
    chosen = _settings({"inputs": [str(path) for path in inputs], "target": target} | settings)
    context = context or Context()
    plan = make_plan(chosen, context)
    results, _ = _measure(plan, None, context)
    measured = _reduce(plan, results)
    return aor_table(measured), image_table(measured), problem_aors(measured)


def _settings(given: dict[str, Any]) -> PhotSettings:
    """Give the packaged settings with some replaced."""
    from photomitrus_cli.run.config import build, packaged_layers
    from photomitrus_cli.run.layers import Layers, Source

    packaged = packaged_layers(["irac"])
    layers = Layers(packaged.data["irac"]["phot"])
    for key, value in given.items():
        layers.add_value((key,), value, Source("photometer()", Path.cwd()))
    return build(PhotSettings, layers)


def _make(plan: PhotPlan, store: Store, context: Context) -> Summary:
    results, records = _measure(plan, store, context)
    plan.record.inputs.extend(entry for one in results for entry in one.inputs)
    plan.record.units.extend(records)
    measured = _reduce(plan, results)
    problems = problem_aors(measured)
    paths = plan.product.paths
    images, aors = image_table(measured), aor_table(measured)
    write_csv(paths[0], images)
    write_csv(paths[1], aors)
    write_text(paths[2], log_of(plan, measured, problems, context))
    write_ecsv(paths[3], images)
    write_ecsv(paths[4], aors)
    draw(paths[5], paths[6], measured)
    failed = any(unit.status == "failed" for unit in plan.record.units)
    summary = summarise(plan, plan.record.units, "partial" if failed else "done", measured, problems)
    plan.record.facts.update(
        {"summary": summary.facts, "problem_aors": problems, "warnings": summary.warnings}
    )
    write_manifest(plan.product, plan.record, context, status="partial" if failed else "complete")
    return summary


def _measure(
    plan: PhotPlan, store: Store | None, context: Context
) -> tuple[list[FrameResult], list[UnitRecord]]:
    """Measure all frames; give what was found on each, and a record of every frame."""
    tasks = plan.tasks(store, keep_going=context.control.keep_going)
    with context.progress.task("frames", sum(len(task.frames) for task in tasks)) as advance:
        outcomes = context.executor.run(
            measure_frames, tasks, consume=lambda one: advance(len(one.result or ()))
        )
    results = [result for outcome in outcomes for result in outcome.result or ()]
    records = list(plan.selection.records)
    for frame, result in zip(plan.selection.frames, results, strict=True):
        records.append(_told(str(frame.path), result))
    return results, sorted(records, key=lambda record: record.name)


def _told(name: str, result: FrameResult) -> UnitRecord:
    if isinstance(result.error, AstromapError):
        return UnitRecord.of_error(name, result.error)
    return UnitRecord(name, _status(bool(result.inputs)))


def _status(on: bool) -> Literal["used", "done"]:
    """Tell of a frame with or without a target: one without is no failure, and a survey has many."""
    return "used" if on else "done"


def _reduce(plan: PhotPlan, results: Sequence[FrameResult]) -> Measurements:
    """Correct, convert and combine."""
    rows = [row for result in results for row in result.rows]
    if not rows:
        raise NoDataError("no frame could be measured")
    if all(row.flags & (Flag.OFF_FIELD | Flag.NO_POSITION) for row in rows):
        raise _on_no_frame(plan, len({row.path for row in rows}))
    # By target, AOR and time, as a reader of the tables looks for them.
    rows.sort(
        key=lambda row: (row.target, row.aorkey, row.channel, row.expid, row.dcenum, row.plane, row.aperture)
    )
    columns = columns_of(rows)
    fluxes = calibrate(columns, plan.settings)
    judged = combine_aors(columns, fluxes, plan.settings)
    return Measurements(columns, fluxes, judged, plan.wanted.targets, plan.settings)


def _on_no_frame(plan: PhotPlan, n_frames: int) -> NoDataError:
    targets = plan.wanted.targets
    where = ", ".join(f"{one.name} ({one.ra:.5f} {one.dec:+.5f})" for one in targets[:3])
    return NoDataError(
        f"none of {len(targets)} targets lies on any of {n_frames} frames: {where}"
        + (", ..." if len(targets) > 3 else ""),
        hint="check the coordinates: hours and degrees, or degrees and degrees",
    )
