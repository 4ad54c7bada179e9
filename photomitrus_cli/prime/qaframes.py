"""The frames of a stack in time: sky, noise, seeing, light, and why some are not in the stack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.prime.geometry import pixel_arcsec
from photomitrus_cli.prime.headertimes import utc_text
from photomitrus_cli.prime.qaevidence import Evidence
from photomitrus_cli.report.chart import Axis, Chart, Level, PointPanel, Points, compose_chart
from photomitrus_cli.report.frame import Frame
from photomitrus_cli.report.sheet import Sheet

Float = NDArray[np.float64]

_SIZE, _LINE, _MOST_LINES, _MARGIN = (1300, 760), 20, 30, 24
# A number beside a point, pixels right and up.
_ASIDE = (6, -5)
# Of a date in ISO 8601, letters to the second.
_SECONDS = 19
# Longest span, days; unit, its name.
_UNITS = ((0.125, 1440.0, "min"), (3.0, 24.0, "h"), (np.inf, 1.0, "d"))


@dataclass(frozen=True, eq=False)
class FramesShown:
    """Columns of the frames, in time.

    Attributes
    ----------
    mjd : ndarray of float64, shape (n,)
        Starts of the exposures.
    columns : dict of str to ndarray of float64, shape (n,)
        ``sky``, ``rms``, ``fwhm``, ``light``; NaN for what is not known.
    reasons : list of str
        Serial and why it is not in the stack; empty for frames that are.
    unreadable : list of str
        Frames of which nothing is known, each with its reason.
    limit : float
        Light of a frame that is just used.
    unit : str
        Of sky and rms.
    """

    mjd: Float
    columns: dict[str, Float]
    reasons: list[str]
    unreadable: list[str]
    limit: float
    unit: str


def frames_shown(evidence: Evidence) -> FramesShown:
    """Collect the columns of the frames.

    Parameters
    ----------
    evidence : Evidence

    Returns
    -------
    FramesShown
    """
    plan = evidence.plan
    size = pixel_arcsec(evidence.judged.solution.fit.wcs[0])
    known = sorted(
        (one for one in evidence.records if "mjd" in one.values), key=lambda one: one.values["mjd"]
    )
    columns = {
        name: np.array([_number(one.values.get(key)) for one in known])
        for name, key in (
            ("mjd", "mjd"),
            ("sky", "sky"),
            ("rms", "rms"),
            ("fwhm", "fwhm"),
            ("light", "scale"),
        )
    }
    columns["fwhm"] *= size
    reasons = [f"{one.values['serial']}: {one.reason}" if one.reason else "" for one in known]
    unreadable = [
        f"{Path(one.name).name}: {one.reason}" for one in evidence.records if "mjd" not in one.values
    ]
    limit = 10.0 ** (-0.4 * plan.settings.max_extinction_mag)
    return FramesShown(columns.pop("mjd"), columns, reasons, unreadable, limit, plan.instrument.detector.unit)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def draw_frames(part: Path, shown: FramesShown, *, title: str = "") -> None:
    """Draw sky, noise, seeing and light in time; frames that are left out are hollow and numbered.

    Parameters
    ----------
    part : Path
        The PNG to write, whatever its suffix.
    shown : FramesShown
    title : str

    Raises
    ------
    OSError
        When the file cannot be written.
    """
    compose_frames(shown, title=title).save(part)


def compose_frames(shown: FramesShown, *, title: str = "") -> Sheet:
    """Draw without writing, otherwise as `draw_frames`.

    Parameters
    ----------
    shown, title
        As in `draw_frames`.

    Returns
    -------
    Sheet
    """
    start = float(shown.mjd.min(initial=np.inf))
    factor, unit = next((f, name) for longest, f, name in _UNITS if np.ptp(shown.mjd) <= longest)
    time = Axis(f"since {utc_text(start)[:_SECONDS]} UTC", unit)
    x = (shown.mjd - start) * factor
    out = np.array([bool(reason) for reason in shown.reasons], np.bool_)
    limit = Level(shown.limit, name="limit of light")

    def panel(name: str, axis: Axis, levels: Sequence[Level] = ()) -> PointPanel:
        """Show one column."""
        return PointPanel([Points(x, shown.columns[name], rejected=out, name="frame")], time, axis, levels)

    rows = [
        [panel("sky", Axis("sky", shown.unit)), panel("rms", Axis("rms of blank sky", shown.unit))],
        [
            panel("fwhm", Axis("FWHM", "arcsec")),
            panel("light", Axis("light / that of the median frame"), [limit]),
        ],
    ]
    chart = compose_chart(rows, title=title, size=_SIZE)
    numbers = np.cumsum(out)
    for frame, column in zip(
        [one for row in chart.frames for one in row], ("sky", "rms", "fwhm", "light"), strict=True
    ):
        if not frame.empty:
            _write_numbers(chart.sheet, frame, (x[out], shown.columns[column][out]), numbers[out].tolist())
    reasons = [reason for reason in shown.reasons if reason]
    lines = [f"{number}  {reason}" for number, reason in enumerate(reasons, 1)]
    return _with_lines(chart, [*lines, *shown.unreadable])


def _write_numbers(sheet: Sheet, frame: Frame, places: tuple[Float, Float], numbers: list[int]) -> None:
    columns = frame.columns(places[0]).tolist()
    rows = np.clip(frame.rows(np.nan_to_num(places[1])), 22, frame.height - 1).tolist()
    for column, row, value, number in zip(columns, rows, places[1].tolist(), numbers, strict=True):
        if np.isfinite(value):
            sheet.write((frame.left + column + _ASIDE[0], frame.top + row + _ASIDE[1]), str(number), "lb")


def _with_lines(chart: Chart, lines: list[str]) -> Sheet:
    """Write lines below a chart."""
    if not lines:
        return chart.sheet
    told = (
        lines
        if len(lines) <= _MOST_LINES
        else [*lines[:_MOST_LINES], f"... and {len(lines) - _MOST_LINES} more"]
    )
    above = chart.sheet.picture
    sheet = Sheet(above.width, above.height + _LINE * len(told) + _MARGIN)
    sheet.picture.paste(above, (0, 0))
    sheet.texts += chart.sheet.texts
    for place, line in enumerate(told):
        row = above.height + (place + 0.5) * _LINE
        sheet.write((_MARGIN, row), sheet.fitted(line, above.width - 2 * _MARGIN), "lm")
    return sheet
