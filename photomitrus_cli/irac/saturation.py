"""Saturation of point sources: the flux above which a frame time is too long.

A pixel collects charge for the whole frame time (comment card of archive headers: photons in well = flux x
FRAMTIME), and saturates at 44000 DN of the InSb arrays of channels 1 and 2, 30000 DN of the same in the warm
mission, 55000 DN of channels 3 and 4 (IRAC Instrument Handbook, section 7.2.1). The flux density of a point
source that fills its brightest pixel is so::

    limit = DN FLUXCONV area / (p FRAMTIME)

with the solid angle of a pixel, and p the share of the light in the brightest pixel: the mean over the phases
of the PRFs published by the SSC for the centre of the array. A star at the centre of a pixel saturates at
three quarters of the limit, one at a corner above it. The table of such limits in the Handbook (2.11) was not
at hand; these are derived, good to about 30 %.

A saturated star reads too low but, in all real frames looked at, above the limit: HD 165459, 648 mJy in
channel 1, reads 537, 343, 250 and 147 mJy in warm frames of 2, 6, 12 and 30 s, limits of 223, 74, 37 and
15 mJy.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli.errors import ConfigError, InputError
from photomitrus_cli.irac.facts import PIXEL_ARCSEC

Mission = Literal["cryo", "warm"]

# Charge of a full pixel, DN, by mission and channel (IRAC Instrument Handbook, section 7.2.1).
WELL_DN = {
    "cryo": {1: 44000.0, 2: 44000.0, 3: 55000.0, 4: 55000.0},
    "warm": {1: 30000.0, 2: 30000.0},
}
# (MJy/sr)/(DN/s): warm as in headers of pipeline S19.2, cryogenic as in the Handbook.
FLUXCONV = {
    "cryo": {1: 0.1088, 2: 0.1388, 3: 0.5952, 4: 0.2021},
    "warm": {1: 0.1257, 2: 0.1447},
}
# Share of the light in the brightest pixel, mean over 25 phases of the SSC's core PRFs of the array centre.
PEAK_SHARE = {1: 0.296, 2: 0.286, 3: 0.212, 4: 0.171}

_ARCSEC_PER_RADIAN = 206264.806
_MJY_PER_MEGAJANSKY = 1e9


def saturation_flux_mjy(channel: int, framtime_s: float, mission: Mission) -> float:
    """Give the flux density of a point source that fills its brightest pixel in a frame.

    Full and subarray frames have the same limit for the same frame time.

    Parameters
    ----------
    channel : int
        1 to 4; warm 1 or 2.
    framtime_s : float
        FRAMTIME of the header, s (not EXPTIME, which is shorter).
    mission : {'cryo', 'warm'}
        Of the frame.

    Returns
    -------
    float
        mJy; see the module for the formula and its sources.

    Raises
    ------
    ConfigError
        When the mission has no such channel.
    InputError
        When the frame time is not positive.
    """
    wells = WELL_DN.get(mission)
    if wells is None or channel not in wells:
        raise ConfigError(f"saturation: there is no channel {channel} of the mission {mission!r}")
    if not (np.isfinite(framtime_s) and framtime_s > 0.0):
        raise InputError(f"saturation: a frame time of {framtime_s} s", hint="FRAMTIME must be positive")
    area_sr = (PIXEL_ARCSEC[channel] / _ARCSEC_PER_RADIAN) ** 2
    full_mjy_s = wells[channel] * FLUXCONV[mission][channel] * area_sr * _MJY_PER_MEGAJANSKY
    return full_mjy_s / (PEAK_SHARE[channel] * framtime_s)


def is_saturated(
    flux_mjy: ArrayLike, channel: int, framtime_s: ArrayLike, mission: Mission
) -> NDArray[np.bool_]:
    """Tell which measured fluxes are above the limit of their frames.

    Parameters
    ----------
    flux_mjy, framtime_s : array_like
        Measured flux densities of a point source, mJy, and FRAMTIME, s, of the same frames.
    channel : int
        1 to 4; warm 1 or 2.
    mission : {'cryo', 'warm'}
        Of the frames.

    Returns
    -------
    ndarray of bool
        False where a flux is NaN. The masks know better where there are any.

    Raises
    ------
    ConfigError, InputError
        As `saturation_flux_mjy`.
    """
    flux, times = np.broadcast_arrays(np.asarray(flux_mjy, np.float64), np.asarray(framtime_s, np.float64))
    if not (np.isfinite(times).all() and (times > 0.0).all()):
        raise InputError("saturation: a frame time is missing or not positive", hint="FRAMTIME is needed")
    return np.asarray(flux * times > saturation_flux_mjy(channel, 1.0, mission))
