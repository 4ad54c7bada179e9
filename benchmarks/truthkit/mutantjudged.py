"""Changes that survived, judged by hand: what each would do, and why no test has to notice it, or should."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import NamedTuple

_TABLE = Path(__file__).resolve().parents[1] / "mutantjudged.csv"
VERDICTS = frozenset({"equivalent", "harmless", "gap"})


class Judgement(NamedTuple):
    """What is thought of a change that no test notices.

    Attributes
    ----------
    module : str
        The file, within the package.
    text : str
        A part of the line that changes, which tells it from other lines.
    before, after : str
        The change.
    verdict : str
        ``equivalent``: nothing that is calculated changes; ``harmless``: nobody relies on what does;
        ``gap``: a test is missing.
    reason : str
        Why.
    """

    module: str
    text: str
    before: str
    after: str
    verdict: str
    reason: str


@cache
def judgements() -> tuple[Judgement, ...]:
    """Read ``mutantjudged.csv``.

    Returns
    -------
    tuple of Judgement

    Raises
    ------
    ValueError
        When a verdict is none of the three.
    """
    with _TABLE.open(newline="", encoding="utf-8") as file:
        found = tuple(Judgement(**row) for row in csv.DictReader(file))
    for one in found:
        if one.verdict not in VERDICTS:
            raise ValueError(f"{_TABLE}: {one.module}, {one.text}: '{one.verdict}' is no verdict")
    return found


def judged(module: str, line: str, before: str, after: str) -> Judgement | None:
    """Find the judgement on a change.

    Parameters
    ----------
    module : str
        The file, as a path from the root of the repository.
    line : str
        The text of the line that changes.
    before, after : str
        The change.

    Returns
    -------
    Judgement or None
    """
    for one in judgements():
        same = module.endswith(one.module) and (before, after) == (one.before, one.after)
        if same and one.text in line:
            return one
    return None
