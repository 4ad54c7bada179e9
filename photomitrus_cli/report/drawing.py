"""Drawing pictures beside products, which are worth more than their pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from photomitrus_cli.errors import AstromapError
from photomitrus_cli.io.atomic import atomic_path

# What drawing may end with: a full disk, a broken library or font, numbers that make no picture.
_TROUBLE = (
    *(AstromapError, OSError, ValueError, ArithmeticError),
    *(LookupError, ImportError, MemoryError, TypeError),
)


def draw_or_tell(path: Path, draw: Callable[[Path], None]) -> str:
    """Draw a picture, whole or not at all.

    Parameters
    ----------
    path : Path
        An older picture there is replaced; it stays when this one cannot be drawn.
    draw : callable
        Draws into the file that it is given.

    Returns
    -------
    str
        Why there is no new picture; empty when there is one.
    """
    try:
        with atomic_path(path) as part:
            draw(part)
    except _TROUBLE as error:
        return f"{path}: not drawn: {str(error) or type(error).__name__}"
    return ""
