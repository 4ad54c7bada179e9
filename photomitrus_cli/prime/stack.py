"""The stage behind ``astromap prime stack``: from a night's dithers to one stack of each chip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from photomitrus_cli.errors import InputError, NoDataError
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.io.atomic import check_folder, crc32_file, remove_stale_parts
from photomitrus_cli.prime.frametasks import frame_tasks, save_calibration
from photomitrus_cli.prime.intermediates import keep_frame, keep_tasks
from photomitrus_cli.prime.netrefine import ask_solver, solve_tasks
from photomitrus_cli.prime.qa import write_qa
from photomitrus_cli.prime.qaevidence import gather
from photomitrus_cli.prime.qafigures import figure_tasks, with_pictures
from photomitrus_cli.prime.skywork import Subtracted
from photomitrus_cli.prime.sources import Sources
from photomitrus_cli.prime.stackastrom import Judged, judge_frames
from photomitrus_cli.prime.stackcards import frame_cards, result_cards
from photomitrus_cli.prime.stackcombine import combine_tile
from photomitrus_cli.prime.stackfield import check_reference, planned_reference
from photomitrus_cli.prime.stackframes import calibrate_frame
from photomitrus_cli.prime.stackpasses import TILE_BYTES, finish, look, measure, members_of
from photomitrus_cli.prime.stackplan import StackPlan, make_plans
from photomitrus_cli.prime.stackproducts import write_stack
from photomitrus_cli.prime.stackrun import Run
from photomitrus_cli.prime.stacksettings import StackSettings
from photomitrus_cli.prime.stacksky import SkySet, load_sky, mark_objects, subtract_skies
from photomitrus_cli.prime.stacktelling import Outcome, facts_of, frame_values, summarise, warnings_of
from photomitrus_cli.prime.stacktiles import Member, tile_tasks
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.provenance import (
    file_entry,
    guard_outputs,
    is_current,
    recorded_facts,
    recorded_units,
    write_manifest,
)
from photomitrus_cli.run.summary import Summary, UnitRecord
from photomitrus_cli.run.underway import under_way

__all__ = ["run"]

_FEWEST = 3


def run(settings: StackSettings, context: Context) -> Summary:
    """Make the stacks of all chips that are asked for.

    Parameters
    ----------
    settings : StackSettings
    context : Context

    Returns
    -------
    Summary

    Raises
    ------
    AstromapError
        Any of its children, with the documented exit codes.
    """
    plans = make_plans(settings, context)
    for plan in plans:
        guard_outputs(plan.product, context)
    if context.control.dry_run:
        return summarise(plans, [], "planned", [planned_reference(plan) for plan in plans])
    there = [context.control.resume and is_current(plan.product, plan.record.key) for plan in plans]
    for plan, made in zip(plans, there, strict=True):
        if not made:
            check_reference(plan)
    outcomes = [
        _recorded(plan) if made else _stack(plan, context) for plan, made in zip(plans, there, strict=True)
    ]
    fresh = any(outcome.is_new for outcome in outcomes)
    failed = any(unit.status == "failed" for outcome in outcomes for unit in outcome.units)
    return summarise(plans, outcomes, "partial" if failed else "done" if fresh else "up to date")


def _recorded(plan: StackPlan) -> Outcome:
    """Tell of a stack that is there."""
    return Outcome(recorded_facts(plan.product), recorded_units(plan.product), is_new=False)


def _stack(plan: StackPlan, context: Context) -> Outcome:
    """Make one stack."""
    check_folder(plan.names.sky.parent)
    remove_stale_parts(plan.names.sky.parent)
    with under_way(plan.product, plan.record, context) as store:
        return _make(Run(plan, store, context))


def _make(stack: Run) -> Outcome:
    plan, store, context = stack.plan, stack.store, stack.context
    record = plan.record
    indices, failed = _calibrate(stack)
    record.units.extend([*plan.chip.left_out, *failed])
    known = mark_objects(plan, indices, store, stack.each)
    frames = subtract_skies(plan, known, store, stack.each)
    sources = [frames[index].sources for index in indices]
    places = _places(stack, indices, sources) if plan.settings.net_refine else None
    judged = judge_frames(plan, indices, sources, places)
    record.units.extend(_records(stack, known, frames, sources, judged))
    if len(judged.scales) < _FEWEST:
        raise NoDataError(
            f"{len(judged.scales)} frames are left to be stacked, at least {_FEWEST} are needed: "
            + "; ".join(sorted(set(judged.reasons.values())))
        )
    stage = ""
    if plan.settings.second_pass:
        stage = "2"
        look(stack, known, frames, judged)
        wanted = indices if plan.settings.keep else judged.scales
        frames = subtract_skies(plan, known, store, stack.each, stage=stage, wanted=wanted)
    stem = f"sky{stage}"
    members = members_of(stack, known, frames, judged, stage)
    tiles = tile_tasks(members, judged.grid, plan.settings.clip_sigma, store, "_last")
    stack.each("tiles", combine_tile, tiles, need=TILE_BYTES * len(members))
    _state_weights(record.units, plan, members)
    measured = measure(stack, tiles, judged, stage)
    facts = facts_of(judged, measured, members)
    if places is not None:
        facts["summary"]["solve-field"] = f"{len(places)} of {len(indices)} frames solved"
    about = frame_cards(plan)
    cards = [*about, *result_cards(measured, judged.gates, judged.catalogue.origin, facts)]
    written = write_stack(plan, tiles, judged.grid, cards, record.units, store)
    evidence = gather(plan, indices, sources, judged, measured, record.units)
    write_qa(evidence)
    pictures = figure_tasks(evidence, tiles, store, stem)
    skies, trouble = finish(stack, load_sky(store, stem), about, pictures)
    written += skies
    if plan.settings.keep:
        of_frames = (sources, judged.solution.wcs)
        stack.each("keep", keep_frame, keep_tasks(plan, indices, of_frames, judged.scales, store, stem))
    record.facts.update(facts | {"warnings": warnings_of(judged, measured, trouble)})
    status = "partial" if any(unit.status == "failed" for unit in record.units) else "complete"
    write_manifest(with_pictures(plan, trouble), record, context, status=status, written=written)
    return Outcome(record.facts, record.units, is_new=True)


def _places(stack: Run, indices: Sequence[int], sources: Sequence[Sources]) -> dict[int, TanSip]:
    """Ask solve-field where the frames look."""
    tasks = solve_tasks(stack.plan, indices, sources, stack.store)
    answers = stack.each("solve-field", ask_solver, tasks)
    return {index: place for index, place in answers if place is not None}


def _calibrate(stack: Run) -> tuple[list[int], list[UnitRecord]]:
    """Calibrate all frames; give the numbers of those that could be, and the records of the others."""
    plan, context = stack.plan, stack.context
    save_calibration(plan, stack.store)
    tasks = frame_tasks(plan, stack.store)
    with context.progress.task("frames", len(tasks)) as advance:
        outcomes = context.executor.run(
            calibrate_frame, tasks, keep_going=context.control.keep_going, advance=advance
        )
    indices, failed = [], []
    for task, outcome in zip(tasks, outcomes, strict=True):
        if outcome.error is None and outcome.result is not None:
            indices.append(task.index)
            plan.record.inputs.append(outcome.result)
        elif outcome.error is not None:
            failed.append(UnitRecord.of_error(str(task.frame.path), outcome.error))
    plan.record.inputs.extend(file_entry(one, one.stat().st_size, crc32_file(one)) for one in plan.side_files)
    if len(indices) < _FEWEST:
        raise InputError(f"only {len(indices)} frames can be read, at least {_FEWEST} are needed")
    return indices, failed


def _state_weights(records: Sequence[UnitRecord], plan: StackPlan, members: Sequence[Member]) -> None:
    """Tell of every frame what part of the mean it is."""
    total = sum(one.weight for one in members)
    parts = {str(plan.chip.frames[one.index].path): one.weight / total for one in members}
    for record in records:
        if record.status != "failed":
            record.values["weight"] = parts.get(record.name, 0.0)


def _records(
    stack: Run,
    known: SkySet,
    frames: Mapping[int, Subtracted],
    sources: Sequence[Sources],
    judged: Judged,
) -> list[UnitRecord]:
    """Tell of every frame."""
    records = []
    for index, found, quality in zip(known.indices, sources, judged.solution.frames, strict=True):
        frame = stack.plan.chip.frames[index]
        values = frame_values(frame, dict(frames[index].numbers), found, quality) | {
            "scale": judged.light.get(index)
        }
        reason = judged.reasons.get(index, "")
        records.append(UnitRecord(str(frame.path), "skipped" if reason else "used", reason, values))
    return records
