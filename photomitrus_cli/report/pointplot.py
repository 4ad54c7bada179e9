"""Panels of points: which part of the data is shown, and how it is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.report.axis import Axis, Scale, fit_scale, shown
from photomitrus_cli.report.frame import Frame, draw_levels
from photomitrus_cli.report.marks import RIM, bars_mask, scatter_mask, style, symbol_mask
from photomitrus_cli.report.series import Level, PointPanel, Points, series_keys
from photomitrus_cli.report.sheet import Sheet

Float = NDArray[np.float64]
Bool = NDArray[np.bool_]

# Up to so many points of a panel, the radius of one in pixels.
_RADII = ((150, 4.5), (1000, 3.5), (10_000, 2.5))
_SMALLEST = 1.5
# More points than this would hide each other, and more bars the points.
_MANY, _STRENGTH = 20_000, 0.4
_MANY_BARS, _BAR_STRENGTH = 300, 0.45
# A rejected point this far from the middle, in units of the range of the others, widens the axis no more.
_NEAR = 1.5
# An error widens the axis no more than so many usual ones do.
_USUAL_ERRORS = 3.0
_ARROW = 5.0


@dataclass(frozen=True)
class _Clean:
    """What can be shown of a series."""

    x: Float
    y: Float
    error: Float
    rejected: Bool


class PointPlan:
    """What a panel of points shows.

    Parameters
    ----------
    panel : PointPanel

    Attributes
    ----------
    x, y : Scale or None
        None when there is no point.
    note : str
        What is not shown.
    has_rejected : bool
    """

    def __init__(self, panel: PointPanel) -> None:
        self._panel = panel
        self._series = [_clean(series, panel.x.log, panel.y.log) for series in panel.series]
        self.x = fit_scale(panel.x, [series.x for series in self._series])
        self.y = _height(panel.y, self._series, panel.levels) if any(s.x.size for s in self._series) else None
        self.has_rejected = any(bool(series.rejected.any()) for series in self._series)
        self.note = self._tell()

    def _tell(self) -> str:
        parts = []
        points = sum(series.x.size for series in self._series)
        finite = sum(
            int((np.isfinite(series.x) & np.isfinite(series.y)).sum()) for series in self._panel.series
        )
        if finite > points:
            parts.append(f"{finite - points} not positive")
        if self.x is not None and self.y is not None:
            beyond = sum(
                int((_outside(self.x, series.x) | _outside(self.y, series.y)).sum())
                for series in self._series
            )
            if beyond:
                parts.append(f"{beyond} beyond the frame")
        return ", ".join(parts)

    def draw(self, sheet: Sheet, frame: Frame, styles: Mapping[str, int]) -> None:
        """Draw levels, then bars, then points, then the rejected ones.

        Parameters
        ----------
        sheet : Sheet
        frame : Frame
        styles : mapping
            Place of each series, by `series_keys`.
        """
        draw_levels(sheet, frame, list(self._panel.levels), upright=False)
        total = sum(series.x.size for series in self._series)
        keys = series_keys(self._panel.series)
        kinds = [style(styles[key]) for key in keys]
        for series, (colour, _) in zip(self._series, kinds, strict=True):
            _draw_bars(sheet, frame, series, colour, 1.0 if total <= _MANY_BARS else _BAR_STRENGTH)
        for rejected in (False, True):
            for series, kind in zip(self._series, kinds, strict=True):
                _draw_symbols(sheet, frame, series, kind, total, rejected=rejected)
        for series, (colour, _) in zip(self._series, kinds, strict=True):
            _draw_arrows(sheet, frame, series, colour)


def _clean(series: Points, x_log: bool, y_log: bool) -> _Clean:
    x, y = np.asarray(series.x, np.float64), np.asarray(series.y, np.float64)
    if x.shape != y.shape:
        raise ValueError(f"series {series.name!r}: {x.size} x and {y.size} y")
    good = shown(x, log=x_log) & shown(y, log=y_log)
    error = np.zeros(x.size) if series.error is None else np.asarray(series.error, np.float64)
    error = np.where(np.isfinite(error), np.abs(error), 0.0)
    rejected = np.zeros(x.size, bool) if series.rejected is None else np.asarray(series.rejected, bool)
    return _Clean(x[good], y[good], error[good], rejected[good])


def _height(axis: Axis, series: list[_Clean], levels: Sequence[Level]) -> Scale | None:
    wanted = [
        np.array([v for level in levels for v in (level.value, level.low, level.high) if v is not None])
    ]
    errors = np.concatenate([each.error[~each.rejected] for each in series])
    usual = _USUAL_ERRORS * float(np.median(errors)) if errors.size else 0.0
    rejected = []
    for each in series:
        y, error = each.y[~each.rejected], np.minimum(each.error[~each.rejected], usual)
        wanted += [y, y - error, y + error]
        rejected.append(each.y[each.rejected])
    others = np.concatenate(rejected)
    base = fit_scale(axis, wanted) if errors.size else None
    if base is not None:
        others = others[np.abs(base.share(others) - 0.5) <= _NEAR]
    return fit_scale(axis, [*wanted, others])


def _outside(scale: Scale, values: Float) -> Bool:
    share = scale.share(values)
    return (share < 0.0) | (share > 1.0)


def _draw_bars(sheet: Sheet, frame: Frame, series: _Clean, colour: str, strength: float) -> None:
    has = series.error > 0
    if not has.any():
        return
    x, y, error = series.x[has], series.y[has], series.error[has]
    low = y - error
    # An end that a logarithmic axis cannot show lies below the frame.
    low = np.maximum(low, 0.5 * frame.y.low) if frame.y.log else low
    covered = bars_mask((frame.height, frame.width), frame.columns(x), frame.rows(y + error), frame.rows(low))
    sheet.paint((frame.left, frame.top), covered * np.uint8(round(255 * strength)), colour)


def _draw_symbols(
    sheet: Sheet, frame: Frame, series: _Clean, kind: tuple[str, str], total: int, *, rejected: bool
) -> None:
    columns, rows = frame.columns(series.x), frame.rows(series.y)
    inside = (columns >= 0) & (columns < frame.width) & (rows >= 0) & (rows < frame.height)
    inside &= series.rejected == rejected
    if not inside.any():
        return
    colour, symbol = kind
    radius = next((size for most, size in _RADII if total <= most), _SMALLEST)
    shape, corner = (frame.height, frame.width), (frame.left, frame.top)
    x, y = columns[inside], rows[inside]
    if rejected:
        radius = max(radius, 2.0 * RIM)
        sheet.paint(corner, scatter_mask(shape, x, y, symbol_mask(symbol, radius)), "white")
        sheet.paint(corner, scatter_mask(shape, x, y, symbol_mask(symbol, radius, RIM)), colour)
    else:
        strength = 1.0 if total <= _MANY else _STRENGTH
        sheet.paint(corner, scatter_mask(shape, x, y, symbol_mask(symbol, radius), strength), colour)


def _draw_arrows(sheet: Sheet, frame: Frame, series: _Clean, colour: str) -> None:
    """Show at the frame where points lie above and below it."""
    columns, share = frame.columns(series.x), frame.y.share(series.y)
    across = (columns >= 0) & (columns < frame.width)
    shape, corner = (frame.height, frame.width), (frame.left, frame.top)
    inset = round(1.6 * _ARROW)
    for symbol, row, beyond in (
        ("triangle up", inset, share > 1.0),
        ("triangle down", frame.height - 1 - inset, share < 0.0),
    ):
        x = columns[across & beyond]
        if x.size:
            y = np.full(x.size, row)
            sheet.paint(corner, scatter_mask(shape, x, y, symbol_mask(symbol, _ARROW)), "white")
            sheet.paint(corner, scatter_mask(shape, x, y, symbol_mask(symbol, _ARROW, RIM)), colour)
