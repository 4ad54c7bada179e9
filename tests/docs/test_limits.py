"""The table of errors in limits.md says what accuracy.md has measured."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:e-\d+)?(?![\w.]*\d)")


def chapters(text: str) -> dict[str, str]:
    """The text below each heading by its anchor, with the headings below it."""
    found: dict[str, str] = {}
    parts = re.split(r"^(#+) (.+)$", text, flags=re.MULTILINE)[1:]
    levels, titles, bodies = parts[::3], parts[1::3], parts[2::3]
    for k, (level, title) in enumerate(zip(levels, titles, strict=True)):
        end = next((j for j in range(k + 1, len(levels)) if len(levels[j]) <= len(level)), len(levels))
        anchor = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        # Of equal headings a link leads to the first.
        found.setdefault(anchor, "".join(bodies[k:end]))
    return found


def rows() -> list[list[str]]:
    section = chapters((DOCS / "limits.md").read_text(encoding="utf-8"))["how-wrong-can-the-numbers-be"]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [re.split(r" *\| *", line.strip("| ")) for line in lines[2:]]


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_the_table_of_errors_has_the_measured_figures(row: list[str]) -> None:
    figure, *said, links = row
    anchors = re.findall(r"\(accuracy\.md#([\w-]+)\)", links)
    assert anchors, figure
    measured = chapters((DOCS / "accuracy.md").read_text(encoding="utf-8"))
    there = {number for anchor in anchors for number in _NUMBER.findall(measured[anchor])}
    for number in _NUMBER.findall(" ".join(said)):
        assert number in there, f"{figure}: {number} is not in {anchors}"
