"""Charts: values lie where the ticks say, every digit that changes is shown, nothing overlaps."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from photomitrus_cli.report.axis import Axis
from photomitrus_cli.report.chart import (
    Chart,
    Counts,
    HistogramPanel,
    Level,
    PointPanel,
    Points,
    compose_chart,
    draw_chart,
)
from photomitrus_cli.report.histplot import bin_edges
from photomitrus_cli.report.marks import (
    COLOURS,
    SYMBOLS,
    bars_mask,
    scatter_mask,
    style,
    symbol_mask,
)
from photomitrus_cli.report.sheet import Sheet
from photomitrus_cli.report.text import plain

BLUE = (0, 0x72, 0xB2)
RNG = np.random.default_rng(11)


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_symbols_have_the_area_of_their_circle(symbol: str) -> None:
    full = symbol_mask(symbol, 5.0)
    assert full.sum() / 255 == pytest.approx(np.pi * 25, rel=0.03)
    # A tip in the border's pixels is faint: nothing is cut off.
    assert max(full[[0, -1]].max(), full[:, [0, -1]].max()) < 20
    hollow = symbol_mask(symbol, 5.0, 1.5)
    middle = full.shape[0] // 2
    assert full[middle, middle] == 255
    assert hollow[middle, middle] == 0
    assert (hollow <= full).all()
    assert np.array_equal(full, full[:, ::-1])
    if symbol.startswith("triangle"):
        assert (full[:middle].sum() < full[middle + 1 :].sum()) == symbol.endswith("up")


def test_styles_differ_and_can_be_told_apart() -> None:
    assert len({style(place) for place in range(35)}) == 35
    colours = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in COLOURS])
    # Contrast to white, by the brightness that the eye sees.
    assert (colours @ [0.299, 0.587, 0.114]).max() < 180


def test_masks_are_those_of_slow_loops() -> None:
    shape, n = (30, 40), 50
    x, y = RNG.integers(0, 40, n), RNG.integers(0, 30, n)
    symbol = symbol_mask("triangle up", 2.5)
    half, slow = symbol.shape[0] // 2, np.zeros(shape, np.uint8)
    for column, row in zip(x, y, strict=True):
        for dy, dx in np.ndindex(symbol.shape):
            at = row + dy - half, column + dx - half
            if 0 <= at[0] < 30 and 0 <= at[1] < 40:
                slow[at] = max(slow[at], symbol[dy, dx])
    assert np.array_equal(scatter_mask(shape, x, y, symbol), slow)
    faint = scatter_mask((5, 5), np.array([1, 3, 3]), np.array([2, 2, 2]), np.full((1, 1), 255, "u1"), 0.4)
    assert faint[2].tolist() == [0, 102, 0, 163, 0]
    x, top = RNG.integers(-3, 43, n), RNG.integers(-20, 40, n)
    bottom = top + RNG.integers(0, 15, n)
    bars = np.zeros(shape, bool)
    for column, first, last in zip(x, top, bottom, strict=True):
        if 0 <= column < 40:
            bars[max(0, first) : max(0, last + 1), column] = True
    assert np.array_equal(bars_mask(shape, x, top, bottom), bars)


def pixel(chart: Chart, x: float, y: float, place: tuple[int, int] = (0, 0)) -> tuple[int, ...]:
    frame = chart.frames[place[0]][place[1]]
    column, row = frame.columns(np.array([x]))[0], frame.rows(np.array([y]))[0]
    value = chart.sheet.picture.getpixel((frame.left + int(column), frame.top + int(row)))
    assert isinstance(value, tuple)
    return value


def test_points_lie_where_the_labels_say() -> None:
    series = Points(np.array([0.0, 4.0, 10.0]), np.array([1.0, 9.0, 5.0]), np.full(3, 0.5), None, "a")
    chart = compose_chart([[PointPanel([series], Axis("x", low=0.0, high=10.0), Axis("y", "mJy"))]])
    picture = np.asarray(chart.sheet.picture)
    frame = chart.frames[0][0]
    inside = picture[frame.top : frame.bottom, frame.left : frame.right]
    blue = (inside == BLUE).all(axis=2)
    # The places from first principles: the range is that of values and errors and a twentieth on both sides.
    low, high = 0.5 - 0.45, 9.5 + 0.45
    for x, y in zip(series.x, series.y, strict=True):
        column = round(x / 10.0 * (frame.width - 1))
        row = frame.height - 1 - round((y - low) / (high - low) * (frame.height - 1))
        assert blue[row, column]
        ends = (np.array([y - 0.5, y + 0.5]) - low) / (high - low) * (frame.height - 1)
        rows = np.flatnonzero(blue[:, column])
        assert [rows.min(), rows.max()] == pytest.approx(frame.height - 1 - ends[::-1], abs=1.0)
    assert 150 < blue.sum() < 3 * 130
    # The grid line of a tick meets the tick of its label.
    label, box = next(text for text in chart.sheet.texts if text[0] == "4")
    assert label == "4"
    assert frame.top + frame.rows(np.array([4.0]))[0] == pytest.approx((box[1] + box[3]) / 2, abs=2)


def test_rejected_points_are_hollow_and_do_not_squeeze_the_others() -> None:
    x = np.arange(12.0)
    y = 100.0 + np.sin(x)
    y[3], y[5], y[7] = 101.5, 1e5, -1e5
    rejected = np.isin(np.arange(12), (3, 5, 7))
    chart = compose_chart([[PointPanel([Points(x, y, None, rejected, "a")])]])
    assert pixel(chart, 4.0, y[4]) == BLUE
    assert pixel(chart, 3.0, 101.5) == (255, 255, 255)
    frame = chart.frames[0][0]
    assert frame.y.high - frame.y.low < 5
    texts = [text for text, _ in chart.sheet.texts]
    assert "2 beyond the frame" in texts
    assert "not used" in texts
    picture = np.asarray(chart.sheet.picture)
    for column, rows in ((5.0, slice(0, 20)), (7.0, slice(-20, None))):
        at = frame.left + int(frame.columns(np.array([column]))[0])
        inside = picture[frame.top : frame.bottom][rows, at - 6 : at + 7]
        assert (inside[..., 0] < 128).sum() > 15


def test_levels_histogram_and_logarithmic_axes() -> None:
    values = np.concatenate([np.full(7, 1.5), np.full(3, 2.5), [np.nan]])
    panels: list[PointPanel | HistogramPanel] = [
        PointPanel([Points(np.array([1.0, 2.0]), np.array([10.0, 1000.0]))], Axis(), Axis(log=True)),
        PointPanel([Points(np.arange(3.0), np.arange(3.0))], levels=[Level(1.3, 1.1, 1.5, "mean")]),
        HistogramPanel([Counts(values)], Axis(low=1.0, high=6.0)),
    ]
    chart = compose_chart([panels])
    assert pixel(chart, 1.5, 100.0) == (0xEB,) * 3
    assert pixel(chart, 2.0, 1000.0) == BLUE
    assert pixel(chart, 0.5, 1.3, (0, 1)) == (0x50,) * 3
    assert pixel(chart, 0.5, 1.45, (0, 1)) == (0xDD,) * 3
    assert pixel(chart, 0.52, 1.57, (0, 1)) == (255,) * 3
    inside = (0xB2, 0xD5, 0xE8)
    assert pixel(chart, 1.5, 6.7, (0, 2)) == pytest.approx(inside, abs=1)
    assert pixel(chart, 2.5, 2.7, (0, 2)) == pytest.approx(inside, abs=1)
    assert pixel(chart, 2.5, 3.3, (0, 2)) == (255,) * 3


def test_bins() -> None:
    values = RNG.normal(5.0, 2.0, 1000)
    edges = bin_edges(Axis(), values)
    width = edges[1] - edges[0]
    quartiles = np.quantile(values, [0.25, 0.75])
    assert width == pytest.approx(2 * (quartiles[1] - quartiles[0]) / 10, rel=0.7)
    assert edges[0] <= values.min()
    assert edges[-1] > values.max()
    assert edges / width == pytest.approx(np.round(edges / width))
    far = np.append(values, 1e9)
    assert np.array_equal(bin_edges(Axis(), far), edges)
    for equal in (np.full(5, 3.0), np.zeros(1), np.array([55123.4])):
        edges = bin_edges(Axis(), equal)
        assert edges[0] <= equal[0] <= edges[-1]
        assert (np.diff(edges) > 0).all()
    noisy = np.append(np.full(50, 0.3) + RNG.integers(-3, 4, 50) * 5e-17, [0.1, 0.6])
    assert np.histogram(noisy, bin_edges(Axis(), noisy))[0].sum() == noisy.size
    edges = bin_edges(Axis(), noisy[:50])
    assert edges[-1] - edges[0] > 0.01
    steps = np.diff(np.log10(bin_edges(Axis(log=True), 10.0**values)))
    assert steps == pytest.approx(np.full(steps.size, steps[0]))


def crowded() -> Chart:
    names = [f"channel {i}, a rather long name of a series" for i in range(12)]
    series = [
        Points(RNG.normal(55000, 900, 30), RNG.normal(1e-6, 1e-9, 30), np.full(30, 1e-9), None, name)
        for name in names
    ]
    long = "a very long heading that says more than there is room for " * 3
    point = PointPanel(series, Axis(long, "d"), Axis(long, "mJy"), [Level(1e-6, None, None, "mean")], long)
    log = PointPanel([Points(10 ** RNG.normal(0, 3, 50), 10 ** RNG.normal(0, 5, 50))], Axis("x", log=True))
    hist = HistogramPanel([Counts(np.append(RNG.normal(1e6, 3, 400), 0.0))], Axis("v", "%"), title=long)
    return compose_chart([[point, hist], [log, hist, point], [hist]], title=long, size=(1200, 1000))


@pytest.mark.parametrize("which", ["crowded", "wide range", "small"])
def test_texts_do_not_overlap_and_stay_on_the_picture(which: str) -> None:
    if which == "crowded":
        chart = crowded()
    elif which == "wide range":
        series = Points(
            np.array([-9.9e5, 9.9e5]), np.array([-1e30, 1e30]), None, np.array([True, False]), "s"
        )
        chart = compose_chart([[PointPanel([series], Axis("x"), Axis("y"))] * 4], title="t")
    else:
        series = Points(np.linspace(55123.4, 55123.6, 9), np.arange(9.0), None, None, "s")
        chart = compose_chart([[PointPanel([series], Axis("MJD", "d"), Axis("y"))]], size=(240, 200))
    sheet = chart.sheet
    assert len(sheet.texts) > 5
    for text, box in sheet.texts:
        assert 0 <= box[0] < box[2] <= sheet.picture.width, text
        assert 0 <= box[1] < box[3] <= sheet.picture.height, text
    for (one, a), (other, b) in itertools.combinations(sheet.texts, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1], (one, other)
    # Names and ticks are outside the data.
    for row in chart.frames:
        for frame in row:
            for text, box in sheet.texts:
                outside = box[2] <= frame.left or box[0] >= frame.right
                assert outside or box[3] <= frame.top or box[1] >= frame.bottom, text


def test_a_long_legend_tells_what_it_leaves_out() -> None:
    series = [Points(np.zeros(1), np.zeros(1), None, None, f"target number {i:03d}") for i in range(100)]
    texts = [text for text, _ in compose_chart([[PointPanel(series)]]).sheet.texts]
    named = sum(text.startswith("target number") for text in texts)
    more = next(re.fullmatch(r"and (\d+) more", text) for text in texts if text.startswith("and"))
    assert more
    assert 15 < named == 100 - int(more[1])


NONE = np.zeros(0)
ODD = {
    "nothing": ([], []),
    "no points": ([Points(NONE, NONE, NONE, NONE.astype(bool), "a")], [Counts(NONE, "a")]),
    "only NaN": ([Points(np.full(3, np.nan), np.ones(3))], [Counts(np.full(3, np.nan))]),
    "infinite": ([Points(np.ones(2), np.array([np.inf, -np.inf]))], [Counts(np.full(3, np.inf))]),
}
FEW = {
    "one point": (np.array([55123.4]), np.array([1.0])),
    "equal": (np.full(5, 55123.4), np.full(5, 7.0)),
    "zeros": (np.zeros(4), np.zeros(4)),
    "some NaN": (np.array([1.0, np.nan, 3.0]), np.array([np.nan, 2.0, 3.0])),
    "float32": (np.arange(3, dtype="f4"), np.arange(3, dtype="f4")),
    "big endian": (np.arange(3, dtype=">f8"), np.arange(3, dtype=">f8")),
    "huge": (np.array([1e300, -1e300]), np.array([1e-300, 2e-300])),
    "whole": (np.arange(3), np.arange(3)),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("log", [False, True])
def test_nothing_to_show_is_said(name: str, log: bool, tmp_path: Path) -> None:
    points, counts = ODD[name]
    axis = Axis("v", "u", log)
    rows: list[list[PointPanel | HistogramPanel]] = [
        [PointPanel(points, axis, axis, [Level(1.0)]), HistogramPanel(counts, axis, levels=[Level(1.0)])]
    ]
    texts = [text for text, _ in compose_chart(rows).sheet.texts]
    assert texts.count("no data") == 2
    assert texts.count("v (u)") == 3
    draw_chart(tmp_path / "a.part", rows)
    assert (tmp_path / "a.part").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", FEW)
@pytest.mark.parametrize("rejected", [False, True])
def test_few_and_odd_points(name: str, rejected: bool) -> None:
    x, y = FEW[name]
    flags = np.full(x.size, rejected)
    errors = np.full(x.size, np.nan)
    errors[:1] = 0.5
    level = Level(float("nan"), 0.0, float("nan"))
    chart = compose_chart(
        [[PointPanel([Points(x, y, errors, flags)], levels=[level]), HistogramPanel([Counts(y)])]]
    )
    texts = [text for text, _ in chart.sheet.texts]
    assert "no data" not in texts
    good = np.isfinite(x) & np.isfinite(y)
    for at_x, at_y in zip(x[good], y[good], strict=True):
        assert pixel(chart, float(at_x), float(at_y)) == ((255,) * 3 if rejected else BLUE)


def test_values_without_logarithm_are_counted() -> None:
    points = Points(np.arange(5.0), np.array([-1.0, 0.0, 1.0, 10.0, np.nan]), np.full(5, 50.0))
    chart = compose_chart([[PointPanel([points], Axis(), Axis(log=True))]])
    # The bars end below what the axis shows.
    frame = chart.frames[0][0]
    assert pixel(chart, 2.0, frame.y.low) == BLUE
    assert "2 not positive" in [text for text, _ in chart.sheet.texts]


def test_what_cannot_be_drawn() -> None:
    panel = PointPanel([Points(np.zeros(3), np.zeros(2), name="a")])
    with pytest.raises(ValueError, match="series 'a': 3 x and 2 y"):
        compose_chart([[panel]])
    with pytest.raises(ValueError, match="too few for the panels"):
        compose_chart([[PointPanel([])] * 30])
    with pytest.raises(ValueError, match="make no range"):
        compose_chart([[PointPanel([], Axis(low=1.0, high=0.0))]])
    with pytest.raises(OSError, match="No such file"):
        draw_chart(Path("/no/such/folder/a.png"), [[PointPanel([])]])


def test_texts_are_spelled_and_shortened() -> None:
    assert (
        plain("3 \N{GREEK SMALL LETTER SIGMA}, 5 \N{MICRO SIGN}m\u2212é\n± \u4e2d") == "3 sigma, 5 um-e ± ?"
    )
    sheet = Sheet(200, 100)
    text = "what is longer than its room"
    for room in (0.0, 9.0, 50.0, 90.0, 500.0):
        fitted = sheet.fitted(text, room)
        assert sheet.length(fitted) <= room
        assert fitted == text or fitted.endswith("…") or not fitted
    assert sheet.fitted(text, 500.0) == text
    assert len(sheet.fitted(text, 90.0)) > 8


def large() -> list[list[PointPanel | HistogramPanel]]:
    n = 100_000
    x, y = 55000 + np.arange(n) * 1e-4, np.random.default_rng(3).normal(1.0, 0.01, n)
    points = Points(x, y, np.full(n, 0.01), np.arange(n) % 500 == 0, "a")
    return [[PointPanel([points]), HistogramPanel([Counts(y, "a")])]]


def test_many_points_are_quick_and_the_bytes_the_same(tmp_path: Path) -> None:
    rows = large()
    begun = time.process_time()
    draw_chart(tmp_path / "a.png", rows)
    assert time.process_time() - begun < 1.0
    draw_chart(tmp_path / "b.png", large())
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (1200, 700)


def test_nothing_heavy_is_imported() -> None:
    code = """
        import sys
        import photomitrus_cli.irac.photplots
        import photomitrus_cli.report.chart

        heavy = {"PIL", "matplotlib", "astropy", "scipy", "numba"}
        sys.exit(",".join(heavy & set(sys.modules)))
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False, timeout=60
    )
    # sys.exit writes what it is given.
    assert run.stderr.strip() == ""
