"""Means of the columns of an image: of values near a level, which sources and hits are not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

# Rows that are summed up in single precision.
_ROWS = 64


def column_sums(values: Float32, out: Bool, level: Float32, reach: Float32) -> tuple[Float, Float]:
    """Sum up what the good values of each column, as far as they are near its level, differ from it by.

    Parameters
    ----------
    values : ndarray of float32, shape (ny, nx)
    out : ndarray of bool, shape (ny, nx)
        Pixels not to be used; those not finite are left out, too.
    level, reach : ndarray of float32, shape (nx,)
        Of every column, and how far from it values may be; NaN for no values.

    Returns
    -------
    total, count : ndarray of float64, shape (nx,)
        Sum of value less level, and number of values.
    """
    total, count = np.zeros(values.shape[1]), np.zeros(values.shape[1])
    _sums(values, out, level, reach, total, count)
    return total, count


@kernel
def _sums(values: Float32, out: Bool, level: Float32, reach: Float32, total: Float, count: Float) -> None:
    ny, nx = values.shape
    part, number = np.zeros(nx, np.float32), np.zeros(nx, np.float32)
    zero, one = np.float32(0.0), np.float32(1.0)
    for first in range(0, ny, _ROWS):
        part[:], number[:] = zero, zero
        for y in range(first, min(first + _ROWS, ny)):
            for x in range(nx):
                away = values[y, x] - level[x]
                near = (abs(away) <= reach[x]) & (not out[y, x])
                part[x] += away if near else zero
                number[x] += one if near else zero
        for x in range(nx):
            total[x] += part[x]
            count[x] += number[x]
