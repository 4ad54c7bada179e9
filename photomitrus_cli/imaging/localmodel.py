"""Level and noise of the sky within a frame, in cells of 16 x 16 pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.selection import count_to, select

Float32 = NDArray[np.float32]
State = NDArray[np.uint8]

CELL = 16
"""Side of a cell in pixels."""

LOW_SHARE = 0.15865525393145707
"""Share of a normal distribution that lies more than one sigma below its centre."""
FEWEST = 32
"""A cell with fewer used pixels takes the mean of its neighbours."""


@dataclass(frozen=True, slots=True, eq=False)
class LocalModel:
    """Sky level and noise of a frame in cells of 16 x 16 pixels, those at the far edges cut.

    Attributes
    ----------
    level : ndarray of float32, shape (cy, cx)
        Median of the used pixels, smoothed by a median over 3 x 3 cells. NaN if no cell has enough pixels.
    sigma : ndarray of float32, shape (cy, cx)
        Median less 16th percentile, smoothed likewise: sources, which are positive, raise it least.
    count : ndarray of int32, shape (cy, cx)
        Used pixels; cells of fewer than 32 were filled from their neighbours.
    """

    level: Float32
    sigma: Float32
    count: NDArray[np.int32]


def local_model(sci: Float32, state: State) -> LocalModel:
    """Measure the sky of a frame in cells.

    Parameters
    ----------
    sci : ndarray of float32, shape (ny, nx), C order
        The image.
    state : ndarray of uint8, shape (ny, nx), C order
        0 where a pixel is used.

    Returns
    -------
    LocalModel
        In the units of the image. Cells are exact medians and percentiles (the lower of two middle values);
        a level of 256 pixels has a noise of 0.08 sigma, after the smoothing 0.04.
    """
    shape = tuple(-(-n // CELL) for n in sci.shape)
    level, sigma = np.empty(shape, np.float32), np.empty(shape, np.float32)
    count = np.empty(shape, np.int32)
    _measure_cells(sci, state, level, sigma, count)
    few = count < FEWEST
    if few.any():
        _fill(few, level, sigma)
    return LocalModel(_smoothed(level), _smoothed(sigma), count)


@kernel
def _measure_cells(
    sci: Float32, state: State, level: Float32, sigma: Float32, count: NDArray[np.int32]
) -> None:
    """Fill in the cells; those without pixels get NaN."""
    ny, nx = sci.shape
    values, work = np.empty(CELL * CELL, np.float32), np.empty(1, np.float32)
    none, most = np.float32(np.inf), np.float32(3.4e38)
    guess, step = np.float32(0.0), np.float32(1.0)
    for j in range(level.shape[0]):
        for i in range(level.shape[1]):
            y1, x0, x1 = min(j * CELL + CELL, ny), i * CELL, min(i * CELL + CELL, nx)
            m = 0
            for y in range(j * CELL, y1):
                for x in range(x0, x1):
                    values[m + x - x0] = sci[y, x] if state[y, x] == 0 else none
                m += x1 - x0
            n = count_to(values[:m], most)
            count[j, i] = n
            level[j, i] = sigma[j, i] = np.float32(np.nan)
            if n == 0:
                continue
            guess = select(values[:m], (n - 1) // 2, guess, step, work)
            low = select(values[:m], int(LOW_SHARE * (n - 1)), np.float32(guess - step - step), step, work)
            level[j, i], sigma[j, i] = guess, guess - low
            # The next cell is likely to be within half a sigma.
            step = max(np.float32(0.5) * (guess - low), np.float32(1e-6) * abs(guess), np.float32(1e-12))


def _fill(few: NDArray[np.bool_], level: Float32, sigma: Float32) -> None:
    """Give cells with too few pixels the mean of their neighbours, from the rim of the gap inwards."""
    known = ~few
    while known.any() and not known.all():
        weight = _sum_of_neighbours(known.astype(np.float32))
        new = ~known & (weight > 0.0)
        for plane in (level, sigma):
            total = _sum_of_neighbours(np.where(known, plane, np.float32(0.0)))
            plane[new] = total[new] / weight[new]
        known |= new
    if not known.any():
        level[:] = sigma[:] = np.nan


def _sum_of_neighbours(plane: Float32) -> Float32:
    rows = np.pad(plane, 1)
    rows = rows[:-2] + rows[1:-1] + rows[2:]
    return np.asarray(rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:], dtype=np.float32)


def _smoothed(cells: Float32) -> Float32:
    """Median over 3 x 3 cells; outside the frame they go on as straight lines, so a slope stays one."""
    if min(cells.shape) < 2:
        return cells
    padded = np.pad(cells, 1, mode="reflect", reflect_type="odd")
    out = np.empty_like(cells)
    _median_of_nine(padded, out)
    return out


@kernel
def _median_of_nine(padded: Float32, out: Float32) -> None:
    nine = np.empty(9, np.float32)
    for j in range(out.shape[0]):
        for i in range(out.shape[1]):
            for n in range(9):
                value = padded[j + n // 3, i + n % 3]
                k = n
                while k > 0 and nine[k - 1] > value:
                    nine[k] = nine[k - 1]
                    k -= 1
                nine[k] = value
            out[j, i] = nine[4]


@kernel
def cell_row(cells: Float32, y: int, out: Float32) -> None:
    """Interpolate between the centres of the cells along one row of pixels.

    Parameters
    ----------
    cells : ndarray of float32, shape (cy, cx)
        Values at pixels 7.5, 23.5, ... along both axes; beyond the outer ones they are constant.
    y : int
        The row, in pixels.
    out : ndarray of float32, shape (nx,)
        Bilinear values, overwritten.
    """
    cy, cx = cells.shape
    nx = out.size
    half, whole = CELL // 2, np.float32(1.0 / CELL)
    j0 = min(max((y - half) // CELL, 0), cy - 1)
    j1 = min(j0 + 1, cy - 1)
    t = np.float32(min(max((y - half + 0.5) / CELL - j0, 0.0), 1.0))
    first = cells[0 if y < half else j0, 0]
    first += t * (cells[j1, 0] - first)
    for x in range(min(half, nx)):
        out[x] = first
    for i in range(cx):
        i1 = min(i + 1, cx - 1)
        a = cells[j0, i] + t * (cells[j1, i] - cells[j0, i])
        b = cells[j0, i1] + t * (cells[j1, i1] - cells[j0, i1])
        slope = (b - a) * whole
        start = CELL * i + half
        for s in range(min(CELL, nx - start)):
            out[start + s] = a + (np.float32(s) + np.float32(0.5)) * slope


@kernel
def cell_at(cells: Float32, y: int, x: int) -> np.float32:
    """Interpolate between the centres of the cells at one pixel.

    Parameters
    ----------
    cells : ndarray of float32, shape (cy, cx)
        See `cell_row`.
    y, x : int
        The pixel.

    Returns
    -------
    float32
    """
    cy, cx = cells.shape
    half = CELL // 2
    j0, i0 = min(max((y - half) // CELL, 0), cy - 1), min(max((x - half) // CELL, 0), cx - 1)
    j1, i1 = min(j0 + 1, cy - 1), min(i0 + 1, cx - 1)
    t = np.float32(min(max((y - half + 0.5) / CELL - j0, 0.0), 1.0))
    s = np.float32(min(max((x - half + 0.5) / CELL - i0, 0.0), 1.0))
    a = cells[j0, i0] + t * (cells[j1, i0] - cells[j0, i0])
    b = cells[j0, i1] + t * (cells[j1, i1] - cells[j0, i1])
    return np.float32(a + s * (b - a))
