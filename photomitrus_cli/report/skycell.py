"""One map within a picture: images of its windows, lines and labels of coordinates, colour bar."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.report.axis import Scale, choose_ticks
from photomitrus_cli.report.colours import Stretch, coloured, count_table, round_values
from photomitrus_cli.report.graticule import Graticule, Label
from photomitrus_cli.report.panel import Frame, line_cover
from photomitrus_cli.report.sheet import Sheet
from photomitrus_cli.report.skyaxes import SkyAxes
from photomitrus_cli.report.skyview import View
from photomitrus_cli.report.text import TEXT, font

Float = NDArray[np.float64]

# Pixels of the picture.
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 150, 24, 62
_ROW_GAP, _NAME = 30, 44
_BAR_GAP, _BAR, _TICK, _GAP = 40, 16, 5, 4
_MIN_BAR = 160
_BAR_LABEL = 40
_NO_DATA, _NO_SKY = 205, 255
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
    stretch : Stretch
    label : str
        What the values are.
    whole : bool
        They are whole numbers.
    table : ndarray of uint8, shape (256, 3)
        Colours.
    """

    images: list[Float]
    stretch: Stretch
    label: str
    whole: bool
    table: NDArray[np.uint8] = field(default_factory=count_table)


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
    table = cell.table
    left, top = corner[0] + _LEFT, corner[1] + _TOP
    _write_names(sheet, (left, top), around)
    framed = around.view.kind != "mollweide"
    row = top
    for window, image, graticule in zip(around.view.windows, cell.images, around.graticules, strict=True):
        _paste(sheet, (left, row), image, cell.stretch, table, graticule)
        if framed:
            box = (left - 1, row - 1, left + window.width, row + window.height)
            sheet.draw.rectangle(box, outline="black")
        for label in graticule.labels:
            _write_label(sheet, (left, row), label, ticked=framed)
        row += window.height + _ROW_GAP
    bar = (left + around.view.windows[0].width + _BAR_GAP, top)
    draw_bar(sheet, bar, max(_MIN_BAR, around.height), cell)


def bar_labels(stretch: Stretch, most: int, *, whole: bool) -> tuple[list[float], list[str], str]:
    """Choose values beside a colour bar, written with as many digits as tell them apart.

    Parameters
    ----------
    stretch : Stretch
    most : int
        About how many.
    whole : bool
        Whole numbers only.

    Returns
    -------
    values : list of float
    labels : list of str
    shift : str
        What the labels leave out.
    """
    if not stretch.softening:
        ticks = choose_ticks(Scale(stretch.low, stretch.high), most, whole=whole)
        shift = ticks.shift + (f" {ticks.factor}" if ticks.factor else "")
        return list(ticks.values), list(ticks.labels), shift
    values = round_values(stretch, most, whole=whole)
    finest = min(np.diff(values), default=1.0)
    decimals = max(0, int(np.ceil(-np.log10(finest) - 1e-9)))
    # The least sum makes no minus zero.
    return values, [f"{round(value, decimals) + 0.0:.{decimals}f}" for value in values], ""


def _paste(
    sheet: Sheet,
    corner: tuple[int, int],
    image: Float,
    stretch: Stretch,
    table: NDArray[np.uint8],
    graticule: Graticule,
) -> None:
    from PIL import Image

    colours = coloured(image, stretch, table)
    colours[np.isnan(image)] = _NO_DATA
    colours[np.isposinf(image)] = _NO_SKY
    frame = Frame(SkyAxes([], [], True, graticule.lines), 1, 1)
    cover = line_cover(frame, image.shape[1], image.shape[0])
    touched = np.nonzero(cover)
    share = _LINE_STRENGTH * cover[touched][:, None]
    colours[touched] = np.rint(colours[touched] * (1.0 - share) + _LINE_GREY * share)
    sheet.picture.paste(Image.fromarray(colours), corner)


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


def draw_bar(sheet: Sheet, corner: tuple[int, int], height: int, cell: Cell) -> None:
    """Draw the colour bar of a map with its values and label.

    Parameters
    ----------
    sheet : Sheet
    corner : tuple of int
        (x, y) of its left top.
    height : int
        Pixels.
    cell : Cell
    """
    from PIL import Image

    left, top = corner
    levels = np.linspace(255, 0, height).round().astype(np.uint8)
    bar = np.repeat(cell.table[levels][:, None], _BAR, axis=1)
    sheet.picture.paste(Image.fromarray(bar), corner)
    sheet.draw.rectangle((left - 1, top - 1, left + _BAR, top + height), outline="black")
    values, labels, shift = bar_labels(cell.stretch, max(2, height // _BAR_LABEL), whole=cell.whole)
    widest = 0.0
    for value, text in zip(values, labels, strict=True):
        y = top + height - 1 - cell.stretch.share(value) * (height - 1)
        sheet.draw.line((left + _BAR, y, left + _BAR + _TICK, y), fill="black")
        sheet.write((left + _BAR + _TICK + _GAP, y), text, "lm")
        widest = max(widest, sheet.length(text))
    right = left + _BAR + _TICK + 2 * _GAP + int(widest) + TEXT // 2
    sheet.write_upwards((right, top + height // 2), sheet.fitted(cell.label + shift, height))


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
