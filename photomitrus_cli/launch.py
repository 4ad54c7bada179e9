"""From a parsed command to a stage: configuration, logging, workers, summary."""

from __future__ import annotations

import gc
import importlib
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from operator import attrgetter
from pathlib import Path
from typing import Any

import click

from photomitrus_cli.console import TerminalProgress, configure_logging, print_summary, wants_progress
from photomitrus_cli.errors import ConfigError, PartialError, WriteError
from photomitrus_cli.io.atomic import check_folder, refuse_overwriting_inputs, write_json
from photomitrus_cli.options import common_values, option_names, settings_given
from photomitrus_cli.run.config import LOCAL_FILE, build, collect, to_yaml
from photomitrus_cli.run.context import DEFAULT_MEMORY, Context, NoProgress, Progress, RunControl
from photomitrus_cli.run.layers import Layers
from photomitrus_cli.run.machine import available_cores, available_memory
from photomitrus_cli.run.parallel import Executor, local_executor
from photomitrus_cli.run.summary import Summary
from photomitrus_cli.settings import SECTIONS, AstromapConfig

_log = logging.getLogger(__name__)

_KERNELS = "photomitrus_cli.imaging.jit"

# Endings of files that a log or a summary must never replace.
_NOT_OURS = (
    *(".fits", ".gz", ".fz", ".png", ".yaml", ".manifest.json", ".failed.json"),
    *(".csv", ".ecsv", ".html"),
)


def resolve(ctx: click.Context) -> tuple[AstromapConfig, Layers]:
    """Merge and validate the configuration of a command."""
    layers = collect(
        SECTIONS,
        config_files=ctx.params.get("config_files", ()),
        environment=os.environ,
        assignments=ctx.params.get("assignments", ()),
        options=settings_given(ctx),
        option_names=option_names(ctx),
    )
    return build(AstromapConfig, layers), layers


def launch(ctx: click.Context, stage: str, key: str) -> None:
    """Run a stage module's ``run(settings, context)`` for a command, after its ``prepare(settings)``, if any.

    Parameters
    ----------
    ctx : click.Context
        Of the command; its parameters steer the run, its object is the MPI executor, if any.
    stage : str
        Module to import, such as ``photomitrus_cli.irac.mosaic``.
    key : str
        Its part of the configuration, such as ``irac.mosaic``.

    Raises
    ------
    PartialError
        When units failed under ``--keep-going``.
    """
    if ctx.params.get("overwrite") and ctx.params.get("resume"):
        raise ConfigError(
            "--overwrite makes everything anew and --resume keeps what is done: give one of them"
        )
    with session(ctx) as (config, progress):
        # Imported before the workers start, which then need not do it again.
        module = importlib.import_module(stage)
        importlib.import_module(_KERNELS).start_numba()
        # What is loaded by now stays to the end: the collector need not look at it again, in the workers
        # (which would then copy it) or when this process ends.
        gc.freeze()
        settings = attrgetter(key)(config)
        with _announcing(ctx, stage, progress) as shown:
            if hasattr(module, "prepare") and not ctx.params.get("dry_run"):
                module.prepare(settings)
            with _executor(ctx, config) as executor:
                summary = module.run(settings, _context(ctx, executor, shown, config))
        # Written before anything is printed: the reader of our output may leave at any line.
        report = _write_reports(ctx, summary)
        print_summary(summary)
        if report is not None:
            click.echo(f"  report: {report}")
    if summary.failed():
        raise PartialError(
            f"{len(summary.failed())} of {summary.n_units or len(summary.units)} units failed",
            hint="they are listed above",
        )


def _announcing(ctx: click.Context, stage: str, progress: Progress) -> AbstractContextManager[Progress]:
    """Give progress that tells the user that kernels are compiled; a plan needs none."""
    if ctx.params.get("dry_run"):
        return nullcontext(progress)
    from photomitrus_cli.compiling import compiling_announced

    return compiling_announced(stage, progress)


