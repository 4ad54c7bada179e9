"""From raw pixels to flat-fielded ones: values, reasons for not using some, and variances."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel

Float32 = NDArray[np.float32]
Mask = NDArray[np.uint8]

BAD_PIXEL, SATURATED, INVALID, NO_FLAT, NO_SKY, OBJECT = 1, 2, 4, 8, 16, 32
"""Bits of the mask of a frame: bad pixel of the detector, saturated, without a value, without a flat, sky
known from the surroundings only, and on an object, which is left out of the sky only."""


def flat_field(
    raw: Float32,
    static: Mask,
    inverse_flat: Float32,
    *,
    dark: Float32 | None,
    saturation: float | Float32,
    invalid: float,
) -> Mask:
    """Subtract the dark and divide by the flat, in place.

    Parameters
    ----------
    raw : ndarray of float32, shape (ny, nx), C order
        Frame as delivered; the result, NaN where there is no value or no flat.
    static : ndarray of uint8, shape (ny, nx)
        Bits that all frames have in common.
    inverse_flat : ndarray of float32, shape (ny, nx)
        One over the flat; NaN without a flat.
    dark : ndarray of float32, shape (ny, nx), or None
        Units of the frame; NaN is no value.
    saturation : float or ndarray of float32, shape (ny, nx)
        A pixel of this value or more, as delivered, is `SATURATED`; infinity for none.
    invalid : float
        Value as delivered that stands for no value; NaN for none.

    Returns
    -------
    ndarray of uint8, shape (ny, nx)
    """
    mask = np.array(static, dtype=np.uint8, order="C")
    nothing = np.zeros((1, 1), np.float32) if dark is None else dark
    limit = np.atleast_2d(np.asarray(saturation, dtype=np.float32))
    _flat_field(raw, inverse_flat, nothing, limit, np.float32(invalid), mask)
    return mask


@kernel
def _flat_field(
    raw: Float32, inverse_flat: Float32, dark: Float32, limit: Float32, invalid: np.float32, mask: Mask
) -> None:
    ny, nx = raw.shape
    with_dark, with_limits = dark.size > 1, limit.size > 1
    none = np.float32(np.inf)
    zero, limits = np.zeros(nx, np.float32), np.full(nx, limit[0, 0], np.float32)
    for y in range(ny):
        offset, top = dark[y] if with_dark else zero, limit[y] if with_limits else limits
        for x in range(nx):
            given = raw[y, x]
            value = (given - offset[x]) * inverse_flat[y, x]
            there = (given != invalid) & (abs(given - offset[x]) < none)
            bits = mask[y, x] | np.uint8(SATURATED if given >= top[x] else 0)
            mask[y, x] = bits | np.uint8(0 if there else INVALID)
            raw[y, x] = value if there else np.float32(np.nan)


def variance_plane(
    residual: Float32, inverse_flat: Float32, *, sky: float, per_value: float, constant: float, factor: float
) -> Float32:
    """Give the variance of a flat-fielded frame from a model of its noise.

    With the flat f and the value v of a pixel, both after flat-fielding, the variance is
    ``factor (per_value sky / f + constant / f^2) + per_value max(v - sky, 0) / f``: shot noise goes with what
    was there before the division, the noise of the readout does not.

    Parameters
    ----------
    residual : ndarray of float32, shape (ny, nx)
        Frame less its sky, v - sky.
    inverse_flat : ndarray of float32, shape (ny, nx)
        1 / f.
    sky : float
        Level of the sky, units of the frame.
    per_value : float
        Variance per unit of value before the flat.
    constant : float
        Variance without light, units of the frame squared.
    factor : float
        What the model of the noise of the sky is to be multiplied with.

    Returns
    -------
    ndarray of float32, shape (ny, nx)
        Units of the frame squared; NaN without a flat or a value.
    """
    out = np.empty(residual.shape, np.float32)
    shot = max(sky, 0.0) * per_value * factor
    _variance(residual, inverse_flat, (shot, constant * factor, per_value), out)
    return out


@kernel
def _variance(
    residual: Float32, inverse_flat: Float32, terms: tuple[float, float, float], out: Float32
) -> None:
    shot, constant, per_value = np.float32(terms[0]), np.float32(terms[1]), np.float32(terms[2])
    none = np.float32(0.0)
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            light = residual[y, x]
            # NaN stays NaN.
            rise = none if light < none else light
            inverse = inverse_flat[y, x]
            out[y, x] = inverse * (shot + per_value * rise + constant * inverse)
