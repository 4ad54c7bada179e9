"""Pictures of a calibration: one that cannot be drawn costs a warning, never the maps."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from photomitrus_cli.errors import AstromapError
from photomitrus_cli.io.atomic import atomic_path, writing

_log = logging.getLogger(__name__)
# What drawing may end with: a full disk, a broken library or font, numbers that make no picture.
_TROUBLE = (
    *(AstromapError, OSError, ValueError, ArithmeticError),
    *(LookupError, ImportError, MemoryError, TypeError),
)


def draw_picture(path: Path, draw: Callable[[Path], None]) -> None:
    """Draw a picture, or warn and leave none; that of an older run goes.

    Parameters
    ----------
    path : Path
    draw : callable
        Writes the picture to the path that it is given.

    Raises
    ------
    WriteError
        When an older picture cannot be removed.
    """
    try:
        with atomic_path(path) as part:
            draw(part)
    except _TROUBLE as error:
        _log.warning("%s: not drawn: %s", path, str(error) or type(error).__name__)
        with writing(path):
            path.unlink(missing_ok=True)
