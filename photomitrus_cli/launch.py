"""From a parsed command to a stage: configuration, logging, workers, summary."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from typing import Any

import click

from photomitrus_cli.console import TerminalProgress, configure_logging, print_summary, wants_progress
from photomitrus_cli.errors import ConfigError, PartialError, WriteError
from photomitrus_cli.io.atomic import write_json
from photomitrus_cli.options import common_values, settings_given
from photomitrus_cli.run.config import LOCAL_FILE, Layers, build, collect, to_yaml
from photomitrus_cli.run.context import Context, Progress, RunControl
from photomitrus_cli.run.parallel import Executor, available_cores, local_executor
from photomitrus_cli.run.summary import Summary
from photomitrus_cli.settings import SECTIONS, AstromapConfig

_log = logging.getLogger(__name__)


def resolve(ctx: click.Context) -> tuple[AstromapConfig, Layers]:
    """Merge and validate the configuration of a command."""
    layers = collect(
        SECTIONS,
        config_files=ctx.params.get("config_files", ()),
        environment=os.environ,
        assignments=ctx.params.get("assignments", ()),
        options=settings_given(ctx),
    )
    return build(AstromapConfig, layers), layers


def launch(ctx: click.Context, stage: str, key: str) -> None:
    """Run a stage module's ``run(settings, context)`` for a command.

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
    with session(ctx) as (config, progress):
        _check_summary_path(ctx)
        with _executor(ctx, config) as executor:
            context = _context(ctx, executor, progress, to_yaml(config))
            summary = importlib.import_module(stage).run(attrgetter(key)(config), context)
        print_summary(summary)
        _write_reports(ctx, summary)
    if summary.failed():
        raise PartialError(
            f"{len(summary.failed())} of {len(summary.units)} units failed", hint="they are listed above"
        )


def _check_summary_path(ctx: click.Context) -> None:
    """Find out before the work whether the summary can be written, and not over a frame."""
    path: Path | None = ctx.params.get("summary")
    if path is None or ctx.params.get("dry_run"):
        return
    if path.name.endswith((".fits", ".gz", ".fz")):
        raise ConfigError(f"--summary {path}: looks like data", hint="the summary is JSON; name it so")
    if not path.parent.is_dir():
        raise WriteError(f"--summary {path}: there is no folder {path.parent}")


@contextmanager
def session(ctx: click.Context) -> Iterator[tuple[AstromapConfig, Progress]]:
    """Open what every computing command needs: the log, the configuration and a progress display."""
    common = common_values(ctx)
    reset = configure_logging(
        verbose=common.get("verbose", 0),
        quiet=common.get("quiet", 0),
        debug=common.get("debug", False),
        log_file=common.get("log_file"),
    )
    try:
        if Path(LOCAL_FILE).is_file():
            _log.info("configuration: %s", Path(LOCAL_FILE).resolve())
        config, _ = resolve(ctx)
        bars = wants_progress(common.get("progress"), quiet=common.get("quiet", 0))
        yield config, TerminalProgress(enabled=bars)
    except Exception:
        _log.debug("the run failed", exc_info=True)
        raise
    finally:
        reset()


@contextmanager
def _executor(ctx: click.Context, config: AstromapConfig) -> Iterator[Executor]:
    if ctx.obj is not None:
        yield ctx.obj
        return
    jobs = available_cores() if config.run.jobs == "auto" else config.run.jobs
    with local_executor(jobs) as executor:
        yield executor


def _context(ctx: click.Context, executor: Executor, progress: Progress, config_yaml: str) -> Context:
    flags: dict[str, Any] = {
        name: bool(ctx.params.get(name)) for name in ("dry_run", "overwrite", "resume", "keep_going")
    }
    return Context(
        command=ctx.command_path,
        argv=tuple(sys.argv[1:]),
        config_yaml=config_yaml,
        control=RunControl(**flags),
        executor=executor,
        progress=progress,
    )


def _write_reports(ctx: click.Context, summary: Summary) -> None:
    if ctx.params.get("dry_run"):
        return
    if ctx.params.get("summary"):
        write_json(ctx.params["summary"], summary.as_dict())
    if ctx.params.get("report"):
        from photomitrus_cli.report.page import write_page

        click.echo(f"  report: {write_page(ctx.params['report'], summary, command=ctx.command_path)}")
