"""Which part of the sky a picture shows, and how: all of it, a small part, or a long strip cut into rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.report.skyproject import (
    HALF_HEIGHT,
    HALF_WIDTH,
    Azimuthal,
    Mollweide,
    Projection,
    Strip,
    axes_at,
)

Float = NDArray[np.float64]

VIEWS = ("auto", "mollweide", "local", "strip")
# Degrees: longer and wider than these a part of the sky is shown with all the rest.
_LARGE = np.radians(120.0)
# As many times longer than wide a part is a strip, if it is no mere handful of frames.
_LONG, _SHORT_STRIP = 6.0, np.radians(4.0)
# Pixels of the picture.
_MOLLWEIDE_WIDTH, _LOCAL_SIDE, _STRIP_WIDTH = 1000, 700, 1000
_MIN_SIDE, _STRIP_HEIGHT, _MIN_ROW = 240, 36.0, 24
_MOST_ROWS = 12
_EDGE = 0.04


@dataclass(frozen=True)
class Window:
    """A rectangle of a plane on which the sky is projected, and its pixels.

    Attributes
    ----------
    projection : Projection
    x, y : float
        The middle, radians of the plane.
    scale : float
        Pixels per radian.
    width, height : int
        Pixels.
    """

    projection: Projection
    x: float
    y: float
    scale: float
    width: int
    height: int

    def directions(self, step: int = 1) -> Float:
        """Give the directions of pixels.

        Parameters
        ----------
        step : int
            Every so many-th, and the last ones.

        Returns
        -------
        ndarray of float64, shape (3, n)
            Row by row from the top; NaN outside of the sky.
        """
        columns = np.unique(np.append(np.arange(0, self.width, step), self.width - 1))
        rows = np.unique(np.append(np.arange(0, self.height, step), self.height - 1))
        row, column = (places.ravel() for places in np.meshgrid(rows, columns, indexing="ij"))
        return self.at(column.astype(np.float64), row.astype(np.float64))

    def at(self, column: Float, row: Float) -> Float:
        """Give the directions, shape (3, n), of positions in pixels."""
        x = self.x + (column - (self.width - 1) / 2.0) / self.scale
        y = self.y - (row - (self.height - 1) / 2.0) / self.scale
        return self.projection.inverse(x, y)

    def place(self, directions: Float) -> tuple[Float, Float]:
        """Give columns and rows, shape (n,), of directions, also beyond the window; NaN for none."""
        x, y = self.projection.forward(directions)
        return (
            (x - self.x) * self.scale + (self.width - 1) / 2.0,
            (self.y - y) * self.scale + (self.height - 1) / 2.0,
        )


@dataclass(frozen=True)
class View:
    """What a picture of a map shows.

    Attributes
    ----------
    kind : {'mollweide', 'local', 'strip'}
    windows : tuple of Window
        One; of a strip one for each row.
    length, width : float
        Of what the map covers, radians along and across the great circle that suits it best.
    """

    kind: str
    windows: tuple[Window, ...]
    length: float
    width: float


def choose_view(directions: Float, pixel: float, view: str = "auto") -> View:
    """Choose what to show of a map.

    Parameters
    ----------
    directions : ndarray of float64, shape (3, m)
        Of the pixels that the map covers; at least one.
    pixel : float
        Size of a pixel, radians.
    view : {'auto', 'mollweide', 'local', 'strip'}

    Returns
    -------
    View

    Raises
    ------
    ValueError
        For another word.
    """
    if view not in VIEWS:
        raise ValueError(f"no view {view!r}; there are {', '.join(VIEWS)}")
    axes, length, low, high = _extent(directions, pixel)
    width = high - low
    if view == "auto":
        view = _fitting(length, width)
    if view == "mollweide":
        scale = _MOLLWEIDE_WIDTH / (2.0 * HALF_WIDTH)
        size = _MOLLWEIDE_WIDTH + 2, round(2.0 * HALF_HEIGHT * scale) + 2
        windows: tuple[Window, ...] = (Window(Mollweide(), 0.0, 0.0, scale, *size),)
    elif view == "local":
        windows = (_local(directions, pixel),)
    else:
        windows = _strip(axes, length, low, high)
    return View(view, windows, length, width)


def _fitting(length: float, width: float) -> str:
    if length > _LONG * width and length > _SHORT_STRIP:
        return "strip"
    return "mollweide" if max(length, width) > _LARGE else "local"


def _extent(directions: Float, pixel: float) -> tuple[Float, float, float, float]:
    """Find the great circle along which a map lies: axes, length along it, and limits across it."""
    _, vectors = np.linalg.eigh(directions @ directions.T)
    pole, towards, middle = vectors.T
    angles = np.sort(np.arctan2(towards @ directions, middle @ directions))
    gaps = np.diff(angles, append=angles[0] + 2.0 * np.pi)
    widest = int(np.argmax(gaps))
    length = min(2.0 * np.pi, 2.0 * np.pi - float(gaps[widest]) + pixel)
    centre = float(angles[widest] + gaps[widest] / 2.0) + np.pi
    out = np.cos(centre) * middle + np.sin(centre) * towards
    # A strip along a parallel has north up, one along a meridian has it on the right.
    right = np.cross(out, pole)
    sign = pole[2] if abs(pole[2]) > np.sqrt(0.5) else right[2]
    pole, right = (-pole, -right) if sign < 0 else (pole, right)
    across = np.arcsin(np.clip(pole @ directions, -1.0, 1.0))
    axes = np.stack([right, pole, out])
    return axes, length, float(across.min()) - pixel / 2.0, float(across.max()) + pixel / 2.0


def _local(directions: Float, pixel: float) -> Window:
    middle = directions.mean(axis=1)
    length = float(np.sqrt(middle @ middle))
    projection = Azimuthal(axes_at(middle / length if length > 1e-6 else directions[:, 0]))
    x, y = projection.forward(directions)
    (left, right), (bottom, top) = ((np.nanmin(v) - pixel, np.nanmax(v) + pixel) for v in (x, y))
    edge = _EDGE * max(right - left, top - bottom)
    across, upright = right - left + 2.0 * edge, top - bottom + 2.0 * edge
    scale = float(_LOCAL_SIDE / max(across, upright))
    size = (max(_MIN_SIDE, int(side * scale)) for side in (across, upright))
    return Window(projection, float(left + right) / 2.0, float(bottom + top) / 2.0, scale, *size)


def _strip(axes: Float, length: float, low: float, high: float) -> tuple[Window, ...]:
    """Cut a strip into the fewest rows that show its width."""
    rows = int(np.clip(np.ceil(_STRIP_HEIGHT * length / (_STRIP_WIDTH * (high - low))), 1, _MOST_ROWS))
    scale = _STRIP_WIDTH * rows / (length * (1.0 + (_EDGE / 2.0 if length < 2.0 * np.pi - 0.01 else 0.0)))
    height = max(_MIN_ROW, round((high - low) * scale * (1.0 + 4.0 * _EDGE)))
    projection = Strip(axes)
    starts = (np.arange(rows) - (rows - 1) / 2.0) * _STRIP_WIDTH / scale
    return tuple(
        Window(projection, float(start), (low + high) / 2.0, scale, _STRIP_WIDTH, height) for start in starts
    )
