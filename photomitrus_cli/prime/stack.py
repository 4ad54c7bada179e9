"""The stage behind ``astromap prime stack``: from a night's dithers to one stack of each chip."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import ConfigError, InputError, NoDataError, OutputExistsError
from photomitrus_cli.imaging.mapping import frame_map
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.io.atomic import check_folder, crc32_file, remove_stale_parts
from photomitrus_cli.prime.detect import Sources
from photomitrus_cli.prime.intermediates import keep_frame, keep_tasks
from photomitrus_cli.prime.netrefine import ask_solver, solve_tasks
from photomitrus_cli.prime.skymasks import find_objects, mask_on_frame
from photomitrus_cli.prime.stackastrom import Judged, judge_frames
from photomitrus_cli.prime.stackcombine import (
    Member,
    TileTask,
    combine_tile,
    place_frame,
    stack_tile,
    tile_tasks,
)
from photomitrus_cli.prime.stackframes import (
    calibrate_frame,
    find_stars,
    frame_tasks,
    make_ready,
    save_calibration,
)
from photomitrus_cli.prime.stackmeasure import measure_stack
from photomitrus_cli.prime.stackplan import StackPlan, make_plans
from photomitrus_cli.prime.stackproducts import (
    frame_cards,
    plane,
    result_cards,
    write_picture,
    write_sky,
    write_stack,
)
from photomitrus_cli.prime.stacksettings import StackSettings
from photomitrus_cli.prime.stacksky import SkySet, load_sky, mark_objects, subtract_skies
from photomitrus_cli.prime.stacktelling import Outcome, facts_of, frame_values, summarise
from photomitrus_cli.run.checkpoint import Store, open_store
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.provenance import (
    file_entry,
    guard_outputs,
    is_current,
    recorded_facts,
    recorded_units,
    write_failure,
    write_manifest,
)
from photomitrus_cli.run.summary import Summary, UnitRecord

__all__ = ["run"]

Bool = NDArray[np.bool_]

_log = logging.getLogger(__name__)

_FEWEST = 3
Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class _Run:
    """One stack under way."""

    plan: StackPlan
    store: Store
    context: Context


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
        return summarise(plans, [], "planned")
    outcomes = [_stack(plan, context) for plan in plans]
    fresh = any(outcome.is_new for outcome in outcomes)
    failed = any(unit.status == "failed" for outcome in outcomes for unit in outcome.units)
    return summarise(plans, outcomes, "partial" if failed else "done" if fresh else "up to date")


def _stack(plan: StackPlan, context: Context) -> Outcome:
    """Make one stack, unless it is there."""
    product = plan.product
    if context.control.resume and is_current(product, plan.record.key):
        return Outcome(recorded_facts(product)["summary"], recorded_units(product), is_new=False)
    check_folder(product.folder)
    check_folder(plan.names.sky.parent)
    remove_stale_parts(product.folder)
    remove_stale_parts(plan.names.sky.parent)
    try:
        with open_store(product.work, plan.record.key, resume=context.control.resume) as store:
            guard_outputs(product, context)
            return _make(_Run(plan, store, context))
    except (ConfigError, OutputExistsError):
        # Another run is, or was just now, at this product; its records are not ours to write.
        raise
    except BaseException as error:
        _log.info("finished frames and tiles are kept in %s; --resume continues", product.work)
        write_failure(product, plan.record, context, error)
        raise


def _make(stack: _Run) -> Outcome:
    plan, store, context = stack.plan, stack.store, stack.context
    record = plan.record
    indices, failed = _calibrate(stack)
    record.units.extend([*plan.chip.left_out, *failed])
    known = mark_objects(plan, indices, store, context.executor.workers)
    numbers = _subtract(stack, known)
    every = frame_tasks(plan, store)
    tasks = [every[index] for index in indices]
    sources = _each(stack, "stars", find_stars, tasks)
    places = _places(stack, indices, sources) if plan.settings.net_refine else None
    judged = judge_frames(plan, indices, sources, places)
    record.units.extend(_records(stack, known, numbers, sources, judged))
    if len(judged.scales) < _FEWEST:
        raise NoDataError(
            f"{len(judged.scales)} frames are left to be stacked, at least {_FEWEST} are needed: "
            + "; ".join(sorted(set(judged.reasons.values())))
        )
    stem = "sky"
    if plan.settings.second_pass:
        members = _members(stack, known, sources, judged, "")
        tiles = tile_tasks(members, judged.grid, plan.settings.clip_sigma, store, "")
        _each(stack, "first look", stack_tile, tiles)
        _subtract(stack, known, _seen_by_frames(stack, known, judged, tiles))
        stem = "sky2"
    members = _members(stack, known, sources, judged, stem.removeprefix("sky"))
    tiles = tile_tasks(members, judged.grid, plan.settings.clip_sigma, store, "_last")
    _each(stack, "tiles", combine_tile, tiles)
    _state_weights(record.units, plan, members)
    sci, noise, flags = (plane(tiles, judged.grid, store, name) for name in ("SCI", "NOISE", "MASK"))
    measured = measure_stack(sci, noise, flags != 0, judged.grid, judged.catalogue)
    facts = facts_of(judged, measured, members)
    if places is not None:
        facts["summary"]["solve-field"] = f"{len(places)} of {len(indices)} frames solved"
    about = frame_cards(plan)
    cards = [*about, *result_cards(measured, judged.gates, judged.catalogue.origin, facts)]
    written = write_stack(plan, tiles, judged.grid, cards, record.units, store)
    write_picture(plan, sci, plane(tiles, judged.grid, store, "COV"), judged.grid)
    sky = load_sky(store, stem)
    if sky is not None:
        write_sky(plan, *sky, about, store)
    if plan.settings.keep:
        of_frames = (sources, judged.solution.wcs)
        _each(stack, "keep", keep_frame, keep_tasks(plan, indices, of_frames, judged.scales, store, stem))
    record.facts.update(facts)
    status = "partial" if any(unit.status == "failed" for unit in record.units) else "complete"
    write_manifest(plan.product, record, context, status=status, written=written)
    return Outcome(facts["summary"], record.units, is_new=True)


def _places(stack: _Run, indices: Sequence[int], sources: Sequence[Sources]) -> dict[int, TanSip]:
    """Ask solve-field where the frames look."""
    tasks = solve_tasks(stack.plan, indices, sources, stack.store)
    answers = _each(stack, "solve-field", ask_solver, tasks)
    return {index: place for index, place in answers if place is not None}


def _each(stack: _Run, label: str, function: Callable[[Task], Result], tasks: Sequence[Task]) -> list[Result]:
    """Run units on all workers; give the results in the order of the tasks."""
    with stack.context.progress.task(label, len(tasks)) as advance:
        outcomes = stack.context.executor.run(function, tasks, advance=advance)
    return [outcome.result for outcome in outcomes if outcome.result is not None]


def _calibrate(stack: _Run) -> tuple[list[int], list[UnitRecord]]:
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


def _subtract(stack: _Run, known: SkySet, more: dict[int, Bool] | None = None) -> dict[int, dict[str, Any]]:
    """Subtract the skies; give their numbers."""
    with stack.context.progress.task("skies", len(known.indices)) as advance:
        return subtract_skies(stack.plan, known, stack.store, advance, more)


def _seen_by_frames(stack: _Run, known: SkySet, judged: Judged, tiles: Sequence[TileTask]) -> dict[int, Bool]:
    """Find the objects of the stack, and where they are in each frame."""
    sci, noise = (plane(tiles, judged.grid, stack.store, name) for name in ("SCI", "NOISE"))
    # Over its noise, which differs from place to place, or noise at the edges would look like objects.
    objects = find_objects(sci / noise, ~np.isfinite(sci), mesh_px=known.rules.mesh_px or 128)
    seen = {}
    for index, wcs in zip(known.indices, judged.solution.wcs, strict=True):
        shape = stack.plan.chip.window.shape
        if wcs is None:
            seen[index] = np.zeros(shape, np.bool_)
        else:
            seen[index] = mask_on_frame(objects, frame_map(wcs, shape, judged.grid))
    return seen


def _members(
    stack: _Run, known: SkySet, sources: Sequence[Sources], judged: Judged, stage: str
) -> list[Member]:
    """Make every frame that is used ready, and give it its place on the grid, its scale and its weight."""
    wcs = dict(zip(known.indices, judged.solution.wcs, strict=True))
    seeing = {index: found.seeing for index, found in zip(known.indices, sources, strict=True)}
    tasks = [
        replace(one, stage=stage)
        for one in frame_tasks(stack.plan, stack.store)
        if one.index in judged.scales
    ]
    members = []
    for task, saturated in zip(tasks, _each(stack, "frames", make_ready, tasks), strict=True):
        index, place = task.index, wcs[task.index]
        assert place is not None  # noqa: S101 - frames with a scale have a geometry
        rms = float(stack.store.require(f"sky{stage}_{index}").meta["rms"])
        scale = judged.scales[index]
        members.append(
            Member(
                index,
                f"ready{stage}_{index}",
                place_frame(place, judged.grid),
                scale,
                # Stars alone count here: those of a frame of bad seeing are spread over more pixels.
                scale**2 / (rms * seeing[index]) ** 2,
                task.frame.exptime,
                3600.0**2 * abs(float(np.linalg.det(place.cd))) / judged.grid.scale**2,
                saturated,
            )
        )
    return members


def _state_weights(records: Sequence[UnitRecord], plan: StackPlan, members: Sequence[Member]) -> None:
    """Tell of every frame what part of the mean it is."""
    total = sum(one.weight for one in members)
    parts = {str(plan.chip.frames[one.index].path): one.weight / total for one in members}
    for record in records:
        if record.status != "failed":
            record.values["weight"] = parts.get(record.name, 0.0)


def _records(
    stack: _Run,
    known: SkySet,
    numbers: dict[int, Any],
    sources: Sequence[Sources],
    judged: Judged,
) -> list[UnitRecord]:
    """Tell of every frame."""
    records = []
    for index, found, quality in zip(known.indices, sources, judged.solution.frames, strict=True):
        frame = stack.plan.chip.frames[index]
        values = frame_values(frame, numbers[index], found, quality) | {"scale": judged.scales.get(index)}
        reason = judged.reasons.get(index, "")
        records.append(UnitRecord(str(frame.path), "skipped" if reason else "used", reason, values))
    return records
