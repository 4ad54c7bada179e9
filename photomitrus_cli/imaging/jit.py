"""The one way kernels are compiled, and where the compiled code is kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba import njit

from photomitrus_cli import __version__

F = TypeVar("F", bound=Callable[..., Any])


def cache_folder() -> Path:
    """Give the folder of the compiled kernels.

    ``NUMBA_CACHE_DIR`` where it is set, else a folder of this version in the user's cache. Not beside the
    sources, numba's own choice: files there would outlive the package when it is uninstalled.
    """
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        return Path(chosen)
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")  # noqa: PTH111, PTH118
    return Path(home) / "astromap" / __version__


@contextmanager
def _caching() -> Iterator[None]:
    """Point numba to our folder for as long as one kernel is declared; other packages keep theirs."""
    settings: Any = numba.config
    before = settings.CACHE_DIR
    settings.CACHE_DIR = str(cache_folder())
    try:
        yield
    finally:
        settings.CACHE_DIR = before


def kernel(function: F) -> F:
    """Compile a numeric kernel with numba, without the GIL and cached on disk.

    Fused multiply-add is allowed; sums are never reordered.

    Parameters
    ----------
    function : callable
        Takes and returns arrays and numbers only.

    Returns
    -------
    callable
        The compiled function, with the same signature.
    """
    try:
        with _caching():
            return cast("F", njit(cache=True, nogil=True, fastmath={"contract"})(function))
    except RuntimeError:
        # numba found no writable folder for its cache (a read-only installation without a home): the first
        # call of each process then compiles, which costs seconds and nothing else.
        return cast("F", njit(nogil=True, fastmath={"contract"})(function))
