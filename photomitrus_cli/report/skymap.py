"""Pictures of HEALPix maps: the whole sky, a part of it, or a scan as a strip."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.io.healpixfile import PartialMap
from photomitrus_cli.report.colourbar import Colours
from photomitrus_cli.report.colours import Stretch, count_table, signed_table
from photomitrus_cli.report.graticule import make_graticule
from photomitrus_cli.report.sheet import HEADING_ROOM, Sheet
from photomitrus_cli.report.skycell import Cell, Surroundings, draw_cell
from photomitrus_cli.report.skyview import Window, choose_view

Float = NDArray[np.float64]

# A map with smaller pixels than this share of the picture's is averaged into them.
_FINE = 0.7
# Quantiles between which colours change, and when a few bright pixels call for a logarithmic end.
_QUANTILES = (0.005, 0.16, 0.5, 0.84, 0.995)
_BRIGHT, _SOFT = 8.0, 3.0
# Of a map around zero, the part of the values within the limits.
_SIGNED = 0.98


def draw_coadd(part: Path, sky: PartialMap, title: str) -> None:
    """Draw the values of a coadd beside its hits.

    Parameters
    ----------
    part : Path
        The PNG to write, whatever its suffix.
    sky : PartialMap
        With columns VALUE and HITS, at least one pixel, and NSIDE at most 8192. What is much longer than wide
        is shown along a great circle, in rows; the whole sky around what is large.
    title : str

    Raises
    ------
    OSError
        When the file cannot be written.
    ValueError
        For another NSIDE.
    """
    _draw(part, sky, [("VALUE", _label(sky, "VALUE")), ("HITS", "hits")], title)


def draw_columns(
    part: Path, sky: PartialMap, columns: Sequence[str], *, title: str, signed: Collection[str] = ()
) -> None:
    """Draw columns of a map, two side by side, or one above the other where they are long strips.

    Parameters
    ----------
    part : Path
        The PNG to write, whatever its suffix.
    sky : PartialMap
        With at least one pixel, NSIDE at most 8192.
    columns : sequence of str
        Of `sky`.
    title : str
    signed : collection of str
        Columns that are shown from blue over white at 0 to red.

    Raises
    ------
    OSError
        When the file cannot be written.
    ValueError
        For another NSIDE.
    """
    labels = [(column, _label(sky, column)) for column in columns]
    _draw(part, sky, labels, title, across=min(2, len(columns)), signed=signed)


def signed_stretch(values: NDArray[Any]) -> Stretch:
    """Choose limits as far below zero as above, such that few values are beyond them.

    Parameters
    ----------
    values : ndarray of float, shape (m,)
        NaN is passed over.

    Returns
    -------
    Stretch
    """
    known = np.abs(values[np.isfinite(values)].astype(np.float64))
    limit = float(np.quantile(known, _SIGNED)) if known.size else 0.0
    return Stretch(-limit, limit) if limit > 0.0 else Stretch(-1.0, 1.0)


def map_stretch(values: NDArray[Any]) -> Stretch:
    """Choose the colours of a map: between quantiles, with a logarithmic end where a few pixels are bright.

    Parameters
    ----------
    values : ndarray, shape (m,)
        Whole numbers begin at 0; NaN is passed over.

    Returns
    -------
    Stretch
    """
    counts = values.dtype.kind in "iu"
    known = values[np.isfinite(values)].astype(np.float64)
    if not known.size:
        return Stretch(0.0, 1.0)
    low, lower, middle, upper, high = (float(value) for value in np.quantile(known, _QUANTILES))
    sigma = (upper - lower) / 2.0
    low, high = (0.0, max(1.0, high)) if counts else (low, high)
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        room = 1e-3 * abs(middle) or 1.0
        return Stretch(low - room, high + room)
    bright = sigma > 0 and high - middle > _BRIGHT * sigma
    return Stretch(low, high, min(0.5, _SOFT * sigma / (high - low)) if bright else 0.0)


def _label(sky: PartialMap, column: str) -> str:
    unit = sky.units.get(column, "")
    return f"{column.lower()} ({unit})" if unit else column.lower()


def _draw(
    part: Path,
    sky: PartialMap,
    columns: list[tuple[str, str]],
    title: str,
    *,
    across: int = 0,
    signed: Collection[str] = (),
) -> None:
    from photomitrus_cli.imaging.healpix import pixel_directions

    directions = pixel_directions(sky.pixels, sky.nside)
    pixel = float(np.sqrt(np.pi / 3.0)) / sky.nside
    view = choose_view(directions, pixel)
    lookups = [_lookup(window, sky) for window in view.windows]
    graticules = [make_graticule(window, view.kind) for window in view.windows]
    around = Surroundings(view, graticules, sky.system)
    # What is wide already is shown one above the other.
    local = len(columns) if view.kind == "local" else 1
    along = 1 if view.kind == "strip" else across or local
    down = -(-len(columns) // along)
    width, height = around.size
    sheet = Sheet(width * along, HEADING_ROOM + height * down)
    sheet.write_heading(title)
    for place, (column, label) in enumerate(columns):
        values = sky.columns[column]
        images = [
            _image(window, lookup, values, directions, pixel)
            for window, lookup in zip(view.windows, lookups, strict=True)
        ]
        cell = _cell(images, values, label, signed=column in signed)
        corner = (place % along * width, HEADING_ROOM + place // along * height)
        draw_cell(sheet, corner, cell, around)
    sheet.save(part)


def _cell(images: list[Float], values: NDArray[Any], label: str, *, signed: bool) -> Cell:
    whole = values.dtype.kind in "iu"
    if signed:
        return Cell(images, Colours(signed_stretch(values), signed_table(), label, whole))
    return Cell(images, Colours(map_stretch(values), count_table(), label, whole))


def _lookup(window: Window, sky: PartialMap) -> NDArray[np.int64]:
    """Give for every pixel of a window the row of the map; -1 without data, -2 outside of the sky."""
    from photomitrus_cli.imaging.healpix import ring_pixels

    directions = window.directions()
    on_sky = np.isfinite(directions[0])
    wanted = ring_pixels(directions[:, on_sky], sky.nside)
    rows = np.minimum(np.searchsorted(sky.pixels, wanted), len(sky.pixels) - 1)
    lookup = np.full(on_sky.size, -2, np.int64)
    lookup[on_sky] = np.where(sky.pixels[rows] == wanted, rows, -1)
    return lookup.reshape(window.height, window.width)


def _image(
    window: Window, lookup: NDArray[np.int64], values: NDArray[Any], directions: Float, pixel: float
) -> Float:
    """Give the image of a window: infinite outside of the sky, NaN without data."""
    image = np.where(lookup >= 0, values[np.maximum(lookup, 0)].astype(np.float64), np.nan)
    image[lookup == -2] = np.inf
    if pixel * window.scale < _FINE:
        _average_into(image, window, values, directions)
    return image


def _average_into(image: Float, window: Window, values: NDArray[Any], directions: Float) -> None:
    column, row = window.place(directions)
    good = np.isfinite(column) & np.isfinite(values)
    column, row = (np.rint(place[good]).astype(np.int64) for place in (column, row))
    inside = (column >= 0) & (column < window.width) & (row >= 0) & (row < window.height)
    places = (row * window.width + column)[inside]
    count = np.bincount(places, minlength=image.size).reshape(image.shape)
    total = np.bincount(places, values[good][inside].astype(np.float64), image.size).reshape(image.shape)
    filled = count > 0
    image[filled] = total[filled] / count[filled]
