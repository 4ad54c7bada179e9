"""Raw frames calibrated: dark, flat, bad pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.badpixels import deviant_pixels
from photomitrus_cli.imaging.flatfield import BAD_PIXEL, NO_FLAT, flat_field

Float32 = NDArray[np.float32]
Mask = NDArray[np.uint8]
Bool = NDArray[np.bool_]

LOWEST_FLAT = 0.2
"""Pixels whose flat is at most this part of its median have no flat."""
# Frames that bad pixels are looked for in, spread over the set.
_JUDGES = 9


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What all frames of a set are calibrated with; planes have the shape of the active area.

    Attributes
    ----------
    inverse_flat : ndarray of float32, shape (ny, nx)
        One over the flat; NaN without one.
    static : ndarray of uint8, shape (ny, nx)
        Bits of `photomitrus_cli.imaging.flatfield` that all frames have.
    dark : ndarray of float32, shape (ny, nx), or None
        Units of the frames.
    saturation : float
        Pixel value from which on a pixel is saturated, before dark and flat.
    invalid : float
        Pixel value that stands for none; NaN when there is no such value.
    """

    inverse_flat: Float32
    static: Mask
    dark: Float32 | None
    saturation: float
    invalid: float


def make_calibration(
    shape: tuple[int, int],
    *,
    flat: NDArray[np.generic] | None = None,
    bad: Bool | None = None,
    dark: NDArray[np.generic] | None = None,
    saturation: float = np.inf,
    invalid: float | None = None,
) -> Calibration:
    """Prepare the calibration of a set of frames.

    Parameters
    ----------
    shape : tuple of int
        (ny, nx) of the active area.
    flat : ndarray of float, shape (ny, nx), optional
        Divided by as it is, so it should be about 1. Pixels of at most 0.2 of its median, or not finite, have
        no flat.
    bad : ndarray of bool, shape (ny, nx), optional
        Bad pixels.
    dark : ndarray of float, shape (ny, nx), optional
        Units of the frames.
    saturation : float, optional
        See `Calibration`; that of the frames, as from ``Detector.limit``.
    invalid : float, optional
        See `Calibration`.

    Returns
    -------
    Calibration

    Raises
    ------
    InputError
        When a plane has another shape, or the flat has no median above 0.
    """
    for name, plane in (("flat", flat), ("bad-pixel mask", bad), ("dark", dark)):
        if plane is not None and plane.shape != shape:
            raise InputError(f"{name} of shape {plane.shape} for frames of shape {shape}: must agree")
    inverse, static = np.ones(shape, np.float32), np.zeros(shape, np.uint8)
    if flat is not None:
        inverse, none = _inverse(np.asarray(flat, dtype=np.float32))
        static[none] = NO_FLAT
    if bad is not None:
        static[bad] |= BAD_PIXEL
    plain = None if dark is None else np.ascontiguousarray(dark, dtype=np.float32)
    return Calibration(inverse, static, plain, saturation, np.nan if invalid is None else invalid)


def _inverse(flat: Float32) -> tuple[Float32, Bool]:
    """Give one over a flat, and where there is none."""
    seen = flat[np.isfinite(flat)]
    middle = float(np.median(seen)) if seen.size else 0.0
    if not middle > 0.0:
        raise InputError("the flat has no pixels above 0", hint="is it a flat?")
    none = ~np.isfinite(flat)
    with np.errstate(invalid="ignore"):
        none |= ~(flat > LOWEST_FLAT * middle)
    inverse = np.ones_like(flat)
    np.divide(inverse, flat, out=inverse, where=~none)
    inverse[none] = np.nan
    return inverse, none


def calibrate(raw: NDArray[np.generic], calibration: Calibration) -> tuple[Float32, Mask]:
    """Calibrate one frame.

    Parameters
    ----------
    raw : ndarray, shape (ny, nx)
        Active area as delivered, any number type and byte order.
    calibration : Calibration

    Returns
    -------
    values : ndarray of float32, shape (ny, nx)
        Less the dark, over the flat; NaN without a value or a flat, finite on other bad pixels.
    mask : ndarray of uint8, shape (ny, nx)
        Bits of `photomitrus_cli.imaging.flatfield`; 0 for good pixels.

    Raises
    ------
    InputError
        When the frame has another shape.
    """
    if raw.shape != calibration.static.shape:
        raise InputError(f"frame of shape {raw.shape} for a calibration of shape {calibration.static.shape}")
    values = np.array(raw, dtype=np.float32, order="C")
    mask = flat_field(
        values,
        calibration.static,
        calibration.inverse_flat,
        dark=calibration.dark,
        saturation=calibration.saturation,
        invalid=calibration.invalid,
    )
    return values, mask


def find_bad(frames: list[tuple[Float32, Mask]]) -> Bool:
    """Find bad pixels in the calibrated frames of a set.

    Parameters
    ----------
    frames : list of tuple of ndarray, shape (ny, nx)
        Values and masks, as from `calibrate`; nine of them, spread over the set, are looked at.

    Returns
    -------
    ndarray of bool, shape (ny, nx)
        See `photomitrus_cli.imaging.badpixels.deviant_pixels`.
    """
    chosen = np.unique(np.linspace(0, len(frames) - 1, min(_JUDGES, len(frames))).round().astype(int))
    return deviant_pixels(frames[k] for k in chosen)
