"""A word to the user before kernels are compiled, which happens in silence, once on a machine.

Which kernels a run needs depends on its options, and workers compile out of sight. Whether a command has
ever come to its end with this cache is known from an empty file in it; until then the word is said when work
begins, or when this process compiles before that.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numba
from numba.core import event

from photomitrus_cli.imaging import jit
from photomitrus_cli.run.context import Advance, Progress

_log = logging.getLogger(__name__)

_KERNEL_MODULES = "photomitrus_cli.imaging."
# Units of work without kernels: a run may well end after them.
_PLANNING = frozenset({"headers"})


class _Telling(event.Listener):
    """Progress that says at the first unit of work, or when numba compiles, that kernels are compiled."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.told = False
        # Workers that are forked have a copy of this, and would each say it.
        self.process = os.getpid()

    @contextmanager
    def task(self, label: str, total: int) -> Iterator[Advance]:
        """Say it, unless the units only plan, and begin the task."""
        if label not in _PLANNING:
            self._tell()
        with self.progress.task(label, total) as advance:
            yield advance

    def on_start(self, event: object) -> None:
        """Say it when a kernel begins to be compiled here."""
        del event
        if os.getpid() == self.process:
            self._tell()

    def on_end(self, event: object) -> None:
        """Take no notice."""

    def _tell(self) -> None:
        if not self.told:
            self.told = True
            _log.info("compiling kernels for this machine, once (some minutes at most)")


@contextmanager
def compiling_announced(stage: str, progress: Progress) -> Iterator[Progress]:
    """Say when kernels may be compiled, unless this machine has run the stage to its end before.

    Parameters
    ----------
    stage : str
        Name of the module, imported already; nothing is said when no module with kernels came with it.
    progress : Progress

    Yields
    ------
    Progress
        To be given to the stage instead.
    """
    mark = _mark(stage)
    if mark.exists() or not _has_kernels():
        yield progress
        return
    telling = _Telling(progress)
    with event.install_listener("numba:compile", telling):
        yield telling
    # Without a writable folder nothing is kept: the next run compiles again, and says so again. A run that
    # had nothing to do has compiled nothing.
    if telling.told:
        with contextlib.suppress(OSError):
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()


def _mark(stage: str) -> Path:
    """Name the mark after what numba compares: its version and the processor."""
    binding: Any = importlib.import_module("llvmlite.binding")
    processor = binding.get_host_cpu_name()
    return jit.cache_folder() / f"{stage}-{numba.__version__}-{processor}.ran"


def _has_kernels() -> bool:
    modules = [module for name, module in sys.modules.items() if name.startswith(_KERNEL_MODULES)]
    return any(getattr(module, "kernel", None) is jit.kernel for module in modules if module is not jit)
