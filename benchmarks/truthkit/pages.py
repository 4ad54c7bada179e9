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


def with_chapters(page: str, made: str, *names: str) -> str:
    """Replace some chapters of a page.

    Parameters
    ----------
    page : str
        Chapters begin with "## ".
    made : str
        The new ones.
    *names : str
        With which the headings of these chapters begin.

    Returns
    -------
    str
        The new ones are where the first old one was, else at the end; all else is as it was.
    """
    parts = ("\n" + page).split("\n## ")
    old = [part.startswith(names) for part in parts]
    place = old.index(True) if any(old) else len(parts)
    kept = [part.rstrip("\n") for part, gone in zip(parts, old, strict=True) if not gone]
    kept.insert(place, made.strip("\n").removeprefix("## "))
    return "\n\n## ".join(kept).lstrip("\n") + "\n"
