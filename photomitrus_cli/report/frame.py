"""The frame of one panel of a chart: where values lie, ticks, grid, labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.report.axis import Axis, Scale, Ticks, choose_ticks
from photomitrus_cli.report.series import Level, Panel
from photomitrus_cli.report.sheet import Sheet
from photomitrus_cli.report.text import TEXT

Float = NDArray[np.float64]
Int = NDArray[np.int64]

# Pixels.
TOP, BOTTOM, RIGHT = 26, 58, 30
_TICK, _MINOR, _GAP = 5, 3, 4
_NAME, _BESIDE = 22, 16
_LABEL_HEIGHT, _LABEL_WIDTH, _BETWEEN = 34, 40, 14
_GRID, _BAND, _LINE = "#EBEBEB", "#DDDDDD", "#505050"
_NOTE = "#505050"
NO_TICKS = Ticks((), ())
# Beyond this a place is far outside any picture, and whole numbers still hold it.
_FAR = 1e6


@dataclass(frozen=True)
class Frame:
    """Where a panel is drawn.

    Attributes
    ----------
    left, top, width, height : int
        Of the inside, pixels of the picture.
    x, y : Scale
    empty : bool
        There is nothing to show, and the scales mean nothing.
    """

    left: int
    top: int
    width: int
    height: int
    x: Scale
    y: Scale
    empty: bool = False

    @property
    def right(self) -> int:
        """First column behind the inside."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """First row below the inside."""
        return self.top + self.height

    def columns(self, values: Float) -> Int:
        """Give the columns of x values, 0 for the first inside the frame."""
        return _pixels(self.x, values, self.width)

    def rows(self, values: Float) -> Int:
        """Give the rows of y values, 0 for the first inside the frame."""
        return self.height - 1 - _pixels(self.y, values, self.height)


def left_ticks(scale: Scale | None, height: int, *, whole: bool) -> Ticks:
    """Choose the ticks of an upright axis of some pixels."""
    return NO_TICKS if scale is None else choose_ticks(scale, height // _LABEL_HEIGHT, whole=whole)


def left_room(sheet: Sheet, ticks: Ticks) -> int:
    """Give the pixels that ticks, labels and name take on the left of a frame."""
    widest = max((sheet.length(label) for label in ticks.labels), default=0.0)
    return _NAME + int(widest) + _TICK + _GAP + _BESIDE


def bottom_ticks(sheet: Sheet, scale: Scale, width: int) -> Ticks:
    """Choose as many ticks of a level axis as their labels have room for."""
    most = max(1, width // _LABEL_WIDTH)
    while True:
        ticks = choose_ticks(scale, most)
        places = scale.share(np.array(ticks.values)) * (width - 1)
        halves = np.array([sheet.length(label) for label in ticks.labels]) / 2.0
        if most == 1 or (np.diff(places) > halves[1:] + halves[:-1] + _BETWEEN).all():
            return ticks
        most -= 1


def draw_frame(
    sheet: Sheet, frame: Frame, panel: Panel, x_ticks: Ticks, y_ticks: Ticks, name_column: int
) -> None:
    """Draw the grid, the outline, ticks, labels and title.

    Parameters
    ----------
    sheet : Sheet
    frame : Frame
    panel : Panel
    x_ticks, y_ticks : Ticks
    name_column : int
        Column of the picture for the middle of the y axis' name.
    """
    draw = sheet.draw
    x_places = frame.left + frame.columns(np.array(x_ticks.values))
    y_places = frame.top + frame.rows(np.array(y_ticks.values))
    for x in x_places.tolist():
        draw.line((x, frame.top, x, frame.bottom - 1), fill=_GRID)
    for y in y_places.tolist():
        draw.line((frame.left, y, frame.right - 1, y), fill=_GRID)
    _write_bottom(sheet, frame, x_ticks, x_places)
    for y, label in zip(y_places.tolist(), y_ticks.labels, strict=True):
        draw.line((frame.left - 1 - _TICK, y, frame.left - 1, y), fill="black")
        sheet.write((frame.left - 1 - _TICK - _GAP, y), label, "rm")
    _draw_minor(sheet, frame, x_ticks, y_ticks)
    _write_names(sheet, frame, (panel.x, x_ticks), (panel.y, y_ticks), name_column)


def draw_levels(sheet: Sheet, frame: Frame, levels: list[Level], *, upright: bool) -> None:
    """Draw lines and bands over the whole frame; a value outside is left out.

    Parameters
    ----------
    sheet : Sheet
    frame : Frame
    levels : list of Level
    upright : bool
        Along x instead of y.
    """
    size = frame.width if upright else frame.height
    for level in levels:
        if level.low is not None and level.high is not None and np.isfinite([level.low, level.high]).all():
            ends = np.sort(_along(frame, [level.low, level.high], upright=upright))
            first, last = max(0, int(ends[0])), min(size - 1, int(ends[1]))
            if first <= last:
                sheet.draw.rectangle(_strip(frame, first, last, upright=upright), fill=_BAND)
    for level in levels:
        if np.isfinite(level.value):
            place = int(_along(frame, [level.value], upright=upright)[0])
            if 0 <= place < size:
                sheet.draw.rectangle(_strip(frame, place, place, upright=upright), fill=_LINE)


def draw_outline(sheet: Sheet, frame: Frame, title: str, note: str) -> None:
    """Draw the outline over the data, and write above it.

    Parameters
    ----------
    sheet : Sheet
    frame : Frame
    title, note : str
        On the left and on the right.
    """
    sheet.draw.rectangle((frame.left - 1, frame.top - 1, frame.right, frame.bottom), outline="black")
    note = sheet.fitted(note, frame.width)
    room = frame.width - sheet.length(note) - (_BETWEEN if note else 0)
    sheet.write((frame.left, frame.top - 6), sheet.fitted(title, room), "lb")
    sheet.write((frame.right, frame.top - 6), note, "rb", colour=_NOTE)
    if frame.empty:
        middle = (frame.left + frame.width / 2, frame.top + frame.height / 2)
        sheet.write(middle, "no data", "mm", colour=_NOTE)


def draw_sample_of_level(sheet: Sheet, box: tuple[int, int, int, int], *, band: bool) -> None:
    """Draw what a level looks like, for the legend, between left, top, right and bottom."""
    middle = (box[1] + box[3]) // 2
    if band:
        sheet.draw.rectangle(box, fill=_BAND)
    sheet.draw.line((box[0], middle, box[2], middle), fill=_LINE)


def _pixels(scale: Scale, values: Float, size: int) -> Int:
    places = np.clip(scale.share(np.asarray(values, np.float64)) * (size - 1), -_FAR, _FAR)
    return np.rint(places).astype(np.int64)


def _along(frame: Frame, values: list[float], *, upright: bool) -> Int:
    scale = frame.x if upright else frame.y
    array = np.maximum(values, scale.low * 1e-9) if scale.log else np.array(values)
    return frame.columns(array) if upright else frame.rows(array)


def _strip(frame: Frame, first: int, last: int, *, upright: bool) -> tuple[int, int, int, int]:
    if upright:
        return frame.left + first, frame.top, frame.left + last, frame.bottom - 1
    return frame.left, frame.top + first, frame.right - 1, frame.top + last


def _write_bottom(sheet: Sheet, frame: Frame, ticks: Ticks, places: Int) -> None:
    for x, label in zip(places.tolist(), ticks.labels, strict=True):
        sheet.draw.line((x, frame.bottom, x, frame.bottom + _TICK), fill="black")
        half = sheet.length(label) / 2
        centre = min(x, sheet.picture.width - half - 2)
        sheet.write((centre, frame.bottom + _TICK + _GAP), label, "mt")


def _draw_minor(sheet: Sheet, frame: Frame, x_ticks: Ticks, y_ticks: Ticks) -> None:
    for x in (frame.left + frame.columns(np.array(x_ticks.minor))).tolist():
        sheet.draw.line((x, frame.bottom, x, frame.bottom + _MINOR), fill="black")
    for y in (frame.top + frame.rows(np.array(y_ticks.minor))).tolist():
        sheet.draw.line((frame.left - 1 - _MINOR, y, frame.left - 1, y), fill="black")


def _write_names(
    sheet: Sheet, frame: Frame, x: tuple[Axis, Ticks], y: tuple[Axis, Ticks], column: int
) -> None:
    name = sheet.fitted(x[1].title(x[0]), frame.width + RIGHT)
    sheet.write((frame.left + frame.width / 2, frame.bottom + _TICK + _GAP + 2 * TEXT), name, "mm")
    name = sheet.fitted(y[1].title(y[0]), frame.height + TOP)
    # Half of a name longer than the frame would run into the panel below.
    centre = min(frame.top + frame.height // 2, frame.bottom - int(sheet.length(name)) // 2)
    sheet.write_upwards((column, centre), name)
