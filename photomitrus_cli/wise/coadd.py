"""The stage behind ``astromap wise coadd``: frames to one HEALPix map per scan, day or week."""

from __future__ import annotations

import logging

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
from photomitrus_cli.run.summary import Summary, UnitRecord
from photomitrus_cli.wise.coaddgroups import Group, product_of
from photomitrus_cli.wise.coaddplan import CoaddPlan, make_plan
from photomitrus_cli.wise.coaddproducts import write_products
from photomitrus_cli.wise.coaddsettings import CoaddSettings
from photomitrus_cli.wise.coaddtables import write_frame_table
from photomitrus_cli.wise.coaddtelling import Made, summarise
from photomitrus_cli.wise.combining import UnusableError, combine_group
from photomitrus_cli.wise.everything import write_everything
from photomitrus_cli.wise.oneframe import FrameResult, FramesTask, coadd_frames, prepare
from photomitrus_cli.wise.unfinished import remove_unfinished

__all__ = ["prepare", "run"]

_log = logging.getLogger(__name__)

# Groups whose units are handed to the workers together, per worker: enough that nobody waits long for the
# slowest unit of the last group, and few enough that what waits for being combined stays small.
_GROUPS_PER_WORKER = 4
_TOLD = 3


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
        return summarise(plan, Made(), "planned")
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
    made = Made()
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
    return summarise(plan, made, "partial" if failed else "done" if changed else "up to date")


def _keep(group: Group, plan: CoaddPlan, context: Context, made: Made) -> bool:
    """Take over the map of an earlier run, if it is complete and its inputs are unchanged."""
    if not (context.control.resume and is_current(group.product, group.key(plan.settings))):
        return False
    made.add(group, recorded_facts(group.product), recorded_units(group.product))
    made.n_kept += 1
    return True


def _make(groups: list[Group], plan: CoaddPlan, context: Context, made: Made, advance: Advance) -> None:
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
    made: Made,
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
        remove_unfinished(group.product, context)
        write_failure(group.product, record, context, error)
        if isinstance(error, WriteError) or not context.control.keep_going:
            raise
        made.without.append(UnitRecord.of_error(group.name, error))
        return
    made.add(group, combined.facts, combined.units)
    _log.info("%s: %d of %d frames used", group.product.stem, combined.facts["n_used"], len(results))


def _note_unusable(group: Group, error: UnusableError, made: Made) -> None:
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
