"""The one way kernels are compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


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
        return cast("F", njit(cache=True, nogil=True, fastmath={"contract"})(function))
    except RuntimeError:
        # numba found no writable folder for its cache (a read-only installation without a home): the first
        # call of each process then compiles, which costs seconds and nothing else.
        return cast("F", njit(nogil=True, fastmath={"contract"})(function))
