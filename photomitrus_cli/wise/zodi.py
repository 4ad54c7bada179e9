"""The stage behind ``astromap wise zodi``: the zodiacal template of each scan map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from photomitrus_cli.errors import AstromapError, InputError, NoDataError
from photomitrus_cli.io.atomic import check_folder, remove_stale_parts
from photomitrus_cli.io.healpixfile import PartialMap
from photomitrus_cli.run.checkpoint import exclusive
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.parallel import Outcome
from photomitrus_cli.run.provenance import (
    RunRecord,
    guard_outputs,
    is_current,
    utc_now,
    write_failure,
)
from photomitrus_cli.run.summary import RunStatus, Summary, UnitRecord
from photomitrus_cli.wise.skyplaces import sky_places
from photomitrus_cli.wise.zodicards import zodi_cards
from photomitrus_cli.wise.zodimaps import scan_map, template_numbers, write_template
from photomitrus_cli.wise.zodimodel import component_names
from photomitrus_cli.wise.zodiplan import ZodiPlan, ZodiTask, make_plan
from photomitrus_cli.wise.zodisettings import ZodiSettings

__all__ = ["prepare", "run"]
_LISTED = 20


@dataclass
class _Made:
    """What the run has come to so far.

    Attributes
    ----------
    units : list of UnitRecord
        Of the scans that were worked at.
    n_kept : int
        Number of templates that an earlier run has made.
    """

    units: list[UnitRecord] = field(default_factory=list)
    n_kept: int = 0


def prepare(settings: ZodiSettings) -> None:
    """Load the model and the kernels before workers are forked that would each do it.

    Parameters
    ----------
    settings : ZodiSettings

    Raises
    ------
    ConfigError
        As `component_names`.
    """
    component_names(settings)
    sky_places([0], 1, "galactic")


def run(settings: ZodiSettings, context: Context) -> Summary:
    """Make the templates.

    Parameters
    ----------
    settings : ZodiSettings
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
    remove_stale_parts(settings.output)
    with exclusive(plan.lock):
        # Once more, now that no other run of these templates can be at work.
        for task in plan.tasks:
            guard_outputs(task.product, context)
        return _make_all(plan, context)


def _make_all(plan: ZodiPlan, context: Context) -> Summary:
    made = _Made()
    todo = []
    for task in plan.tasks:
        if context.control.resume and is_current(task.product, task.key()):
            made.n_kept += 1
        else:
            todo.append(task)
    if todo:
        _make(todo, context, made)
    failed = [unit for unit in made.units if unit.status == "failed"]
    if len(failed) == len(plan.tasks):
        raise NoDataError(f"no template could be made: {failed[0].name}: {failed[0].reason}")
    return _summarise(plan, made, "partial" if failed else "done" if todo else "up to date")


def _make(tasks: Sequence[ZodiTask], context: Context, made: _Made) -> None:
    """Compute on all workers, and write each template as soon as it is there."""
    cards = zodi_cards(tasks[0].settings)
    # The state of the inputs before they are read: a file that changes meanwhile must not look up to date.
    records = [RunRecord(task.key(), context.config_yaml, utc_now()) for task in tasks]

    def take(outcome: Outcome[tuple[PartialMap, dict[str, Any]]]) -> None:
        """Write one template, or note why there is none."""
        task, record = tasks[outcome.index], records[outcome.index]
        if outcome.result is None:
            _fail(task, record, context, outcome.error, made)
            return
        sky, entry = outcome.result
        record.inputs.append(entry)
        write_template(task, record, sky, cards, context)
        made.units.append(UnitRecord(task.scan.name, "done", values=template_numbers(sky)))

    with context.progress.task("scans", len(tasks)) as advance:
        context.executor.run(
            scan_map, tasks, keep_going=context.control.keep_going, advance=advance, consume=take
        )


def _fail(
    task: ZodiTask, record: RunRecord, context: Context, error: AstromapError | None, made: _Made
) -> None:
    told = error or InputError(f"{task.scan.path}: failed")
    write_failure(task.product, record, context, told)
    made.units.append(UnitRecord.of_error(task.scan.name, told))


def _summarise(plan: ZodiPlan, made: _Made, status: RunStatus) -> Summary:
    settings = plan.settings
    failed = [unit.name for unit in made.units if unit.status == "failed"]
    facts = {
        "scans": f"{len(plan.tasks)}, nside {plan.nside}, {plan.system}",
        "model": f"{settings.model}, {settings.spectrum}, seen from {settings.observer}",
        "components": ", ".join(plan.components),
    }
    if plan.n_ignored:
        facts["ignored"] = f"{plan.n_ignored} files that are no scan maps"
    if made.n_kept:
        facts["up to date already"] = f"{made.n_kept} of {len(plan.tasks)} templates"
    products = [task.product.paths[0] for task in plan.tasks if task.scan.name not in failed]
    if len(products) > _LISTED:
        facts["products"] = f"{len(products)} templates in {settings.output}"
        products = []
    return Summary(
        f"WISE band {settings.band} zodiacal light",
        status,
        facts,
        products,
        units=made.units,
        stem=f"w{settings.band}_zodi",
        n_units=len(plan.tasks),
    )
