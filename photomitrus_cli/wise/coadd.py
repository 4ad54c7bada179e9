"""The stage behind ``astromap wise coadd``: frames to one HEALPix map per scan, day or week."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from photomitrus_cli.errors import AstromapError, NoDataError, WriteError
from photomitrus_cli.io.atomic import check_folder, remove_stale_parts, writing
from photomitrus_cli.run.checkpoint import exclusive
from photomitrus_cli.run.context import Advance, Context
from photomitrus_cli.run.parallel import Outcome
from photomitrus_cli.run.provenance import (
    Product,
    RunRecord,
    guard_outputs,
    is_current,
    recorded_facts,
    recorded_units,
    utc_now,
    write_failure,
    write_manifest,
)
from photomitrus_cli.run.summary import Figure, RunStatus, Summary, UnitRecord
from photomitrus_cli.wise.coaddplan import CoaddPlan, Group, make_plan, product_of
from photomitrus_cli.wise.coaddproducts import write_products
from photomitrus_cli.wise.coaddsettings import CoaddSettings
from photomitrus_cli.wise.coaddtables import write_frame_table
from photomitrus_cli.wise.combining import UnusableError, combine_group
from photomitrus_cli.wise.everything import write_everything
from photomitrus_cli.wise.oneframe import FrameResult, FramesTask, coadd_frames, prepare

__all__ = ["prepare", "run"]

_log = logging.getLogger(__name__)

# Groups whose units are handed to the workers together, per worker: enough that nobody waits long for the
# slowest unit of the last group, and few enough that what waits for being combined stays small.
_GROUPS_PER_WORKER = 4
_LISTED, _TOLD = 20, 3


@dataclass
class _Made:
    """What the run has come to so far.

    Attributes
    ----------
    facts : dict
        Numbers of each map that there is.
    left_out : list of UnitRecord
        Frames of these maps that were not used; not all frames, because a survey has a million of them.
    unusable : dict
        The frames of each group without a map.
    without : list of UnitRecord
        Groups without a map, skipped or failed, and why.
    n_kept : int
        Number of maps that an earlier run has made.
    """

    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    left_out: list[UnitRecord] = field(default_factory=list)
    unusable: dict[str, list[UnitRecord]] = field(default_factory=dict)
    without: list[UnitRecord] = field(default_factory=list)
    n_kept: int = 0

    def add(self, group: Group, facts: dict[str, Any], units: list[UnitRecord]) -> None:
        """Take note of a map."""
        self.facts[group.name] = facts
        self.left_out += [unit for unit in units if unit.status != "used"]

    def units(self) -> list[UnitRecord]:
        """Give the frames that were not used, and the groups without a map."""
        return [*self.left_out, *(unit for many in self.unusable.values() for unit in many), *self.without]


def run(settings: CoaddSettings, context: Context) -> Summary:
    """Make the maps.

    Parameters
    ----------
    settings : CoaddSettings
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
    plan = make_plan(settings, context)
    if context.control.dry_run:
        return _summarise(plan, _Made(), "planned")
    check_folder(settings.output)
    if settings.all_scans_map is not None:
        check_folder(settings.all_scans_map.parent)
    remove_stale_parts(settings.output)
    # Runs for other scans, as job arrays start them, share the folder and have other tables.
    with exclusive(settings.output / f".{plan.frame_table.stem}.work"):
        # Once more, now that no other run of these maps can be at work.
        for group in plan.groups:
            guard_outputs(group.product, context)
        return _make_all(plan, context)


def _make_all(plan: CoaddPlan, context: Context) -> Summary:
    settings = plan.settings
    made = _Made()
    batch = max(1, _GROUPS_PER_WORKER * context.executor.workers)
    with context.progress.task("frames", plan.n_frames) as advance:
        for start in range(0, len(plan.groups), batch):
            todo = []
            for group in plan.groups[start : start + batch]:
                if _keep(group, plan, context, made):
                    advance(len(group.frames))
                else:
                    todo.append(group)
            _make(todo, plan, context, made, advance)
    if not made.facts:
        told = (f"{one.name}: {one.reason}" for one in made.without[:_TOLD])
        raise NoDataError("no map could be made: " + "; ".join(told))
    names = sorted(made.facts)
    write_frame_table(plan, names, made.unusable)
    if settings.all_scans_map is not None:
        maps = [product_of(settings, name).paths[0] for name in names]
        facts = [made.facts[name] for name in names]
        write_everything(settings.all_scans_map, maps, facts, settings, context)
    changed = made.n_kept < len(plan.groups)
    failed = any(unit.status == "failed" for unit in [*made.units(), *plan.failed])
    return _summarise(plan, made, "partial" if failed else "done" if changed else "up to date")


def _keep(group: Group, plan: CoaddPlan, context: Context, made: _Made) -> bool:
    """Take over the map of an earlier run, if it is complete and its inputs are unchanged."""
    if not (context.control.resume and is_current(group.product, group.key(plan.settings))):
        return False
    made.add(group, recorded_facts(group.product), recorded_units(group.product))
    made.n_kept += 1
    return True


