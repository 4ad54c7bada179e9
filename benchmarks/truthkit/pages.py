"""Lines of the page of accuracy measurements."""

from __future__ import annotations


def row(*cells: object) -> str:
    """Give one line of a table."""
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def heading(*names: str, text: int = 1) -> str:
    """Give the two lines that head a table: the first columns hold text, the others numbers."""
    rules = ["---"] * text + ["---:"] * (len(names) - text)
    return row(*names) + "\n" + row(*rules)


def percent(value: float, error: float) -> str:
    """Give a fraction and its error in per cent."""
    return f"{100 * value:+.2f} ± {100 * error:.2f} %"
