"""The median of resampled frames, per exposure class."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.accumulate import add_class
from photomitrus_cli.imaging.combine import Combined

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

# Var(mean) / Var(median) of n normal values, n = 1 to 20, by numerical integration of the densities of the
# middle order statistics (David & Nagaraja, Order Statistics, 2003, chapter 2), checked against simulation
# in the tests.
_EFFICIENCY = (
    1.0, 1.0, 0.7429347, 0.83836459, 0.69726823, 0.77612274, 0.67882762, 0.7432475, 0.66893591, 0.72292761,
    0.66278418, 0.70912215, 0.65859365, 0.69912968, 0.65555725, 0.69156125, 0.65325666, 0.68562961,
    0.65145369, 0.68085525,
)  # fmt: skip


def median_efficiency(n: int) -> float:
    """Efficiency of the median: Var(mean) / Var(median) of n independent normal values.

    Parameters
    ----------
    n : int
        Number of values, >= 1; the median of an even number is the mean of the two middle ones.

    Returns
    -------
    float
        Exact to 1e-7 up to n = 20, then 2/pi (1 + a / n + b / n^2), a = 2 - pi/2 (odd n) or 3 - pi/2 (even n)
        and b fitted to the exact values; good to 1e-4.
    """
    if n <= len(_EFFICIENCY):
        return _EFFICIENCY[n - 1]
    first, second = (2.0 - np.pi / 2.0, 0.26) if n % 2 else (3.0 - np.pi / 2.0, -0.8)
    return 2.0 / np.pi * (1.0 + (first + second / n) / n)


@lru_cache(maxsize=64)
def _efficiencies(n: int) -> Float:
    """Efficiencies of 0 to n values; that of 0 is not used."""
    table = np.array([1.0, *(median_efficiency(k) for k in range(1, n + 1))])
    table.setflags(write=False)
    return table


class ClassMedian:
    """Median per class of equal exposure time, then the weighted mean of the classes.

    The rule of chengchengcode/IRAC-mosaic: a class weighs as its electrons a data unit, here sum of
    GAIN/FLUXCONV * EXPTIME over the frames that have a value at the pixel, each with its own keywords; the
    mosaic is sum S w / sum w. The variance of a class median is that of the mean of its values over the
    efficiency of the median (`median_efficiency`).

    Parameters
    ----------
    shape : tuple of int
        (ny, nx) of the map or tile. Memory is 60 bytes a pixel, beside the cube of one class that the caller
        gives.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self._sums = np.zeros((7, *shape))
        self._count = np.zeros(shape, dtype=np.int32)

    def add(
        self,
        values: Float32,
        variances: Float32,
        valid: Bool,
        conversion: Sequence[float] | ArrayLike,
        exptime: float,
        *,
        large_ratio: float = 1.0,
        remainder_ratio: float = 1.0,
    ) -> None:
        """Add all frames of one class.

        Parameters
        ----------
        values, variances : ndarray of float32, shape (n, ny, nx)
            Resampled frames and variances on the whole tile.
        valid : ndarray of bool, same shape
            Which to use.
        conversion : array_like of float, shape (n,)
            Electrons a second a data unit of each frame: GAIN / FLUXCONV.
        exptime : float
            Exposure time of the class, s.
        large_ratio, remainder_ratio : float, optional
            Large-area noise variance over that of pixels, for a mean and for what the median adds to it:
            `photomitrus_cli.imaging.noise.large_area_ratio` and `median_remainder_ratio`.

        Raises
        ------
        InputError
            If shapes differ from each other or from the tile, or a conversion or the exposure is not
            positive.
        """
        factor = np.asarray(conversion, dtype=np.float64)
        if not values.shape == variances.shape == valid.shape == (factor.size, *self.shape):
            raise InputError(
                f"class of {values.shape} values and {factor.size} conversions in a map {self.shape}"
            )
        weights = factor * float(exptime)
        if not (np.isfinite(weights).all() and (weights > 0.0).all()):
            raise InputError(f"class of {exptime} s frames: exposure and GAIN/FLUXCONV must be positive")
        ratios = (float(large_ratio), float(remainder_ratio))
        table = _efficiencies(values.shape[0])
        add_class(values, variances, valid, weights, float(exptime), ratios, table, self._sums, self._count)

    def result(self) -> Combined:
        """Finish the mosaic.

        Returns
        -------
        Combined
            std is the scatter of all values of all classes about the mosaic, divisor n - 1.
        """
        weight, total, noise, large, mean, squares, exptime = self._sums
        with np.errstate(divide="ignore", invalid="ignore"):
            sci = total / weight
            unc, density = np.sqrt(noise) / weight, large / weight**2
            std = np.sqrt((squares + self._count * (mean - sci) ** 2) / (self._count - 1))
        std[self._count < 2] = np.nan
        return Combined(
            sci.astype(np.float32), unc.astype(np.float32), self._count.copy(),
            exptime.astype(np.float32), std.astype(np.float32), density.astype(np.float32),
        )  # fmt: skip
