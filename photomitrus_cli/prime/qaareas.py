"""Vectors or numbers over a chip, in the means of its areas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.alignfit import MEDIAN_LENGTH

Float = NDArray[np.float64]
Index = NDArray[np.int64]

# Stars that an area should have in each frame, and needs in all; areas along a side.
_PER_AREA, _FEWEST, _MOST_AREAS = 6, 3, 16


@dataclass(frozen=True, eq=False)
class Areas:
    """Equal areas of a chip, and which star is in which.

    Attributes
    ----------
    shape : tuple of int
        Areas along y and along x.
    chip : tuple of int
        (ny, nx) of the chip, pixels.
    groups : list of ndarray of int64
        Rows of the stars of each area, row by row.
    """

    shape: tuple[int, int]
    chip: tuple[int, int]
    groups: list[Index]

    @property
    def counts(self) -> Index:
        """Stars of each area, shape `shape`."""
        return np.array([rows.size for rows in self.groups], np.int64).reshape(self.shape)

    @property
    def centres(self) -> tuple[Float, Float]:
        """0-based pixel positions (x, y) of the middles of the areas, each of shape `shape`."""
        y, x = ((np.arange(n) + 0.5) * size / n - 0.5 for n, size in zip(self.shape, self.chip, strict=True))
        columns, rows = np.meshgrid(x, y)
        return columns, rows

    def medians(self, values: Float, weight: Float | None = None) -> Float:
        """Give the (weighted) median of each area, shape `shape`; NaN where there are fewer than 3 stars."""
        weight = np.ones(values.size) if weight is None else weight
        found = [
            weighted_median(values[rows], weight[rows]) if rows.size >= _FEWEST else np.nan
            for rows in self.groups
        ]
        return np.array(found, np.float64).reshape(self.shape)

    def scatters(self, vectors: Float, weight: Float) -> Float:
        """Give the `scatter` of vectors of shape (2, n) in each area, shape `shape`, NaN as `medians`."""
        found = [
            scatter(vectors[:, rows], weight[rows]) if rows.size >= _FEWEST else np.nan
            for rows in self.groups
        ]
        return np.array(found, np.float64).reshape(self.shape)


def weighted_median(values: Float, weight: Float) -> float:
    """Give the value that has half of the weight on each side; the usual median for equal weights.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        At least one.
    weight : ndarray of float64, shape (n,)
        Positive.

    Returns
    -------
    float
    """
    order = np.argsort(values, kind="stable")
    until = np.cumsum(weight[order])
    return float(np.interp(0.5 * until[-1], until - 0.5 * weight[order], values[order]))


def scatter(vectors: Float, weight: Float) -> float:
    """Give the robust scatter of one coordinate of vectors about zero.

    Parameters
    ----------
    vectors : ndarray of float64, shape (2, n)
    weight : ndarray of float64, shape (n,)

    Returns
    -------
    float
        From the weighted median of the lengths; NaN without any.
    """
    if not weight.size:
        return float("nan")
    return weighted_median(np.hypot(*vectors), weight) / MEDIAN_LENGTH


def make_areas(x: Float, y: Float, chip: tuple[int, int], frames: int) -> Areas:
    """Divide a chip into areas with some stars each.

    Parameters
    ----------
    x, y : ndarray of float64, shape (n,)
        0-based positions of stars.
    chip : tuple of int
        (ny, nx), pixels.
    frames : int
        In which each star may be: the same star over and over tells little of an area.

    Returns
    -------
    Areas
        16 x 16 at most, 2 x 2 at least.
    """
    side = int(np.clip(np.sqrt(x.size / (_PER_AREA * frames)), 2, _MOST_AREAS))
    shape = (side, side)
    row, column = (
        np.clip((place + 0.5) * side // size, 0, side - 1).astype(np.int64)
        for place, size in zip((y, x), chip, strict=True)
    )
    cell = row * side + column
    order = np.argsort(cell, kind="stable")
    ends = np.searchsorted(cell[order], np.arange(1, side * side))
    return Areas(shape, chip, np.split(order, ends))
