"""How bright the sky of each frame is at first: its level, a plane added to it, and the noise of a pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.background import difference_sigma, masked_median
from photomitrus_cli.imaging.skystack import RowScale

Float = NDArray[np.float64]
Float32 = NDArray[np.float32]
Mask = NDArray[np.uint8]

# About so many pixels tell the level of a frame.
_SAMPLE = 1 << 17
# Pairs of frames that the noise is measured in.
_PAIRS = 5


@dataclass(frozen=True, slots=True)
class SkyScale:
    """A frame's sky is ``level sky(y, x) + constant + along u + down v``, u and v from -1 to 1 across it.

    Attributes
    ----------
    level, constant, along, down : float
        Units of the frame.
    """

    level: float
    constant: float = 0.0
    along: float = 0.0
    down: float = 0.0

    def rows(self, first: int, shape: tuple[int, int]) -> RowScale:
        """Give the scale for a block of rows.

        Parameters
        ----------
        first : int
            Number of its first row.
        shape : tuple of int
            (ny, nx) of the frame.

        Returns
        -------
        RowScale
        """
        step_y, step_x = (2.0 / max(side - 1, 1) for side in shape)
        start = self.constant - self.along + self.down * (first * step_y - 1.0)
        return RowScale(self.level, start, self.along * step_x, self.down * step_y)


def first_scale(values: Float32, mask: Mask, name: object = "frame") -> SkyScale:
    """Measure the level of a frame: the clipped median of its used pixels.

    Parameters
    ----------
    values : ndarray of float32, shape (ny, nx)
    mask : ndarray of uint8, shape (ny, nx)
        0 where a pixel is used.
    name : object, optional
        Of the frame, for the error.

    Returns
    -------
    SkyScale

    Raises
    ------
    InputError
        When no pixel is good or the level is not above 0: such a frame has no sky to be scaled by.
    """
    step = max(int(np.sqrt(values.size / _SAMPLE)), 1)
    part = np.s_[step // 2 :: step, step // 2 :: step]
    level = masked_median(np.ascontiguousarray(values[part]), mask[part] != 0).level
    if not level > 0.0:
        raise InputError(
            f"{name}: the level of the sky is {level:g}, not above 0",
            hint="is it a frame of the sky, and was its sky subtracted already?",
        )
    return SkyScale(level)


def relative_noise(frames: Sequence[tuple[Float32, Mask]], scales: Sequence[SkyScale]) -> float:
    """Measure the noise of a pixel over its level.

    From differences between neighbouring pixels in the difference of frames that follow each other, so that
    neither the structure of the sky nor that of the detector counts.

    Parameters
    ----------
    frames : sequence of tuple of ndarray, shape (ny, nx)
        Values and masks, at least two.
    scales : sequence of SkyScale
        Of the frames; their levels are used.

    Returns
    -------
    float
        Median of up to five pairs; NaN when there is nothing to measure.
    """
    found = []
    first = np.unique(np.linspace(0, len(frames) - 2, min(_PAIRS, len(frames) - 1)).round().astype(int))
    for k in first:
        (one, out_one), (two, out_two) = frames[k], frames[k + 1]
        rows = np.s_[:: max(one.size // _SAMPLE, 1)]
        away = one[rows] / np.float32(scales[k].level) - two[rows] / np.float32(scales[k + 1].level)
        found.append(difference_sigma(away, (out_one[rows] | out_two[rows]) != 0) / np.sqrt(2.0))
    known = [value for value in found if np.isfinite(value)]
    return float(np.median(known)) if known else float("nan")
