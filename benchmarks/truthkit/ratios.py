"""One table of all times beside their yardsticks: its rows, their goals, and how rows are kept."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter

from photomitrus_cli.io.atomic import write_text
from truthkit.pages import row
from truthkit.timing import Times

# Ratios are those of the yardstick to astromap: above 1 when astromap is quicker.
Quantity = Literal["wall", "user", "CPU", "s", "GB"]
_RATIOS = ("wall", "user", "CPU")


@dataclass(frozen=True)
class Goal:
    """What is to be reached.

    Attributes
    ----------
    quantity : {'wall', 'user', 'CPU', 's', 'GB'}
        A ratio, the wall time, or the memory.
    limit : float
        The least ratio, or the most time or memory.
    """

    quantity: Quantity
    limit: float

    def __str__(self) -> str:
        """Say it in few words."""
        if self.quantity in _RATIOS:
            return f"{self.quantity} {figure(self.limit)}"
        return f"≤ {self.limit:g} {self.quantity}"

    def met(self, value: float) -> bool:
        """Judge a value."""
        return value >= self.limit if self.quantity in _RATIOS else value <= self.limit


@dataclass(frozen=True)
class Row:
    """One work beside its yardstick.

    Attributes
    ----------
    work, yardstick : str
        In Markdown.
    ours, theirs : Times or None
        Medians; None where nothing was measured.
    goals : tuple of Goal
    lacks : str
        Why something was not measured.
    runs : int
        Of each, in turn.
    load : float
        Of the machine before, in the last minute.
    """

    work: str
    yardstick: str = ""
    ours: Times | None = None
    theirs: Times | None = None
    goals: tuple[Goal, ...] = ()
    lacks: str = ""
    runs: int = 0
    load: float = math.nan

    def value(self, quantity: Quantity) -> float | None:
        """Give a ratio, the wall time (s) or the memory (10^9 bytes); None where it was not measured."""
        if self.ours is None:
            return None
        if quantity == "s":
            return self.ours.wall
        if quantity == "GB":
            return _known(self.ours.peak / 1e9)
        if self.theirs is None:
            return None
        mine, yours = (getattr(one, quantity.lower()) for one in (self.ours, self.theirs))
        # A difference of two noisy times may be anything.
        return _known(yours / mine) if mine > 0.0 and yours > 0.0 else None

    @property
    def verdict(self) -> str:
        """Say whether all goals are met; nothing where there is none."""
        values = [(goal, self.value(goal.quantity)) for goal in self.goals]
        if any(value is not None and not goal.met(value) for goal, value in values):
            return "NOT met"
        if self.lacks or any(value is None for _, value in values):
            return "not measured"
        return "met" if values else ""


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


@dataclass(frozen=True)
class Plan:
    """How it is measured.

    Attributes
    ----------
    folder : Path
        Keeps simulated frames, products and rows.
    repeat : int
        Runs of each, in turn.
    small : bool
        Sizes for trying this out.
    tell : callable
        Takes a line about the progress.
    """

    folder: Path
    repeat: int
    small: bool
    tell: Callable[[str], None]

    def size(self, full: int, small: int) -> int:
        """Choose a size."""
        return small if self.small else full

    @property
    def load(self) -> float:
        """Of the machine, in the last minute."""
        return os.getloadavg()[0]


def kept_rows(path: Path, key: str) -> list[Row] | None:
    """Read rows that were kept; None where there are none, or where they are of other sources.

    Parameters
    ----------
    path : Path
    key : str
        Of what the rows depend on.
    """
    if not path.exists():
        return None
    kept = json.loads(path.read_text(encoding="utf-8"))
    return TypeAdapter(list[Row]).validate_python(kept["rows"]) if kept["key"] == key else None


def keep_rows(path: Path, key: str, rows: Sequence[Row]) -> None:
    """Write rows down for the next run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps({"key": key, "rows": [asdict(one) for one in rows]}, indent=1) + "\n")


HEAD = (
    *("work", "yardstick", "wall, user, system, s", "yardstick's, s", "ratio: wall, user, CPU"),
    *("memory, MB", "goal", "", "runs", "load"),
)


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Give the lines of the table."""
    yield row(*HEAD)
    yield row(*("---" if name in ("work", "yardstick", "goal", "") else "---:" for name in HEAD))
    for one in rows:
        yield row(*_cells(one))


def _cells(one: Row) -> Iterator[object]:
    yield one.work
    yield f"{one.yardstick}; {one.lacks}".removeprefix("; ") if one.lacks else one.yardstick
    yield from (_times(times) for times in (one.ours, one.theirs))
    ratios = [one.value(quantity) for quantity in ("wall", "user", "CPU")]
    yield " / ".join(map(figure, ratios)) if ratios != [None] * 3 else ""
    peaks = [times.peak for times in (one.ours, one.theirs) if times]
    yield "; ".join(f"{peak / 1e6:.0f}" for peak in peaks if not math.isnan(peak))
    yield ", ".join(map(str, one.goals))
    yield one.verdict
    yield one.runs or ""
    yield "" if math.isnan(one.load) else f"{one.load:.1f}"


def _times(times: Times | None) -> str:
    if times is None or math.isnan(times.wall):
        return ""
    return " / ".join(map(figure, (times.wall, times.user, times.system)))


def figure(value: float | None) -> str:
    """Give a number with three digits at most, a dash where there is none."""
    if value is None or math.isnan(value):
        return "-"
    return f"{value:.0f}" if abs(value) >= 100.0 else f"{value:.{_digits(value)}g}"


def _digits(value: float) -> int:
    return 3 if abs(value) >= 1.0 else 2
