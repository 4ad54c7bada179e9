"""Arrays as pictures with axes: values around zero from blue over white to red."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.report.axis import Axis, Scale
from photomitrus_cli.report.colours import coloured, signed_table
from photomitrus_cli.report.frame import Frame, bottom_ticks, draw_frame, draw_outline, left_ticks
from photomitrus_cli.report.series import PointPanel
from photomitrus_cli.report.sheet import Sheet
from photomitrus_cli.report.skycell import Cell, draw_bar
from photomitrus_cli.report.skymap import signed_stretch

Float = NDArray[np.float64]

# Pixels of the picture.
_WIDTH, _HEIGHT = 1200, 360
_TITLE, _TITLE_ROOM = 18, 36
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 150, 24, 62
_BAR_GAP, _NAME_COLUMN = 20, 14
_NO_DATA = 205


@dataclass(frozen=True, eq=False)
class HeatPanel:
    """An array with axes.

    Attributes
    ----------
    image : ndarray of float64, shape (ny, nx)
        The first row at the bottom; NaN where there is nothing.
    x, y : Axis
        With both limits: the outer edges of the array.
    label : str
        What the values are, with unit.
    """

    image: Float
    x: Axis
    y: Axis
    label: str


def draw_heat(path: Path, panels: Sequence[HeatPanel], *, title: str = "") -> None:
    """Draw arrays one above the other, all with the same colours.

    Parameters
    ----------
    path : Path
        The PNG to write, whatever its suffix.
    panels : sequence of HeatPanel
    title : str

    Raises
    ------
    ValueError
        When an axis lacks a limit.
    OSError
        When the file cannot be written.
    """
    height = _TOP + _HEIGHT + _BOTTOM
    sheet = Sheet(_LEFT + _WIDTH + _RIGHT, _TITLE_ROOM + height * len(panels))
    heading = sheet.fitted(title, sheet.picture.width, _TITLE)
    sheet.write((sheet.picture.width / 2, _TITLE_ROOM / 2), heading, "mm", _TITLE)
    stretch = signed_stretch(np.concatenate([np.zeros(0), *(panel.image.ravel() for panel in panels)]))
    for place, panel in enumerate(panels):
        top = _TITLE_ROOM + place * height + _TOP
        empty = not np.isfinite(panel.image).any()
        frame = Frame(_LEFT, top, _WIDTH, _HEIGHT, _scale(panel.x), _scale(panel.y), empty)
        cell = Cell([panel.image], stretch, panel.label, whole=False, table=signed_table())
        _draw(sheet, frame, panel, cell)
    sheet.save(path)


def _scale(axis: Axis) -> Scale:
    if axis.low is None or axis.high is None:
        raise ValueError(f"axis {axis.label!r} lacks a limit")
    return Scale(axis.low, axis.high)


def _draw(sheet: Sheet, frame: Frame, panel: HeatPanel, cell: Cell) -> None:
    from PIL import Image

    ticks = bottom_ticks(sheet, frame.x, frame.width), left_ticks(frame.y, frame.height, whole=False)
    draw_frame(sheet, frame, PointPanel([], panel.x, panel.y), *ticks, _NAME_COLUMN)
    if not frame.empty:
        ny, nx = panel.image.shape
        rows = (np.arange(frame.height) * ny // frame.height)[::-1]
        columns = np.arange(frame.width) * nx // frame.width
        image = panel.image[rows][:, columns]
        colours = coloured(image, cell.stretch, cell.table)
        colours[np.isnan(image)] = _NO_DATA
        sheet.picture.paste(Image.fromarray(colours), (frame.left, frame.top))
        draw_bar(sheet, (frame.right + _BAR_GAP, frame.top), frame.height, cell)
    draw_outline(sheet, frame, "", "")
