"""First state of the pixels of a frame, from its image, uncertainty and mask; named sets of fatal bits."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.jit import kernel
from photomitrus_cli.imaging.localmodel import LocalModel, cell_row
from photomitrus_cli.imaging.masks import bit_pattern

Float32 = NDArray[np.float32]
Int32 = NDArray[np.int32]
State = NDArray[np.uint8]

BAD, SATURATED, SPIKE, STAR = 1, 2, 4, 8
"""Reasons why a pixel is not used, bits of its state; 0 is a used pixel."""

_STATIC = range(8)
_SATURATION = range(10, 19)
SATURATION_BITS = bit_pattern(_SATURATION)
"""Saturated in one of the nine samples of the ramp: bits 10 to 18 of a WISE mask."""
SPIKE_BIT = 28
"""Positive or negative spike, found by the pipeline of the survey."""

FATAL_PRESETS = MappingProxyType(
    {
        # What the frames' own users take: WISEmapper; Meisner, Lang & Schlegel (2017, AJ 153, 38) and Lang
        # (2014, AJ 147, 108); the profile fits behind CatWISE; Meisner & Finkbeiner (2014, ApJ 781, 5).
        "seed": bit_pattern(range(32)),
        "unwise": bit_pattern([*_STATIC, 9, *_SATURATION, 21, 26, 27, 28]),
        "catwise": bit_pattern([*range(7), 9, *_SATURATION, 21, 27, 28]),
        "wssa": bit_pattern([*_STATIC, *_SATURATION, 28]),
    }
)
"""Named sets of fatal bits. ``wssa`` goes with ``grow28``: its spikes are grown to 3 x 3 pixels."""


def first_state(
    sci: Float32, unc: Float32 | None, msk: Int32 | None, fatal: int, *, grow28: bool = False
) -> State:
    """Decide which pixels are unusable from the start.

    Parameters
    ----------
    sci : ndarray of float32, shape (ny, nx), C order
        The image; nothing is said about negative values, which are noise like positive ones.
    unc : ndarray of float32, shape (ny, nx), or None
        1-sigma uncertainties; those of a pixel without a response are 0 or NaN.
    msk : ndarray of int32, shape (ny, nx), or None
        Bit mask; the sign is bit 31.
    fatal : int
        Pattern of the bits that make a pixel unusable, see `FATAL_PRESETS`.
    grow28 : bool
        Whether bit 28, if fatal, spoils the eight neighbours too.

    Returns
    -------
    ndarray of uint8, shape (ny, nx)
        0, or `BAD` for fatal bits, image or uncertainty not finite, uncertainty <= 0, and `SATURATED` for
        bits 10 to 18, fatal or not.

    Raises
    ------
    InputError
        If the arrays differ in shape.
    """
    for name, plane in (("uncertainty", unc), ("mask", msk)):
        if plane is not None and plane.shape != sci.shape:
            raise InputError(
                f"{name} of shape {plane.shape} beside an image of shape {sci.shape}: must agree"
            )
    state = np.empty(sci.shape, np.uint8)
    noise = np.ones(sci.shape, np.float32) if unc is None else unc
    bits = np.zeros(sci.shape, np.int32) if msk is None else msk
    pattern = np.uint32(fatal).view(np.int32)
    _decide(sci, noise, bits, np.int32(pattern), np.int32(SATURATION_BITS), state)
    if grow28 and msk is not None and fatal & 1 << SPIKE_BIT:
        _grow(bits, np.int32(1 << SPIKE_BIT), state)
    return state


@kernel
def _decide(
    sci: Float32, unc: Float32, msk: Int32, fatal: np.int32, saturation: np.int32, state: State
) -> None:
    """Fill in the state, without branches."""
    none, least = np.float32(np.inf), np.float32(0.0)
    for y in range(sci.shape[0]):
        for x in range(sci.shape[1]):
            good = (abs(sci[y, x]) < none) & (unc[y, x] > least) & (unc[y, x] < none)
            bits = msk[y, x]
            bad = np.uint8(0 if good & ((bits & fatal) == 0) else BAD)
            state[y, x] = np.uint8(bad | (np.uint8(SATURATED) if bits & saturation else np.uint8(0)))


@kernel
def _grow(msk: Int32, bit: np.int32, state: State) -> None:
    """Spoil the neighbours of pixels with a bit."""
    ny, nx = msk.shape
    for y in range(ny):
        found = np.int32(0)
        for x in range(nx):
            found |= msk[y, x] & bit
        if found == 0:
            continue
        for x in range(nx):
            if msk[y, x] & bit:
                for v in range(max(y - 1, 0), min(y + 2, ny)):
                    for u in range(max(x - 1, 0), min(x + 2, nx)):
                        state[v, u] |= np.uint8(BAD)


def estimate_unc(sci: Float32, state: State, model: LocalModel, *, gain: float) -> Float32:
    """Estimate uncertainties of a frame that came without them.

    The noise of the sky is what the frame shows, sigma of the local model, which holds the noise of the
    readout and of the photons of the sky; to it comes the noise of the photons of a source, the rise above
    the level over the gain. Noise that is proportional to the response (flat field, pixel phase) is left out.

    Parameters
    ----------
    sci : ndarray of float32, shape (ny, nx), C order
        DN.
    state : ndarray of uint8, shape (ny, nx), C order
        0 where a pixel is used.
    model : LocalModel
        Of this frame.
    gain : float
        Electrons per DN, > 0; infinite for no noise of sources.

    Returns
    -------
    ndarray of float32, shape (ny, nx)
        DN; NaN where a pixel is not used.

    Raises
    ------
    InputError
        If the gain is not positive.
    """
    if not gain > 0.0:
        raise InputError(f"gain of {gain} electrons per DN: must be above 0")
    unc = np.empty(sci.shape, np.float32)
    _estimate(sci, state, model.level, model.sigma, np.float32(1.0 / gain), unc)
    return unc


@kernel
def _estimate(
    sci: Float32, state: State, level: Float32, sigma: Float32, per_electron: np.float32, unc: Float32
) -> None:
    nx = sci.shape[1]
    sky, noise = np.empty(nx, np.float32), np.empty(nx, np.float32)
    for y in range(sci.shape[0]):
        cell_row(level, y, sky)
        cell_row(sigma, y, noise)
        for x in range(nx):
            rise = max(sci[y, x] - sky[x], np.float32(0.0))
            value = np.sqrt(noise[x] * noise[x] + per_electron * rise)
            unc[y, x] = value if state[y, x] == 0 else np.float32(np.nan)
