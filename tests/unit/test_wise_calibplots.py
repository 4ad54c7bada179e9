"""Charts of a calibration: which values they show, and where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from photomitrus_cli.report.chart import Axis, draw_chart
from photomitrus_cli.report.colours import signed_table
from photomitrus_cli.report.heatmap import HeatPanel, draw_heat
from photomitrus_cli.wise import calibplots
from photomitrus_cli.wise.calibfigures import stripes
from photomitrus_cli.wise.calibtables import ResidualTable, ScanTable
from photomitrus_cli.wise.samples import Samples

S = 6


def scan_table() -> ScanTable:
    numbers = {name: 10.0 * k + np.arange(S) for k, name in enumerate(ScanTable.__slots__)}
    side = np.array([1, -1, 1, -1, 1, -1])
    whole = np.arange(S)
    names = np.array(["01770a"] * S)
    numbers["baseline"] = np.ones((S, 3))
    flags = {"accepted": whole != 2, "ascending": side > 0}
    return ScanTable(
        **numbers
        | {"scan": names, "reason": names, "side": side, "n_samples": whole, "n_used": whole}
        | flags
    )


def samples() -> Samples:
    """Make three scans of two samples, at latitudes -89.5 and 0.5."""
    index = np.array([0, 1, 1, 0, 0, 1], np.int32)
    floats, n = np.zeros(2, np.float32), 6
    return Samples(
        ("a", "b", "c"), np.array([0, 2, 4, 6]), 4, "ecliptic", np.arange(2), index, np.zeros(n),
        np.ones(n, np.float32), np.ones(n, np.int32), np.arange(n, dtype=np.float64), np.zeros(n, np.uint8),
        np.ones((1, n), np.float32), ("all",), floats, np.array([-89.5, 0.5], np.float32), floats,
        np.array([1, -1, 1], np.int8), np.array([True, False, True]),
    )  # fmt: skip


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Catch the panels of charts, and draw them all the same."""
    caught: list[Any] = []
    real = draw_chart

    def catch(part: Path, rows: Any, **more: Any) -> None:
        caught.extend(panel for row in rows for panel in row)
        real(part, rows, **more)

    monkeypatch.setattr(calibplots, "draw_chart", catch)
    return caught


def test_scans_are_shown_by_side_with_errors_and_refused_ones_hollow(
    tmp_path: Path, drawn: list[Any]
) -> None:
    table = scan_table()
    calibplots.draw_scans(tmp_path / "a.png", table, 3)
    assert [(panel.y.label, panel.y.unit) for panel in drawn] == [
        ("gain", "DN sr/MJy"),
        ("offset", "DN"),
        ("r^2 with zodiacal light", ""),
        ("rms of residuals", "MJy/sr"),
    ]
    for panel, name, error in zip(
        drawn,
        ("gain", "offset", "correlation", "residual_rms"),
        ("gain_sigma", "offset_sigma", "", ""),
        strict=True,
    ):
        for series, side in zip(panel.series, (1, -1), strict=True):
            mine = table.side == side
            np.testing.assert_array_equal(series.x, table.mjd[mine])
            np.testing.assert_array_equal(series.y, getattr(table, name)[mine])
            np.testing.assert_array_equal(series.rejected, ~table.accepted[mine])
            if error:
                np.testing.assert_array_equal(series.error, getattr(table, error)[mine])
    with Image.open(tmp_path / "a.png") as image:
        assert image.format == "PNG"


def test_residuals_are_shown_in_the_middle_of_their_bins(tmp_path: Path, drawn: list[Any]) -> None:
    against = np.array(["latitude", "latitude", "elongation"])
    low = np.array([-90.0, 5.0, 90.0])
    table = ResidualTable(
        against,
        np.array([1, -1, 1]),
        low,
        low + 5.0,
        np.array([4, 9, 16]),
        np.array([0.1, 0.2, 0.3]),
        low / 10,
    )
    calibplots.draw_residuals(tmp_path / "a.png", table, 3)
    latitude, elongation = drawn[:2]
    assert [series.x.tolist() for series in latitude.series] == [[-87.5], [7.5]]
    assert [series.y.tolist() for series in latitude.series] == [[0.1], [0.2]]
    assert latitude.series[1].error == pytest.approx([0.5 / 3.0])
    assert [series.x.tolist() for series in elongation.series] == [[92.5], []]
    assert (tmp_path / "a.png").exists()


def test_stripes_are_scans_from_south_to_north() -> None:
    use = np.array([True, True, True, True, False, True])
    ahead = stripes(samples(), np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), use, 1)
    behind = stripes(samples(), np.array([1.0, 2.0, 3.0, np.nan, 5.0, 6.0]), use, -1)
    assert (ahead.shape, behind.shape) == ((180, 2), (180, 1))
    np.testing.assert_array_equal(ahead[[0, 90]], [[1.0, np.nan], [2.0, 6.0]])
    np.testing.assert_array_equal(behind[[0, 90]], [[np.nan], [3.0]])
    assert np.isfinite(ahead).sum() == 3


def test_stripes_are_drawn_also_of_one_side_alone(tmp_path: Path) -> None:
    use = np.array([True, True, False, False, True, True])
    calibplots.draw_stripes(tmp_path / "a.png", samples(), np.ones(6), use, 3)
    with Image.open(tmp_path / "a.png") as image:
        assert image.size[1] > 800


def test_the_first_row_of_a_heat_map_is_at_the_bottom(tmp_path: Path) -> None:
    image = np.array([[-1.0, np.nan], [0.0, 1.0]])
    axis = Axis("x", "deg", low=0.0, high=2.0)
    draw_heat(tmp_path / "a.png", [HeatPanel(image, axis, axis, "residual (MJy/sr)")])
    with Image.open(tmp_path / "a.png") as opened:
        picture = np.array(opened)
    left, top, width, height = 84, 60, 1200, 360
    rows, columns = (top + height // 4, top + 3 * height // 4), (left + width // 4, left + 3 * width // 4)
    got = picture[np.ix_(rows, columns)]
    table = signed_table()
    assert got[1, 0].tolist() == table[0].tolist()
    assert got[0, 1].tolist() == table[255].tolist()
    assert got[0, 0].min() > 240
    assert got[1, 1].tolist() == [205] * 3
    with pytest.raises(ValueError, match="lacks a limit"):
        draw_heat(tmp_path / "a.png", [HeatPanel(image, Axis("x"), axis, "")])
