"""Bad pixels of a detector, found in a set of dithered frames."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.localmodel import cell_row, local_model

Float32 = NDArray[np.float32]
Mask = NDArray[np.uint8]
Bool = NDArray[np.bool_]

FEWEST = 3
"""Pixels seen in fewer frames than this are not judged."""


def deviant_pixels(frames: Iterable[tuple[Float32, Mask]], *, kappa: float = 8.0, share: float = 0.7) -> Bool:
    """Find pixels that stand out from their surroundings in most frames.

    A source moves over the detector as the telescope is dithered; what stays is the detector's. Level and
    noise of the surroundings are those of cells of 16 x 16 pixels, see
    `photomitrus_cli.imaging.localmodel.local_model`.

    Parameters
    ----------
    frames : iterable of tuple of ndarray, shape (ny, nx)
        Flat-fielded frames (float32, C order) and their masks (uint8), 0 where a pixel is used; at most 255.
    kappa : float, optional
        Distance in sigma, up or down, from which on a pixel stands out.
    share : float, optional
        In how much of the frames that it is used in a pixel must stand out.

    Returns
    -------
    ndarray of bool, shape (ny, nx)
        Nothing where fewer than 3 frames see the pixel; empty without a frame.
    """
    counts = np.zeros((2, 0, 0), np.uint8)
    for sci, mask in frames:
        if not counts.size:
            counts = np.zeros((2, *sci.shape), np.uint8)
        model = local_model(sci, mask)
        _count(sci, mask, (model.level, model.sigma), np.float32(kappa), counts)
    deviant, seen = counts
    return np.asarray((seen >= FEWEST) & (deviant >= np.float32(share) * seen))


@kernel
def _count(sci: Float32, mask: Mask, model: tuple[Float32, Float32], kappa: np.float32, counts: Mask) -> None:
    """Count deviant and used pixels; cells without any pixel leave NaN, which nothing deviates from."""
    ny, nx = sci.shape
    level, sigma = np.empty(nx, np.float32), np.empty(nx, np.float32)
    for y in range(ny):
        cell_row(model[0], y, level)
        cell_row(model[1], y, sigma)
        for x in range(nx):
            used = mask[y, x] == 0
            counts[1, y, x] += np.uint8(used)
            counts[0, y, x] += np.uint8(used & (abs(sci[y, x] - level[x]) > kappa * sigma[x]))
