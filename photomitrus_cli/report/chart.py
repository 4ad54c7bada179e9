"""Charts of points with errors and of histograms, drawn with Pillow alone.

Looks: tick labels show every digit that changes and name what they leave out; the legend is outside the data;
colours are safe for the colour-blind and every series has its own symbol besides; what is not shown is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from photomitrus_cli.report.axis import Axis, Scale, Ticks
from photomitrus_cli.report.frame import (
    BOTTOM,
    NO_TICKS,
    RIGHT,
    TOP,
    Frame,
    bottom_ticks,
    draw_frame,
    draw_outline,
    draw_sample_of_level,
    left_room,
    left_ticks,
)
from photomitrus_cli.report.histplot import HistogramPlan
from photomitrus_cli.report.marks import RIM, style, symbol_mask
from photomitrus_cli.report.pointplot import PointPlan
from photomitrus_cli.report.series import (
    Counts,
    HistogramPanel,
    Level,
    Panel,
    PointPanel,
    Points,
    series_keys,
)
from photomitrus_cli.report.sheet import Sheet

__all__ = [
    "Axis",
    "Counts",
    "HistogramPanel",
    "Level",
    "PointPanel",
    "Points",
    "compose_chart",
    "draw_chart",
]

Plan = PointPlan | HistogramPlan

SIZE = (1200, 700)
_TITLE, _TITLE_ROW, _NO_TITLE_ROW = 18, 40, 12
_ENTRY_ROW, _SAMPLE, _ENTRY_GAP, _LONGEST, _MOST_ROWS = 22, 24, 26, 300, 3
_SYMBOL, _MARGIN, _NAME_COLUMN = 4.5, 8, 12
_SMALLEST, _MORE = 60, 140


@dataclass(frozen=True)
class Chart:
    """A chart as drawn.

    Attributes
    ----------
    sheet : Sheet
    frames : list of list of Frame
        Of each panel, in rows.
    """

    sheet: Sheet
    frames: list[list[Frame]]


@dataclass(frozen=True)
class _Entry:
    """A line of the legend; one without a symbol shows a level."""

    name: str
    colour: str
    symbol: str
    hollow: bool = False
    band: bool = False


def draw_chart(
    path: Path, rows: Sequence[Sequence[Panel]], *, title: str = "", size: tuple[int, int] = SIZE
) -> None:
    """Draw a chart.

    Parameters
    ----------
    path : Path
        The PNG to write, whatever its suffix. The same input gives the same bytes.
    rows : sequence of sequence of PointPanel or HistogramPanel
        Panels side by side, row by row.
    title : str
    size : tuple of int
        Width and height, pixels.

    Raises
    ------
    ValueError
        When the panels do not fit, the limits of an axis make no range, or a series has not as many x as y.
    OSError
        When the file cannot be written.
    """
    compose_chart(rows, title=title, size=size).sheet.save(path)


def compose_chart(rows: Sequence[Sequence[Panel]], *, title: str = "", size: tuple[int, int] = SIZE) -> Chart:
    """Draw a chart without writing it.

    Parameters
    ----------
    rows, title, size
        As in `draw_chart`.

    Returns
    -------
    Chart

    Raises
    ------
    ValueError
        As in `draw_chart`.
    """
    sheet = Sheet(*size)
    plans = [[_plan(panel) for panel in row] for row in rows]
    styles = _styles(rows)
    top = _NO_TITLE_ROW
    if title:
        title = sheet.fitted(title, size[0] - 2 * _MARGIN, _TITLE)
        sheet.write((size[0] / 2, _TITLE_ROW / 2), title, "mm", _TITLE)
        top = _TITLE_ROW
    top = _draw_legend(sheet, top, _entries(rows, plans, styles))
    height = (size[1] - top) // max(1, len(rows))
    ticks = [
        [_upright_ticks(panel, plan, height - TOP - BOTTOM) for panel, plan in zip(*pair, strict=True)]
        for pair in zip(rows, plans, strict=True)
    ]
    frames = []
    for place, row in enumerate(rows):
        rooms = _rooms(sheet, ticks, place)
        frames.append(_frames(sheet, (top + place * height, height), row, plans[place], rooms))
        for column, frame in enumerate(frames[-1]):
            parts = row[column], plans[place][column], frame, ticks[place][column]
            _draw_panel(sheet, *parts, styles, rooms[column])
    return Chart(sheet, frames)


def _plan(panel: Panel) -> Plan:
    return PointPlan(panel) if isinstance(panel, PointPanel) else HistogramPlan(panel)


def _styles(rows: Sequence[Sequence[Panel]]) -> dict[str, int]:
    """Give each series a place, in the order of appearance."""
    styles: dict[str, int] = {}
    for row in rows:
        for panel in row:
            for key in series_keys(panel.series):
                styles.setdefault(key, len(styles))
    return styles


def _entries(
    rows: Sequence[Sequence[Panel]], plans: list[list[Plan]], styles: Mapping[str, int]
) -> list[_Entry]:
    panels = [panel for row in rows for panel in row]
    dotted = {key for panel in panels if isinstance(panel, PointPanel) for key in series_keys(panel.series)}
    entries = {
        key: _Entry(key, *style(place)) if key in dotted else _Entry(key, style(place)[0], "square")
        for key, place in styles.items()
        if not key.startswith("\n")
    }
    found = list(entries.values())
    if any(plan.has_rejected for row in plans for plan in row):
        found.append(_Entry("not used", "#505050", "circle", hollow=True))
    levels: dict[str, _Entry] = {}
    for panel in panels:
        for level in panel.levels:
            if level.name:
                levels.setdefault(level.name, _Entry(level.name, "", "", band=level.low is not None))
    return found + list(levels.values())


def _draw_legend(sheet: Sheet, top: int, entries: list[_Entry]) -> int:
    """Write the legend in centred rows; give the row below it."""
    room = sheet.picture.width - 2 * _MARGIN
    rows: list[list[tuple[_Entry, str, float]]] = [[]]
    used = 0.0
    for place, entry in enumerate(entries):
        name = sheet.fitted(entry.name, _LONGEST)
        width = _SAMPLE + sheet.length(name) + _ENTRY_GAP
        if used + width > room - (_MORE if len(rows) == _MOST_ROWS else 0):
            if len(rows) == _MOST_ROWS:
                name = f"and {len(entries) - place} more"
                rows[-1].append((_Entry("", "", ""), name, sheet.length(name) + _SAMPLE))
                break
            rows.append([])
            used = 0.0
        rows[-1].append((entry, name, width))
        used += width
    for row in rows if entries else []:
        left = (sheet.picture.width - sum(width for _, _, width in row) + _ENTRY_GAP) / 2
        for entry, name, width in row:
            _draw_entry(sheet, (round(left), top), entry, name)
            left += width
        top += _ENTRY_ROW
    return top


def _draw_entry(sheet: Sheet, corner: tuple[int, int], entry: _Entry, name: str) -> None:
    left, middle = corner[0], corner[1] + _ENTRY_ROW // 2
    if entry.symbol:
        mask = symbol_mask(entry.symbol, _SYMBOL, RIM if entry.hollow else None)
        place = (left + _SAMPLE // 2 - 2 - mask.shape[1] // 2, middle - mask.shape[0] // 2)
        sheet.paint(place, mask, entry.colour)
    elif entry.name:
        draw_sample_of_level(sheet, (left, middle - 5, left + _SAMPLE - 6, middle + 5), band=entry.band)
    sheet.write((left + _SAMPLE, middle), name, "lm")


def _upright_ticks(panel: Panel, plan: Plan, height: int) -> Ticks:
    return left_ticks(plan.y if plan.x else None, max(1, height), whole=isinstance(panel, HistogramPanel))


def _rooms(sheet: Sheet, ticks: list[list[Ticks]], place: int) -> list[int]:
    """Give the room on the left of the frames of a row: in rows alike, frames stand below each other."""
    alike = [row for row in ticks if len(row) == len(ticks[place])]
    return [max(left_room(sheet, row[column]) for row in alike) for column in range(len(ticks[place]))]


def _frames(
    sheet: Sheet, span: tuple[int, int], row: Sequence[Panel], plans: list[Plan], rooms: list[int]
) -> list[Frame]:
    """Divide a row, of which first line and height are given."""
    ends = np.cumsum([0.0, *(panel.share for panel in row)])
    ends = _MARGIN + ends / ends[-1] * (sheet.picture.width - _MARGIN)
    frames = []
    for place, (plan, room) in enumerate(zip(plans, rooms, strict=True)):
        left, width = int(ends[place]) + room, int(ends[place + 1] - ends[place]) - room - RIGHT
        height = span[1] - TOP - BOTTOM
        if min(width, height) < _SMALLEST:
            raise ValueError(
                f"{sheet.picture.width} x {sheet.picture.height} pixels are too few for the panels"
            )
        empty = plan.x is None or plan.y is None
        nothing = Scale(0.0, 1.0)
        frames.append(Frame(left, span[0] + TOP, width, height, plan.x or nothing, plan.y or nothing, empty))
    return frames


def _draw_panel(
    sheet: Sheet, panel: Panel, plan: Plan, frame: Frame, upright: Ticks, styles: Mapping[str, int], room: int
) -> None:
    level = NO_TICKS if frame.empty else bottom_ticks(sheet, frame.x, frame.width)
    draw_frame(sheet, frame, panel, level, upright, frame.left - room + _NAME_COLUMN)
    if not frame.empty:
        plan.draw(sheet, frame, styles)
    draw_outline(sheet, frame, panel.title, plan.note)
