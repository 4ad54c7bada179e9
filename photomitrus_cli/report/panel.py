"""One panel of a picture: an image in its frame of sky coordinates, with a colour bar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.report.colours import Stretch, coloured, round_values
from photomitrus_cli.report.gridlines import lay_over
from photomitrus_cli.report.skyaxes import SkyAxes
from photomitrus_cli.report.text import TEXT, font, write_upwards

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

# Sizes in pixels of the picture.
_LEFT, _RIGHT, _TOP, _BOTTOM = 118, 100, 44, 60
_BAR_GAP, _BAR, _TICK, _GAP = 14, 16, 5, 4
_MIN_WIDTH, _MIN_HEIGHT = 220, 120
_TITLE = 18
_GRID_GREY, _GRID_STRENGTH = 110.0, 0.7
_BAR_TICKS = 6
_NAMES = {True: "right ascension (ICRS)", False: "declination (ICRS)"}


@dataclass(frozen=True)
class Panel:
    """What is shown.

    Attributes
    ----------
    image : ndarray, shape (ny, nx)
        Thinned.
    stretch : Stretch
    table : ndarray of uint8, shape (256, 3)
        Colours.
    label : str
        What the values are.
    whole : bool
        They are whole numbers.
    """

    image: NDArray[Any]
    stretch: Stretch
    table: NDArray[np.uint8]
    label: str
    whole: bool = False


@dataclass(frozen=True)
class Frame:
    """What is drawn around and over each panel.

    Attributes
    ----------
    axes : SkyAxes
        In pixels of the map.
    step : int
        Pixels of the map between two of the image.
    zoom : int
        Pixels of the picture for one of the image.
    """

    axes: SkyAxes
    step: int
    zoom: int

    def place(self, position: Any) -> Any:
        """Turn positions on the map into positions on the panel, both with integers at pixel centres."""
        return (position / self.step + 0.5) * self.zoom - 0.5


def panel_size(shape: tuple[int, ...], zoom: int) -> tuple[int, int]:
    """Give width and height that a panel takes with all around it.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx) of the image.
    zoom : int
        Pixels of the picture for one of the image.
    """
    return (
        _LEFT + max(shape[1] * zoom, _MIN_WIDTH) + _RIGHT,
        _TOP + max(shape[0] * zoom, _MIN_HEIGHT) + _BOTTOM,
    )


def draw_title(picture: Image.Image, text: str) -> None:
    """Write the heading."""
    from PIL import ImageDraw

    ImageDraw.Draw(picture).text(
        (picture.width / 2, _TOP / 2), text, fill="black", font=font(_TITLE), anchor="mm"
    )


def draw_panel(
    picture: Image.Image, left: int, panel: Panel, frame: Frame, cover: NDArray[np.float64]
) -> None:
    """Draw a panel.

    Parameters
    ----------
    picture : PIL.Image.Image
    left : int
        Where the panel begins.
    panel : Panel
    frame : Frame
    cover : ndarray of float64, shape (height, width)
        From `photomitrus_cli.report.gridlines.line_cover`.
    """
    from PIL import Image, ImageDraw

    draw = ImageDraw.Draw(picture)

    colours = coloured(panel.image[::-1], panel.stretch, panel.table)
    colours = colours.repeat(frame.zoom, axis=0).repeat(frame.zoom, axis=1)
    lay_over(colours, cover, _GRID_GREY, _GRID_STRENGTH)
    box = _Box(left + _LEFT, _TOP, colours.shape[1], colours.shape[0])
    picture.paste(Image.fromarray(colours), (box.left, box.top))
    draw.rectangle(box.outline, outline="black")
    _draw_ticks(draw, box, frame)
    names = _NAMES[frame.axes.bottom_is_ra], _NAMES[not frame.axes.bottom_is_ra]
    draw.text((box.left + box.width / 2, box.bottom + 40), names[0], "black", font(TEXT), "mm")
    if not left:
        write_upwards(picture, (16, box.top + box.height // 2), names[1])
    _draw_bar(picture, draw, box, panel)


@dataclass(frozen=True)
class _Box:
    """Where the image is."""

    left: int
    top: int
    width: int
    height: int

    @property
    def bottom(self) -> int:
        """First row of the picture below the image."""
        return self.top + self.height

    @property
    def outline(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the frame around the image."""
        return self.left - 1, self.top - 1, self.left + self.width, self.top + self.height


def _draw_ticks(draw: ImageDraw.ImageDraw, box: _Box, frame: Frame) -> None:
    letters, end = font(TEXT), -1.0
    for tick in sorted(frame.axes.bottom, key=lambda tick: tick.position):
        x = box.left + frame.place(tick.position)
        draw.line((x, box.bottom, x, box.bottom + _TICK), fill="black")
        half = letters.getlength(tick.label) / 2
        # Where lines crowd, near a pole, some go without their label.
        if x - half > end:
            draw.text((x, box.bottom + _TICK + _GAP), tick.label, "black", letters, "mt")
            end = x + half + 2 * _GAP
    end = float(box.bottom + TEXT)
    for tick in sorted(frame.axes.left, key=lambda tick: tick.position):
        y = box.bottom - 1 - frame.place(tick.position)
        draw.line((box.left - 1 - _TICK, y, box.left - 1, y), fill="black")
        if y + TEXT / 2 < end:
            draw.text((box.left - 1 - _TICK - _GAP, y), tick.label, "black", letters, "rm")
            end = y - TEXT / 2


def _draw_bar(picture: Image.Image, draw: ImageDraw.ImageDraw, box: _Box, panel: Panel) -> None:
    from PIL import Image

    left = box.left + box.width + _BAR_GAP
    levels = np.linspace(255, 0, box.height).round().astype(np.uint8)
    bar = np.repeat(panel.table[levels][:, None], _BAR, axis=1)
    picture.paste(Image.fromarray(bar), (left, box.top))
    draw.rectangle((left - 1, box.top - 1, left + _BAR, box.bottom), outline="black")
    letters = font(TEXT)
    widest = 0.0
    count = min(_BAR_TICKS, max(1, box.height // (2 * TEXT)))
    for value in round_values(panel.stretch, count, whole=panel.whole):
        y = box.bottom - 1 - panel.stretch.share(value) * (box.height - 1)
        text = f"{value:.5g}"
        draw.line((left + _BAR, y, left + _BAR + _TICK, y), fill="black")
        draw.text((left + _BAR + _TICK + _GAP, y), text, "black", letters, "lm")
        widest = max(widest, letters.getlength(text))
    right = left + _BAR + _TICK + 2 * _GAP + int(widest) + TEXT // 2
    write_upwards(picture, (right, box.top + box.height // 2), panel.label)
