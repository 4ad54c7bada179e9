"""Histograms: bins, and how they are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.report.axis import Axis, Scale, fit_scale, nice_step, shown
from photomitrus_cli.report.frame import Frame, draw_levels
from photomitrus_cli.report.marks import style
from photomitrus_cli.report.series import HistogramPanel, series_keys
from photomitrus_cli.report.sheet import Sheet

Float = NDArray[np.float64]

_FEWEST, _MOST = 5, 60
# Values beyond the quartiles by more than so many times their distance are not shown.
_FAR = 6.0
_FILL = 0.3
_HEADROOM, _FINER = 1.08, 1.5
_ROUNDINGS = 100.0


class HistogramPlan:
    """What a histogram shows.

    Parameters
    ----------
    panel : HistogramPanel

    Attributes
    ----------
    x, y : Scale or None
        None when there is no value.
    edges : ndarray of float, shape (n + 1,)
        Of the bins.
    counts : list of ndarray of int, shape (n,)
        Of each series.
    note : str
        What is not shown.
    has_rejected : bool
        Never.
    """

    has_rejected = False

    def __init__(self, panel: HistogramPanel) -> None:
        self._panel = panel
        arrays = [np.asarray(series.values, np.float64) for series in panel.series]
        arrays = [values[shown(values, log=panel.x.log)] for values in arrays]
        pooled = np.concatenate([np.zeros(0), *arrays])
        self.x: Scale | None = None
        self.y: Scale | None = None
        self.note = ""
        self.edges, self.counts = np.zeros(1), [np.zeros(0, np.int64) for _ in arrays]
        if not pooled.size:
            return
        self.edges = bin_edges(panel.x, pooled)
        self.counts = [np.histogram(values, self.edges)[0] for values in arrays]
        levels = np.array([level.value for level in panel.levels])
        self.x = fit_scale(panel.x, [self.edges, levels])
        highest = max(int(counts.max()) for counts in self.counts)
        self.y = _upwards(panel.y, highest)
        beyond = pooled.size - sum(int(counts.sum()) for counts in self.counts)
        if beyond:
            self.note = f"{beyond} beyond the bins"

    def draw(self, sheet: Sheet, frame: Frame, styles: Mapping[str, int]) -> None:
        """Draw levels and bins.

        Parameters
        ----------
        sheet : Sheet
        frame : Frame
        styles : mapping
            Place of each series, by `series_keys`.
        """
        draw_levels(sheet, frame, list(self._panel.levels), upright=True)
        colours = [style(styles[key])[0] for key in series_keys(self._panel.series)]
        outlines = [self._steps(frame, counts) for counts in self.counts]
        for (x, y), colour in zip(outlines, colours, strict=True):
            filled = np.zeros((frame.height, frame.width), np.uint8)
            for left, right, top in zip(x[:-1:2], x[1::2], y[::2], strict=True):
                filled[max(0, top) :, max(0, left) : max(0, right)] = round(255 * _FILL)
            sheet.paint((frame.left, frame.top), filled, colour)
        for (x, y), colour in zip(outlines, colours, strict=True):
            _draw_steps(sheet, frame, x, y, colour)

    def _steps(self, frame: Frame, counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Corners of the outline: two for each bin."""
        lowest = frame.y.low if frame.y.log else 0.0
        rows = frame.rows(np.maximum(counts, lowest))
        columns = frame.columns(self.edges)
        return np.repeat(columns, 2)[1:-1], np.repeat(rows, 2)


def bin_edges(axis: Axis, values: Float) -> Float:
    """Choose bins, of the width of Freedman & Diaconis (1981) made round.

    Parameters
    ----------
    axis : Axis
        Its limits, where given, are those of the bins.
    values : ndarray of float, shape (n,)
        At least one; positive on a logarithmic axis, where the bins are even in the logarithm.

    Returns
    -------
    ndarray of float, shape (m + 1,)
        About 3 to 90 bins.
    """
    lower, upper = np.quantile(values, [0.25, 0.75])
    if axis.log:
        lower, upper, values = np.log10(lower), np.log10(upper), np.log10(values)
    # What differs by roundings alone is the same.
    alike = _ROUNDINGS * np.spacing(np.abs(values).max())
    spread = upper - lower if upper - lower > alike else 0.0
    far = _FAR * spread or np.inf
    near = values[(values >= lower - far) & (values <= upper + far)]
    low, high = float(near.min()), float(near.max())
    limits = [limit if limit is None or not axis.log else np.log10(limit) for limit in (axis.low, axis.high)]
    low, high = (given if given is not None else own for given, own in zip(limits, (low, high), strict=True))
    plain = fit_scale(Axis(), [np.array([low, high])])
    if not high - low > alike and plain is not None:
        low, high = plain.low, plain.high
    width = 2.0 * spread / values.size ** (1.0 / 3.0)
    count = int(np.clip((high - low) / width, _FEWEST, _MOST)) if width > 0 else _FEWEST
    if axis.log or any(limit is not None for limit in limits):
        edges = np.linspace(low, high, count + 1, dtype=np.float64)
        return np.power(10.0, edges) if axis.log else edges
    # The round step is up to 2.5 times too long, the middle of the two errors is sought.
    mantissa, exponent = nice_step(high - low, round(_FINER * count))
    step = mantissa * 10.0**exponent
    last = max(ceil(high / step), floor(high / step) + 1)
    return np.arange(floor(low / step), last + 1, dtype=np.float64) * step


def _upwards(axis: Axis, highest: int) -> Scale:
    low = axis.low if axis.low is not None else 0.5 if axis.log else 0.0
    room = 2.0 if axis.log else _HEADROOM
    high = axis.high if axis.high is not None else max(1, highest) * room
    return Scale(low, high, axis.log)


def _draw_steps(sheet: Sheet, frame: Frame, x: NDArray[np.int64], y: NDArray[np.int64], colour: str) -> None:
    base = frame.height - 1
    risen = np.flatnonzero(y < base)
    if not risen.size:
        return
    # Where nothing was counted, the line would only hide those of other series.
    x, y = x[risen[0] : risen[-1] + 1], y[risen[0] : risen[-1] + 1]
    across = np.clip(np.concatenate([x[:1], x, x[-1:]]), 0, frame.width - 1) + frame.left
    down = np.clip(np.concatenate([[base], y, [base]]), 0, base) + frame.top
    sheet.draw.line(list(zip(across.tolist(), down.tolist(), strict=True)), fill=colour, width=2)
