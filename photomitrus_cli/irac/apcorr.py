"""From the light in an aperture to a flux density: aperture corrections, pixel areas, zero magnitudes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Literal

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.irac.facts import PIXEL_ARCSEC
from photomitrus_cli.irac.responses import Aperture

# Radius, inner and outer radius of the annulus (native px) -> factor of channels 1 to 4.
# IRAC Instrument Handbook, section 4.7 (table 4.7), cryogenic mission.
CRYO: Mapping[Aperture, tuple[float, ...]] = {
    (10, 12, 20): (1.000, 1.000, 1.000, 1.000),
    (8, 12, 20): (1.011, 1.013, 1.011, 1.017),
    (6, 12, 20): (1.032, 1.036, 1.030, 1.051),
    (5, 12, 20): (1.047, 1.048, 1.054, 1.064),
    (5, 5, 10): (1.060, 1.063, 1.063, 1.084),
    (4, 12, 20): (1.070, 1.080, 1.076, 1.087),
    (3, 12, 20): (1.112, 1.112, 1.118, 1.213),
    (3, 3, 7): (1.125, 1.120, 1.135, 1.221),
    (2, 12, 20): (1.208, 1.220, 1.349, 1.554),
    (2, 2, 6): (1.215, 1.233, 1.366, 1.568),
}
# Archive page irac/calibrationfiles/ap_corr_warm. It leaves out 10/12/20, to which FLUXCONV refers: 1 by
# definition.
WARM: Mapping[Aperture, tuple[float, ...]] = {
    (12, 12, 20): (0.9931, 0.9913),
    (10, 12, 20): (1.0, 1.0),
    (8, 12, 20): (1.0112, 1.0125),
    (6, 12, 20): (1.0315, 1.0349),
    (5, 12, 20): (1.0482, 1.0500),
    (5, 5, 10): (1.0588, 1.0625),
    (4, 12, 20): (1.0736, 1.0809),
    (3, 12, 20): (1.1132, 1.1126),
    (3, 3, 7): (1.1233, 1.1336),
    (2, 12, 20): (1.2026, 1.2228),
    (2, 2, 6): (1.2132, 1.2322),
}

# Flux density of magnitude 0, Jy (Reach et al. 2005, PASP 117, 978; IRAC Instrument Handbook, section 4.10).
ZERO_MAGNITUDE_JY: Mapping[int, float] = {1: 280.9, 2: 179.7, 3: 115.0, 4: 64.9}

# What the archive's recipes take for the arcseconds of a radian; fluxes are 1.8e-6 of them below exact ones.
ARCSEC_PER_RADIAN = 206265.0

# Archive memo "S18.18 IRAC Flux Conversion Issue", 1 November 2011: multiply fluxes of that version.
_S18_18 = {3: 0.968, 4: 0.973}
_VERSION = re.compile(r"S18\.18(\.|$)")


def lookup(
    mission: Literal["cryo", "warm"], channel: int, radius: float, inner: float, outer: float
) -> float:
    """Give the published aperture correction, a factor to multiply by.

    Parameters
    ----------
    mission : {'cryo', 'warm'}
        Of the frame.
    channel : int
        1 to 4; 1 and 2 in the warm mission.
    radius, inner, outer : float
        Of the aperture and its annulus, native px.

    Returns
    -------
    float

    Raises
    ------
    ConfigError
        When none is published for this channel or for these radii.
    """
    table = CRYO if mission == "cryo" else WARM
    channels = len(table[10, 12, 20])
    if not 1 <= channel <= channels:
        raise ConfigError(
            f"there are no aperture corrections for channel {channel} of the {mission} mission",
            hint=f"channels 1 to {channels}, or give the factor with --ap-corr",
        )
    if (radius, inner, outer) not in table:
        known = ", ".join(" ".join(f"{r:g}" for r in aperture) for aperture in sorted(table))
        raise ConfigError(
            f"no aperture correction is published for the aperture {radius:g} {inner:g} {outer:g} "
            f"in the {mission} mission",
            hint=f"one of {known}; or give the factor with --ap-corr",
        )
    return table[radius, inner, outer][channel - 1]


def mjy_per_sum(channel: int, pixel_arcsec: float | None = None) -> float:
    """Give the flux density of a sum of pixels, before aperture correction and responses.

    ``F[mJy] = sum[MJy/sr x px] * pixel^2 / 206265^2 * 1e9`` (IRAC Instrument Handbook, section 4.10).

    Parameters
    ----------
    channel : int
        1 to 4.
    pixel_arcsec : float, optional
        Side of a pixel, arcsec; otherwise the mean of the channel's array, for which the calibration holds.

    Returns
    -------
    float
        mJy per MJy/sr x px.

    Raises
    ------
    ConfigError
        For a channel that there is not, or a length that is not positive.
    """
    if channel not in PIXEL_ARCSEC:
        raise ConfigError(f"IRAC has no channel {channel}", hint="1 to 4")
    length = PIXEL_ARCSEC[channel] if pixel_arcsec is None else pixel_arcsec
    if not 0 < length < math.inf:
        raise ConfigError(f"{length:g} arcsec is not the length of a pixel")
    return length**2 / ARCSEC_PER_RADIAN**2 * 1e9


def magnitude(flux_mjy: float, channel: int) -> float:
    """Give the Vega magnitude of a flux density.

    Parameters
    ----------
    flux_mjy : float
        mJy.
    channel : int
        1 to 4.

    Returns
    -------
    float
        NaN for a flux that is not positive.
    """
    return -2.5 * math.log10(flux_mjy * 1e-3 / ZERO_MAGNITUDE_JY[channel]) if flux_mjy > 0 else math.nan


def calibration_factor(creator: str, channel: int) -> float:
    """Give what fluxes of a pipeline version are to be multiplied by.

    Frames of pipeline S18.18 carry a wrong FLUXCONV in channels 3 and 4: colour corrections of the wrong
    calibration stars were used (archive memo of 1 November 2011). S18.25 replaced them.

    Parameters
    ----------
    creator : str
        CREATOR of the frame, such as ``S18.25.0``.
    channel : int
        1 to 4.

    Returns
    -------
    float
        1 for all but S18.18.
    """
    return _S18_18.get(channel, 1.0) if _VERSION.match(creator.strip()) else 1.0
