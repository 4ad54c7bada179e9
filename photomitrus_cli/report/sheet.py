"""A picture that knows where its texts are: what overlaps can be found out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.report.text import TEXT, font, plain, write_upwards

# Pixels.
HEADING_ROOM = 36
_HEADING = 18

Box = tuple[float, float, float, float]


class Sheet:
    """A white picture to draw on.

    Parameters
    ----------
    width, height : int
        Pixels.

    Attributes
    ----------
    texts : list of (str, box)
        What was written, each with left, top, right and bottom.
    """

    def __init__(self, width: int, height: int) -> None:
        from PIL import Image, ImageDraw

        self.picture = Image.new("RGB", (width, height), "white")
        self.draw = ImageDraw.Draw(self.picture)
        self.texts: list[tuple[str, Box]] = []
        self._fonts = {TEXT: font(TEXT)}

    def length(self, text: str, size: int = TEXT) -> float:
        """Give the width of a text, pixels."""
        if size not in self._fonts:
            self._fonts[size] = font(size)
        return float(self._fonts[size].getlength(plain(text)))

    def fitted(self, text: str, room: float, size: int = TEXT) -> str:
        """Shorten a text.

        Parameters
        ----------
        text : str
        room : float
            Its greatest width, pixels.
        size : int

        Returns
        -------
        str
            With an ellipsis where something was left out; empty when not even that fits.
        """
        if self.length(text, size) <= room:
            return text
        # Among n letters the number that fits is found by halving.
        low, high = -1, len(text)
        while high - low > 1:
            middle = (low + high) // 2
            fits = self.length(text[:middle].rstrip() + "…", size) <= room
            low, high = (middle, high) if fits else (low, middle)
        return text[:low].rstrip() + "…" if low >= 0 else ""

    def write(
        self, place: tuple[float, float], text: str, anchor: str, size: int = TEXT, colour: str = "black"
    ) -> None:
        """Write a line.

        Parameters
        ----------
        place : tuple of float
            (x, y) of its anchor.
        text : str
        anchor : str
            As Pillow's: ``l``, ``m`` or ``r`` and ``t``, ``m`` or ``b``.
        size : int
        colour : str
        """
        if not text:
            return
        text = plain(text)
        self.length(text, size)
        self.draw.text(place, text, colour, self._fonts[size], anchor)
        self.texts.append((text, self.draw.textbbox(place, text, self._fonts[size], anchor)))

    def write_heading(self, text: str) -> None:
        """Write the heading of the picture, in its uppermost `HEADING_ROOM` pixels."""
        text = self.fitted(text, self.picture.width, _HEADING)
        self.write((self.picture.width / 2, HEADING_ROOM / 2), text, "mm", _HEADING)

    def write_upwards(self, centre: tuple[int, int], text: str) -> None:
        """Write a line that runs from the bottom to the top, centred at (x, y)."""
        if text:
            self.texts.append((plain(text), write_upwards(self.picture, centre, plain(text))))

    def paint(
        self, corner: tuple[int, int], mask: NDArray[np.uint8] | NDArray[np.bool_], colour: str
    ) -> None:
        """Lay a colour over the picture.

        Parameters
        ----------
        corner : tuple of int
            (x, y) of the mask's first pixel.
        mask : ndarray of uint8 or bool, shape (height, width)
            How much of each pixel: 0 to 255, or all where true.
        colour : str
        """
        from PIL import Image

        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        if not rows.size:
            return
        # Most masks are nearly empty, and blending takes longer than finding out where they are not.
        mask = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        levels = mask * np.uint8(255) if mask.dtype == np.bool_ else mask
        left, top = corner[0] + int(columns[0]), corner[1] + int(rows[0])
        stencil = Image.fromarray(np.ascontiguousarray(levels, np.uint8))
        self.picture.paste(colour, (left, top, left + mask.shape[1], top + mask.shape[0]), stencil)

    def save(self, path: Path) -> None:
        """Write the picture as PNG, whatever the suffix.

        Parameters
        ----------
        path : Path

        Raises
        ------
        OSError
            When the file cannot be written.
        """
        self.picture.save(path, format="PNG", compress_level=4)
