"""A word to the user before kernels are compiled, which happens in silence, once on a machine.

Which kernels a run needs depends on its options. Whether a command has ever come to its end with this cache
is known from an empty file in it.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numba

from photomitrus_cli.imaging import jit

_log = logging.getLogger(__name__)

_KERNEL_MODULES = "photomitrus_cli.imaging."


@contextmanager
def compiling_announced(stage: str) -> Iterator[None]:
    """Say that the kernels will be compiled, unless this machine has run the stage to its end before.

    Parameters
    ----------
    stage : str
        Name of the module, imported already; nothing is said when no module with kernels came with it.
    """
    mark = _mark(stage)
    if mark.exists() or not _has_kernels():
        yield
        return
    _log.info("compiling kernels for this machine, once (some minutes at most)")
    yield
    # Without a writable folder nothing is kept: the next run compiles again, and says so again.
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
