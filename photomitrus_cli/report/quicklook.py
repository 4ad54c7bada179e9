"""Quick-look pictures: sky coordinates, asinh stretch, colour bars with units.

Drawn with Pillow alone: a plotting library takes longer to import and to draw two panels than all other work
on a small map.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.report.colours import Stretch, count_table, grey_table, sky_stretch
from photomitrus_cli.report.gridlines import line_cover
from photomitrus_cli.report.panel import Frame, Panel, draw_panel, draw_title, panel_size
from photomitrus_cli.report.skyaxes import sky_axes

if TYPE_CHECKING:
    from photomitrus_cli.imaging.grid import Grid

# More points than this in a picture cannot be seen; drawing them only takes time.
MAX_SIDE = 800
# Pixels of the picture that a label needs.
_LABEL_WIDTH, _LABEL_HEIGHT = 110, 60
_MOST_TICKS = 7


def thinning_step(shape: tuple[int, int]) -> int:
    """Give the step between the pixels of a map that its picture shows.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx) of the map.

    Returns
    -------
    int
        Every so many-th pixel from the first, along both axes.
    """
    return max(1, -(-max(shape) // MAX_SIDE))


def draw_mosaic(
    path: Path,
    sci: NDArray[np.floating],
    coverage: NDArray[np.integer],
    grid: Grid,
    step: int = 1,
    *,
    title: str,
    unit: str,
) -> None:
    """Draw a mosaic beside its coverage.

    Parameters
    ----------
    path : Path
        The PNG to write, whatever its suffix.
    sci : ndarray of float, shape (ny, nx)
        Every `step`-th pixel of the map; NaN where there is no data.
    coverage : ndarray of int, shape (ny, nx)
        Likewise.
    grid : Grid
        Of the whole map.
    step : int
        Such as `thinning_step` gives.
    title, unit : str
        Heading, and what the pixel values are; ASCII.

    Raises
    ------
    OSError
        When the file cannot be written.
    """
    from PIL import Image

    zoom = max(1, MAX_SIDE // max(sci.shape))
    room = [
        min(_MOST_TICKS, max(1, side * zoom // length))
        for side, length in zip(sci.shape[::-1], (_LABEL_WIDTH, _LABEL_HEIGHT), strict=True)
    ]
    frame = Frame(sky_axes(grid, *room), step, zoom)
    counts = Stretch(0.0, max(1.0, float(coverage.max(initial=0))))
    panels = [
        Panel(sci, sky_stretch(sci), grey_table(), unit),
        Panel(coverage, counts, count_table(), "frames", whole=True),
    ]
    width, height = panel_size(sci.shape, zoom)
    picture = Image.new("RGB", (2 * width, height), "white")
    draw_title(picture, title)
    lines = [(frame.place(x), frame.place(y)) for x, y in frame.axes.lines]
    cover = line_cover(lines, sci.shape[1] * zoom, sci.shape[0] * zoom)
    for place, panel in enumerate(panels):
        draw_panel(picture, place * width, panel, frame, cover)
    # The least packing: the file is a little larger and written in a quarter of the time.
    picture.save(path, format="PNG", compress_level=1)
