"""Sums of the frames of one map, pixel by pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from photomitrus_cli.imaging.healbin import FrameSums


Float = NDArray[np.float64]
Float32 = NDArray[np.float32]

Int = NDArray[np.int64]
Int32 = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one frame gives to a map.

    Attributes
    ----------
    sums : FrameSums
        x in them is the value less ``sums.level``, DN of the frame.
    weight : float
        Factor of the weights in the sums: 1 / (median unc^2 scale^2), DN^-2; with weights of each pixel
        1 / scale^2, which is 1 without zero points.
    scale : float
        Factor that brings DN to the nominal zero point.
    level : float
        What is added to ``scale`` x: ``scale * sums.level`` unless the frame is to be shifted, DN.
    mjd : float
        Middle of the exposure, d.
    offsets : ndarray of float32, shape (2, m)
        East and north from the centre of each map pixel of the sums to the mean place of the detector pixels
        used there, arcsec.
    bits : int
        Bits of the map's mask in pixels where values of the frame are used, such as 64.
    used : bool
        A refused frame only leaves bit 16 in the pixels that it reaches.
    """

    sums: FrameSums
    weight: float
    scale: float
    level: float
    mjd: float
    offsets: Float32
    bits: int = 0
    used: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class ScanSums:
    """A map: one value of each array per pixel; NaN where no value was used (``hits`` 0).

    Attributes
    ----------
    pixels : ndarray of int64, shape (m,)
        RING index, ascending.
    value, sigma : ndarray of float64, shape (m,)
        Weighted mean and the standard deviation of its noise, DN.
    hits : ndarray of int64, shape (m,)
        Detector pixels used.
    frames : ndarray of int32, shape (m,)
        Frames used.
    mjd : ndarray of float64, shape (m,)
        Weighted mean time, d.
    low, high : ndarray of float32, shape (m,)
        Lowest and highest detector pixel used, DN.
    weight : ndarray of float64, shape (m,)
        Sum of the weights, DN^-2; 0 where no value was used.
    mask : ndarray of int32, shape (m,)
        Bits: 1 to 8 of detector pixels not used, 16 refused frame, 32 left out against other scans,
        64 estimated uncertainty, 128 fewer than three frames.
    east, north : ndarray of float32, shape (m,)
        From the centre of the pixel to the weighted mean place of the detector pixels used, arcsec (see
        `offsets_of`).
    """

    pixels: Int
    value: Float
    sigma: Float
    hits: Int
    frames: Int32
    mjd: Float
    low: Float32
    high: Float32
    weight: Float
    mask: Int32
    east: Float32
    north: Float32
