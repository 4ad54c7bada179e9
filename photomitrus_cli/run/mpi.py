"""MPI at the edge: which rank is this, and how to end the whole job.

mpi4py is optional and must not be touched outside ``mpiexec``: importing ``mpi4py.MPI`` initialises MPI, and
without a library it raises RuntimeError rather than ImportError.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.run.parallel import Executor, PoolExecutor

_PIPES_S = 0.3


def load_mpi() -> Any:
    """Import ``mpi4py.MPI``.

    Raises
    ------
    ConfigError
        When mpi4py or its MPI library is missing although the run was started by ``mpiexec``.
    """
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise ConfigError(
            f"started by mpiexec, but mpi4py cannot be used: {error}",
            hint="pip install 'astromap[mpi]' mpich",
        ) from error
    return MPI


@contextmanager
def mpi_executor(mpi: Any) -> Iterator[Executor | None]:
    """Open the executor over all ranks but the master.

    Yields
    ------
    Executor or None
        The executor on rank 0; None on the other ranks, which have served their units by then.
    """
    from mpi4py.futures import MPICommExecutor

    communicator = mpi.COMM_WORLD
    with MPICommExecutor(communicator, root=0) as pool:
        yield None if pool is None else PoolExecutor(pool, communicator.Get_size() - 1)


def abort(mpi: Any, code: int) -> None:
    """End every rank with ``code``; without it the other ranks would wait for ever.

    Lines that mpiexec has not yet taken from our pipes when a rank aborts are lost, so it gets a moment.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    time.sleep(_PIPES_S)
    mpi.COMM_WORLD.Abort(code)
