"""The one way kernels are compiled, and where the compiled code is kept."""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba import njit
from numba.core.caching import FunctionCache
from numba.core.runtime.nrt import rtsys

from photomitrus_cli import __version__

F = TypeVar("F", bound=Callable[..., Any])


def cache_folder() -> Path:
    """Give the folder of the compiled kernels of these sources.

    It is in ``NUMBA_CACHE_DIR`` where that is set, else in the user's cache. Not beside the sources, numba's
    own choice: files there would outlive the package when it is uninstalled. Its name changes with every
    source of a kernel, because numba looks at the file of the kernel alone, not at those of what it calls.
    """
    name = f"{__version__}-{_sources_state()}"
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        return Path(chosen) / name
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")  # noqa: PTH111, PTH118
    return Path(home) / "astromap" / name


@lru_cache(maxsize=1)
def _sources_state() -> str:
    """Sum up names, sizes and times of the modules that hold kernels."""
    with os.scandir(Path(__file__).parent) as found:
        files = sorted((entry.name, entry.stat()) for entry in found if entry.name.endswith(".py"))
    text = " ".join(f"{name} {status.st_size} {status.st_mtime_ns}" for name, status in files)
    return f"{zlib.crc32(text.encode()):08x}"


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


class _KernelCache(FunctionCache):
    """numba's cache of a compiled function, without what only compiling needs.

    Before it looks into its cache, numba imports and registers every implementation that it could compile a
    function from: a quarter of a second in each process. A compiled kernel only needs numba's runtime, and
    the compiler does all of that itself when there is something to compile.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Give the compiled function for a signature, or None."""
        rtsys.initialize(target_context)
        # numba has type hints for some of its parts only.
        load: Any = self._load_overload
        # A power cut may leave an empty or cut-off file, which compiling replaces.
        with self._guard_against_spurious_io_errors(), contextlib.suppress(EOFError, pickle.UnpicklingError):
            return load(sig, target_context)
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled function; where the disk is full or read-only the next process compiles again."""
        save: Any = super().save_overload
        with contextlib.suppress(OSError):
            save(sig, data)


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
    compiled: Any = njit(nogil=True, fastmath={"contract"})(function)
    # Without a writable folder for the cache (a read-only installation without a home) the first call of
    # each process compiles, which costs seconds and nothing else.
    cache: Any = _KernelCache
    with _caching(), contextlib.suppress(RuntimeError):
        compiled._cache = cache(function)  # noqa: SLF001 - what `njit(cache=True)` does, with a cache of ours
    return cast("F", compiled)


@contextmanager
def _without_blas() -> Iterator[None]:
    """Keep numba from importing scipy.linalg, which it looks for to compile matrix products."""
    name = "scipy.linalg.cython_blas"
    if name in sys.modules:
        yield
        return
    # An entry of None makes an import fail at once, without its parents.
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]


@kernel
def _nothing() -> int:
    return 0


def start_numba() -> None:
    """Do what numba does at the first kernel of a process, before workers are forked that would repeat it.

    To be called by programs of our own only: kernels with matrix products, which we have none of, cannot be
    compiled in this process afterwards if this was the first one to be compiled, which saves an import.
    """
    with _without_blas():
        _nothing()
        # The first kernels of arrays that come out of the cache import them.
        for module in ("numba.np.arrayobj", "numba.np.arraymath"):
            importlib.import_module(module)
