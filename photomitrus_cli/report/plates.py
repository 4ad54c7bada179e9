"""Plates: what varies over a detector, side by side, as images with colour bars or as arrows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.report.axis import Axis, Scale, whole_scale
from photomitrus_cli.report.colourbar import Colours, draw_bar, paste_array
from photomitrus_cli.report.colours import Stretch
from photomitrus_cli.report.frame import Frame, bottom_ticks, draw_frame, draw_outline, left_ticks
from photomitrus_cli.report.series import PointPanel
from photomitrus_cli.report.sheet import HEADING_ROOM, Sheet

Float = NDArray[np.float64]

# Pixels of the picture.
_SIDE, _LEAST, _WIDEST = 480, 120, 1520
_TOP, _BOTTOM = 34, 60
_LEFT, _BAR_ROOM, _RIGHT = 84, 130, 40
_BAR_GAP, _NAME_COLUMN = 16, 14
# Arrows: how fine they are drawn, width of the line, length and half width of the head, dot at the tail.
_FINE, _LINE, _HEAD, _HALF, _DOT = 3, 1.4, 7.0, 3.0, 1.6
_COLOUR = "#0072B2"
# A long arrow is this part of the plate's width.
_LONG, _LONG_QUANTILE = 0.09, 0.9


@dataclass(frozen=True, eq=False)
class ImagePlate:
    """Values over the detector.

    Attributes
    ----------
    image : ndarray of float, shape (ny, nx)
        The first row at the bottom, the whole plate filled; NaN where there is nothing.
    label : str
        What the values are, with unit.
    stretch : Stretch
    table : ndarray of uint8, shape (256, 3)
        Colours.
    title : str
    """

    image: NDArray[np.floating]
    label: str
    stretch: Stretch
    table: NDArray[np.uint8]
    title: str = ""


@dataclass(frozen=True, eq=False)
class ArrowPlate:
    """Arrows over the detector.

    Attributes
    ----------
    x, y : ndarray of float64, shape (n,)
        Where they begin, on the axes.
    dx, dy : ndarray of float64, shape (n,)
        Along the axes, in another unit; what is not finite is left out.
    unit : str
        Of these.
    title : str
    usual : float
        Length of a long arrow, from which the scale follows; 0 for their own.
    """

    x: Float
    y: Float
    dx: Float
    dy: Float
    unit: str
    title: str = ""
    usual: float = 0.0


Plate = ImagePlate | ArrowPlate


def draw_plates(path: Path, plates: Sequence[Plate], x: Axis, y: Axis, *, title: str = "") -> None:
    """Draw plates side by side.

    Parameters
    ----------
    path : Path
        The PNG to write, whatever its suffix. The same input gives the same bytes.
    plates : sequence of ImagePlate or ArrowPlate
    x, y : Axis
        Of all plates, with both limits: the outer edges of the detector.
    title : str

    Raises
    ------
    ValueError
        When an axis lacks a limit.
    OSError
        When the file cannot be written.
    """
    compose_plates(plates, x, y, title=title).save(path)


def compose_plates(plates: Sequence[Plate], x: Axis, y: Axis, *, title: str = "") -> Sheet:
    """Draw plates without writing them.

    Parameters
    ----------
    plates, x, y, title
        As in `draw_plates`.

    Returns
    -------
    Sheet

    Raises
    ------
    ValueError
        As in `draw_plates`.
    """
    scales = whole_scale(x), whole_scale(y)
    around = [_LEFT + (_BAR_ROOM if isinstance(one, ImagePlate) else _RIGHT) for one in plates]
    # A picture much wider than a page is shown with letters that cannot be read.
    side = min(_SIDE, (_WIDEST - sum(around)) // len(plates))
    width, height = plate_size(*scales, max(side, _LEAST))
    sheet = Sheet(sum(around) + width * len(plates), HEADING_ROOM + _TOP + height + _BOTTOM)
    sheet.write_heading(title)
    left = 0
    for plate, room in zip(plates, around, strict=True):
        empty = not _known(plate).any()
        frame = Frame(left + _LEFT, HEADING_ROOM + _TOP, width, height, *scales, empty)
        ticks = bottom_ticks(sheet, frame.x, width), left_ticks(frame.y, height, whole=False)
        draw_frame(sheet, frame, PointPanel([], x, y), *ticks, left + _NAME_COLUMN)
        if isinstance(plate, ImagePlate):
            _draw_image(sheet, frame, plate)
        else:
            _draw_arrows(sheet, frame, plate)
        left += room + width
    return sheet


def plate_size(x: Scale, y: Scale, side: int) -> tuple[int, int]:
    """Give the width and the height of a plate.

    Parameters
    ----------
    x, y : Scale
    side : int
        The longer side, pixels of the picture.

    Returns
    -------
    width, height : int
        Pixels of the picture; a unit is as long along both axes, unless one would be hard to see.
    """
    sides = x.high - x.low, y.high - y.low
    width, height = (max(round(side * one / max(sides)), _LEAST) for one in sides)
    return width, height


def round_length(largest: float) -> float:
    """Give the largest of 1, 2 and 5 times powers of ten that is not above a length.

    Parameters
    ----------
    largest : float
        Positive.
    """
    power = 10.0 ** floor(log10(largest))
    return max(step * power for step in (1.0, 2.0, 5.0) if step * power <= largest * (1.0 + 1e-9))


def _known(plate: Plate) -> NDArray[np.bool_]:
    if isinstance(plate, ImagePlate):
        return np.asarray(np.isfinite(plate.image))
    return np.isfinite(plate.dx) & np.isfinite(plate.dy)


def _draw_image(sheet: Sheet, frame: Frame, plate: ImagePlate) -> None:
    if not frame.empty:
        colours = Colours(plate.stretch, plate.table, plate.label)
        paste_array(sheet, frame, plate.image, colours)
        draw_bar(sheet, (frame.right + _BAR_GAP, frame.top), frame.height, colours)
    draw_outline(sheet, frame, plate.title, "")


def _draw_arrows(sheet: Sheet, frame: Frame, plate: ArrowPlate) -> None:
    shown = _known(plate)
    usual = plate.usual or usual_length(plate.dx, plate.dy)
    title = plate.title
    if usual > 0.0 and shown.any():
        length = round_length(usual)
        size = _LONG * frame.width / usual
        tails = np.stack([frame.columns(plate.x[shown]), frame.rows(plate.y[shown])]).astype(np.float64)
        steps = np.stack([plate.dx[shown], -plate.dy[shown]]) * size
        sheet.paint((frame.left, frame.top), arrow_mask((frame.height, frame.width), tails, steps), _COLOUR)
        room = _draw_length(sheet, frame, f"{length:g} {plate.unit}", length * size)
        title = sheet.fitted(title, room)
    draw_outline(sheet, frame, title, "")


def usual_length(dx: Float, dy: Float) -> float:
    """Give the length of a long arrow among many; 0 without any.

    Parameters
    ----------
    dx, dy : ndarray of float64, shape (n,)
        What is not finite is passed over.
    """
    lengths = np.hypot(dx, dy)
    lengths = lengths[np.isfinite(lengths)]
    return float(np.quantile(lengths, _LONG_QUANTILE)) if lengths.size else 0.0


def _draw_length(sheet: Sheet, frame: Frame, text: str, length: float) -> float:
    """Show above the plate, on its right, how long an arrow of a round size is; give what is left."""
    sheet.write((frame.right, frame.top - 6), text, "rb")
    right = frame.right - sheet.length(text) - 8
    row = frame.top - 12
    sheet.draw.line((right - length, row, right, row), fill=_COLOUR, width=2)
    for end in (right - length, right):
        sheet.draw.line((end, row - 4, end, row + 4), fill=_COLOUR, width=1)
    return right - length - frame.left - 12.0


def arrow_mask(shape: tuple[int, int], tails: Float, steps: Float) -> NDArray[np.uint8]:
    """Draw arrows, each with a dot at its tail.

    Parameters
    ----------
    shape : tuple of int
        (height, width).
    tails : ndarray of float64, shape (2, n)
        Column and row of each tail.
    steps : ndarray of float64, shape (2, n)
        From there to the tip, pixels.

    Returns
    -------
    ndarray of uint8, shape (height, width)
        How much of each pixel is covered, 0 to 255.
    """
    from PIL import Image, ImageDraw

    canvas = Image.new("L", (_FINE * shape[1], _FINE * shape[0]))
    draw = ImageDraw.Draw(canvas)
    for x, y, dx, dy in np.concatenate([(tails + 0.5) * _FINE, steps * _FINE]).T.tolist():
        length = float(np.hypot(dx, dy))
        dot = _DOT * _FINE
        draw.ellipse((x - dot, y - dot, x + dot, y + dot), fill=255)
        if length == 0.0:
            continue
        ux, uy = dx / length, dy / length
        head = min(_HEAD * _FINE, 0.6 * length)
        half = head * _HALF / _HEAD
        neck = x + dx - head * ux, y + dy - head * uy
        draw.line((x, y, *neck), fill=255, width=round(_LINE * _FINE))
        sides = [(neck[0] - sign * half * uy, neck[1] + sign * half * ux) for sign in (1, -1)]
        draw.polygon([(x + dx, y + dy), *sides], fill=255)
    return np.asarray(canvas.reduce(_FINE))
