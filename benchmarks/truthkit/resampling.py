"""A frame on the grid of a map in one call, from its images to its interpolated values."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.lanczos import MAX_BAD_SHARE
from photomitrus_cli.imaging.pixelmap import Box, PixelMap
from photomitrus_cli.imaging.prepared import prepare_frame
from photomitrus_cli.imaging.resample import Resampled, resample_frame


def resample(
    sci: NDArray[np.floating],
    var: NDArray[np.floating],
    bad: NDArray[np.bool_],
    pixel_map: PixelMap,
    window: Box | None = None,
    *,
    max_bad_share: float = MAX_BAD_SHARE,
) -> Resampled:
    """Interpolate a frame, its variance and its bad pixels of shape (ny, nx) at the pixels of a window.

    Parameters
    ----------
    sci, var, bad
        See `photomitrus_cli.imaging.prepared.prepare_frame`.
    pixel_map, window, max_bad_share
        See `photomitrus_cli.imaging.resample.resample_frame`.
    """
    return resample_frame(prepare_frame(sci, var, bad), pixel_map, window, max_bad_share=max_bad_share)
