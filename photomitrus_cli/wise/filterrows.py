"""The filtered tables of all bands, and the refusal of frames whose files are absent."""

from __future__ import annotations

from contextlib import ExitStack

from photomitrus_cli.errors import InputError, NoDataError
from photomitrus_cli.io.atomic import atomic_path, writing
from photomitrus_cli.run.context import Context
from photomitrus_cli.wise.dumpformat import SEED_COLUMNS
from photomitrus_cli.wise.filterplan import FilterPlan
from photomitrus_cli.wise.rowwriter import PATH_COLUMN, RowWriter


def write_rows(plan: FilterPlan, context: Context, *, dry_run: bool) -> None:
    """Find the files of the frames that pass, and write the table of each band.

    The tables are read a second time, so that no more than a block of them is ever in memory; frames without
    a file are taken off ``passed`` under ``drop``.

    Parameters
    ----------
    plan : FilterPlan
    context : Context
    dry_run : bool
        Only look for the files.

    Raises
    ------
    InputError
        When files are missing under ``refuse``, lie outside of the data roots, or a table has changed.
    NoDataError
        When no frame is left.
    WriteError
        When a table cannot be written.
    """
    total = sum(int(one.passed.sum()) for one in plan.bands)
    with ExitStack() as stack, context.progress.task("files", total) as advance:
        writer = RowWriter(plan, advance)
        for one in plan.bands:
            if not dry_run:
                final = one.product(plan.settings.output).paths[0]
                part = stack.enter_context(atomic_path(final))
                stack.enter_context(writing(final))
                writer.streams[one.band] = stack.enter_context(part.open("wb"))
                names = (*SEED_COLUMNS, PATH_COLUMN, *plan.settings.extra_columns)
                writer.streams[one.band].write(",".join(names).encode() + b"\n")
        for source, start, stop in zip(plan.sources, plan.starts, plan.starts[1:], strict=False):
            done = start
            for block in source.blocks():
                if done + len(block) > stop:
                    break
                writer.add(source, block, done)
                done += len(block)
            if done != stop:
                raise InputError(f"{source.path}: the frame table has changed while it was read")
        _refuse_absent(plan)
        _refuse_nothing(plan)


def _refuse_absent(plan: FilterPlan) -> None:
    if plan.settings.missing_files != "refuse":
        return
    for one in plan.bands:
        if one.n_absent:
            total = int(one.passed.sum())
            raise InputError(
                f"W{one.band}: {one.n_absent} of {total} frames have no file, first {one.first_absent}",
                hint="--root names where the frames are; --missing-files drop leaves such frames out",
            )


def _refuse_nothing(plan: FilterPlan) -> None:
    """End a run without a frame, and the plan of one, with what each cut removes."""
    if any(one.passed.any() for one in plan.bands):
        return
    told = [f"W{one.band} {count.cut}: {count}" for one in plan.bands for count in one.counts]
    told += [f"W{one.band}: {one.n_absent} frames have no file" for one in plan.bands if one.n_absent]
    raise NoDataError(
        f"no frame is left: {'; '.join(told)}", hint="--without COLUMN leaves a cut of the preset out"
    )
