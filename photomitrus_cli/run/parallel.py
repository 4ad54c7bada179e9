"""One executor for every stage: in-process, local processes, or MPI ranks.

Units are the same whatever the number of workers, each is computed by a pure function of its description, and
outcomes are handed back in unit order, so results are bit-identical for any executor.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from photomitrus_cli.errors import AstromapError, InputError

Unit = TypeVar("Unit")
Result = TypeVar("Result")

# Kernels are single-threaded; a BLAS that starts one thread per core in every worker only fights with them.
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_PARENT_POLL_S = 1.0


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """What became of one unit: a result, or the error that ended it.

    Attributes
    ----------
    index : int
        Place of the unit in the sequence given.
    result : object or None
    error : AstromapError or None
        Only expected errors; an unexpected exception ends the run.
    """

    index: int
    result: Result | None
    error: AstromapError | None = None


class Executor(Protocol):
    """Runs a function over units."""

    @property
    def workers(self) -> int:
        """Number of units that run at the same time."""
        ...

    @property
    def is_local(self) -> bool:
        """Whether all workers are processes of this machine.

        Parts of one file that several of them write at the same time meet in one page cache then, which a
        network file system does not promise.
        """
        ...

    def run(
        self,
        function: Callable[[Unit], Result],
        units: Sequence[Unit],
        *,
        keep_going: bool = False,
        advance: Callable[[int], None] | None = None,
        consume: Callable[[Outcome[Result]], None] | None = None,
    ) -> list[Outcome[Result]]:
        """Run ``function`` over all units.

        Parameters
        ----------
        function : callable
            Module-level (workers import it by name), taking one unit.
        units : sequence
            Picklable descriptions.
        keep_going : bool
            Collect expected errors; otherwise the first one is raised.
        advance : callable, optional
            Called with the number of units that have just ended.
        consume : callable, optional
            Called with every outcome, in the order of ``units``, while later ones are still being worked on.

        Returns
        -------
        list of Outcome
            In the order of ``units``.

        Raises
        ------
        AstromapError
            The first failing unit's error, unless ``keep_going``.
        """
        ...


class SerialExecutor:
    """Runs units one after the other in this process."""

    workers = 1
    is_local = True

    def run(
        self,
        function: Callable[[Unit], Result],
        units: Sequence[Unit],
        *,
        keep_going: bool = False,
        advance: Callable[[int], None] | None = None,
        consume: Callable[[Outcome[Result]], None] | None = None,
    ) -> list[Outcome[Result]]:
        """Run all units here; see :class:`Executor`."""
        outcomes: list[Outcome[Result]] = []
        for index, unit in enumerate(units):
            try:
                outcomes.append(Outcome(index, function(unit)))
            except AstromapError as error:
                if not keep_going:
                    raise
                outcomes.append(Outcome(index, None, error))
            if advance:
                advance(1)
            if consume:
                consume(outcomes[-1])
        return outcomes


class PoolExecutor:
    """Runs units on a pool with the interface of ``concurrent.futures`` (processes or MPI ranks)."""

    def __init__(
        self,
        pool: Any,
        workers: int,
        restart: Callable[[], Any] | None = None,
        stop: Callable[[], None] | None = None,
    ) -> None:
        self._pool = pool
        self._restart = restart
        self._stop = stop
        self._is_stopped = False
        self.workers = workers
        # Of a pool that we did not start ourselves nobody knows where its workers are.
        self.is_local = restart is not None

    def run(
        self,
        function: Callable[[Unit], Result],
        units: Sequence[Unit],
        *,
        keep_going: bool = False,
        advance: Callable[[int], None] | None = None,
        consume: Callable[[Outcome[Result]], None] | None = None,
    ) -> list[Outcome[Result]]:
        """Run all units on the pool; see :class:`Executor`.

        A unit that kills its worker process (a crash in native code) becomes an expected error of that unit:
        those that can have been at work are run again one at a time on fresh processes, the rest as before.
        When an error ends the run, local workers are ended before it is raised: none writes on.
        """
        if self._is_stopped:
            self._start_again()
        outcomes: dict[int, Outcome[Result]] = {}
        work = _Work(function, units, outcomes, keep_going, advance or _ignore, consume)
        while pending := [i for i in range(len(units)) if i not in outcomes]:
            try:
                self._run_together(work, pending)
            except BrokenProcessPool:
                if self._restart is None:
                    raise
                # Units start in order: the first ones were running or next in the workers' queue.
                unfinished = [i for i in pending if i not in outcomes]
                self._run_singly(work, unfinished[: 2 * self.workers + 1])
        return [outcomes[i] for i in range(len(units))]

    def _run_together(self, work: _Work[Unit, Result], indices: Sequence[int]) -> None:
        futures: dict[Future[Result], int] = {}
        try:
            # Workers start here and inherit the mask: Ctrl-C, which a terminal sends to all, is left to us.
            with _without_interrupts():
                for index in indices:
                    futures[self._pool.submit(work.function, work.units[index])] = index
            for future in as_completed(futures):
                index = futures[future]
                work.finish(index, _outcome(index, future, keep_going=work.keep_going))
        except BaseException:
            for future in futures:
                future.cancel()
            if self._stop is not None:
                self._stop()
                self._is_stopped = True
            raise

    def _run_singly(self, work: _Work[Unit, Result], indices: Sequence[int]) -> None:
        self._start_again()
        for index in indices:
            try:
                self._run_together(work, [index])
            except BrokenProcessPool as crash:
                self._start_again()
                error = InputError(f"{work.units[index]}: the worker process died while working on it")
                if not work.keep_going:
                    raise error from crash
                work.finish(index, Outcome(index, None, error))

    def _start_again(self) -> None:
        assert self._restart is not None  # noqa: S101 - narrows the type; only local pools come here
        self._pool = self._restart()
        self._is_stopped = False


@dataclass(frozen=True)
class _Work(Generic[Unit, Result]):
    """What one call of ``run`` has to do and has done."""

    function: Callable[[Unit], Result]
    units: Sequence[Unit]
    outcomes: dict[int, Outcome[Result]]
    keep_going: bool
    advance: Callable[[int], None]
    consume: Callable[[Outcome[Result]], None] | None
    consumed: list[int] = field(default_factory=list)

    def finish(self, index: int, outcome: Outcome[Result]) -> None:
        """Note the outcome of one unit, and hand on all that are next in order."""
        self.outcomes[index] = outcome
        self.advance(1)
        while self.consume is not None and len(self.consumed) in self.outcomes:
            following = len(self.consumed)
            self.consumed.append(following)
            self.consume(self.outcomes[following])


def _ignore(count: int) -> None:
    del count


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Hold signals back for a moment.

    Processes started meanwhile never get Ctrl-C, and SIGTERM only when they are ready for it: Python runs
    handlers of its own in a process that is just being forked, and what we raise there is lost.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _outcome(index: int, future: Future[Result], *, keep_going: bool) -> Outcome[Result]:
    try:
        return Outcome(index, future.result())
    except AstromapError as error:
        if not keep_going:
            raise
        return Outcome(index, None, error)


@contextmanager
def local_executor(jobs: int) -> Iterator[Executor]:
    """Open an executor of ``jobs`` local workers; one worker means this process itself.

    On Linux the first workers are forked, here and now: they share what this process has imported, which
    takes a second and a hundred megabytes each time otherwise. Open it before any thread is started.
    """
    if jobs <= 1:
        yield SerialExecutor()
        return
    pools: list[ProcessPoolExecutor] = []

    def start() -> ProcessPoolExecutor:
        """Start a fresh pool in the place of the old one."""
        for old in pools:
            old.shutdown(wait=False, cancel_futures=True)
        # Later on, fork would copy locks that other threads may hold.
        method = "spawn" if pools or not _may_fork() else "fork"
        pool = ProcessPoolExecutor(
            jobs,
            mp_context=multiprocessing.get_context(method),
            initializer=_start_worker,
            initargs=(os.getpid(),),
        )
        pools[:] = [pool]
        if method == "fork":
            with _without_interrupts():
                pool.submit(os.getpid)
        return pool

    def stop() -> None:
        """End the workers at once and wait until they are gone."""
        _kill(pools)
        for old in pools:
            old.shutdown(wait=True, cancel_futures=True)

    try:
        yield PoolExecutor(start(), jobs, restart=start, stop=stop)
    except BaseException:
        _kill(pools)
        raise
    finally:
        for pool in pools:
            pool.shutdown(wait=True, cancel_futures=True)


def _may_fork() -> bool:
    """Tell whether a forked copy of this process can be trusted; libraries of macOS do not stand it."""
    return sys.platform == "linux" and threading.active_count() == 1


def _kill(pools: list[ProcessPoolExecutor]) -> None:
    """End workers at once: on an interrupt nobody wants to wait for units that will be thrown away."""
    for pool in pools:
        for process in list((getattr(pool, "_processes", None) or {}).values()):
            process.terminate()


def _start_worker(parent: int) -> None:
    """Prepare a worker: quiet threads, Ctrl-C left to the parent, no life after the parent's death."""
    for name in _THREAD_VARIABLES:
        os.environ[name] = "1"
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    threading.Thread(target=_leave_with_parent, args=(parent,), daemon=True).start()


def _leave_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_PARENT_POLL_S)
    os._exit(1)
