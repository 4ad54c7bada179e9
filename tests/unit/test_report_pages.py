"""Report pages and their index: well-formed, complete, and only of pages that are ours."""

from __future__ import annotations

import base64
import io
from html.parser import HTMLParser
from pathlib import Path

from PIL import Image

from photomitrus_cli.report.index import read_page, write_index
from photomitrus_cli.report.page import write_page
from photomitrus_cli.run.summary import Figure, Summary, UnitRecord

_VOID = {"meta", "img", "br", "link", "input"}


class _Checker(HTMLParser):
    """Refuses elements that are closed in the wrong order, or not at all."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in _VOID:
            self.open.append(tag)
        assert tag != "script"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def check(page: Path) -> list[str]:
    checker = _Checker()
    checker.feed(page.read_text(encoding="utf-8"))
    assert not checker.open
    return checker.sources


def summary_of(folder: Path, title: str, *, warnings: int = 0) -> Summary:
    picture = folder / f"{title}.png"
    Image.new("RGB", (1200, 300), (200, 30, 30)).save(picture)
    return Summary(
        title,
        facts={"frames <all>": "9 used & 1 not", "zero point": "21.9 mag"},
        products=[folder / f"{title}.fits"],
        units=[UnitRecord("a.fits", "skipped", "it points <elsewhere>", {"rms": 1.5, "mjd": 57000.123456})],
        warnings=["beware"] * warnings,
        figures=[Figure(picture, 'what "it" shows')],
        value_units={"rms": "adu"},
    )


def test_a_page_is_whole_and_needs_no_other_file(tmp_path: Path) -> None:
    page = write_page(tmp_path / "report", summary_of(tmp_path, "stack", warnings=1), command="astromap x")
    assert all(source.startswith("data:image/png;base64,") for source in check(page))
    text = page.read_text(encoding="utf-8")
    assert (
        text.index("beware") < text.index("Left out") < text.index("zero point") < text.index("57000.12346")
    )


def test_the_index_tells_of_every_page_and_of_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    write_page(folder, summary_of(tmp_path, "one"), command="astromap prime stack")
    write_page(folder, summary_of(tmp_path, "two & a half", warnings=2), command="astromap wise coadd")
    (folder / "notes.html").write_text("<html><body><footer>mine</footer></body></html>")
    (folder / "broken.html").write_bytes(b"<html><\xff\xfe<<p class=")
    index = write_index(folder)
    sources = check(index)
    assert {one for one in sources if not one.startswith("data:")} == {
        "one.html",
        "two%20%26%20a%20half.html",
    }
    text = index.read_text(encoding="utf-8")
    assert "2 warnings" in text
    assert "9 used &amp; 1 not" in text
    assert write_index(folder).read_text(encoding="utf-8") == text


def test_the_picture_of_the_index_is_small(tmp_path: Path) -> None:
    page = write_page(tmp_path / "report", summary_of(tmp_path, "one"), command="astromap prime stack")
    facts = read_page(page)
    assert facts is not None
    with Image.open(io.BytesIO(base64.b64decode(facts.picture.partition(",")[2]))) as image:
        assert image.size == (480, 120)
        assert image.convert("RGB").getpixel((100, 50)) == (200, 30, 30)
    assert facts.status == "astromap prime stack: done"
    assert facts.facts[0] == ("frames <all>", "9 used & 1 not")
