"""Lines of longitude and latitude over a picture of the sky, and their labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.report.skyproject import coordinates_of, directions_of
from photomitrus_cli.report.skyview import Window

Float = NDArray[np.float64]

_STEPS = (
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 45.0, 90.0,
)  # fmt: skip
# Pixels of the picture: between two lines, and between the places of a strip that are told.
_SPACING, _PAIR_SPACING = 90.0, 150.0
# And that a label takes along an edge.
_LABEL_WIDTH, _LABEL_HEIGHT = 64.0, 20.0
_LINE_POINTS = 500
_EDGE_POINTS = 600
# A curve that goes on further away than this share of the picture has come round the sky.
_JUMP = 0.25
_LEAST_COSINE = 0.08
_ALL_ROUND = 359.0


@dataclass(frozen=True)
class Label:
    """A label, and the place that it tells of.

    Attributes
    ----------
    column, row : float
        Pixels of the window; on its edges, or inside.
    text : str
    side : {'bottom', 'top', 'left', 'right', 'inside'}
    """

    column: float
    row: float
    text: str
    side: str


@dataclass(frozen=True)
class Graticule:
    """Lines and labels of a window.

    Attributes
    ----------
    lines : list of (x, y)
        Curves, pixels from the left and from the bottom.
    labels : list of Label
    steps : tuple of float
        Between lines of longitude and of latitude, degrees.
    has_pole : bool
        Every longitude is shown: on the edges are longitudes, and latitudes on the rings around the pole.
    """

    lines: list[tuple[Float, Float]]
    labels: list[Label]
    steps: tuple[float, float]
    has_pole: bool


@dataclass(frozen=True)
class _Span:
    """Longitudes (from a middle one) and latitudes that a window shows, degrees."""

    middle: float
    longitude: tuple[float, float]
    latitude: tuple[float, float]

    @property
    def has_pole(self) -> bool:
        """Whether every longitude is there."""
        return self.longitude[1] - self.longitude[0] > _ALL_ROUND


def make_graticule(window: Window, kind: str) -> Graticule:
    """Choose the lines and labels of a window.

    Parameters
    ----------
    window : Window
    kind : {'mollweide', 'local', 'strip'}
        Of the view. A strip has pairs of coordinates along its middle; the whole sky has labels inside.

    Returns
    -------
    Graticule
    """
    span = _span(window)
    steps = _steps(window, span)
    lines = _lines(window, span, steps)
    if kind == "strip":
        labels = _pairs(window)
    elif kind == "mollweide":
        labels = _sky_labels(window, steps)
    else:
        labels = _edge_labels(window, span, steps)
    return Graticule(lines, labels, steps, span.has_pole)


def degrees(value: float, step: float, *, signed: bool) -> str:
    """Write an angle with as many decimals as the step between labels needs.

    Parameters
    ----------
    value, step : float
        Degrees.
    signed : bool
        A latitude; longitudes are from 0 to 360.
    """
    decimals = max(0, int(np.ceil(-np.log10(step) - 1e-9)))
    value = round(value if signed else value % 360.0, decimals)
    value = value if signed or value < 360.0 else 0.0
    return f"{value:+.{decimals}f}°" if signed and value else f"{abs(value):.{decimals}f}°"


def _span(window: Window) -> _Span:
    directions = window.directions(max(1, min(window.width, window.height) // 24))
    directions = directions[:, np.isfinite(directions[0])]
    longitude, latitude = coordinates_of(directions)
    # Of a map that reaches over a pole the mean may be any; then every longitude is shown anyway.
    total = directions.mean(axis=1)
    middle = float(np.degrees(np.arctan2(total[1], total[0])))
    near = (longitude - middle + 180.0) % 360.0 - 180.0
    low, high = float(latitude.min()), float(latitude.max())
    for pole in (-90.0, 90.0):
        column, row = window.place(directions_of(np.zeros(1), np.radians([pole])))
        if 0 <= column[0] <= window.width - 1 and 0 <= row[0] <= window.height - 1:
            low, high = min(low, pole), max(high, pole)
            near = np.array([-180.0, 180.0])
    return _Span(middle, (float(near.min()), float(near.max())), (low, high))


def _steps(window: Window, span: _Span) -> tuple[float, float]:
    wanted = np.degrees(_SPACING / window.scale)
    latitude = _round_step(wanted)
    if span.has_pole:
        return max(latitude, 30.0), latitude
    shrink = np.cos(np.radians(np.mean(span.latitude)))
    return _round_step(wanted / max(float(shrink), _LEAST_COSINE)), latitude


def _round_step(wanted: float) -> float:
    return next((step for step in _STEPS if step >= wanted * 0.999), _STEPS[-1])


def _multiples(limits: tuple[float, float], step: float) -> Float:
    return step * np.arange(np.ceil(limits[0] / step - 1e-9), np.floor(limits[1] / step + 1e-9) + 1)


def _lines(window: Window, span: _Span, steps: tuple[float, float]) -> list[tuple[Float, Float]]:
    first, last = span.middle + span.longitude[0], span.middle + span.longitude[1]
    # At a half turn the whole sky ends on both sides.
    turn = 180.0 - 1e-7 if span.has_pole else 180.0
    meridians = _multiples((first, last), steps[0])
    if span.has_pole:
        meridians = np.unique(np.append((meridians + 180.0) % 360.0 - 180.0, turn))
    lines = []
    along = np.linspace(*span.latitude, _LINE_POINTS)
    for longitude in np.clip(meridians, -turn, turn) if span.has_pole else meridians:
        lines += _pieces(window, np.full(_LINE_POINTS, longitude), along)
    ends = (-turn, turn) if span.has_pole else (first, last)
    around = np.linspace(*ends, 2 * _LINE_POINTS)
    for latitude in _multiples(span.latitude, steps[1]):
        if abs(latitude) < 90.0 - 1e-9:
            lines += _pieces(window, around, np.full(around.size, latitude))
    return lines


def _pieces(window: Window, longitude: Float, latitude: Float) -> list[tuple[Float, Float]]:
    """Give a curve on the plane, cut where it leaves the projection or comes round it."""
    column, row = window.place(directions_of(np.radians(longitude), np.radians(latitude)))
    x, y = column, window.height - 1 - row
    jumps = np.hypot(np.diff(x), np.diff(y)) > _JUMP * max(window.width, window.height)
    cuts = np.flatnonzero(jumps | ~np.isfinite(np.diff(x))) + 1
    parts = zip(np.split(x, cuts), np.split(y, cuts), strict=True)
    return [(part_x, part_y) for part_x, part_y in parts if part_x.size > 1 and np.isfinite(part_x).all()]


def _pairs(window: Window) -> list[Label]:
    count = max(1, int(window.width / _PAIR_SPACING))
    columns = (np.arange(count) + 0.5) * window.width / count - 0.5
    directions = window.at(columns, np.full(count, (window.height - 1) / 2.0))
    known = np.isfinite(directions[0])
    longitude, latitude = coordinates_of(directions[:, known])
    step = float(np.degrees(_PAIR_SPACING / window.scale)) / 20.0
    bottom = window.height - 1.0
    return [
        Label(
            column, bottom, f"{degrees(lon, step, signed=False)}, {degrees(lat, step, signed=True)}", "bottom"
        )
        for column, lon, lat in zip(columns[known].tolist(), longitude, latitude, strict=True)
    ]


def _sky_labels(window: Window, steps: tuple[float, float]) -> list[Label]:
    """Label the parallels at the left end, and the meridians on the equator."""
    labels = []
    for latitude in _multiples((-75.0, 75.0), steps[1]):
        column, row = window.place(directions_of(np.array([np.pi - 1e-9]), np.radians([latitude])))
        text = degrees(latitude, steps[1], signed=True)
        labels.append(Label(float(column[0]), float(row[0]), text, "left"))
    for longitude in _multiples((-180.0 + steps[0], 180.0 - steps[0]), steps[0]):
        column, row = window.place(directions_of(np.radians([longitude]), np.zeros(1)))
        text = degrees(longitude, steps[0], signed=False)
        labels.append(Label(float(column[0]), float(row[0]), text, "inside"))
    return labels


def _edge_labels(window: Window, span: _Span, steps: tuple[float, float]) -> list[Label]:
    if not span.has_pole:
        return _along_edge(window, "bottom", span, steps[0], 0) + _along_edge(
            window, "left", span, steps[1], 1
        )
    labels = []
    for side in ("bottom", "left", "top", "right"):
        labels += _along_edge(window, side, span, steps[0], 0)
    # The parallels are rings around the pole: they are labelled where a meridian between the drawn ones
    # crosses them.
    for latitude in _multiples(span.latitude, steps[1]):
        column, row = window.place(directions_of(np.radians([steps[0] / 2.0]), np.radians([latitude])))
        inside = 0 <= column[0] < window.width and 0 <= row[0] < window.height
        if inside and abs(latitude) < 90.0 - 1e-9:
            text = degrees(latitude, steps[1], signed=True)
            labels.append(Label(float(column[0]), float(row[0]), text, "inside"))
    return labels


def _along_edge(window: Window, side: str, span: _Span, step: float, which: int) -> list[Label]:
    """Find where an edge crosses round longitudes (which = 0) or latitudes (1)."""
    level = side in ("bottom", "top")
    run = np.linspace(-0.5, (window.width if level else window.height) - 0.5, _EDGE_POINTS)
    across = {"bottom": window.height - 0.5, "top": -0.5, "left": -0.5, "right": window.width - 0.5}[side]
    fixed = np.full(_EDGE_POINTS, across)
    values = coordinates_of(window.at(run, fixed) if level else window.at(fixed, run))[which]
    if which == 0:
        values = span.middle + (values - span.middle + 180.0) % 360.0 - 180.0
    labels = []
    for value in _multiples((float(np.nanmin(values)), float(np.nanmax(values))), step):
        before, after = values[:-1] - value, values[1:] - value
        crosses = (before * after <= 0.0) & (before != after) & (np.abs(after - before) < 90.0)
        for place in np.flatnonzero(crosses)[:1]:
            share = before[place] / (before[place] - after[place])
            at = float(run[place] + share * (run[place + 1] - run[place]))
            text = degrees(value, step, signed=which == 1)
            labels.append(Label(at, across, text, side) if level else Label(across, at, text, side))
    return _apart(labels, level=level)


def _apart(labels: list[Label], *, level: bool) -> list[Label]:
    """Leave out labels that would run into others, as near a pole."""
    kept: list[Label] = []
    room = _LABEL_WIDTH if level else _LABEL_HEIGHT
    for label in sorted(labels, key=lambda label: label.column if level else label.row):
        at = label.column if level else label.row
        if not kept or at - (kept[-1].column if level else kept[-1].row) >= room:
            kept.append(label)
    return kept
