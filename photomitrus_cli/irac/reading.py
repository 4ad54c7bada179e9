"""A frame's companions as arrays, and what stands in for an absent one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.background import BackgroundLevel, difference_sigma
from photomitrus_cli.io.fitsread import ImageSource, Pixels, read_pixels
from photomitrus_cli.irac.scan import Frame
from photomitrus_cli.run.provenance import file_entry

Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]

# Pixels brighter than this above the sky hold objects and say nothing about its noise.
OBJECT_SIGMA = 3.0


def read_companion(
    source: ImageSource | None, shape: tuple[int, ...], of: Path, *, blank: bool = True
) -> Pixels | None:
    """Read an uncertainty or a mask.

    Parameters
    ----------
    source : ImageSource or None
        None gives None.
    shape : tuple of int
        Of the frame.
    of : Path
        The frame, named in the error.
    blank : bool
        See `photomitrus_cli.io.fitsread.read_pixels`.

    Returns
    -------
    Pixels or None

    Raises
    ------
    InputError
        When the file is broken or of another shape.
    """
    if source is None:
        return None
    companion = read_pixels(source, blank=blank)
    if companion.data.shape != shape:
        raise InputError(f"{source.path}: shape {companion.data.shape} differs from {shape} of {of.name}")
    return companion


def read_mask(source: ImageSource | None, shape: tuple[int, ...], of: Path) -> Pixels | None:
    """Read a mask of bits; see `read_companion`.

    Parameters
    ----------
    source : ImageSource or None
    shape : tuple of int
    of : Path

    Returns
    -------
    Pixels or None

    Raises
    ------
    InputError
        When the file is broken, of another shape, or holds no whole numbers.
    """
    mask = read_companion(source, shape, of, blank=False)
    if source is not None and mask is not None and mask.data.dtype.kind not in "iu":
        raise InputError(f"{source.path}: a mask has whole numbers, not {mask.data.dtype.name}")
    return mask


def files_read(files: Iterable[tuple[ImageSource | None, Pixels | None]]) -> list[dict[str, Any]]:
    """Record the files read: path, size and CRC-32.

    Parameters
    ----------
    files : iterable of (ImageSource or None, Pixels or None)

    Returns
    -------
    list of dict
    """
    return [
        file_entry(source.path, source.n_bytes, pixels.crc32)
        for source, pixels in files
        if source is not None and pixels is not None
    ]


def estimated_variance(sci: Float32, bad: Bool, level: BackgroundLevel, frame: Frame) -> Float32:
    """Estimate the variance of a frame from itself when there is no uncertainty.

    It is the noise of the sky pixels, squared, plus the Poisson noise of what is above the sky:
    S FLUXCONV / (GAIN EXPTIME) for S in MJy/sr, since S GAIN EXPTIME / FLUXCONV is a number of electrons.

    Parameters
    ----------
    sci : ndarray of float32, shape (ny, nx)
        MJy/sr.
    bad : ndarray of bool, shape (ny, nx)
    level : BackgroundLevel
        Of the frame.
    frame : Frame

    Returns
    -------
    ndarray of float32, shape (ny, nx)
        (MJy/sr)^2.
    """
    above = np.where(np.isfinite(sci), sci - np.float32(level.level), np.float32(0.0))
    noise = difference_sigma(sci, bad | (above > OBJECT_SIGMA * level.sigma))
    poisson = np.clip(above, 0.0, None) / np.float32(frame.conversion * frame.exptime_s)
    return np.asarray(noise**2 + poisson, dtype=np.float32)
