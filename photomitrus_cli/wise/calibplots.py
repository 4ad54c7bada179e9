"""Charts of a calibration: what was fitted to scans in time, and what is left over across the sky."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.report.chart import Axis, Level, PointPanel, Points, draw_chart
from photomitrus_cli.report.heatmap import HeatPanel, draw_heat
from photomitrus_cli.wise.calibfigures import stripes
from photomitrus_cli.wise.calibtables import ResidualTable, ScanTable
from photomitrus_cli.wise.samples import Samples

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

SIDES = {1: "ahead of the Earth", -1: "behind the Earth"}
_SCANS_SIZE, _RESIDUALS_SIZE = (1500, 1500), (1300, 900)
_TIME, _GAIN = Axis("MJD", "d"), "DN sr/MJy"


def draw_scans(part: Path, table: ScanTable, band: int) -> None:
    """Draw gain, offset, correlation and residuals of scans in time; refused scans are hollow.

    Parameters
    ----------
    part : Path
        The PNG to write, whatever its suffix.
    table : ScanTable
    band : int

    Raises
    ------
    OSError
        When the file cannot be written.
    """
    rows = [
        [_in_time(table, table.gain, table.gain_sigma, Axis("gain", _GAIN))],
        [_in_time(table, table.offset, table.offset_sigma, Axis("offset", "DN"))],
        [_in_time(table, table.correlation, None, Axis("r^2 with zodiacal light"))],
        [_in_time(table, table.residual_rms, None, Axis("rms of residuals", "MJy/sr", low=0.0))],
    ]
    title = f"WISE W{band}: {int(table.accepted.sum())} of {len(table.scan)} scans"
    draw_chart(part, rows, title=title, size=_SCANS_SIZE)


def draw_residuals(part: Path, table: ResidualTable, band: int) -> None:
    """Draw mean residuals and their scatter against ecliptic latitude and elongation, for each side.

    Parameters
    ----------
    part : Path
        The PNG to write, whatever its suffix.
    table : ResidualTable
    band : int

    Raises
    ------
    OSError
        When the file cannot be written.
    """
    columns = (
        ("latitude", Axis("ecliptic latitude", "deg", low=-90.0, high=90.0)),
        ("elongation", Axis("elongation from the Sun", "deg")),
    )
    means, scatter = Axis("mean residual", "MJy/sr"), Axis("rms of residuals", "MJy/sr", low=0.0)
    rows = [
        [
            PointPanel(_binned(table, name, table.mean, table.rms), x, means, [Level(0.0)])
            for name, x in columns
        ],
        [PointPanel(_binned(table, name, table.rms, None), x, scatter) for name, x in columns],
    ]
    draw_chart(part, rows, title=f"WISE W{band}: scans less map", size=_RESIDUALS_SIZE)


def draw_stripes(part: Path, samples: Samples, residual: Float, use: Bool, band: int) -> None:
    """Draw residuals by scan and ecliptic latitude, for each side of the Sun: what is off shows as stripes.

    Parameters
    ----------
    part : Path
        The PNG to write, whatever its suffix.
    samples : Samples
    residual : ndarray of float64, shape (n,)
        Scan less map, MJy/sr; what is not finite is passed over.
    use : ndarray of bool, shape (n,)
        Samples that are shown.
    band : int

    Raises
    ------
    OSError
        When the file cannot be written.
    """
    panels = []
    for side, name in SIDES.items():
        count = int(np.count_nonzero(samples.side == side))
        x = Axis(f"scan {name}, in the order of time", low=0.5, high=max(count, 1) + 0.5)
        y = Axis("ecliptic latitude", "deg", low=-90.0, high=90.0)
        panels.append(HeatPanel(stripes(samples, residual, use, side), x, y, "residual (MJy/sr)"))
    draw_heat(part, panels, title=f"WISE W{band}: scans less map")


def _in_time(table: ScanTable, values: Float, error: Float | None, axis: Axis) -> PointPanel:
    series = []
    for side, name in SIDES.items():
        mine = table.side == side
        bars = None if error is None else error[mine]
        series.append(Points(table.mjd[mine], values[mine], bars, ~table.accepted[mine], name))
    return PointPanel(series, _TIME, axis)


def _binned(table: ResidualTable, name: str, values: Float, spread: Float | None) -> list[Points]:
    """Give the series of both sides; bars are the errors of means of independent samples."""
    series = []
    for side, told in SIDES.items():
        mine = (table.against == name) & (table.side == side)
        bars = None if spread is None else spread[mine] / np.sqrt(table.n[mine])
        series.append(Points(0.5 * (table.low + table.high)[mine], values[mine], bars, name=told))
    return series
