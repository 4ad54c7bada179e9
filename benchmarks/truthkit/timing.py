"""Times and memory of whole processes: runs, runs in turn, medians, and what is left without the start-up."""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from truthkit.faultkit import environment

T = TypeVar("T")

BENCHMARKS = Path(__file__).resolve().parent.parent
PROGRAM = str(Path(sys.executable).with_name("astromap"))
# Between two looks at the memory of a process, s.
_INTERVAL = 0.1


class FailedError(RuntimeError):
    """A program that is timed has failed."""


@dataclass(frozen=True)
class Times:
    """Of one process and its children.

    Attributes
    ----------
    wall, user, system : float
        s; NaN where it is not known.
    peak : float
        Memory at most, bytes, of all processes together; NaN where it was not weighed.
    """

    wall: float
    user: float
    system: float
    peak: float = math.nan

    @property
    def cpu(self) -> float:
        """User and system time, s; the former alone where the latter is not known."""
        return self.user if math.isnan(self.system) else self.user + self.system

    def memory(self) -> Times:
        """Give the memory alone."""
        return Times(math.nan, math.nan, math.nan, self.peak)


def run(command: Sequence[object], cwd: Path | None = None) -> Times:
    """Run a process and give its times.

    Parameters
    ----------
    command : sequence of object
        Words.
    cwd : Path, optional

    Raises
    ------
    FailedError
        When it ends with an error.
    """
    return call(command, cwd)[0]


def weigh(command: Sequence[object], cwd: Path | None = None) -> Times:
    """Run a process; the memory is the largest sum over it and its children, looked at all the time.

    Pages that several processes share count once (the proportional set size of Linux). Looking takes time:
    do not quote these times beside others.

    Raises
    ------
    FailedError
        When it ends with an error.
    """
    return call(command, cwd, weighed=True)[0]


def call(
    command: Sequence[object],
    cwd: Path | None = None,
    *,
    weighed: bool = False,
    more: Mapping[str, str] | None = None,
) -> tuple[Times, str]:
    """Run a process without the tester's own settings; give its times and what it has printed.

    Parameters
    ----------
    command : sequence of object
        Words.
    cwd : Path, optional
    weighed : bool
        See `weigh`.
    more : mapping of str to str, optional
        For its environment.

    Raises
    ------
    FailedError
        When it ends with an error.
    """
    words = [str(word) for word in command]
    # Python would otherwise compile every module of a development checkout anew in every process.
    own = {
        key: value for key, value in environment(**(more or {})).items() if key != "PYTHONDONTWRITEBYTECODE"
    }
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        began = time.perf_counter()
        process = subprocess.Popen(words, cwd=cwd, env=own, stdout=out, stderr=err, start_new_session=weighed)
        try:
            peak, status, used = _wait(process.pid, weighed)
            wall = time.perf_counter() - began
            process.returncode = os.waitstatus_to_exitcode(status)
        finally:
            if process.returncode is None:
                process.terminate()
        for file in (out, err):
            file.seek(0)
        if process.returncode:
            raise FailedError(f"{' '.join(words)} failed ({process.returncode}):\n{err.read()[-2000:]}")
        return Times(wall, used.ru_utime, used.ru_stime, peak), out.read()


def _wait(pid: int, weighed: bool) -> tuple[float, int, Any]:
    """Wait for a process: memory where it is weighed, bytes, status, resources used.

    The memory that the system tells with the resources will not do: where this process has more, it is that.
    """
    peak = 0
    while weighed:
        ended, status, used = os.wait4(pid, os.WNOHANG)
        if ended:
            return peak, status, used
        peak = max(peak, resident(pid))
        time.sleep(_INTERVAL)
    return (math.nan, *os.wait4(pid, 0)[1:])


def resident(session: int) -> int:
    """Sum the resident memory of all processes of a session, bytes."""
    found = 0
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            if int((folder / "stat").read_text().rpartition(")")[2].split()[3]) != session:
                continue
            lines = (folder / "smaps_rollup").read_text().splitlines()
        except OSError:
            # It has ended meanwhile.
            continue
        found += sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return found


def in_turn(contenders: Mapping[str, Callable[[], Times]], repeat: int) -> dict[str, Times]:
    """Run all contenders after each other, `repeat` times; give the medians of each."""
    rounds = [{name: one() for name, one in contenders.items()} for _ in range(repeat)]
    return {name: median([one[name] for one in rounds]) for name in contenders}


def median(found: Sequence[Times]) -> Times:
    """Give the median of every figure."""
    return _merged(statistics.median, found)


def summed(found: Sequence[Times]) -> Times:
    """Add the times; the largest memory."""
    return replace(_merged(math.fsum, found), peak=max(one.peak for one in found))


def _merged(how: Callable[[list[float]], float], found: Sequence[Times]) -> Times:
    return Times(*(how([getattr(one, field.name) for one in found]) for field in fields(Times)))


def per_item(timed: Callable[[T], Times], few: tuple[T, int], many: tuple[T, int]) -> Times:
    """Time a work on few and on many items; what each further one takes, without the start-up.

    Parameters
    ----------
    timed : callable
        Runs and times.
    few, many : tuple of object and int
        What it is given, and how many items that are.

    Returns
    -------
    Times
        For one item; the memory is that of the many.
    """
    first, last = timed(few[0]), timed(many[0])
    more = many[1] - few[1]
    return Times(
        (last.wall - first.wall) / more,
        (last.user - first.user) / more,
        (last.system - first.system) / more,
        last.peak,
    )
