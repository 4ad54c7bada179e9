"""Arrays as pictures with axes: values around zero from blue over white to red."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.report.axis import Axis, whole_scale
from photomitrus_cli.report.colourbar import Colours, draw_bar, paste_array
from photomitrus_cli.report.colours import signed_table
from photomitrus_cli.report.frame import Frame, bottom_ticks, draw_frame, draw_outline, left_ticks
from photomitrus_cli.report.series import PointPanel
from photomitrus_cli.report.sheet import HEADING_ROOM, Sheet
from photomitrus_cli.report.skymap import signed_stretch

Float = NDArray[np.float64]

# Pixels of the picture.
_WIDTH, _HEIGHT = 1200, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 150, 24, 62
_BAR_GAP, _NAME_COLUMN = 20, 14


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
    sheet = Sheet(_LEFT + _WIDTH + _RIGHT, HEADING_ROOM + height * len(panels))
    sheet.write_heading(title)
    stretch = signed_stretch(np.concatenate([np.zeros(0), *(panel.image.ravel() for panel in panels)]))
    for place, panel in enumerate(panels):
        top = HEADING_ROOM + place * height + _TOP
        empty = not np.isfinite(panel.image).any()
        frame = Frame(_LEFT, top, _WIDTH, _HEIGHT, whole_scale(panel.x), whole_scale(panel.y), empty)
        _draw(sheet, frame, panel, Colours(stretch, signed_table(), panel.label))
    sheet.save(path)


def _draw(sheet: Sheet, frame: Frame, panel: HeatPanel, colours: Colours) -> None:
    ticks = bottom_ticks(sheet, frame.x, frame.width), left_ticks(frame.y, frame.height, whole=False)
    draw_frame(sheet, frame, PointPanel([], panel.x, panel.y), *ticks, _NAME_COLUMN)
    if not frame.empty:
        paste_array(sheet, frame, panel.image, colours)
        draw_bar(sheet, (frame.right + _BAR_GAP, frame.top), frame.height, colours)
    draw_outline(sheet, frame, "", "")
