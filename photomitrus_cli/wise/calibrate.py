"""The stage behind ``astromap wise calibrate``: scan maps in DN to one map of the sky in MJy/sr."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from photomitrus_cli.io.atomic import check_folder, remove_stale_parts, writing
from photomitrus_cli.run.checkpoint import exclusive
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.provenance import (
    Product,
    RunRecord,
    guard_outputs,
    is_current,
    recorded_facts,
    recorded_files,
    recorded_units,
    utc_now,
    write_failure,
    write_manifest,
)
from photomitrus_cli.run.summary import RunStatus, Summary, UnitRecord
from photomitrus_cli.wise.calibcards import calibration_cards, calibration_meta
from photomitrus_cli.wise.calibcycles import solve_in_cycles
from photomitrus_cli.wise.calibmasks import exclude
from photomitrus_cli.wise.calibpictures import draw_picture
from photomitrus_cli.wise.calibplots import draw_residuals, draw_scans, draw_stripes
from photomitrus_cli.wise.calibproducts import product_of, write_difference, write_full_sky
from photomitrus_cli.wise.calibresult import Result, make_result
from photomitrus_cli.wise.calibrun import CalibrateRun, make_run
from photomitrus_cli.wise.calibsolve import open_solver
from photomitrus_cli.wise.calibstart import read_start
from photomitrus_cli.wise.calibsummary import planned, summarise
from photomitrus_cli.wise.calibtables import write_calibration, write_residuals
from photomitrus_cli.wise.calibwork import read_scans, to_samples
from photomitrus_cli.wise.cycled import Cycled
from photomitrus_cli.wise.samples import Samples
from photomitrus_cli.wise.skyplaces import sky_places
from photomitrus_cli.wise.unfinished import remove_unfinished
from photomitrus_cli.wise.zodimodel import component_names

if TYPE_CHECKING:
    from photomitrus_cli.wise.config import WiseSection

__all__ = ["prepare", "run"]


def prepare(wise: WiseSection) -> None:
    """Load the model and the kernels before workers are forked that would each do it.

    Parameters
    ----------
    wise : WiseSection

    Raises
    ------
    ConfigError
        As `component_names`.
    """
    component_names(wise.zodi.model_copy(update={"band": wise.calibrate.band}))
    sky_places([0], 1, "galactic")


def run(wise: WiseSection, context: Context) -> Summary:
    """Calibrate a band.

    Parameters
    ----------
    wise : WiseSection
        ``calibrate``, and ``zodi`` for the template.
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
    plan = make_run(wise, context)
    if context.control.dry_run:
        return planned(plan, context)
    check_folder(plan.settings.output)
    check_folder(plan.settings.templates)
    for folder in (plan.settings.output, plan.settings.templates):
        remove_stale_parts(folder)
    with exclusive(plan.product.work):
        # Once more, now that no other run of this product can be at work.
        guard_outputs(plan.product, context)
        key = plan.key()
        least = product_of(
            plan.settings.output, plan.settings.band, pictures=plan.settings.pictures, differences=()
        )
        if context.control.resume and is_current(least, key):
            product = replace(least, files=recorded_files(least))
            return summarise(
                plan, product, recorded_facts(least), recorded_units(least), "up to date", context
            )
        return _make(plan, RunRecord(key, context.config_yaml, utc_now()), context)


def _make(plan: CalibrateRun, record: RunRecord, context: Context) -> Summary:
    try:
        read = read_scans(plan.scans, plan.zodi, plan.settings.templates, plan.tracks, context)
        record.inputs.extend(read.inputs)
        samples = to_samples(read, plan.scans, plan.zodi, plan.settings.flag_bits)
        result, cycled = _calibrate(plan, samples, context)
        status: RunStatus = "partial" if read.failed else "done"
        record.units.extend([*_units(samples, cycled), *read.failed])
        record.facts.update(result.facts)
        product = _write(plan, result, record, status, context)
    except BaseException as error:
        remove_unfinished(plan.product, context)
        write_failure(plan.product, record, context, error)
        raise
    return summarise(plan, product, record.facts, record.units, status, context)


def _calibrate(plan: CalibrateRun, samples: Samples, context: Context) -> tuple[Result, Cycled]:
    settings = plan.settings
    excluded = exclude(samples, plan.rules())
    start = None
    if settings.start is not None:
        start = read_start(
            settings.start, settings.band, samples, tuple(plan.choices.modes), settings.baseline_deg
        )
    workers = context.executor.workers if context.executor.is_local else 1
    with open_solver(samples, plan.choices, settings, workers) as solver:
        cycled = solve_in_cycles(samples, excluded, solver, settings, context, start)
        errors, prior = solver.errors(cycled.solution), solver.prior(cycled.solution)
    return make_result(plan, samples, cycled, errors, prior), cycled


def _units(samples: Samples, cycled: Cycled) -> list[UnitRecord]:
    return [
        UnitRecord(name, "used" if accepted else "skipped", reason)
        for name, accepted, reason in zip(
            samples.names, cycled.accepted.tolist(), cycled.reasons, strict=True
        )
    ]


def _write(
    plan: CalibrateRun, result: Result, record: RunRecord, status: RunStatus, context: Context
) -> Product:
    """Write everything, the manifest last."""
    settings = plan.settings
    folder, band = settings.output, settings.band
    cards = calibration_cards(plan, record, result.facts)
    # An old manifest says nothing about the new files.
    with writing(plan.product.manifest):
        plan.product.manifest.unlink(missing_ok=True)
    written = [write_full_sky(folder, band, result.sky, cards, picture=settings.pictures)]
    halves: list[str] = []
    for half in result.differences:
        done = write_difference(folder, band, half, cards, picture=settings.pictures)
        if done is not None:
            halves.append(half.name)
            written.append(done)
    meta = calibration_meta(plan, result.facts)
    write_calibration(folder / f"w{band}_calibration.ecsv", result.scans, meta)
    write_residuals(folder / f"w{band}_residuals.ecsv", result.residuals, meta)
    if settings.pictures:
        _draw(folder, band, result)
    product = product_of(folder, band, pictures=settings.pictures, differences=halves)
    # Pictures that could not be drawn are not there.
    there = [path.name for path in product.paths if path.suffix != ".png" or path.is_file()]
    product = replace(product, files=tuple(there))
    _remove_others(product, product_of(folder, band, pictures=True))
    # A product without some of its scans is worth another try.
    state = "partial" if status == "partial" else "complete"
    write_manifest(product, record, context, status=state, written=written)
    return product


def _draw(folder: Path, band: int, result: Result) -> None:
    samples, left, shown = result.samples, result.left, result.shown
    for chart, draw in (
        ("calibration", partial(draw_scans, table=result.scans, band=band)),
        ("residuals", partial(draw_residuals, table=result.residuals, band=band)),
        ("stripes", partial(draw_stripes, samples=samples, residual=left, use=shown, band=band)),
    ):
        draw_picture(folder / f"w{band}_{chart}.png", draw)


def _remove_others(product: Product, everything: Product) -> None:
    """Remove pictures and differences of an older run, which do not belong to this one."""
    for path in set(everything.paths) - set(product.paths):
        with writing(path):
            path.unlink(missing_ok=True)
