"""Writing on a picture, with Pillow's own font: no font of the machine decides how a picture looks."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image, ImageFont

TEXT = 14
# The font has these besides ASCII; what stands for others that names and units bring along.
_KNOWN = frozenset("±°·…")
_SPELLED = {
    "\N{GREEK SMALL LETTER SIGMA}": "sigma",
    "\N{GREEK CAPITAL LETTER DELTA}": "delta ",
    "\N{GREEK SMALL LETTER MU}": "u",
    "\N{MICRO SIGN}": "u",
    "\N{MINUS SIGN}": "-",
    "\N{EN DASH}": "-",
    "\N{MULTIPLICATION SIGN}": "x",
}


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Give the font.

    Parameters
    ----------
    size : int
        Pixels.
    """
    from PIL import ImageFont

    return ImageFont.load_default(size)


def write_upwards(picture: Image.Image, centre: tuple[int, int], text: str) -> tuple[int, int, int, int]:
    """Write a line that runs from the bottom to the top.

    Parameters
    ----------
    picture : PIL.Image.Image
    centre : tuple of int
        (x, y) of its middle.
    text : str

    Returns
    -------
    tuple of int
        Left, top, right and bottom of what it takes.
    """
    from PIL import Image, ImageDraw

    letters = font(TEXT)
    size = (int(letters.getlength(text)) + 2, TEXT + 6)
    label = Image.new("L", size, 0)
    ImageDraw.Draw(label).text((size[0] / 2, size[1] / 2), text, 255, letters, "mm")
    label = label.rotate(90, expand=True)
    corner = (centre[0] - label.width // 2, max(0, centre[1] - label.height // 2))
    box = (*corner, corner[0] + label.width, corner[1] + label.height)
    picture.paste("black", box, label)
    return box


def plain(text: str) -> str:
    """Spell a text with the letters of the font.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        Accents are dropped, Greek sigma and mu spelled, line ends made blanks; ``?`` for what is left.
    """
    letters = []
    for letter in text:
        if letter in _KNOWN or " " <= letter <= "~":
            letters.append(letter)
            continue
        spelled = _SPELLED.get(letter) or unicodedata.normalize("NFKD", letter)
        letters.append(" " if letter.isspace() else spelled.encode("ascii", "ignore").decode() or "?")
    return "".join(letters)
