"""Figures of the photometry: normalisation, what the titles say, colours of frame times."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from photomitrus_cli.irac import photplots
from photomitrus_cli.irac.photplots import FluxRows, aor_scatter, medians, time_series
from photomitrus_cli.report import chart
from photomitrus_cli.report.series import HistogramPanel, PointPanel


def rows(n: int = 200) -> FluxRows:
    """Give two targets in two channels, frame times of 0.4 and 2 s, with a rejected outlier."""
    rng = np.random.default_rng(5)
    channel, target = np.arange(n) % 2 + 1, np.arange(n) // 2 % 2
    flux = np.where(target == 0, 640.0, 90.0) / channel * rng.normal(1.0, 0.01, n)
    kept = np.ones(n, bool)
    flux[3], kept[3] = 1e5, False
    flux[8] = np.nan
    framtime = np.where(np.arange(n) % 5 == 0, 2.0, 0.4)
    names = np.array(["HD 165459", "NPM1p67.0536"])[target]
    return FluxRows(
        53000 + np.sort(rng.random(n)) * 900,
        flux,
        0.01 * flux,
        kept,
        channel,
        framtime,
        names,
        np.arange(n) // 20,
    )


def some(of: FluxRows, which: np.ndarray) -> FluxRows:
    return FluxRows(*(getattr(of, field.name)[which] for field in fields(of)))


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[list[list[Any]]]:
    """Collect the panels that are drawn."""
    seen = []

    def spy(path: Path, panels: Any, **options: Any) -> None:
        seen.append([list(row) for row in panels])
        chart.draw_chart(path, panels, **options)

    monkeypatch.setattr(photplots, "draw_chart", spy)
    return seen


def test_medians_are_those_of_a_slow_loop() -> None:
    data = rows()
    found = medians(data.flux, data.kept, data.target, data.channel, data.aor)
    for row in range(data.flux.size):
        alike = (data.target == data.target[row]) & (data.channel == data.channel[row])
        alike &= (data.aor == data.aor[row]) & data.kept & np.isfinite(data.flux)
        assert found[row] == np.median(data.flux[alike])
    assert np.isnan(medians(data.flux, ~data.kept, data.channel)[0])
    assert medians(np.zeros(0), np.zeros(0, bool), np.zeros(0)).size == 0
    assert medians(data.flux[:1], data.kept[:1]).tolist() == [data.flux[0]]


@pytest.mark.parametrize(("normalised", "keys"), [("target", 0), ("aor", 1)])
def test_frames_are_divided_by_their_median(
    normalised: Any, keys: int, tmp_path: Path, drawn: list[list[list[Any]]]
) -> None:
    data = rows()
    time_series(tmp_path / "a.part", data, title="t", normalised=normalised)
    extra = (data.aor,) if keys else ()
    expected = data.flux / medians(data.flux, data.kept, data.target, data.channel, *extra)
    assert len(drawn[0]) == 2
    for place, (panel,) in enumerate(drawn[0]):
        assert [series.name for series in panel.series] == [f"ch{place + 1}, 0.4 s", f"ch{place + 1}, 2 s"]
        for series, time in zip(panel.series, (0.4, 2.0), strict=True):
            mine = (data.channel == place + 1) & (data.framtime == time)
            np.testing.assert_array_equal(series.y, expected[mine])
            np.testing.assert_array_equal(series.rejected, ~data.kept[mine])
            np.testing.assert_allclose(series.error, 0.01 * expected[mine])
        assert panel.levels[0].value == pytest.approx(1.0, abs=0.002)
        assert panel.levels[0].high - panel.levels[0].value == pytest.approx(0.01, rel=0.25)
        assert panel.title.endswith("99 used")
        assert "mJy" not in panel.title
        assert panel.x == drawn[0][0][0].x
    with Image.open(tmp_path / "a.part") as picture:
        assert picture.size == (1200, 700)


def test_fluxes_in_mjy(tmp_path: Path, drawn: list[list[list[Any]]]) -> None:
    data = some(rows(), rows().target == "HD 165459")
    time_series(tmp_path / "a.png", data, normalised=None)
    first = drawn[0][0][0]
    assert first.y.unit == "mJy"
    median = np.nanmedian(data.flux[data.kept & (data.channel == 1)])
    assert first.title.startswith(f"channel 1: median {median:.5g} mJy, scatter 1.0")
    np.testing.assert_array_equal(first.series[0].y, data.flux[(data.channel == 1) & (data.framtime == 0.4)])


def test_aors_of_one_target_and_of_two(tmp_path: Path, drawn: list[list[list[Any]]]) -> None:
    data = rows()
    one = some(data, data.target == "HD 165459")
    for which in (one, data):
        aor_scatter(tmp_path / "a.png", which, title="t")
    for panels, which, unit in ((drawn[0], one, "mJy"), (drawn[1], data, "")):
        assert len(panels) == 2
        relative = which.flux / medians(which.flux, which.kept, which.target, which.channel)
        for place, (points, counts) in enumerate(panels):
            assert isinstance(points, PointPanel)
            assert isinstance(counts, HistogramPanel)
            assert points.y.unit == unit
            counted = np.concatenate([series.values for series in counts.series])
            expected = 100 * (relative[which.kept & (which.channel == place + 1)] - 1)
            np.testing.assert_allclose(np.sort(counted), np.sort(expected))
            assert [series.name for series in counts.series] == [series.name for series in points.series]


@pytest.mark.parametrize("which", ["none", "one", "all rejected", "only NaN", "four channels", "zeros"])
def test_odd_tables(which: str, tmp_path: Path) -> None:
    data = rows(40)
    if which == "none":
        data = some(data, np.zeros(40, bool))
    elif which == "one":
        data = some(data, np.arange(40) == 1)
    elif which == "all rejected":
        data.kept[:] = False
    elif which == "only NaN":
        data.flux[:] = np.nan
    elif which == "four channels":
        data.channel[:] = np.arange(40) % 4 + 1
    else:
        data.flux[:] = 0.0
    for normalised in ("target", "aor", None):
        time_series(tmp_path / "a.png", data, normalised=normalised)
    aor_scatter(tmp_path / "b.png", data)
    height = 1280 if which == "four channels" else 700
    for name in ("a.png", "b.png"):
        with Image.open(tmp_path / name) as picture:
            assert picture.size == (1200, height)


def test_the_same_bytes_each_time(tmp_path: Path) -> None:
    for draw in (time_series, aor_scatter):
        draw(tmp_path / "a.png", rows())
        first = (tmp_path / "a.png").read_bytes()
        draw(tmp_path / "a.png", rows())
        assert (tmp_path / "a.png").read_bytes() == first


def test_a_figure_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        time_series(tmp_path / "no" / "a.png", rows())
