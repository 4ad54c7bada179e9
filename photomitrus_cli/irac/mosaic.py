"""The stage behind ``astromap irac mosaic``: frames to one mosaic with an honest uncertainty."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from photomitrus_cli.errors import AstromapError, NoDataError
from photomitrus_cli.irac.assemble import Assembled, assemble
from photomitrus_cli.irac.config import MosaicSettings
from photomitrus_cli.irac.inputstable import frame_values
from photomitrus_cli.irac.passes import (
    Passes,
    Used,
    clean_all,
    level_all,
    members_of,
    read_all,
    revise_all,
    stack_all,
    tile_rules,
    tile_tasks,
)
from photomitrus_cli.irac.plan import Plan, make_plan, reasons
from photomitrus_cli.irac.positions import align_all
from photomitrus_cli.irac.rejected import with_masks, write_masks
from photomitrus_cli.irac.scan import Frame
from photomitrus_cli.irac.stack import StackTile
from photomitrus_cli.irac.telling import figure, measured, summarise, up_to_date
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.provenance import Product, guard_outputs, is_current, write_manifest
from photomitrus_cli.run.summary import Summary, UnitRecord
from photomitrus_cli.run.underway import under_way

_log = logging.getLogger(__name__)


def run(settings: MosaicSettings, context: Context) -> Summary:
    """Make one mosaic.

    Parameters
    ----------
    settings : MosaicSettings
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
    stem = f"ch{settings.channel}_mosaic"
    product = Product(settings.output, stem, (f"{stem}.fits", f"{stem}.png"))
    guard_outputs(product, context)
    plan = make_plan(settings, product, context)
    plan = with_masks(plan, plan.selection.frames)
    guard_outputs(plan.product, context)
    if context.control.dry_run:
        planned = [UnitRecord(str(frame.path), "used") for frame in plan.selection.frames]
        return summarise(plan, planned + plan.selection.records, "planned")
    if context.control.resume and is_current(product, plan.record.key):
        return up_to_date(plan)
    with under_way(plan.product, plan.record, context, needed_bytes=plan.disk_bytes) as store:
        return _make(Passes(plan, store, context))


def _make(passes: Passes) -> Summary:
    plan = passes.plan
    used, records, inputs = _read(passes)
    # Should the run fail from here on, its record tells of every frame.
    plan.record.units.extend(_told(used, records))
    plan.record.inputs.extend(inputs)
    if not used:
        raise NoDataError(f"no frame can be used: {'; '.join(reasons(records))}")
    used, left, facts = _correct(passes, used)
    used, stack, found = _compare(passes, used)
    facts |= found
    plan = with_masks(plan, (one.frame for one in used))
    plan = replace(plan, record=replace(plan.record, units=_told(used, records + left)))
    tasks = tile_tasks(passes, members_of(used), "tile", tile_rules(passes), stack)
    _log.info("combining %d frames in %d tiles", len(used), len(tasks))
    assembled = assemble(replace(passes, plan=plan), tasks)
    write_masks(replace(passes, plan=plan), used)
    return _finish(plan, assembled, facts, passes.context)


def _told(used: list[Used], others: list[UnitRecord]) -> list[UnitRecord]:
    """Record every frame, in the order of their names."""
    mine = [UnitRecord(str(one.frame.path), "used", "", frame_values(one.frame, one.meta)) for one in used]
    return sorted(mine + others, key=lambda record: record.name)


def _finish(plan: Plan, assembled: Assembled, facts: dict[str, Any], context: Context) -> Summary:
    failed = any(unit.status == "failed" for unit in plan.record.units)
    summary = summarise(plan, plan.record.units, "partial" if failed else "done")
    summary.facts |= facts | measured(assembled, plan)
    summary.figures = [figure(plan)]
    shape = list(plan.grid.shape)
    told = {"correlation_factor": assembled.correlation, "shape": shape, "summary": summary.facts}
    record = replace(plan.record, facts=told)
    status = "partial" if failed else "complete"
    write_manifest(plan.product, record, context, status=status, written=[assembled.written])
    return summary


def _read(passes: Passes) -> tuple[list[Used], list[UnitRecord], list[dict[str, Any]]]:
    """Read every frame: give those that can be used, the records of the others, and the files read."""
    records = list(passes.plan.selection.records)
    inputs: list[dict[str, Any]] = []
    used: list[Used] = []
    for frame, place, meta in read_all(passes):
        name = str(frame.path)
        if isinstance(meta, AstromapError):
            records.append(UnitRecord.of_error(name, meta))
            continue
        inputs.extend(meta["inputs"])
        meta["weight"] = 0.0 if meta["reason"] else _weight(frame, meta, passes.plan.settings)
        if meta["reason"]:
            records.append(UnitRecord(name, "skipped", meta["reason"], frame_values(frame, meta)))
        else:
            used.append(Used(frame, place, meta))
    return used, records, inputs


def _weight(frame: Frame, meta: dict[str, Any], settings: MosaicSettings) -> float:
    """Give a frame's scalar weight.

    For the means 1 / median variance, (sr/MJy)^2, or the exposure time, s; for the median of exposure classes
    its share of its class, GAIN / FLUXCONV x EXPTIME, electrons for 1 MJy/sr.
    """
    if settings.combine == "median-exptime":
        return frame.conversion * frame.exptime_s
    return frame.exptime_s if settings.weights == "exposure" else 1.0 / float(meta["variance_median"])


def _correct(passes: Passes, used: list[Used]) -> tuple[list[Used], list[UnitRecord], dict[str, Any]]:
    """Apply what all frames together tell of each: positions and patterns."""
    settings = passes.plan.settings
    facts: dict[str, Any] = {}
    left: list[UnitRecord] = []
    wcs: Sequence[Any] = [None] * len(used)
    if settings.align is not None or settings.align_frames:
        used, wcs, facts = align_all(passes, used)
    if settings.delta_dark or any(one is not None for one in wcs):
        kept = revise_all(passes, used, wcs)
        inside = {one.frame.key for one in kept}
        left = [
            UnitRecord(
                str(one.frame.path),
                "skipped",
                "lies outside the mosaic once aligned",
                frame_values(one.frame, one.meta),
            )
            for one in used
            if one.frame.key not in inside
        ]
        used = kept
    return used, left, facts


def _compare(passes: Passes, used: list[Used]) -> tuple[list[Used], list[StackTile], dict[str, Any]]:
    """Compare the frames with their stack: reject outliers, match levels."""
    settings = passes.plan.settings
    overlapping = settings.background == "overlap"
    if settings.reject == "none" and settings.combine != "clipped" and not overlapping:
        return used, [], {}
    stack = stack_all(passes, used)
    if settings.reject != "none" or overlapping:
        used = clean_all(passes, used, stack)
    if not overlapping:
        return used, stack, {}
    used, facts = level_all(passes, used)
    return used, stack, facts
