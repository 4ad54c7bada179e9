"""Figures of the photometry: the fluxes of all frames in time, and those of the AORs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.report.axis import fit_scale
from photomitrus_cli.report.chart import (
    Axis,
    Counts,
    HistogramPanel,
    Level,
    PointPanel,
    Points,
    draw_chart,
)

Float = NDArray[np.float64]

_MAD_TO_SIGMA = 1.4826
_WIDTH, _HEIGHT, _ROW_HEIGHT = 1200, 700, 320
# Of the width, where that of a histogram is 1.
_POINTS_SHARE = 2.2
_BAND = "median ± 1.48 MAD"
_NAMES = {"target": "target", "aor": "AOR"}


@dataclass(frozen=True)
class FluxRows:
    """Fluxes to be shown, of frames or of AORs; arrays of the same length.

    Attributes
    ----------
    mjd : ndarray of float64
        Days.
    flux, error : ndarray of float64
        mJy; NaN where there is none.
    kept : ndarray of bool
        False where rejected: drawn hollow, and without influence on medians.
    channel : ndarray of int
    framtime : ndarray of float64
        Seconds.
    target, aor : ndarray
        What tells targets and AORs apart, names or numbers.
    """

    mjd: Float
    flux: Float
    error: Float
    kept: NDArray[np.bool_]
    channel: NDArray[np.integer]
    framtime: Float
    target: NDArray[Any]
    aor: NDArray[Any]


Normalised = Literal["target", "aor"]


def time_series(
    part: Path, rows: FluxRows, *, title: str = "", normalised: Normalised | None = "target"
) -> None:
    """Draw the flux of each frame against time, a panel for each channel and a colour for each FRAMTIME.

    Parameters
    ----------
    part : Path
        The PNG to write, whatever its suffix.
    rows : FluxRows
        Of frames.
    title : str
    normalised : {'target', 'aor'} or None
        Fluxes are divided by the median of the target's kept frames in the channel, or of those of one AOR;
        None shows mJy.

    Raises
    ------
    OSError
        When the file cannot be written.
    """
    shown = _show(rows, normalised)
    panels = [[_points(shown, channel)] for channel in shown.channels]
    draw_chart(part, panels or [[_points(shown, None)]], title=title, size=_size(shown))


def aor_scatter(part: Path, rows: FluxRows, *, title: str = "") -> None:
    """Draw the fluxes of AORs against time, and how many deviate from the target's median by how much.

    Parameters
    ----------
    part : Path
        The PNG to write, whatever its suffix.
    rows : FluxRows
        Of AORs. Fluxes of more than one target are divided by the target's median in the channel.
    title : str

    Raises
    ------
    OSError
        When the file cannot be written.
    """
    shown = _show(rows, None if np.unique(rows.target).size <= 1 else "target")
    relative = _divided(rows, "target")[0]
    channels: list[int | None] = [*shown.channels] or [None]
    panels = [(_points(shown, channel), _deviations(rows, relative, channel)) for channel in channels]
    draw_chart(part, panels, title=title, size=_size(shown))


def medians(flux: Float, kept: NDArray[np.bool_], *keys: NDArray[Any]) -> Float:
    """Give for each flux the median of its group.

    Parameters
    ----------
    flux : ndarray of float64, shape (n,)
    kept : ndarray of bool, shape (n,)
        Which of them count, if finite.
    *keys : ndarray, shape (n,)
        Rows with the same keys make a group.

    Returns
    -------
    ndarray of float64, shape (n,)
        NaN in groups of which none counts.
    """
    group = np.zeros(flux.size, np.int64)
    for key in keys:
        numbers = np.unique(key, return_inverse=True)[1]
        group = np.unique(group * (int(numbers.max(initial=0)) + 1) + numbers, return_inverse=True)[1]
    found = np.full(flux.size, np.nan)
    order = np.argsort(group, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        known = flux[rows][kept[rows] & np.isfinite(flux[rows])]
        if known.size:
            found[rows] = np.median(known)
    return found


@dataclass(frozen=True)
class _Shown:
    """Fluxes as they are drawn, and the range of dates that the panels share."""

    rows: FluxRows
    flux: Float
    error: Float
    in_mjy: bool
    x: Axis
    y: Axis

    @property
    def channels(self) -> list[int]:
        """Those of the rows, ascending."""
        return [int(channel) for channel in np.unique(self.rows.channel)]


def _show(rows: FluxRows, normalised: Normalised | None) -> _Shown:
    flux, error = _divided(rows, normalised)
    scale = fit_scale(Axis(), [rows.mjd[np.isfinite(flux)]])
    x = Axis("MJD", "d") if scale is None else Axis("MJD", "d", low=scale.low, high=scale.high)
    y = Axis("flux", "mJy") if normalised is None else Axis(f"flux / median of the {_NAMES[normalised]}")
    return _Shown(rows, flux, error, normalised is None, x, y)


def _divided(rows: FluxRows, normalised: Normalised | None) -> tuple[Float, Float]:
    if normalised is None:
        return rows.flux, rows.error
    keys = (rows.target, rows.channel) + ((rows.aor,) if normalised == "aor" else ())
    middle = medians(rows.flux, rows.kept, *keys)
    middle = np.where(middle > 0, middle, np.nan)
    return rows.flux / middle, rows.error / middle


def _size(shown: _Shown) -> tuple[int, int]:
    return _WIDTH, max(_HEIGHT, _ROW_HEIGHT * len(shown.channels))


def _points(shown: _Shown, channel: int | None) -> PointPanel:
    rows = shown.rows
    series = [
        Points(rows.mjd[mine], shown.flux[mine], shown.error[mine], ~rows.kept[mine], name)
        for name, mine in _groups(rows, channel)
    ]
    kept = shown.flux[rows.kept & (rows.channel == channel) & np.isfinite(shown.flux)]
    levels, told = [], [f"{kept.size} used"]
    if kept.size:
        middle = float(np.median(kept))
        sigma = _MAD_TO_SIGMA * float(np.median(np.abs(kept - middle)))
        levels.append(Level(middle, middle - sigma, middle + sigma, _BAND))
        if middle > 0:
            told.insert(0, f"scatter {100.0 * sigma / middle:.2f} % (1.48 MAD)")
        if shown.in_mjy:
            told.insert(0, f"median {middle:.5g} mJy")
    title = "" if channel is None else f"channel {channel}: {', '.join(told)}"
    return PointPanel(series, shown.x, shown.y, levels, title, _POINTS_SHARE)


def _deviations(rows: FluxRows, relative: Float, channel: int | None) -> HistogramPanel:
    series = [
        Counts(100.0 * (relative[mine & rows.kept] - 1.0), name) for name, mine in _groups(rows, channel)
    ]
    return HistogramPanel(series, Axis("deviation from the median", "%"), levels=[Level(0.0)])


def _groups(rows: FluxRows, channel: int | None) -> list[tuple[str, NDArray[np.bool_]]]:
    """Give name and rows of each frame time of a channel."""
    here = rows.channel == channel
    times = np.unique(rows.framtime[here])
    return [(f"ch{channel}, {time:g} s", here & (rows.framtime == time)) for time in times]
