"""Raw frames, calibration planes and bad-pixel masks, read and cut to the active area."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.fitsread import ImageSource, read_image, read_pixels
from photomitrus_cli.prime.window import Window

Bool = NDArray[np.bool_]


def read_raw(source: ImageSource, window: Window) -> tuple[NDArray[np.generic], int]:
    """Read the active area of a frame.

    Parameters
    ----------
    source : ImageSource
        From the frame's plan.
    window : Window
        Likewise.

    Returns
    -------
    raw : ndarray, shape (ny, nx)
        As delivered.
    crc32 : int
        Of the file as stored.

    Raises
    ------
    InputError
        When the file is damaged, or was changed since it was planned.
    """
    pixels = read_pixels(source)
    return _cut(pixels.data, window, source.path), pixels.crc32


def read_plane(path: Path, window: Window) -> NDArray[np.generic]:
    """Read a flat, dark or bad-pixel mask.

    Parameters
    ----------
    path : Path
        An image of a whole frame, or of the active area alone.
    window : Window
        Of the frames.

    Returns
    -------
    ndarray, shape (ny, nx)
        The active area.

    Raises
    ------
    InputError
        When the file is missing, damaged, or of another shape.
    """
    return _cut(read_image(path).data, window, path)


def read_bad(path: Path, window: Window, *, good: int = 1) -> Bool:
    """Read a bad-pixel mask.

    Parameters
    ----------
    path : Path
    window : Window
        Of the frames.
    good : int, optional
        The value of good pixels, 0 or 1.

    Returns
    -------
    ndarray of bool, shape (ny, nx)
        True for bad pixels.

    Raises
    ------
    InputError
        As `read_plane`; and when more than half of the pixels are bad: then values are likely to mean the
        opposite.
    """
    bad = np.asarray(read_plane(path, window) != good)
    if bad.mean() > 0.5:
        raise InputError(
            f"{path}: {100 * bad.mean():.0f} % of the pixels are bad, when {good} means good",
            hint="a bad-pixel mask has 1 for good pixels unless the settings say otherwise",
        )
    return bad


def _cut(image: NDArray[np.generic], window: Window, path: Path) -> NDArray[np.generic]:
    if image.shape == window.shape:
        return image
    if image.shape != window.file_shape:
        raise InputError(
            f"{path}: the image has shape {image.shape}, the frames have {window.file_shape}",
            hint="it must be of the same chip and readout",
        )
    return image[window.slices]
