"""Values as colours within a picture: an image in a frame, and the bar that tells what the colours mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.report.axis import Scale, choose_ticks
from photomitrus_cli.report.colours import Stretch, coloured, round_values
from photomitrus_cli.report.frame import Frame
from photomitrus_cli.report.sheet import Sheet
from photomitrus_cli.report.text import TEXT

# Pixels of the picture.
_BAR, _TICK, _GAP = 16, 5, 4
_BAR_LABEL = 40
# Grey where there is nothing.
NO_DATA = 205


@dataclass(frozen=True)
class Colours:
    """How values are shown.

    Attributes
    ----------
    stretch : Stretch
    table : ndarray of uint8, shape (256, 3)
    label : str
        What the values are.
    whole : bool
        They are whole numbers.
    """

    stretch: Stretch
    table: NDArray[np.uint8]
    label: str
    whole: bool = False


def paste_array(sheet: Sheet, frame: Frame, image: NDArray[Any], colours: Colours) -> None:
    """Fill a frame with an array, each pixel of the picture with the value at its centre.

    Parameters
    ----------
    sheet : Sheet
    frame : Frame
    image : ndarray of float, shape (ny, nx)
        The first row at the bottom; NaN where there is nothing.
    colours : Colours
    """
    from PIL import Image

    rows, columns = (
        ((np.arange(size) + 0.5) * n / size).astype(np.int64)
        for n, size in zip(image.shape, (frame.height, frame.width), strict=True)
    )
    image = image[rows[::-1]][:, columns]
    pixels = coloured(image, colours.stretch, colours.table)
    pixels[np.isnan(image)] = NO_DATA
    sheet.picture.paste(Image.fromarray(pixels), (frame.left, frame.top))


def draw_bar(sheet: Sheet, corner: tuple[int, int], height: int, colours: Colours) -> None:
    """Draw a colour bar with its values and label.

    Parameters
    ----------
    sheet : Sheet
    corner : tuple of int
        (x, y) of its left top.
    height : int
        Pixels.
    colours : Colours
    """
    from PIL import Image

    left, top = corner
    levels = np.linspace(255, 0, height).round().astype(np.uint8)
    bar = np.repeat(colours.table[levels][:, None], _BAR, axis=1)
    sheet.picture.paste(Image.fromarray(bar), corner)
    sheet.draw.rectangle((left - 1, top - 1, left + _BAR, top + height), outline="black")
    values, labels, shift = bar_labels(colours.stretch, max(2, height // _BAR_LABEL), whole=colours.whole)
    widest = 0.0
    for value, text in zip(values, labels, strict=True):
        y = top + height - 1 - colours.stretch.share(value) * (height - 1)
        sheet.draw.line((left + _BAR, y, left + _BAR + _TICK, y), fill="black")
        sheet.write((left + _BAR + _TICK + _GAP, y), text, "lm")
        widest = max(widest, sheet.length(text))
    right = left + _BAR + _TICK + 2 * _GAP + int(widest) + TEXT // 2
    sheet.write_upwards((right, top + height // 2), sheet.fitted(colours.label + shift, height))


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
