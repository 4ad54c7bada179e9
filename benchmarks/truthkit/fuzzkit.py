"""Damaged files fed to readers and commands: what must hold whatever is in them, and who breaks it.

A case is a number: target, seed and number give the same damage again.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from truthkit.fuzztargets import Target, all_targets

# What one case may take: far more than any does, far less than a file could ask for.
MOST_MEMORY = 300_000_000
MOST_SECONDS = 20.0


@dataclass(frozen=True)
class Finding:
    """A case in which something did not hold.

    Attributes
    ----------
    target : str
    number : int
        Of the case.
    problem : str
    """

    target: str
    number: int
    problem: str


class Fuzzer:
    """Cases by their numbers, the same for equal seeds.

    Parameters
    ----------
    base : Path
        Folder of the simulated inputs, which are made there at the first call.
    work : Path
        Folder of damaged copies; must not exist.
    seed : int
    only : collection of str, optional
        Names of targets; all without it.
    """

    def __init__(self, base: Path, work: Path, seed: int = 1, only: frozenset[str] | None = None) -> None:
        work.mkdir()
        made = all_targets(base, work)
        self.targets = [target for target in made if only is None or target.name in only]
        self.counts = dict.fromkeys((target.name for target in self.targets), 0)
        self.refused = dict(self.counts)
        self.seconds = dict.fromkeys(self.counts, 0.0)
        self._seed = seed
        self._out = work / "out"
        self._valid = {target.name: target.victim.read_bytes() for target in self.targets}
        for target in self.targets:
            problem = target.run(self._out)
            if problem:
                raise RuntimeError(f"{target.name}: the undamaged file: {problem}")
            shutil.rmtree(self._out, ignore_errors=True)
        self._memory = _peak()

    def case(self, number: int) -> Finding | None:
        """Run one case.

        Parameters
        ----------
        number : int

        Returns
        -------
        Finding or None
        """
        rng = random.Random(f"{self._seed} {number}")  # noqa: S311 - damage, not secrets
        target = rng.choices(self.targets, [target.weight for target in self.targets])[0]
        damaged = target.mutate(rng, self._valid[target.name])
        target.victim.write_bytes(damaged)
        before = _state(target.victim.parents[0])
        start = time.process_time()
        problem = target.run(self._out)
        self.seconds[target.name] += (taken := time.process_time() - start)
        self.counts[target.name] += 1
        if problem == "refused":
            self.refused[target.name] += 1
            problem = _final(self._out) or ""
        if not problem:
            problem = self._harm(target, damaged, before, taken)
        shutil.rmtree(self._out, ignore_errors=True)
        target.victim.write_bytes(self._valid[target.name])
        return Finding(target.name, number, problem) if problem else None

    def _harm(self, target: Target, damaged: bytes, before: object, taken: float) -> str:
        """Tell what a run did to its inputs and to the machine, if anything."""
        grown, self._memory = _peak() - self._memory, _peak()
        if grown > MOST_MEMORY:
            return f"{grown / 1e6:.0f} MB of memory"
        if taken > MOST_SECONDS:
            return f"{taken:.0f} s"
        if _state(target.victim.parents[0]) != before or target.victim.read_bytes() != damaged:
            return "an input has changed"
        return ""


def _peak() -> int:
    """Give the most memory that this process has had, bytes."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _state(folder: Path) -> list[tuple[str, int, int]]:
    """List names, sizes and times of what is in a folder."""
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.stat().st_size, entry.stat().st_mtime_ns) for entry in entries]
    return sorted(found)


def _final(out: Path) -> str | None:
    """Name a product, or part of one, that a failed run has left."""
    left = [path for path in out.rglob("*") if path.is_file()] if out.is_dir() else []
    products = [path.name for path in left if not _of_no_product(path)]
    if out.is_file():
        products = [out.name]
    return f"failed, but left {', '.join(products)}" if products else None


def _of_no_product(path: Path) -> bool:
    return path.name.endswith(".failed.json") or any(part.startswith(".") for part in path.parts)
