"""How frames of a scan differ where they overlap: in level and in gradient, and whether that is the sky."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Int = NDArray[np.int64]

# Cells of a frame are blocks of so many detector pixels.
CELL_PX = 16
# Gaussian standard deviation over median absolute deviation.
MAD_SIGMA = 1.4826
_CLIP = 4.0
_ROUNDS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Local levels of a frame.

    Attributes
    ----------
    pixels : ndarray of int64, shape (cy, cx)
        Map pixel of the centre of each cell, in a map whose pixels are about as large as a cell.
    level : ndarray of float32, shape (cy, cx)
        Median of the cell at the nominal zero point, DN; NaN where there is none.
    """

    pixels: Int
    level: Float32


@dataclass(frozen=True, slots=True)
class Link:
    """How a frame differs from the one before it, measured in the cells that both have.

    Attributes
    ----------
    n : int
        Cells in common; the numbers are NaN where these are too few.
    step : float
        Level of the frame less that of the one before, DN.
    slope : float
        Gradient of that difference along the longer side of the overlap, DN per 1000 pixels.
    axis : int
        The longer side: 0 x, 1 y.
    before, after : float
        Where the overlap lies across its longer side, in the frame before and in this one, pixels.
    """

    n: int
    step: float
    slope: float
    axis: int
    before: float
    after: float


NO_LINK = Link(0, np.nan, np.nan, 0, np.nan, np.nan)


def robust_sigma(values: Float) -> float:
    """Give 1.4826 times the median absolute deviation of the finite values; NaN when there are none.

    Parameters
    ----------
    values : ndarray of float64

    Returns
    -------
    float
    """
    good = values[np.isfinite(values)]
    return float(MAD_SIGMA * np.median(np.abs(good - np.median(good)))) if good.size else np.nan


def link_frames(frames: Sequence[Cells], min_cells: int) -> list[Link]:
    """Compare each frame with the one before it.

    Parameters
    ----------
    frames : sequence of Cells
        In the order of time.
    min_cells : int
        Overlaps of fewer cells say nothing.

    Returns
    -------
    list of Link
        One per frame; that of the first says nothing.
    """
    found = [NO_LINK]
    previous: tuple[Int, Int] | None = None
    for k, cells in enumerate(frames):
        here = np.flatnonzero(np.isfinite(cells.level))
        here = here[np.argsort(cells.pixels.ravel()[here], kind="stable")]
        own = cells.pixels.ravel()[here]
        if previous is not None:
            found.append(_link(frames[k - 1], previous, cells, (own, here), min_cells))
        previous = (own, here)
    return found


def _link(before: Cells, of_before: tuple[Int, Int], cells: Cells, own: tuple[Int, Int], least: int) -> Link:
    """Measure one overlap; cells are matched by their map pixel."""
    pixels, places = of_before
    at = np.minimum(np.searchsorted(pixels, own[0]), max(pixels.size - 1, 0))
    common = pixels[at] == own[0] if pixels.size else np.zeros(own[0].size, bool)
    if np.count_nonzero(common) < least:
        return NO_LINK
    there, here = places[at[common]], own[1][common]
    difference = cells.level.ravel()[here].astype(np.float64) - before.level.ravel()[there]
    y, x = np.divmod(here, cells.level.shape[1])
    axis = int(np.ptp(y) > np.ptp(x))
    along, across = ((x, y), (y, x))[axis]
    across_before = np.divmod(there, before.level.shape[1])[axis]
    good, slope = _clipped_slope(along * (CELL_PX / 1000.0), difference)
    return Link(
        int(good.sum()),
        float(np.median(difference[good])),
        slope,
        axis,
        float(np.mean(across_before[good])) * CELL_PX,
        float(np.mean(across[good])) * CELL_PX,
    )


def _clipped_slope(position: Float, values: Float) -> tuple[NDArray[np.bool_], float]:
    """Fit a line, without the cells that stars make stand out; give those used and the slope."""
    good = np.ones(values.size, bool)
    slope = 0.0
    for _ in range(_ROUNDS):
        flat = values - slope * position
        residual = flat - np.median(flat[good])
        good = np.abs(residual) <= _CLIP * max(robust_sigma(residual[good]), 1e-6)
        shifted = position[good] - np.mean(position[good])
        spread = float(np.sum(shifted**2))
        slope = float(np.sum(shifted * values[good])) / spread if spread > 0.0 else 0.0
    return good, slope
