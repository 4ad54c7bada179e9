"""Units of work that behave and misbehave, importable by the worker processes of tests."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.atomic import atomic_path


def square_slowly(unit: int) -> int:
    """Square a number; small ones take longer, so that they end in another order."""
    time.sleep(max(0.0, 0.06 - 0.01 * unit))
    return unit * unit


def refuse_three(unit: int) -> int:
    """Square a number, but refuse 3."""
    if unit == 3:
        raise InputError("frame 3: broken", hint="repair it")
    return unit * unit


def explode_at_three(unit: int) -> int:
    """Square a number, with an unexpected failure at 3."""
    if unit == 3:
        raise RuntimeError("boom")
    return unit * unit


def die_at(unit: tuple[int, Sequence[int]]) -> int:
    """Square a number, but end the whole process at some."""
    number, deadly = unit
    if number in deadly:
        os._exit(9)
    return number * number


def count_and_die(unit: tuple[int, str]) -> int:
    """Leave a mark of every attempt in a folder; number 2 ends the process."""
    number, folder = unit
    Path(folder, f"{number}-{time.monotonic_ns()}").touch()
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def process_of(unit: int) -> tuple[int, str]:
    """Give the process and what it has been told of threads."""
    time.sleep(0.05)
    del unit
    return os.getpid(), os.environ.get("OMP_NUM_THREADS", "")


def interrupt_blocked(unit: int) -> bool:
    """Tell whether Ctrl-C can reach this process."""
    del unit
    blocked = signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    return blocked or signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def write_or_refuse(unit: tuple[int, Path]) -> None:
    """Refuse the first unit once the second has begun to write its file, which takes for ever."""
    number, folder = unit
    if number:
        with atomic_path(folder / "never.unit") as part:
            part.touch()
            time.sleep(60)
    while not list(folder.glob(".never.*")):
        time.sleep(0.01)
    raise InputError("refused")
