"""The stage behind ``astromap prime flat``: master flats from twilight frames."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from photomitrus_cli.errors import ConfigError, NoDataError, OutputExistsError
from photomitrus_cli.io.atomic import check_folder, remove_stale_parts
from photomitrus_cli.prime.flatplan import FlatPlan, make_flat_plans
from photomitrus_cli.prime.flatsettings import FlatSettings
from photomitrus_cli.prime.flatwork import FlatTask, MadeFlat, write_flat
from photomitrus_cli.run.checkpoint import exclusive
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.parallel import Outcome
from photomitrus_cli.run.provenance import (
    guard_outputs,
    is_current,
    recorded_facts,
    recorded_units,
    write_failure,
    write_manifest,
)
from photomitrus_cli.run.summary import RunStatus, Summary, UnitRecord

__all__ = ["run"]


@dataclass
class _Made:
    """What the run has come to so far: facts of each flat, frames of all, and which were made now."""

    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    units: list[UnitRecord] = field(default_factory=list)
    fresh: set[str] = field(default_factory=set)


def run(settings: FlatSettings, context: Context) -> Summary:
    """Make the master flats of all chips and bands that are asked for.

    Parameters
    ----------
    settings : FlatSettings
    context : Context

    Returns
    -------
    Summary

    Raises
    ------
    AstromapError
        Any of its children, with the documented exit codes.
    """
    plans = make_flat_plans(settings, context)
    for plan in plans:
        guard_outputs(plan.product, context)
    if context.control.dry_run:
        return _summarise(plans, _Made(), "planned")
    folder = plans[0].product.folder
    check_folder(folder)
    remove_stale_parts(folder)
    with ExitStack() as locks:
        for plan in plans:
            locks.enter_context(exclusive(plan.product.work))
        made = _make_all(plans, context)
    failed = any(unit.status == "failed" for unit in made.units)
    return _summarise(plans, made, "partial" if failed else "done" if made.fresh else "up to date")


def _make_all(plans: Sequence[FlatPlan], context: Context) -> _Made:
    """Make what is not there yet, a flat to a worker."""
    made, todo = _Made(), []
    for plan in plans:
        if context.control.resume and is_current(plan.product, plan.record.key):
            made.facts[plan.product.stem] = recorded_facts(plan.product)
            made.units += recorded_units(plan.product)
        else:
            guard_outputs(plan.product, context)
            todo.append(plan)

    def take(outcome: Outcome[MadeFlat]) -> None:
        """Complete a flat."""
        _finish(todo[outcome.index], outcome, made, context)

    tasks = [FlatTask(plan, context.control.keep_going) for plan in todo]
    try:
        with context.progress.task("flats", len(tasks)) as advance:
            context.executor.run(
                write_flat, tasks, keep_going=context.control.keep_going, advance=advance, consume=take
            )
    except (ConfigError, OutputExistsError):
        raise
    except BaseException as error:
        for plan in todo:
            if plan.product.stem not in made.fresh:
                write_failure(plan.product, plan.record, context, error)
        raise
    if not made.facts:
        raise NoDataError("no flat could be made: " + "; ".join(unit.reason for unit in made.units))
    return made


def _finish(plan: FlatPlan, outcome: Outcome[MadeFlat], made: _Made, context: Context) -> None:
    """Write the manifest of a flat, or note why there is none."""
    record, name = plan.record, plan.product.stem
    if outcome.result is None:
        if outcome.error is not None:
            write_failure(plan.product, record, context, outcome.error)
            made.units.append(UnitRecord.of_error(name, outcome.error))
        return
    result = outcome.result
    record.units.extend(result.units)
    record.facts.update(result.facts)
    status = "partial" if any(unit.status == "failed" for unit in result.units) else "complete"
    write_manifest(plan.product, record, context, status=status, written=[result.written])
    made.facts[name] = result.facts
    made.units += result.units
    made.fresh.add(name)


def _summarise(plans: Sequence[FlatPlan], made: _Made, status: RunStatus) -> Summary:
    """Tell of all flats of a run."""
    facts: dict[str, str] = {}
    for plan in plans:
        known = made.facts.get(plan.product.stem)
        if known is not None or status == "planned":
            planned = f"{len(plan.pairs)} pairs of {len(plan.frames)} frames"
            facts[f"chip {plan.chip}, {plan.band}"] = known["line"] if known else planned
    units = made.units
    if status == "planned":
        units = [UnitRecord(str(frame.path), "used") for plan in plans for frame in plan.frames]
    there = [plan for plan in plans if plan.product.stem in made.facts or status == "planned"]
    return Summary(
        f"{plans[0].instrument.name} master flats",
        status,
        facts,
        [plan.path for plan in there],
        units,
        [warning for one in made.facts.values() for warning in one["warnings"]],
        value_units={"level": plans[0].instrument.detector.unit, "mjd": "d"},
        stem="mflats",
    )
