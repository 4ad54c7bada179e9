"""Calibration of raw frames: active area, dark, flat, bad pixels, and a model of their noise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.badpixels import deviant_pixels
from photomitrus_cli.imaging.flatfield import BAD_PIXEL, NO_FLAT, flat_field, variance_plane
from photomitrus_cli.io.fitsread import ImageSource, read_image, read_pixels
from photomitrus_cli.prime.instrument import Detector
from photomitrus_cli.prime.window import Window

Float32 = NDArray[np.float32]
Mask = NDArray[np.uint8]
Bool = NDArray[np.bool_]

LOWEST_FLAT = 0.2
"""Pixels whose flat is at most this part of its median have no flat."""
# Frames that bad pixels are looked for in, spread over the set.
_JUDGES = 9
# The median of a flat is taken of every so many pixels along each axis.
_SPARSE = 8


@dataclass(frozen=True, slots=True)
class NoiseModel:
    """Variance of a pixel as it is delivered: ``per_value value + constant``.

    Attributes
    ----------
    per_value : float
        Units of the frame.
    constant : float
        Units of the frame squared.
    """

    per_value: float
    constant: float


def noise_model(detector: Detector, n_frames: int, *, scale: int = 1, coadds: int = 1) -> NoiseModel:
    """Give the noise of a frame.

    A line fitted to n reads of a ramp: of the signal collected over all of them, in electrons, the variance
    is 1.2 times the signal, because the reads share its noise, plus 12 RN^2 / n (Garnett & Forrest 1993,
    Proc. SPIE 1946, 395, for many reads). Other exposures: the signal plus RN^2.

    Parameters
    ----------
    detector : Detector
        Gain g, read noise RN, and whether frames are slopes.
    n_frames : int
        Reads n of the ramp.
    scale : int, optional
        Side of a pixel in pixels of the detector, of which it is the mean.
    coadds : int, optional
        Exposures added up in a frame that is no ramp.

    Returns
    -------
    NoiseModel
    """
    gain, noise2, n = detector.gain, detector.read_noise**2, max(n_frames, 1)
    if detector.per_read:
        model = NoiseModel(1.2 / (gain * n), 12.0 * noise2 / (gain**2 * n**3))
    else:
        model = NoiseModel(1.0 / gain, coadds * noise2 / gain**2)
    return NoiseModel(model.per_value / scale**2, model.constant / scale**2)


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


def pixel_variance(
    residual: Float32, calibration: Calibration, model: NoiseModel, *, sky: float, rms: float
) -> Float32:
    """Give the variance of a calibrated frame less its sky.

    The model is multiplied so that it has the noise that blank sky is found to have, which covers what it
    does not know of: the noise of the sky that was subtracted, of the dark, and a wrong gain. The additional
    noise of sources stays that of the model.

    Parameters
    ----------
    residual : ndarray of float32, shape (ny, nx)
        Frame less its sky.
    calibration : Calibration
    model : NoiseModel
        Of frames as delivered.
    sky : float
        Level of the sky in the calibrated frame.
    rms : float
        Scatter of its blank sky; NaN to take the model as it is.

    Returns
    -------
    ndarray of float32, shape (ny, nx)
        Units of the frame squared; NaN without a flat or a value.
    """
    inverse = float(np.nanmedian(calibration.inverse_flat[::_SPARSE, ::_SPARSE]))
    expected = inverse * (max(sky, 0.0) * model.per_value + model.constant * inverse)
    factor = rms**2 / expected if np.isfinite(rms) and expected > 0.0 else 1.0
    return variance_plane(
        residual,
        calibration.inverse_flat,
        sky=sky,
        per_value=model.per_value,
        constant=model.constant,
        factor=factor,
    )


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
