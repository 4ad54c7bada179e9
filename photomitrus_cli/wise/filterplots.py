"""Figure of a filter run: the frames over the sky, in time, and by scan."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.report.chart import Axis, Counts, HistogramPanel, PointPanel, Points, draw_chart
from photomitrus_cli.wise.cuts import POSITION, ecliptic
from photomitrus_cli.wise.filterplan import BandRows
from photomitrus_cli.wise.filtertables import Scans

_SIZE = (1300, 1000)
_MOST_POINTS = 20000
_KEPT, _REMOVED = "kept", "removed"


def draw_frames(part: Path, columns: Mapping[str, NDArray[Any]], one: BandRows, scans: Scans) -> None:
    """Draw where and when the frames of a band are that are left and that were removed.

    Parameters
    ----------
    part : Path
        The PNG to write, whatever its suffix.
    columns : mapping of str to ndarray, shape (n,)
        With ``mjd_obs``; the sky is left out without ``crval1`` and ``crval2``.
    one : BandRows
    scans : Scans

    Raises
    ------
    OSError
        When the file cannot be written.
    """
    removed = one.rows & ~one.passed
    kept_mjd, removed_mjd = columns["mjd_obs"][one.passed], columns["mjd_obs"][removed]
    time = HistogramPanel(
        [Counts(kept_mjd, _KEPT), Counts(removed_mjd, _REMOVED)], Axis("MJD", "d"), Axis("frames")
    )
    of_scans = [Points(scans.mjd_min, scans.frames.astype(np.float64), name="frames of a scan")]
    by_scan = PointPanel(of_scans, Axis("MJD", "d"), Axis("frames left", low=0.0))
    rows: list[list[PointPanel | HistogramPanel]] = [[time, by_scan]]
    if all(name in columns for name in POSITION):
        rows.insert(0, [_sky(columns, one.passed, removed)])
    total = int(one.rows.sum())
    title = f"WISE W{one.band}: {int(one.passed.sum())} of {total} frames, {scans.frames.size} scans"
    draw_chart(part, rows, title=title, size=_SIZE)


def _sky(
    columns: Mapping[str, NDArray[Any]], passed: NDArray[np.bool_], removed: NDArray[np.bool_]
) -> PointPanel:
    """Show positions in ecliptic coordinates, in which scans are meridians and the Moon's gaps upright."""
    series, step = [], max(1, -(-int(passed.sum() + removed.sum()) // _MOST_POINTS))
    for name, mine in ((_KEPT, passed), (_REMOVED, removed)):
        rows = np.flatnonzero(mine)[::step]
        longitude, latitude = ecliptic(*(columns[axis][rows] for axis in POSITION))
        series.append(Points(longitude, latitude, name=name))
    shown = "" if step == 1 else f"one frame of {step}"
    return PointPanel(
        series,
        Axis("ecliptic longitude", "deg", low=0.0, high=360.0),
        Axis("ecliptic latitude", "deg", low=-90.0, high=90.0),
        title=shown,
    )
