"""The index of a folder of report pages: every run with a small picture, its state and its warnings."""

from __future__ import annotations

import base64
import binascii
import contextlib
import io
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.io.atomic import write_text
from photomitrus_cli.report.page import render

INDEX = "index.html"
_PREFIX = "data:image/png;base64,"
# Pixels of a small picture. What is higher than the first number shows its upper part alone, up to the widest
# white band between the others: some of its panels.
_WIDTH = 960
_WHOLE, _LOWEST, _HIGHEST = 640, 200, 460
_COLOURS = 256
_FACTS = 4


@dataclass(frozen=True)
class PageFacts:
    """What the index tells of a page.

    Attributes
    ----------
    name : str
        Of the file.
    title, status : str
    warnings : int
    facts : list of tuple of str
        The first figures of merit: label and value.
    made : str
        Version and time.
    picture : str
        The upper part of its first picture, made small, as a data URL; empty without any.
    """

    name: str
    title: str
    status: str
    warnings: int
    facts: list[tuple[str, str]]
    made: str
    picture: str


class _Reader(HTMLParser):
    """Collects what `PageFacts` holds from a page of `photomitrus_cli.report.page`."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}
        self.cells: list[str] = []
        self.warnings = 0
        self.picture = ""
        self._within = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the text that follows is."""
        named = dict(attrs)
        self._within = f"{tag}.{named['class']}" if named.get("class") else tag
        self.warnings += self._within == "p.warning"
        if tag == "h2":
            self.texts.pop("h2", None)
        if tag == "img" and not self.picture:
            self.picture = named.get("src") or ""

    def handle_endtag(self, _tag: str) -> None:
        """Forget it."""
        self._within = ""

    def handle_data(self, data: str) -> None:
        """Keep the texts that tell of the page."""
        if self._within in ("title", "p.status", "h2", "footer"):
            self.texts[self._within] = self.texts.get(self._within, "") + data
        elif self._within in ("th", "td") and self.texts.get("h2") == "Figures of merit":
            self.cells.append(data)


def write_index(folder: Path) -> Path:
    """Write the index of the report pages in a folder, the newest first.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    Path
        The index.

    Raises
    ------
    WriteError
        When it cannot be written.
    """
    found: list[tuple[int, str, PageFacts]] = []
    for page in folder.glob("*.html"):
        # What other runs are writing begins with a dot; what is no file, or is gone by now, is no page.
        if page.name == INDEX or page.name.startswith("."):
            continue
        with contextlib.suppress(OSError):
            made_ns, facts = page.stat().st_mtime_ns, read_page(page)
            if facts is not None:
                found.append((-made_ns, page.name, facts))
    found.sort(key=lambda one: one[:2])
    write_text(folder / INDEX, render("index.html", pages=[facts for _, _, facts in found]))
    return folder / INDEX


def read_page(page: Path) -> PageFacts | None:
    """Read what the index tells of a page; None when it is no report page.

    Parameters
    ----------
    page : Path

    Raises
    ------
    OSError
        When it cannot be read.
    """
    reader = _Reader()
    reader.feed(page.read_text(encoding="utf-8", errors="replace"))
    made = reader.texts.get("footer", "").strip()
    if not made.startswith("astromap "):
        return None
    facts = list(zip(reader.cells[::2], reader.cells[1::2], strict=False))[:_FACTS]
    texts = reader.texts
    return PageFacts(
        page.name,
        texts.get("title", page.stem),
        texts.get("p.status", ""),
        reader.warnings,
        facts,
        made,
        _small(reader.picture),
    )


def _small(source: str) -> str:
    """Make an embedded picture small; empty when it is none."""
    from PIL import Image, UnidentifiedImageError

    if not source.startswith(_PREFIX):
        return ""
    try:
        with Image.open(io.BytesIO(base64.b64decode(source.removeprefix(_PREFIX)))) as opened:
            image = opened.convert("RGB")
            image.thumbnail((_WIDTH, image.height), Image.Resampling.LANCZOS)
            image = image.crop((0, 0, image.width, _end(np.asarray(image.convert("L")))))
            out = io.BytesIO()
            image.quantize(_COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
                out, "PNG", optimize=True
            )
    except (UnidentifiedImageError, binascii.Error, OSError):
        return ""
    return _PREFIX + base64.b64encode(out.getvalue()).decode("ascii")


def _end(grey: NDArray[np.uint8]) -> int:
    """Give the number of rows to show of a picture: all, or as many as there are up to a white band."""
    if len(grey) <= _WHOLE:
        return len(grey)
    white = (grey[_LOWEST:_HIGHEST] == 255).all(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], white, [False]]).astype(np.int8)))
    if not edges.size:
        return _HIGHEST
    first, last = edges.reshape(-1, 2)[np.argmax(np.diff(edges)[::2])]
    return _LOWEST + int(first + last) // 2
