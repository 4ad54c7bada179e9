"""Combination of resampled frames: streaming weighted mean, and the median per exposure class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.accumulate import add_lanczos, add_window
from photomitrus_cli.imaging.blocks import BLOCK, SUMS
from photomitrus_cli.imaging.lanczos import MAX_BAD_SHARE
from photomitrus_cli.imaging.pixelmap import Box, PixelMap
from photomitrus_cli.imaging.prepared import PreparedFrame
from photomitrus_cli.imaging.resample import TABLES, check_map

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]
_Numbers = tuple[np.float32, np.float32, np.float32]

_NO_SHARE = np.empty((0, 0), dtype=np.float32)


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
