"""How pages look in headless Chromium: whether pictures load, whether anything is wider than the window.

Pages hold no script. A page around them measures them, each in a frame of its own for every width: one start
of the browser does for all.
"""

from __future__ import annotations

import contextlib
import html
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-extensions", "--disable-background-networking", "--disable-component-update"),
    *("--hide-scrollbars", "--allow-file-access-from-files", "--virtual-time-budget=20000"),
)
# A start takes a second or two; on a busy machine the first one has been seen to hang.
_LIMIT_S, _TRIES = 120.0, 2
# Pixels of the screen that each page has.
HEIGHT = 600
_MEASURE = """
const found = [];
for (const frame of document.querySelectorAll("iframe")) {
  const page = frame.contentDocument, root = page.documentElement;
  found.push({name: frame.name, width: frame.clientWidth, needed: root.scrollWidth, mode: page.compatMode,
    height: root.scrollHeight, loaded: [...page.images].map((one) => one.complete && one.naturalWidth > 0)});
}
document.getElementById("found").textContent = JSON.stringify(found);
"""


@dataclass(frozen=True)
class Seen:
    """A page at one width of the window.

    Attributes
    ----------
    name : str
        Of the file.
    width, needed : int
        Of the window; of what is in it (pixels).
    height : int
        Of the whole page (pixels).
    mode : str
        ``CSS1Compat`` where the browser takes the page for standard HTML.
    loaded : list of bool
        For every picture whether it is there.
    screen : ndarray of uint8, shape (HEIGHT, width, 3)
        The upper part of the page.
    """

    name: str
    width: int
    needed: int
    height: int
    mode: str
    loaded: list[bool]
    screen: NDArray[np.uint8]


def find_browser() -> str | None:
    """Give the path of a Chromium; None where there is none."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


def look(browser: str, pages: Sequence[Path], widths: Sequence[int], scratch: Path) -> list[Seen]:
    """Open pages in windows of some widths.

    Parameters
    ----------
    browser : str
        Such as `find_browser` gives.
    pages : sequence of Path
    widths : sequence of int
        Pixels.
    scratch : Path
        An empty folder for the profile and the picture of the screen.

    Returns
    -------
    list of Seen
        Page by page, for each all widths.

    Raises
    ------
    RuntimeError
        When the browser fails or does not end.
    """
    from PIL import Image

    around, picture = scratch / "around.html", scratch / "screen.png"
    around.write_text(_around(pages, widths), encoding="utf-8")
    size = f"--window-size={sum(widths)},{HEIGHT * len(pages)}"
    text = _run([browser, *_FLAGS, size, f"--screenshot={picture}", "--dump-dom", around.as_uri()], scratch)
    told = re.search(r'<pre id="found"[^>]*>(.+?)</pre>', text, re.DOTALL)
    if told is None:
        raise RuntimeError(f"the browser did not load the pages: {text[-500:]}")
    with Image.open(picture) as image:
        screen = np.asarray(image.convert("RGB"))
    return [
        Seen(**one, screen=screen[row : row + HEIGHT, column : column + one["width"]])
        for one, (row, column) in zip(
            json.loads(html.unescape(told[1])), _places(len(pages), widths), strict=True
        )
    ]


def _places(count: int, widths: Sequence[int]) -> list[tuple[int, int]]:
    return [(HEIGHT * row, sum(widths[:k])) for row in range(count) for k in range(len(widths))]


def _around(pages: Sequence[Path], widths: Sequence[int]) -> str:
    frames = [
        f'<iframe src="{page.as_uri()}" name="{html.escape(page.name)}" '
        f'style="left:{column}px;top:{row}px;width:{width}px"></iframe>'
        for (page, width), (row, column) in zip(
            ((page, width) for page in pages for width in widths), _places(len(pages), widths), strict=True
        )
    ]
    style = f"body {{margin:0}} iframe {{position:absolute; border:0; height:{HEIGHT}px}}"
    script = f'window.addEventListener("load", () => {{{_MEASURE}}});'
    head = f'<!DOCTYPE html><meta charset="utf-8"><title>pages</title><style>{style}</style>'
    return f'{head}<script>{script}</script>{"".join(frames)}<pre id="found" hidden></pre>'


def _run(words: Sequence[str], scratch: Path) -> str:
    """Run the browser and give what it wrote; all its processes end with it."""
    for attempt in range(_TRIES):
        with subprocess.Popen(
            [*words, f"--user-data-dir={scratch / f'profile{attempt}'}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                text, complaints = process.communicate(timeout=_LIMIT_S)
            except subprocess.TimeoutExpired:
                continue
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
        if process.returncode:
            raise RuntimeError(f"the browser ended with exit code {process.returncode}: {complaints[-500:]}")
        return text
    raise RuntimeError(f"the browser did not end within {_LIMIT_S:.0f} s, {_TRIES} times")
