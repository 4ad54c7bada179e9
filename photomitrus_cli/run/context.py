"""What a stage is given besides its configuration: run control, workers, progress."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from photomitrus_cli.run.parallel import Executor, SerialExecutor

# Where the system does not say what is free.
DEFAULT_MEMORY = 1_000_000_000


class Advance(Protocol):
    """Report that some units of a task are done."""

    def __call__(self, count: int = 1) -> None:
        """Add ``count`` to the units done."""
        ...


class Progress(Protocol):
    """Where a stage reports how far it is; only the terminal edge draws bars."""

    def task(self, label: str, total: int) -> AbstractContextManager[Advance]:
        """Open one task of ``total`` units."""
        ...


class NoProgress:
    """Report nothing."""

    @contextmanager
    def task(self, label: str, total: int) -> Iterator[Advance]:  # noqa: ARG002 - the Progress protocol
        """Open a task whose progress nobody sees."""
        yield _ignore


def _ignore(count: int = 1) -> None:
    del count


@dataclass(frozen=True)
class RunControl:
    """How a run treats what exists and what fails.

    Attributes
    ----------
    dry_run : bool
        Plan, report and touch nothing.
    overwrite : bool
        Replace existing products.
    resume : bool
        Trust complete products and checkpoints whose recorded inputs and configuration match.
    keep_going : bool
        Report failing units and go on; the run then ends with exit code 6.
    """

    dry_run: bool = False
    overwrite: bool = False
    resume: bool = False
    keep_going: bool = False


@dataclass(frozen=True)
class Context:
    """Everything a stage shares with the run around it.

    Attributes
    ----------
    command : str
        For provenance, such as ``astromap irac mosaic``.
    argv : tuple of str
        The arguments as typed.
    config_yaml : str
        The whole resolved configuration; given back with ``--config`` it repeats the run.
    control : RunControl
    executor : Executor
    progress : Progress
    memory_bytes : int
        What all workers together may fill.
    """

    command: str = "astromap"
    argv: tuple[str, ...] = ()
    config_yaml: str = ""
    control: RunControl = field(default_factory=RunControl)
    executor: Executor = field(default_factory=SerialExecutor)
    progress: Progress = field(default_factory=NoProgress)
    memory_bytes: int = DEFAULT_MEMORY

    @property
    def worker_bytes(self) -> int:
        """One worker's share of the memory."""
        return self.memory_bytes // max(1, self.executor.workers)
