"""Combination of resampled frames: streaming weighted mean, and the median per exposure class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.accumulate import add_class, add_lanczos, add_window
from photomitrus_cli.imaging.blocks import BLOCK, SUMS
from photomitrus_cli.imaging.lanczos import MAX_BAD_SHARE
from photomitrus_cli.imaging.mapping import Box, PixelMap
from photomitrus_cli.imaging.resample import TABLES, PreparedFrame, check_map

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]
_Numbers = tuple[np.float32, np.float32, np.float32]

_NO_SHARE = np.empty((0, 0), dtype=np.float32)

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


@dataclass(frozen=True, eq=False)
class Combined:
    """A combined map.

    Parameters
    ----------
    sci, unc : ndarray of float32, shape (ny, nx)
        Value and the standard deviation of its noise in one pixel; NaN without data.
    coverage : ndarray of int32
        Number of values.
    exptime : ndarray of float32
        Sum of the exposure times, s.
    std : ndarray of float32
        Scatter of a single value about the combined one; NaN for fewer than two values.
    large : ndarray of float32
        What unc^2 would be if neighbouring pixels were independent but apertures much larger than a pixel had
        the noise they have: R^2 unc^2, R the noise correlation factor. NaN without data.
    """

    sci: Float32
    unc: Float32
    coverage: NDArray[np.int32]
    exptime: Float32
    std: Float32
    large: Float32


class WeightedMean:
    """Streaming weighted mean of frames with one weight a frame.

    The mean is sum w v / sum w and its variance sum w^2 var / (sum w)^2. Weights are scalars: the variance
    of a pixel follows its own noisy signal, so inverse variances a pixel at a time favour values that
    fluctuated low and bias stars low (and background too); a weight that is the same over the frame cannot.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx) of the map or tile. Memory is 32 bytes a pixel.

    Notes
    -----
    Sums are float32. Of n frames, uncertainty and exposure time are good to n 3e-8 or better; the rounding of
    the mean is 0.2 sqrt(n) units in its last place, far below the noise of the values it averages.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self._sums = np.zeros((shape[0], -(-shape[1] // BLOCK), SUMS, BLOCK), dtype=np.float32)
        self._unit = 0.0

    def add(
        self,
        value: Float32,
        variance: Float32,
        valid: Bool,
        weight: float,
        exptime: float,
        *,
        offset: tuple[int, int] = (0, 0),
        large_ratio: float = 1.0,
        share: Float32 | None = None,
    ) -> None:
        """Add one resampled frame.

        Parameters
        ----------
        value, variance : ndarray of float32, shape (ny, nx)
            Resampled frame and variance.
        valid : ndarray of bool, same shape
            Which to use.
        weight : float
            Of the whole frame, > 0: best one over a typical variance.
        exptime : float
            Exposure time, s.
        offset : tuple of int, optional
            Position (y, x) of the first value in the map.
        large_ratio : float, optional
            Noise variance of large areas over that of single pixels for this frame:
            `photomitrus_cli.imaging.noise.large_area_ratio`.
        share : ndarray of float32, shape (ny, nx), optional
            Factor of the weight of each value; a value of share 0 is not used.

        Raises
        ------
        InputError
            If the weight is not positive or the values do not fit in the map.
        """
        numbers = self._numbers(weight, exptime, large_ratio)
        y, x = offset
        if min(y, x) < 0 or y + value.shape[0] > self.shape[0] or x + value.shape[1] > self.shape[1]:
            raise InputError(f"values {value.shape} at {offset} do not fit in a map {self.shape}")
        shares = _NO_SHARE if share is None else share
        if not value.shape == variance.shape == valid.shape or shares.shape not in {(0, 0), value.shape}:
            raise InputError(
                f"values {value.shape}, variances {variance.shape}, flags {valid.shape} differ in shape"
            )
        add_window(value, variance, valid, shares, offset, numbers, self._sums)

    def add_frame(
        self,
        frame: PreparedFrame,
        pixel_map: PixelMap,
        window: Box,
        weight: float,
        exptime: float,
        *,
        corner: tuple[int, int] = (0, 0),
        offset_value: float = 0.0,
        large_ratio: float = 1.0,
        max_bad_share: float = MAX_BAD_SHARE,
    ) -> None:
        """Interpolate a prepared frame by Lanczos-3 and add it.

        The same as `photomitrus_cli.imaging.resample.resample_frame` and `add`, to the last bit, without
        arrays between.

        Parameters
        ----------
        frame : PreparedFrame
            The frame.
        pixel_map : PixelMap
            Its map.
        window : tuple of int
            (y0, y1, x0, x1) in grid pixels; only its part inside the map and the box of the frame counts.
        weight, exptime, large_ratio : float
            See `add`.
        corner : tuple of int, optional
            Grid pixel (y, x) of the first pixel of the map.
        offset_value : float, optional
            Taken off every value: the sky of the frame.
        max_bad_share : float, optional
            See `photomitrus_cli.imaging.resample.resample_frame`.

        Raises
        ------
        InputError
            If the weight is not positive or the map of positions is not of this frame.
        """
        check_map(frame, pixel_map)
        numbers = self._numbers(weight, exptime, large_ratio)
        box = pixel_map.bbox
        y0, x0 = max(window[0], box[0], corner[0]), max(window[2], box[2], corner[1])
        y1 = min(window[1], box[1], corner[0] + self.shape[0])
        x1 = min(window[3], box[3], corner[1] + self.shape[1])
        if y0 < y1 and x0 < x1:
            add_lanczos(
                frame.pixels, frame.state, (pixel_map.node_x, pixel_map.node_y), pixel_map.origin,
                pixel_map.step, (y0, y1, x0, x1), corner, TABLES, max_bad_share, numbers,
                np.float32(offset_value), self._sums,
            )  # fmt: skip

    def _numbers(self, weight: float, exptime: float, large_ratio: float) -> _Numbers:
        """Weight in units of the first, exposure time and large-area ratio, as the kernels take them."""
        if not (np.isfinite(weight) and weight > 0.0):
            raise InputError(f"frame weight {weight}: must be positive")
        if not self._unit:
            # A power of two, so that no bit of a result depends on it; squares of weights must not overflow.
            self._unit = float(2.0 ** np.floor(np.log2(weight)))
        return np.float32(weight / self._unit), np.float32(exptime), np.float32(large_ratio)

    def result(self) -> Combined:
        """Finish the mean.

        Returns
        -------
        Combined
            std is the weighted scatter with the bias of reliability weights removed:
            sum w (v - mean)^2 / (sum w - sum w^2 / sum w).
        """
        ny, nx = self.shape
        # Plane by plane and in place: what stays in the processor's cache need not be fetched again.
        planes = (self._sums[:, :, k].reshape(ny, -1)[:, :nx] for k in range(SUMS))
        weight, mean, squares, weight2, noise, large, exptime, count = planes
        with np.errstate(divide="ignore", invalid="ignore"):
            std = weight2 / weight
            np.sqrt(np.divide(squares, np.subtract(weight, std, out=std), out=std), out=std)
            unc = np.sqrt(noise)
            unc /= weight
            density = np.square(weight)
            np.divide(large, density, out=density)
        std[count < 2] = np.nan
        sci = np.where(count == 0, np.float32(np.nan), mean)
        return Combined(sci, unc, count.astype(np.int32), exptime.copy(), std, density)


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
