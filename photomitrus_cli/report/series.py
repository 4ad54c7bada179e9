"""What a chart shows: series of points, values to compare with, counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.report.axis import Axis


@dataclass(frozen=True)
class Points:
    """A series of points. One name has one colour and one symbol throughout a chart.

    Attributes
    ----------
    x, y : ndarray of float, shape (n,)
        What is not finite is left out, and on a logarithmic axis what is not positive.
    error : ndarray of float, shape (n,), or None
        Half the length of the bars; no bar where it is not finite.
    rejected : ndarray of bool, shape (n,), or None
        Drawn hollow. They do not widen the axis much: those far away become arrows at the frame.
    name : str
        In the legend; an empty one is not listed.
    """

    x: NDArray[np.floating]
    y: NDArray[np.floating]
    error: NDArray[np.floating] | None = None
    rejected: NDArray[np.bool_] | None = None
    name: str = ""


@dataclass(frozen=True)
class Level:
    """A value to compare with: a line, level in a panel of points and upright in a histogram.

    Attributes
    ----------
    value : float
        Not drawn when not finite.
    low, high : float or None
        Limits of the band around it.
    name : str
        In the legend.
    """

    value: float
    low: float | None = None
    high: float | None = None
    name: str = ""


@dataclass(frozen=True)
class PointPanel:
    """A panel of points.

    Attributes
    ----------
    series : sequence of Points
    x, y : Axis
    levels : sequence of Level
        Along y.
    title : str
        Above the frame, on its left.
    share : float
        Of the width of its row, compared with the other panels.
    """

    series: Sequence[Points]
    x: Axis = field(default_factory=Axis)
    y: Axis = field(default_factory=Axis)
    levels: Sequence[Level] = ()
    title: str = ""
    share: float = 1.0


@dataclass(frozen=True)
class Counts:
    """Values to be counted in bins.

    Attributes
    ----------
    values : ndarray of float, shape (n,)
        What is not finite is left out.
    name : str
    """

    values: NDArray[np.floating]
    name: str = ""


@dataclass(frozen=True)
class HistogramPanel:
    """A histogram; every series has the same bins.

    Attributes
    ----------
    series : sequence of Counts
    x : Axis
        Of the values. Without limits, what is far from most values is not shown and told by number.
    y : Axis
        Of the counts.
    levels : sequence of Level
        Along x.
    title : str
    share : float
        As in `PointPanel`.
    """

    series: Sequence[Counts]
    x: Axis = field(default_factory=Axis)
    y: Axis = field(default_factory=lambda: Axis("number"))
    levels: Sequence[Level] = ()
    title: str = ""
    share: float = 1.0


Panel = PointPanel | HistogramPanel


def series_keys(series: Sequence[Points | Counts]) -> list[str]:
    """Give what tells series apart: the name, or the place in the panel where there is none.

    Parameters
    ----------
    series : sequence of Points or Counts

    Returns
    -------
    list of str
        A place begins with a line end, which no name on a picture has.
    """
    return [each.name or f"\n{place}" for place, each in enumerate(series)]
