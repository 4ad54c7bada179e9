"""The report pages of every command that makes them: sound HTML, and pages that a browser shows."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest
from truthkit import browser, htmlpages, photkit, stackset, twilight, wisefaults
from truthkit.calibsurvey import calib_survey
from truthkit.faultkit import COARSE, run_here, small_field

from photomitrus_cli.cli import make_cli
from photomitrus_cli.report.page import write_page
from photomitrus_cli.run.summary import Summary

pytestmark = pytest.mark.xdist_group("browser")

# Read before the fixture that takes the tester's settings away.
REQUIRED = os.environ.get("ASTROMAP_REQUIRE_BROWSER") == "1"
WIDTHS = (1280, 400)


def commands(group: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Give the commands that have the option --report."""
    if isinstance(group, click.Group):
        context = click.Context(group)
        for name in group.list_commands(context):
            found = group.get_command(context, name)
            assert found is not None
            yield from commands(found, (*words, name))
    elif any("--report" in parameter.opts for parameter in group.params):
        yield words


def runs(base: Path, out: Path) -> dict[tuple[str, ...], tuple[object, ...]]:
    """Give for every such command the options of a small run; the first has a frame that is cut off."""
    field = shutil.copytree(small_field(base), out / "field", ignore=shutil.ignore_patterns("truth"))
    frame = min(field.rglob("*_cbcd.fits"))
    frame.write_bytes(frame.read_bytes()[:5000])
    photkit.take(out / "phot", *photkit.series(4))
    scans, maps = calib_survey(base).folder, wisefaults.reference(base)
    table = wisefaults.survey(base) / wisefaults.TABLE
    coarse = ("--set", "wise.zodi.quadrature=20")
    return {
        ("irac", "mosaic"): (field, "-o", out / "mosaic", *COARSE, "--keep-going"),
        ("irac", "phot"): (out / "phot", "--target", photkit.TARGET, "-o", out / "phot-out"),
        ("prime", "flat"): ("-parent", twilight.night(out / "night")),
        ("prime", "stack"): stackset.words(stackset.dithers(base), "-o", out / "stack")[2:],
        ("simulate", "prime"): (out / "prime", "--scale", 16, "--frames", 4),
        ("simulate", "wise"): (out / "wise", "--frame-px", 32, "--scans", 1, "--latitude", -1, 1),
        ("wise", "filter"): ("--config", wisefaults.survey(base) / "astromap.yaml", "-o", out / "filtered"),
        ("wise", "coadd"): ("--frames", table, "--nside", wisefaults.NSIDE, "-o", out / "coadd"),
        ("wise", "zodi"): ("--maps", maps, *coarse, "-o", out / "zodi"),
        ("wise", "calibrate"): ("--maps", scans, "--spectrum", "mono", *coarse, "-o", out / "map"),
    }


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The pages of all commands, and their index."""
    out = tmp_path_factory.mktemp("reports")
    planned = runs(tmp_path_factory.getbasetemp(), out)
    assert set(planned) == set(commands(make_cli()))
    for words, options in planned.items():
        done = run_here(*words, *options, "-j", 1, "--report", out / "report")
        assert done.code in (0, 6), f"{words}: {done.stderr}"
    return sorted((out / "report").glob("*.html"))


def test_every_page_is_sound_html(pages: list[Path]) -> None:
    index = next(page for page in pages if page.name == "index.html")
    assert len(pages) == len(set(commands(make_cli()))) + 1
    assert {page.name: htmlpages.faults(page) for page in pages} == {page.name: [] for page in pages}
    assert {*htmlpages.links(index), index.name} == {page.name for page in pages}


def test_a_browser_shows_every_page(pages: list[Path], tmp_path: Path) -> None:
    program = browser.find_browser()
    if program is None and not REQUIRED:
        pytest.skip("no Chromium on PATH")
    assert program is not None, "ASTROMAP_REQUIRE_BROWSER is 1, but there is no Chromium on PATH"
    seen = browser.look(program, pages, WIDTHS, tmp_path)
    assert [(one.name, one.width) for one in seen] == [
        (page.name, width) for page in pages for width in WIDTHS
    ]
    for one in seen:
        where = f"{one.name} at {one.width} pixels"
        assert one.mode == "CSS1Compat", where
        assert one.needed <= one.width, f"{where} needs {one.needed}"
        assert len(one.loaded) == (pages[0].parent / one.name).read_text().count("<img"), where
        assert all(one.loaded), where
        # Text alone has dozens of greys.
        assert np.unique(one.screen[::2, ::2].astype(int) @ (65536, 256, 1)).size > 20, f"{where} is blank"


def test_words_of_labels_are_not_broken(tmp_path: Path) -> None:
    """Beside long values a label has room for its words; a name without end is broken all the same."""
    program = browser.find_browser()
    if program is None:
        pytest.skip("no Chromium on PATH")
    # Higher than the window, whose height a page has at least.
    facts = {"stack": "word " * 60} | {f"row {k}": "1" for k in range(40)}
    pages = [
        write_page(tmp_path / f"{k}", Summary("stack", facts=facts | {label: "1"}), command="astromap x")
        for k, label in enumerate(("stars", "astrometry", "a_name_without_end" * 9))
    ]
    seen = browser.look(program, pages, WIDTHS, tmp_path)
    assert all(one.needed <= one.width for one in seen)
    short, whole, _ = (seen[k : k + 2] for k in (0, 2, 4))
    assert [one.height for one in whole] == [one.height for one in short]


_HEAD = '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>a</title></head><body><h1>a</h1>'


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("<p>a &amp; b</p>", ""),
        ("<p>a & b &foo;</p>", "not HTML: Named entity expected"),
        ("<p>a</b></p>", "not HTML: Unexpected end tag (b)"),
        ("<p><b>a</p>", "not HTML: Unexpected end tag (p)"),
        ('<p class="a" class="b">a</p>', "not HTML: Dropped duplicate attribute"),
        ("<p><div>a</div></p>", "not HTML: Unexpected end tag (p)"),
        ("<ul><p>a</p></ul>", "<p> in <ul>"),
        ("<dl>a</dl>", "text in <dl>: a"),
        ("<script>a()</script>", "<script> in <body>"),
        ('<p onclick="a()">a</p>', "<p> with onclick"),
        ('<p id="a">a</p><p id="a">b</p>', "id 'a' is there 2 times"),
        ('<h3>a</h3><p><a href="other.html">a</a></p>', "headings of levels [1, 3]"),
        ('<p><a href="other.html">a</a></p>', "other.html leads nowhere"),
        ('<p><a href="#there">a</a></p>', "#there leads nowhere"),
        ('<p><img src="https://example.org/a.png" alt="a"></p>', "https://example.org/a.png is not beside"),
        ('<p><img src="page.html"></p>', "<img> without alt"),
        ('<p><a href="page.html"></a></p>', "<a> is empty"),
    ],
)
def test_a_fault_of_a_page_is_found(body: str, fault: str, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(f"{_HEAD}{body}</body></html>\n")
    found = htmlpages.faults(page)
    assert found[0].startswith(fault) if fault else not found


def test_a_page_without_doctype_title_or_language_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<html><head><title>a</title></head><body><h1>a</h1></body></html>")
    assert "DOCTYPE" in htmlpages.faults(page)[0]
    page.write_text("<!DOCTYPE html><html><head><title> </title></head><body><h1>a</h1></body></html>")
    assert htmlpages.faults(page) == ["html without lang", "no title"]
