"""Pictures of a calibration: one that cannot be drawn costs a warning, never the maps."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from photomitrus_cli.io.atomic import writing
from photomitrus_cli.report.drawing import draw_or_tell

_log = logging.getLogger(__name__)


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
    problem = draw_or_tell(path, draw)
    if problem:
        _log.warning("%s", problem)
        with writing(path):
            path.unlink(missing_ok=True)
