"""Sky coordinates around a picture: round lines of right ascension and declination, ticks, labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.grid import Grid

Float = NDArray[np.float64]

# Seconds of time and arcseconds; the former divide a day, so that the lines meet where the day begins anew.
_RA_STEPS = (
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 10800,
    21600,
)  # fmt: skip
_DEC_STEPS = (
    0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 18000,
    36000,
)  # fmt: skip
_SECONDS_PER_DEGREE = {"ra": 240.0, "dec": 3600.0}
_DAY = 86400.0
_EDGE_POINTS = 400
_LINE_POINTS = 600


@dataclass(frozen=True)
class Tick:
    """A tick on an edge of the picture.

    Attributes
    ----------
    position : float
        Along the edge, grid pixels.
    label : str
    """

    position: float
    label: str


@dataclass(frozen=True)
class SkyAxes:
    """What is drawn around and over a picture.

    Attributes
    ----------
    bottom, left : list of Tick
        In grid pixels along x and y.
    bottom_is_ra : bool
        Whether the bottom edge tells right ascensions; on a map turned by about 90 degrees the left one does.
    lines : list of (x, y)
        Curves of constant right ascension or declination, grid pixels; NaN beyond the projection.
    """

    bottom: list[Tick]
    left: list[Tick]
    bottom_is_ra: bool
    lines: list[tuple[Float, Float]]


def sky_axes(grid: Grid, n_bottom: int, n_left: int) -> SkyAxes:
    """Choose ticks and lines.

    Parameters
    ----------
    grid : Grid
    n_bottom, n_left : int
        The most ticks that the edges have room for.

    Returns
    -------
    SkyAxes
    """
    ny, nx = grid.shape
    along_x, along_y = np.linspace(-0.5, nx - 0.5, _EDGE_POINTS), np.linspace(-0.5, ny - 0.5, _EDGE_POINTS)
    bottom = _seconds(grid, along_x, np.full(_EDGE_POINTS, -0.5))
    left = _seconds(grid, np.full(_EDGE_POINTS, -0.5), along_y)
    # Which coordinate changes more along the bottom, as an angle on the sky.
    shrink = 15.0 * np.cos(np.radians(grid.dec))
    is_ra = bool(shrink * np.ptp(bottom["ra"]) >= np.ptp(bottom["dec"]))
    names = ("ra", "dec") if is_ra else ("dec", "ra")
    edge = _outline(grid)
    steps = {
        name: _step(name, max(np.ptp(values[name]), np.ptp(edge[name]) / 4.0), count)
        for name, values, count in zip(names, (bottom, left), (n_bottom, n_left), strict=True)
    }
    return SkyAxes(
        _ticks(names[0], along_x, bottom[names[0]], steps[names[0]]),
        _ticks(names[1], along_y, left[names[1]], steps[names[1]]),
        is_ra,
        _lines(grid, edge, steps),
    )


def sexagesimal(name: str, seconds: float, step: float) -> str:
    """Write a coordinate with as many places as a step between labels needs.

    Parameters
    ----------
    name : {'ra', 'dec'}
    seconds : float
        Of time for right ascension, of arc for declination.
    step : float
        Likewise.

    Returns
    -------
    str
        Such as ``2h23m10s`` or ``-4°59'30"``.
    """
    decimals = max(0, int(np.ceil(-np.log10(step) - 1e-9)))
    units = "hms" if name == "ra" else "°'\""
    seconds = seconds % _DAY if name == "ra" else seconds
    whole = round(abs(seconds) * 10**decimals)
    minutes, rest = divmod(whole, 60 * 10**decimals)
    big, small = divmod(minutes, 60)
    if name == "ra":
        big %= 24
    sign = "" if name == "ra" else "-" if seconds < 0 and whole else "+"
    text = f"{sign}{big}{units[0]}"
    if step < 3600:
        text += f"{small:02d}{units[1]}"
    if step < 60:
        text += f"{rest / 10**decimals:0{3 + decimals if decimals else 2}.{decimals}f}{units[2]}"
    return text


def _seconds(grid: Grid, x: Float, y: Float) -> dict[str, Float]:
    """Sky positions in seconds; right ascension within half a day of the map's centre of projection."""
    ra, dec = grid.pixel_to_world(x, y)
    near = grid.ra + np.mod(ra - grid.ra + 180.0, 360.0) - 180.0
    return {"ra": near * _SECONDS_PER_DEGREE["ra"], "dec": dec * _SECONDS_PER_DEGREE["dec"]}


def _outline(grid: Grid) -> dict[str, Float]:
    """Positions over the whole map, extremes included: a pole is one, and any right ascension meets there."""
    ny, nx = grid.shape
    y, x = np.meshgrid(np.linspace(-0.5, ny - 0.5, 65), np.linspace(-0.5, nx - 0.5, 65), indexing="ij")
    found = _seconds(grid, x.ravel(), y.ravel())
    for pole in (-90.0, 90.0):
        at_x, at_y = grid.world_to_pixel(grid.ra, pole)
        if -0.5 <= at_x <= nx - 0.5 and -0.5 <= at_y <= ny - 0.5:
            found["dec"] = np.append(found["dec"], pole * 3600.0)
            found["ra"] = (grid.ra + np.array([-180.0, 180.0])) * _SECONDS_PER_DEGREE["ra"]
    return found


def _step(name: str, span: float, count: int) -> float:
    steps = _RA_STEPS if name == "ra" else _DEC_STEPS
    return float(next((step for step in steps if span / step <= max(1, count)), steps[-1]))


def _ticks(name: str, along: Float, seconds: Float, step: float) -> list[Tick]:
    """Find where an edge crosses round values."""
    scaled = seconds / step
    ticks = []
    for value in range(int(np.ceil(scaled.min())), int(np.floor(scaled.max())) + 1):
        before, after = scaled[:-1] - value, scaled[1:] - value
        # A jump of half a day is the far side of a pole, not a crossing.
        crosses = (before * after <= 0) & (before != after) & (np.abs(after - before) * step < _DAY / 4)
        for place in np.flatnonzero(crosses)[:1]:
            share = before[place] / (before[place] - after[place])
            position = float(along[place] + share * (along[place + 1] - along[place]))
            ticks.append(Tick(position, sexagesimal(name, value * step, step)))
    return ticks


def _lines(grid: Grid, edge: dict[str, Float], steps: dict[str, float]) -> list[tuple[Float, Float]]:
    lines = []
    for name, other in (("ra", "dec"), ("dec", "ra")):
        step = steps[name]
        low, high = edge[name].min() / step, edge[name].max() / step
        run = np.linspace(edge[other].min(), edge[other].max(), _LINE_POINTS) / _SECONDS_PER_DEGREE[other]
        for value in range(int(np.ceil(low)), int(np.floor(high)) + 1):
            fixed = value * step / _SECONDS_PER_DEGREE[name]
            if name == "dec" and abs(fixed) >= 90.0:
                continue
            lines.append(grid.world_to_pixel(*((fixed, run) if name == "ra" else (run, fixed))))
    return lines
