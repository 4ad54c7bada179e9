"""One map within a picture: images of its windows, lines and labels of coordinates, its colour bar."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.report.colourbar import NO_DATA, Colours, draw_bar
from photomitrus_cli.report.colours import coloured
from photomitrus_cli.report.graticule import Graticule, Label
from photomitrus_cli.report.gridlines import lay_over, line_cover
from photomitrus_cli.report.sheet import Sheet
from photomitrus_cli.report.skyview import View
from photomitrus_cli.report.text import TEXT, font

Float = NDArray[np.float64]

# Pixels of the picture.
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 150, 24, 62
_ROW_GAP, _NAME = 30, 44
_BAR_GAP, _TICK, _GAP = 40, 5, 4
_MIN_BAR = 160
_NO_SKY = 255
_LINE_GREY, _LINE_STRENGTH = 128.0, 0.75
_NAMES = {
    "galactic": ("galactic longitude l", "galactic latitude b", "l, b"),
    "ecliptic": ("ecliptic longitude", "ecliptic latitude", "longitude, latitude"),
    "equatorial": ("right ascension (ICRS)", "declination (ICRS)", "RA, Dec"),
}


@dataclass(frozen=True)
class Cell:
    """What is shown of a map.

    Attributes
    ----------
    images : list of ndarray of float64, shape (height, width)
        One for each window, the first row on top; NaN without data, infinite outside of the sky.
    colours : Colours
    """

    images: list[Float]
    colours: Colours


@dataclass(frozen=True)
class Surroundings:
    """What the maps of a picture have in common.

    Attributes
    ----------
    view : View
    graticules : list of Graticule
        One for each window.
    system : {'galactic', 'ecliptic', 'equatorial'}
    """

    view: View
    graticules: list[Graticule]
    system: str

    @property
    def height(self) -> int:
        """Pixels from the top of the first window to the bottom of the last."""
        windows = self.view.windows
        return sum(window.height for window in windows) + _ROW_GAP * (len(windows) - 1)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a cell with all around it, pixels."""
        inside = max(self.height, _MIN_BAR)
        return _LEFT + self.view.windows[0].width + _RIGHT, _TOP + inside + _BOTTOM


def draw_cell(sheet: Sheet, corner: tuple[int, int], cell: Cell, around: Surroundings) -> None:
    """Draw a map.

    Parameters
    ----------
    sheet : Sheet
    corner : tuple of int
        (x, y) of the cell on the sheet.
    cell : Cell
    around : Surroundings
    """
    left, top = corner[0] + _LEFT, corner[1] + _TOP
    _write_names(sheet, (left, top), around)
    framed = around.view.kind != "mollweide"
    row = top
    for window, image, graticule in zip(around.view.windows, cell.images, around.graticules, strict=True):
        _paste(sheet, (left, row), image, cell.colours, graticule)
        if framed:
            box = (left - 1, row - 1, left + window.width, row + window.height)
            sheet.draw.rectangle(box, outline="black")
        for label in graticule.labels:
            _write_label(sheet, (left, row), label, ticked=framed)
        row += window.height + _ROW_GAP
    bar = (left + around.view.windows[0].width + _BAR_GAP, top)
    draw_bar(sheet, bar, max(_MIN_BAR, around.height), cell.colours)


def _paste(
    sheet: Sheet, corner: tuple[int, int], image: Float, colours: Colours, graticule: Graticule
) -> None:
    from PIL import Image

    pixels = coloured(image, colours.stretch, colours.table)
    pixels[np.isnan(image)] = NO_DATA
    pixels[np.isposinf(image)] = _NO_SKY
    cover = line_cover(graticule.lines, image.shape[1], image.shape[0])
    lay_over(pixels, cover, _LINE_GREY, _LINE_STRENGTH)
    sheet.picture.paste(Image.fromarray(pixels), corner)


def _write_label(sheet: Sheet, corner: tuple[int, int], label: Label, *, ticked: bool) -> None:
    x, y = corner[0] + label.column, corner[1] + label.row
    if label.side == "inside":
        # A light rim keeps letters readable on any colour.
        sheet.draw.text((x, y), label.text, "black", font(TEXT), "mm", stroke_width=2, stroke_fill="white")
        return
    aside = {"bottom": (0, 1), "top": (0, -1), "left": (-1, 0), "right": (1, 0)}[label.side]
    if ticked:
        sheet.draw.line((x, y, x + _TICK * aside[0], y + _TICK * aside[1]), fill="black")
    reach = _TICK + _GAP
    anchor = {"bottom": "mt", "top": "mb", "left": "rm", "right": "lm"}[label.side]
    sheet.write((x + reach * aside[0], y + reach * aside[1]), label.text, anchor)


def _write_names(sheet: Sheet, corner: tuple[int, int], around: Surroundings) -> None:
    window = around.view.windows[0]
    longitude, latitude, _ = _NAMES[around.system]
    text = longitude
    if around.view.kind == "local" and around.graticules[0].has_pole:
        text = f"{longitude}; {latitude} on the rings"
    elif around.view.kind == "local":
        sheet.write_upwards((corner[0] - _LEFT + 14, corner[1] + window.height // 2), latitude)
    elif around.view.kind == "mollweide":
        text = f"{longitude}, growing to the left; {latitude}"
    else:
        text = _strip_name(around)
    middle = corner[0] + window.width / 2, corner[1] + around.height + _NAME
    sheet.write(middle, sheet.fitted(text, window.width + _RIGHT), "mm")


def _strip_name(around: Surroundings) -> str:
    view = around.view
    size = f"{np.degrees(view.length):.4g}° x {np.degrees(view.width):.2g}°"
    cut = f", cut into {len(view.windows)} rows" if len(view.windows) > 1 else ""
    every = " and ".join(f"{step:g}°" for step in dict.fromkeys(around.graticules[0].steps))
    kind = _NAMES[around.system][2]
    return f"{around.system} coordinates ({kind}) along the middle, lines every {every}; {size}{cut}"