def _make(groups: list[Group], plan: CoaddPlan, context: Context, made: _Made, advance: Advance) -> None:
    """Make the maps of some groups: their frames on all workers, each map as soon as its frames are there."""
    tasks: list[FramesTask] = []
    owners: list[Group] = []
    for group in groups:
        mine = group.tasks(plan.settings, keep_going=context.control.keep_going)
        tasks += mine
        owners += [group] * len(mine)
    # The state of the inputs before they are read: a file that changes meanwhile must not look up to date.
    records = {
        group.name: RunRecord(group.key(plan.settings), context.config_yaml, utc_now()) for group in groups
    }
    waiting: list[FrameResult] = []

    def take(outcome: Outcome[list[FrameResult]]) -> None:
        """Collect results; the last ones of a group complete it."""
        index = outcome.index
        waiting.extend(_results(tasks[index], outcome))
        advance(len(tasks[index].frames))
        if index + 1 == len(owners) or owners[index + 1] is not owners[index]:
            group = owners[index]
            _finish(group, list(waiting), records[group.name], plan, context, made)
            waiting.clear()

    control = context.control
    context.executor.run(coadd_frames, tasks, keep_going=control.keep_going, consume=take)


def _results(task: FramesTask, outcome: Outcome[list[FrameResult]]) -> list[FrameResult]:
    if outcome.result is None:
        # The worker died, and nobody knows on which frame.
        reason = "" if outcome.error is None else outcome.error.message
        return [FrameResult(ref, "failed", reason) for ref in task.frames]
    results = list(outcome.result)
    # The executor keeps the list until the last unit has ended, and it would fill the memory.
    outcome.result.clear()
    return results


def _finish(
    group: Group,
    results: list[FrameResult],
    record: RunRecord,
    plan: CoaddPlan,
    context: Context,
    made: _Made,
) -> None:
    """Combine the frames of a group and write its product."""
    record.inputs.extend(entry for one in results for entry in one.inputs)
    try:
        combined = combine_group(results, plan.settings)
        record.units.extend(combined.units)
        record.facts.update(combined.facts)
        written = write_products(group, combined.map, record, combined.facts, plan.settings)
        failed = any(unit.status == "failed" for unit in combined.units)
        status = "partial" if failed else "complete"
        write_manifest(group.product, record, context, status=status, written=written)
    except UnusableError as error:
        record.units.extend(error.units)
        write_failure(group.product, record, context, error)
        _note_unusable(group, error, made)
        return
    except AstromapError as error:
        write_failure(group.product, record, context, error)
        if isinstance(error, WriteError) or not context.control.keep_going:
            raise
        made.without.append(UnitRecord.of_error(group.name, error))
        return
    made.add(group, combined.facts, combined.units)
    _log.info("%s: %d of %d frames used", group.product.stem, combined.facts["n_used"], len(results))


def _note_unusable(group: Group, error: UnusableError, made: _Made) -> None:
    """Note a group without a usable frame; the Moon spoils some of thousands, and the rest is made."""
    failed = any(unit.status == "failed" for unit in error.units)
    if not failed:
        # What it replaces was made of other frames or with other settings.
        _remove(group.product)
    made.unusable[group.name] = error.units
    made.without.append(UnitRecord(group.name, "failed" if failed else "skipped", error.message))


def _remove(product: Product) -> None:
    for path in (product.manifest, product.config, *product.paths):
        with writing(path):
            path.unlink(missing_ok=True)


def _summarise(plan: CoaddPlan, made: _Made, status: RunStatus) -> Summary:
    settings = plan.settings
    used = sum(int(facts["n_used"]) for facts in made.facts.values())
    units = [*made.units(), *plan.failed]
    # What is not a frame is a group without a map.
    refused, broken = (
        sum(unit.status == word for unit in units) - sum(one.status == word for one in made.without)
        for word in ("skipped", "failed")
    )
    facts = {
        "frames of": str(plan.source),
        "maps": f"{len(plan.groups)} by {settings.group}, nside {settings.nside}, {settings.system}",
        "frames": f"{plan.n_frames}"
        if status == "planned"
        else f"{used} used, {refused} refused or skipped, {broken} failed",
    }
    if made.without:
        facts["without a map"] = f"{len(made.without)} of {len(plan.groups)}"
    if made.n_kept:
        facts["up to date already"] = f"{made.n_kept} of {len(plan.groups)} maps"
    groups = [group for group in plan.groups if status == "planned" or group.name in made.facts]
    products = [path for group in groups for path in group.product.paths if path.suffix == ".fits"]
    if len(products) > _LISTED:
        facts["products"] = f"{len(products)} maps in {settings.output}"
        products = []
    return Summary(
        f"WISE band {settings.band} coadd",
        status,
        facts,
        products + _tables(plan),
        units=units,
        figures=_figures(groups),
        stem=f"w{settings.band}_coadd",
        n_units=used + refused + broken,
    )


def _tables(plan: CoaddPlan) -> list[Path]:
    everything = plan.settings.all_scans_map
    return [plan.frame_table, *([everything] if everything else [])]


def _figures(groups: Sequence[Group]) -> list[Figure]:
    shown = [path for group in groups for path in group.product.paths if path.suffix == ".png"]
    return [Figure(path, path.stem) for path in shown[:_LISTED]]
