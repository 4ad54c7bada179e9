"""Windows of a grid."""

from __future__ import annotations

from photomitrus_cli.imaging.pixelmap import Box


def widened(box: Box, margin: int) -> Box:
    """Give a window with a margin all around.

    Parameters
    ----------
    box : tuple of int
        (y0, y1, x0, x1), half open.
    margin : int
        Pixels.
    """
    return box[0] - margin, box[1] + margin, box[2] - margin, box[3] + margin


def common_part(a: Box, b: Box) -> Box | None:
    """Give the common part of two windows (y0, y1, x0, x1), or None."""
    y0, y1, x0, x1 = max(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), min(a[3], b[3])
    return (y0, y1, x0, x1) if y0 < y1 and x0 < x1 else None