@contextmanager
def session(ctx: click.Context) -> Iterator[tuple[AstromapConfig, Progress]]:
    """Open what every computing command needs: the configuration, the log and a progress display."""
    config, _ = resolve(ctx)
    common = common_values(ctx)
    _check_side_files(ctx, config, common.get("log_file"))
    reset = configure_logging(
        verbose=common.get("verbose", 0),
        quiet=common.get("quiet", 0),
        debug=common.get("debug", False),
        log_file=common.get("log_file"),
    )
    try:
        if Path(LOCAL_FILE).is_file():
            _log.info("configuration: %s", Path(LOCAL_FILE).resolve())
        bars = wants_progress(common.get("progress"), quiet=common.get("quiet", 0))
        yield config, TerminalProgress() if bars else NoProgress()
    except Exception:
        _log.debug("the run failed", exc_info=True)
        raise
    finally:
        reset()


def _check_side_files(ctx: click.Context, config: AstromapConfig, log_file: Path | None) -> None:
    """Find out before the work whether log, summary and report can be written, and harm nothing.

    Raises
    ------
    ConfigError
        When one of them is an input, a configuration file, data or part of a product.
    WriteError
        When there is no folder for it.
    """
    summary: Path | None = ctx.params.get("summary")
    protected = [*_files_in(config.model_dump()), *ctx.params.get("config_files", ()), Path(LOCAL_FILE)]
    for option, path in (("--log-file", log_file), ("--summary", summary)):
        if path is None:
            continue
        if path.name.endswith(_NOT_OURS):
            raise ConfigError(f"{option} {path}: is the name of data or of a part of a product")
        refuse_overwriting_inputs([path], (file for file in protected if file.is_file()))
        if not path.parent.is_dir():
            raise WriteError(f"{option} {path}: there is no folder {path.parent}")
    if summary and log_file and os.path.realpath(summary) == os.path.realpath(log_file):
        raise ConfigError(f"--summary {summary}: is the file of --log-file")
    if ctx.params.get("report") and not ctx.params.get("dry_run"):
        check_folder(ctx.params["report"])


def _files_in(value: Any) -> Iterator[Path]:
    """Give every path in a configuration."""
    if isinstance(value, Path):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _files_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _files_in(item)


@contextmanager
def _executor(ctx: click.Context, config: AstromapConfig) -> Iterator[Executor]:
    if ctx.obj is not None:
        yield ctx.obj
        return
    jobs = available_cores() if config.run.jobs == "auto" else config.run.jobs
    with local_executor(jobs) as executor:
        yield executor


def _context(ctx: click.Context, executor: Executor, progress: Progress, config: AstromapConfig) -> Context:
    flags: dict[str, Any] = {
        name: bool(ctx.params.get(name)) for name in ("dry_run", "overwrite", "resume", "keep_going")
    }
    return Context(
        command=ctx.command_path,
        argv=tuple(sys.argv[1:]),
        config_yaml=to_yaml(config),
        control=RunControl(**flags),
        executor=executor,
        progress=progress,
        memory_bytes=_memory(config),
    )


def _memory(config: AstromapConfig) -> int:
    """Give the memory that may be filled, bytes."""
    if config.run.memory != "auto":
        return config.run.memory
    free = available_memory()
    return DEFAULT_MEMORY if free is None else free // 2


def _write_reports(ctx: click.Context, summary: Summary) -> Path | None:
    """Write the summary file and the report page that were asked for; give the page.

    Raises
    ------
    ConfigError
        When the summary would replace a product.
    """
    if ctx.params.get("dry_run"):
        return None
    file: Path | None = ctx.params.get("summary")
    if file is not None:
        if os.path.realpath(file) in map(os.path.realpath, summary.products):
            raise ConfigError(f"--summary {file}: is a product of this run", hint="name another file")
        write_json(file, summary.as_dict())
    if not ctx.params.get("report"):
        return None
    from photomitrus_cli.report.index import write_index
    from photomitrus_cli.report.page import write_page

    page = write_page(ctx.params["report"], summary, command=ctx.command_path)
    write_index(ctx.params["report"])
    return page
