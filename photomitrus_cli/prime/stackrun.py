"""A stack under way: its plan, its checkpoints, and how units are given to all workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from photomitrus_cli.prime.stackplan import StackPlan
from photomitrus_cli.run.checkpoint import Store
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.parallel import Outcome

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Run:
    """One stack under way.

    Attributes
    ----------
    plan : StackPlan
    store : Store
    context : Context
    """

    plan: StackPlan
    store: Store
    context: Context

    def each(
        self, label: str, function: Callable[[Task], Result], tasks: Sequence[Task], *, need: int = 0
    ) -> list[Result]:
        """Run units on all workers, fewer at a time where memory holds no more.

        Parameters
        ----------
        label : str
            For the progress bar.
        function : callable
            As `photomitrus_cli.run.parallel.Executor.run` takes it.
        tasks : sequence
        need : int, optional
            Bytes that a unit fills.

        Returns
        -------
        list
            Results in the order of the tasks.
        """
        executor = self.context.executor
        most = max(self.context.memory_bytes // need, 1) if need else executor.workers
        step = max(len(tasks), 1) if most >= executor.workers else most
        outcomes: list[Outcome[Result]] = []
        with self.context.progress.task(label, len(tasks)) as advance:
            for first in range(0, len(tasks), step):
                outcomes += executor.run(function, tasks[first : first + step], advance=advance)
        return [outcome.result for outcome in outcomes if outcome.result is not None]
