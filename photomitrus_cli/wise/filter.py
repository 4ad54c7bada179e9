"""The stage behind ``astromap wise filter``: from the archive's frame tables to the frames worth coadding."""

from __future__ import annotations

from pathlib import Path

from photomitrus_cli.io.atomic import (
    atomic_path,
    check_folder,
    crc32_file,
    refuse_overwriting_inputs,
    remove_stale_parts,
)
from photomitrus_cli.io.tables import write_ecsv
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.provenance import (
    Product,
    RunRecord,
    file_entry,
    guard_outputs,
    is_current,
    run_key,
    utc_now,
    write_failure,
    write_manifest,
)
from photomitrus_cli.run.summary import Figure, RunStatus, Summary, UnitRecord
from photomitrus_cli.wise.arraysource import ArraySource
from photomitrus_cli.wise.filtercolumns import has_paths
from photomitrus_cli.wise.filterplan import BandRows, FilterPlan, make_plan, product_of
from photomitrus_cli.wise.filterplots import draw_frames
from photomitrus_cli.wise.filterrows import write_rows
from photomitrus_cli.wise.filtersettings import FilterSettings
from photomitrus_cli.wise.filtertables import cut_table, scan_table, scans_of
from photomitrus_cli.wise.rowwriter import PATH_COLUMN
from photomitrus_cli.wise.unfinished import remove_unfinished

_CAPTION = "Frames kept and removed over the sky and in time, and the frames that each scan has left."
_UNITS = {"alone": "frames", "missing": "frames", "in_order": "frames", "left": "frames"}


def run(settings: FilterSettings, context: Context) -> Summary:
    """Apply the cuts and write the tables of each band.

    Parameters
    ----------
    settings : FilterSettings
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
    if settings.band != "all":
        # Found out before millions of rows are read.
        guard_outputs(product_of(settings.bands[0], settings.output), context)
    plan = make_plan(settings, context)
    products = [one.product(settings.output) for one in plan.bands]
    for product in products:
        guard_outputs(product, context)
    refuse_overwriting_inputs([path for product in products for path in product.written], _files(plan))
    if context.control.dry_run:
        write_rows(plan, context, dry_run=True)
        return _summarise(plan, products, "planned")
    record = RunRecord(_key(plan), context.config_yaml, utc_now())
    if context.control.resume and _is_settled(plan, products, record.key):
        return _summarise(plan, products, "up to date")
    return _make(plan, products, record, context)


def _make(plan: FilterPlan, products: list[Product], record: RunRecord, context: Context) -> Summary:
    folder = plan.settings.output
    check_folder(folder)
    remove_stale_parts(folder)
    try:
        write_rows(plan, context, dry_run=False)
        record.inputs.extend(_inputs(plan))
        for one, product in zip(plan.bands, products, strict=True):
            _write_band(plan, one, product)
    except BaseException as error:
        for product in products:
            remove_unfinished(product, context)
        write_failure(products[0], record, context, error)
        raise
    status: RunStatus = "partial" if plan.failed else "done"
    for one, product in zip(plan.bands, products, strict=True):
        own = RunRecord(record.key, record.config_yaml, record.started, record.inputs)
        own.units.extend([*_units(one), *plan.failed])
        own.facts.update({"frames": int(one.passed.sum()), "frames_read": one.n_read})
        write_manifest(product, own, context, status="partial" if plan.failed else "complete")
    return _summarise(plan, products, status)


def _write_band(plan: FilterPlan, one: BandRows, product: Product) -> None:
    scans = scans_of(plan.columns, one)
    write_ecsv(product.paths[1], scan_table(scans, one.band))
    write_ecsv(product.paths[2], cut_table(one, plan.settings.missing_files))
    with atomic_path(product.paths[3]) as part:
        draw_frames(part, plan.columns, one, scans)


def _files(plan: FilterPlan) -> list[Path]:
    """Give the tables, and the frames where these were read."""
    files: list[Path] = []
    for source in plan.sources:
        if has_paths(source) and isinstance(source, ArraySource):
            files += map(Path, source.columns[PATH_COLUMN].tolist())
        else:
            files.append(source.path)
    return files


def _inputs(plan: FilterPlan) -> list[dict[str, object]]:
    tables = [source.path for source in plan.sources if not has_paths(source)]
    return [file_entry(path, path.stat().st_size, crc32_file(path)) for path in tables]


def _key(plan: FilterPlan) -> str:
    decisive = plan.settings.model_dump(mode="json", exclude={"inputs", "output", "from_frames", "presets"})
    return run_key("wise filter", decisive | {"cuts": list(map(str, plan.cuts))}, _files(plan))


def _is_settled(plan: FilterPlan, products: list[Product], key: str) -> bool:
    """Tell whether all products are current; under ``drop`` files may have come since."""
    return plan.settings.missing_files != "drop" and all(is_current(product, key) for product in products)


def _units(one: BandRows) -> list[UnitRecord]:
    return [
        UnitRecord(
            f"W{one.band} {count.cut}",
            "done",
            values={
                "alone": count.alone,
                "missing": count.missing,
                "in_order": count.in_order,
                "left": count.left,
            },
        )
        for count in one.counts
    ]


def _summarise(plan: FilterPlan, products: list[Product], status: RunStatus) -> Summary:
    summary = Summary("WISE frame filter", status, value_units=_UNITS)
    summary.products = [path for product in products for path in (*product.paths, product.manifest)]
    summary.units = [unit for one in plan.bands for unit in _units(one)] + plan.failed
    summary.stem = products[0].stem if len(products) == 1 else "wise_filter"
    for one in plan.bands:
        _tell(summary, plan, one)
    if plan.failed:
        summary.warnings.append(f"{len(plan.failed)} frames have headers that cannot be read")
    if status != "planned":
        summary.figures = [Figure(product.paths[3], _CAPTION) for product in products]
    return summary


def _tell(summary: Summary, plan: FilterPlan, one: BandRows) -> None:
    name, left = f"W{one.band}", int(one.passed.sum())
    scans = scans_of(plan.columns, one).frames
    per_scan = f", {scans.min()} to {scans.max()} frames a scan" if scans.size else ""
    summary.facts[name] = f"{left} of {one.n_read} frames are left, {scans.size} scans{per_scan}"
    for count in one.counts:
        summary.facts[f"{name} {count.cut}"] = str(count)
    if one.n_repeated:
        summary.warnings.append(f"{name}: {one.n_repeated} rows repeat another frame; the first is kept")
    if one.n_absent:
        summary.warnings.append(
            f"{name}: {one.n_absent} frames have no file and are skipped, first {one.first_absent}"
        )
    if plan.settings.missing_files == "keep" and plan.settings.template is not None:
        summary.facts[f"{name} files"] = "not looked for (missing_files: keep)"
