"""The terminal edge: logging, progress bars and the summary on stdout.

Results go to stdout, progress and logs to stderr. Off a terminal everything is plain, unwrapped lines.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from photomitrus_cli.errors import WriteError
from photomitrus_cli.run.context import Advance
from photomitrus_cli.run.summary import Summary

ROOT_LOGGER = "photomitrus_cli"
_LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_LISTED_UNITS = 20


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message and, where there is one, the traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one record."""
        entry = {
            "time": self.formatTime(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return json.dumps(entry)


def configure_logging(
    *, verbose: int = 0, quiet: int = 0, debug: bool = False, log_file: Path | None = None
) -> Callable[[], None]:
    """Send the project's log to stderr and, if asked, to a file.

    Returns
    -------
    callable
        Undoes it; tests and embedding programs call it.

    Raises
    ------
    WriteError
        When the log file cannot be opened.
    """
    level = logging.DEBUG if debug or verbose > quiet else logging.INFO + 10 * max(0, quiet - verbose)
    handlers = [_terminal_handler(level)]
    if log_file is not None:
        handlers.append(_file_handler(log_file))
    logger = logging.getLogger(ROOT_LOGGER)
    logger.setLevel(logging.DEBUG)
    for handler in handlers:
        logger.addHandler(handler)

    def reset() -> None:
        """Take the handlers away again."""
        for handler in handlers:
            logger.removeHandler(handler)
            handler.close()

    return reset


def _terminal_handler(level: int) -> logging.Handler:
    handler: logging.Handler
    if sys.stderr.isatty():
        # Only a terminal needs what takes a while to import.
        from rich.console import Console
        from rich.logging import RichHandler

        handler = RichHandler(console=Console(stderr=True), show_path=False, markup=False, highlighter=None)
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter(_LINE))
    handler.setLevel(level)
    return handler


def _file_handler(path: Path) -> logging.Handler:
    if path.name.endswith((".fits", ".gz", ".fz")):
        raise WriteError(f"--log-file {path}: looks like data; the log is text")
    try:
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        raise WriteError(f"cannot write the log file {path}: {error.strerror}") from error
    is_json = path.suffix in (".json", ".jsonl")
    handler.setFormatter(JsonFormatter() if is_json else logging.Formatter(_LINE))
    handler.setLevel(logging.DEBUG)
    return handler


class TerminalProgress:
    """Progress bars on stderr."""

    @contextmanager
    def task(self, label: str, total: int) -> Iterator[Advance]:
        """Draw one bar of ``total`` units."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
            identifier = bars.add_task(label, total=total)

            def advance(count: int = 1) -> None:
                """Move the bar on."""
                bars.advance(identifier, count)

            yield advance


def wants_progress(choice: bool | None, *, quiet: int) -> bool:
    """Decide whether bars are drawn: as asked, else on a terminal; quiet wins."""
    return not quiet and (sys.stderr.isatty() if choice is None else choice)


def print_summary(summary: Summary) -> None:
    """Print the outcome on stdout as plain ``label: value`` lines."""
    click.echo(f"{summary.title}: {summary.status}")
    for label, value in summary.facts.items():
        click.echo(f"  {label}: {value}")
    for line in summary.warnings:
        click.echo(f"  warning: {line}")
    left_out = [unit for unit in summary.units if unit.reason]
    for unit in left_out[:_LISTED_UNITS]:
        click.echo(f"  {unit.status}: {unit.name}: {unit.reason}")
    if len(left_out) > _LISTED_UNITS:
        click.echo(f"  ... and {len(left_out) - _LISTED_UNITS} more; --summary FILE lists all")
    for path in summary.products:
        click.echo(f"  {'would write' if summary.status == 'planned' else 'product'}: {path}")
