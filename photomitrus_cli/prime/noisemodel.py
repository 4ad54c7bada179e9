"""The noise of raw frames: read noise and gain, and the variance of every pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.flatfield import variance_plane
from photomitrus_cli.prime.calibrate import Calibration
from photomitrus_cli.prime.instrumentparts import Detector

Float32 = NDArray[np.float32]

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
