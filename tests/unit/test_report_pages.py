"""Report pages and their index: sound HTML, complete, and only of pages that are ours."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from unittest import mock

import pytest
from PIL import Image, ImageDraw
from truthkit import htmlpages

from photomitrus_cli.report.index import read_page, write_index
from photomitrus_cli.report.page import _columns, write_page
from photomitrus_cli.run.summary import Figure, Summary, UnitRecord


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
    assert htmlpages.faults(page) == []
    assert htmlpages.links(page) == []
    text = page.read_text(encoding="utf-8")
    assert (
        text.index("beware") < text.index("Not used") < text.index("zero point") < text.index("57000.12346")
    )


def test_the_index_tells_of_every_page_and_of_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    write_page(folder, summary_of(tmp_path, "one"), command="astromap prime stack")
    write_page(folder, summary_of(tmp_path, "two & a half", warnings=2), command="astromap wise coadd")
    (folder / "notes.html").write_text("<html><body><footer>mine</footer></body></html>")
    (folder / "broken.html").write_bytes(b"<html><\xff\xfe<<p class=")
    index = write_index(folder)
    assert htmlpages.faults(index) == []
    assert set(htmlpages.links(index)) == {"one.html", "two%20%26%20a%20half.html"}
    text = index.read_text(encoding="utf-8")
    assert "2 warnings" in text
    assert "9 used &amp; 1 not" in text
    assert write_index(folder).read_text(encoding="utf-8") == text


def test_what_cannot_be_read_in_the_folder_does_not_end_the_run(tmp_path: Path) -> None:
    """Among it what another run is writing this very moment, and has renamed by the time it is looked at."""
    folder = tmp_path / "report"
    page = write_page(folder, summary_of(tmp_path, "one"), command="astromap prime stack")
    (folder / "folder.html").mkdir()
    (folder / "gone.html").symlink_to(tmp_path / "nowhere")
    (folder / ".two.html.0a1b2c-1-0a1b2c3d.part.html").write_bytes(page.read_bytes())
    assert set(htmlpages.links(write_index(folder))) == {"one.html"}


def test_many_units_take_time_in_proportion(tmp_path: Path) -> None:
    """Nine seconds were spent on two thousand, as every row looked for the columns of all."""
    units = [UnitRecord(f"{n}.fits", "used", "", {f"v{n % 7}": 1.0}) for n in range(4000)]
    with mock.patch("photomitrus_cli.report.page._columns", wraps=_columns) as looked:
        text = write_page(tmp_path, Summary("many", units=units), command="astromap x").read_text()
    assert looked.call_count == 1
    assert text.count("<tr>") == len(units) + 1


def small(page: Path) -> Image.Image:
    facts = read_page(page)
    assert facts is not None
    return Image.open(io.BytesIO(base64.b64decode(facts.picture.partition(",")[2]))).convert("RGB")


def test_the_picture_of_the_index_is_small(tmp_path: Path) -> None:
    page = write_page(tmp_path / "report", summary_of(tmp_path, "one"), command="astromap prime stack")
    image = small(page)
    assert image.size == (960, 240)
    assert image.getpixel((100, 50)) == (200, 30, 30)
    facts = read_page(page)
    assert facts is not None
    assert facts.status == "astromap prime stack: done"
    assert facts.facts[0] == ("frames <all>", "9 used & 1 not")


@pytest.mark.parametrize(
    ("black", "height"),
    [
        # Narrow bands within a panel, a wide one between panels, all cut at the middle of the widest.
        ([(20, 250), (254, 300), (340, 700)], 320),
        # What is not much higher than wide is shown whole; what has no white band ends somewhere.
        ([(20, 620)], 640),
        ([(0, 900)], 460),
    ],
)
def test_a_high_picture_is_cut_between_its_panels(
    black: list[tuple[int, int]], height: int, tmp_path: Path
) -> None:
    summary = summary_of(tmp_path, "one")
    picture = Image.new("RGB", (960, 640 if black == [(20, 620)] else 900), "white")
    for first, last in black:
        ImageDraw.Draw(picture).rectangle((100, first, 800, last - 1), fill="black")
    picture.save(summary.figures[0].path)
    page = write_page(tmp_path / "report", summary, command="astromap wise calibrate")
    assert small(page).size == (960, height)
