"""The stage behind ``astromap irac mosaic``: frames to one mosaic with an honest uncertainty."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import ConfigError, NoDataError, OutputExistsError
from photomitrus_cli.imaging.noise import correlation_factor
from photomitrus_cli.io.atomic import atomic_path, check_folder, remove_stale_parts
from photomitrus_cli.io.fitswrite import write_fits
from photomitrus_cli.irac.config import MosaicSettings
from photomitrus_cli.irac.frames import Frame
from photomitrus_cli.irac.ingest import IngestRules, IngestTask, ingest
from photomitrus_cli.irac.plan import Plan, make_plan, reasons
from photomitrus_cli.irac.products import PLANES, column_units, frame_values, mosaic_hdus
from photomitrus_cli.irac.tiles import Member, TileTask, combine_tile, overlap, tile_windows
from photomitrus_cli.run.checkpoint import Store, open_store
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.provenance import (
    Product,
    guard_outputs,
    is_current,
    recorded_facts,
    recorded_units,
    write_failure,
    write_manifest,
)
from photomitrus_cli.run.summary import Figure, RunStatus, Summary, UnitRecord

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
    if context.control.dry_run:
        planned = [UnitRecord(str(frame.path), "used") for frame in plan.selection.frames]
        return _summary(plan, planned + plan.selection.records, "planned")
    if context.control.resume and is_current(product, plan.record.key):
        return _up_to_date(plan)
    check_folder(product.folder, plan.disk_bytes)
    remove_stale_parts(product.folder)
    try:
        with open_store(product.work, plan.record.key, resume=context.control.resume) as store:
            # Once more, now that no other run of this product can be at work.
            guard_outputs(product, context)
            members, plan = _ingest_all(plan, store, context)
            return _make(plan, store, members, context)
    except (ConfigError, OutputExistsError):
        # Another run is, or was just now, at this product; its records are not ours to write.
        raise
    except BaseException as error:
        _log.info("finished frames and tiles are kept in %s; --resume continues", product.work)
        write_failure(product, plan.record, context, error)
        raise


def _make(plan: Plan, store: Store, members: list[Member], context: Context) -> Summary:
    if not members:
        raise NoDataError(f"no frame can be used: {'; '.join(reasons(plan.record.units))}")
    planes, correlation = _combine_all(plan, store, members, context)
    _write(plan, planes, correlation)
    failed = any(unit.status == "failed" for unit in plan.record.units)
    summary = _summary(plan, plan.record.units, "partial" if failed else "done")
    summary.facts |= _measured(planes, correlation, plan)
    summary.figures = [_figure(plan)]
    facts = {"correlation_factor": correlation, "shape": list(plan.grid.shape), "summary": summary.facts}
    record = replace(plan.record, facts=facts)
    write_manifest(plan.product, record, context, status="partial" if failed else "complete")
    return summary


def _up_to_date(plan: Plan) -> Summary:
    """Tell of a finished product what was told when it was made."""
    summary = _summary(plan, recorded_units(plan.product), "up to date")
    summary.facts = recorded_facts(plan.product).get("summary", summary.facts)
    summary.figures = [_figure(plan)]
    return summary


def _figure(plan: Plan) -> Figure:
    caption = (
        f"Channel {plan.settings.channel} mosaic (asinh stretch) and number of frames. "
        "White rings in the cores of bright stars are the negative lobes of the interpolation."
    )
    return Figure(plan.product.paths[1], caption)


def _ingest_all(plan: Plan, store: Store, context: Context) -> tuple[list[Member], Plan]:
    """Ingest every frame; give the usable ones and the plan with its units and inputs filled in."""
    frames, settings = plan.selection.frames, plan.settings
    rules = IngestRules(settings.imask_bits, settings.rmask_bits, settings.background)
    tasks = [IngestTask(f"frame{i:06d}", frame, plan.grid, rules, store) for i, frame in enumerate(frames)]
    _log.info("reading %d frames of channel %d", len(tasks), settings.channel)
    with context.progress.task("frames", len(tasks)) as advance:
        outcomes = context.executor.run(ingest, tasks, keep_going=context.control.keep_going, advance=advance)
    records = list(plan.selection.records)
    inputs: list[dict[str, Any]] = []
    members: list[Member] = []
    for task, outcome in zip(tasks, outcomes, strict=True):
        name = str(task.frame.path)
        if outcome.error is not None:
            records.append(UnitRecord.of_error(name, outcome.error))
        if outcome.result is None:
            continue
        meta = outcome.result
        inputs.extend(meta["inputs"])
        weight = 0.0 if meta["reason"] else _weight(task.frame, meta, settings)
        values = frame_values(task.frame, meta, weight)
        records.append(UnitRecord(name, "skipped" if meta["reason"] else "used", meta["reason"], values))
        if not meta["reason"]:
            members.append(_member(task, meta, weight))
    records.sort(key=lambda record: record.name)
    return members, replace(plan, record=replace(plan.record, units=records, inputs=inputs))


def _weight(frame: Frame, meta: dict[str, Any], settings: MosaicSettings) -> float:
    """Give a frame's scalar weight.

    For the weighted mean 1 / median variance, (sr/MJy)^2, or the exposure time, s; for the median of exposure
    classes its share of its class, GAIN / FLUXCONV x EXPTIME, electrons for 1 MJy/sr.
    """
    if settings.combine == "median-exptime":
        return frame.conversion * frame.exptime_s
    return frame.exptime_s if settings.weights == "exposure" else 1.0 / float(meta["variance_median"])


def _member(task: IngestTask, meta: dict[str, Any], weight: float) -> Member:
    y0, y1, x0, x1 = meta["bbox"]
    frame = task.frame
    return Member(
        name=task.name,
        bbox=(y0, y1, x0, x1),
        weight=weight,
        exptime_s=frame.exptime_s,
        conversion=frame.conversion,
        pixel_area_arcsec2=meta["pixel_area_arcsec2"],
        estimated=frame.unc is None,
    )


def _combine_all(
    plan: Plan, store: Store, members: list[Member], context: Context
) -> tuple[dict[str, NDArray[Any]], float]:
    """Combine tile by tile; give the planes and the noise-correlation factor."""
    tasks = []
    for window in tile_windows(plan.grid.shape):
        name = f"tile_{window[0]:06d}_{window[2]:06d}"
        inside = tuple(member for member in members if overlap(member.bbox, window))
        tasks.append(TileTask(name, window, inside, plan.settings.combine, plan.grid, store))
    _log.info("combining %d frames in %d tiles", len(members), len(tasks))
    with context.progress.task("tiles", len(tasks)) as advance:
        outcomes = context.executor.run(combine_tile, tasks, advance=advance)
    sums = [outcome.result for outcome in outcomes if outcome.result is not None]
    planes = {name: np.empty(plan.grid.shape, dtype) for name, dtype in PLANES.items()}
    for task in tasks:
        y0, y1, x0, x1 = task.window
        for name, values in store.require(task.name).arrays.items():
            planes[name][y0:y1, x0:x1] = values
    if not (planes["COV"] > 0).any():
        raise NoDataError(
            "the frames leave no usable pixel in the mosaic", hint="check --center, --size and the masks"
        )
    return planes, correlation_factor((one["pixel"], one["large"]) for one in sums)


def _write(plan: Plan, planes: dict[str, NDArray[Any]], correlation: float) -> None:
    # matplotlib takes half a second to import, which a plan or an up-to-date run need not pay.
    from photomitrus_cli.report.quicklook import draw_mosaic

    fits_path, png_path = plan.product.paths
    hdus = mosaic_hdus(planes, plan.grid, plan.settings, plan.record, correlation=correlation)
    # Both files wait under temporary names until both are whole; the old manifest goes just before they take
    # their places, because it says nothing about them.
    with atomic_path(fits_path) as fits_part, atomic_path(png_path) as png_part:
        write_fits(fits_part, hdus)
        draw_mosaic(
            png_part,
            planes["SCI"],
            planes["COV"],
            plan.grid.header(),
            title=f"IRAC channel {plan.settings.channel}: {plan.settings.combine}",
            unit="MJy/sr",
        )
        plan.product.manifest.unlink(missing_ok=True)


def _summary(plan: Plan, units: list[UnitRecord], status: RunStatus) -> Summary:
    grid = plan.grid
    names = {unit.name for unit in units if unit.status == "used"}
    used = [frame for frame in plan.selection.frames if str(frame.path) in names]
    absent = {role: sum(getattr(frame, role) is None for frame in used) for role in ("unc", "imask", "rmask")}
    counts = [sum(unit.status == kind for unit in units) for kind in ("used", "skipped", "failed")]
    facts = {
        "mosaic": f"{grid.shape[1]} x {grid.shape[0]} pixels of {grid.scale:g} arcsec, "
        f"centre of projection {grid.ra:.5f} {grid.dec:+.5f} deg",
        "frames": f"{counts[0]} used, {counts[1]} skipped, {counts[2]} failed",
        "without uncertainty": f"{absent['unc']} (estimated from the frame)" if absent["unc"] else "0",
        "without imask / rmask": f"{absent['imask']} / {absent['rmask']}",
    }
    if status == "planned":
        facts["needs"] = (
            f"{plan.disk_bytes / 1e6:.0f} MB of disk, {plan.planes_bytes / 1e6:.0f} MB for the planes"
        )
    return Summary(
        f"IRAC channel {plan.settings.channel} mosaic",
        status,
        facts,
        [*plan.product.paths, plan.product.manifest],
        units,
        _warnings(plan.settings, used),
        value_units=column_units(),
    )


def _warnings(settings: MosaicSettings, used: list[Frame]) -> list[str]:
    warnings = []
    versions = sorted({frame.creator for frame in used})
    if len(versions) > 1:
        warnings.append(f"frames of several pipeline versions ({', '.join(versions)}); their FLUXCONV differ")
    bare = sum(frame.imask is None and frame.rmask is None for frame in used)
    if bare and settings.combine == "weighted":
        warnings.append(
            f"{bare} frames have no mask: their cosmic rays stay in the weighted mean; "
            "--combine median-exptime rejects them"
        )
    return warnings


def _measured(planes: dict[str, NDArray[Any]], correlation: float, plan: Plan) -> dict[str, str]:
    covered = planes["COV"] > 0
    unc = float(np.median(planes["UNC"][covered]))
    return {
        "coverage": f"up to {int(planes['COV'].max())} frames, {float(covered.mean()):.1%} of the pixels",
        "median uncertainty": f"{unc:.5g} MJy/sr per pixel",
        "noise correlation factor": f"{correlation:.3f} (aperture sigma = factor x sqrt(sum UNC^2))",
        "uJy per MJy/sr and pixel": f"{plan.grid.ujy_per_mjysr:.6f}",
    }
