"""The sky behind a simulated PRIME: stars with proper motions, galaxies, one extended object on each chip."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.simulate import primefacts as facts
from photomitrus_cli.simulate.primeconfig import PrimeSimulation
from photomitrus_cli.simulate.primeplan import widening
from photomitrus_cli.simulate.sphere import local_axes, tan_to_sky
from photomitrus_cli.simulate.streams import Purpose, stream

Floats = NDArray[np.float64]

_MOSAIC_DEG = 0.87  # from the axis to the farthest corner, and some wings
_J2000_MJD = 51544.5
# Mean colours against J in Z, Y, J, H, and how they scatter together.
_COLOUR = np.array([0.75, 0.40, 0.0, -0.50])
_COLOUR_RMS = np.array([0.30, 0.15, 0.0, -0.20])


@dataclass(frozen=True, eq=False)
class Stars:
    """Stars at the epoch of the frames, arrays of shape (n,).

    Attributes
    ----------
    id : ndarray of int
    ra_deg, dec_deg : ndarray
        ICRS at the epoch of the first frame.
    pm_ra, pm_dec : ndarray
        Proper motions, mas/yr, the first times the cosine of the declination.
    mags : ndarray, shape (4, n)
        Vega magnitudes in Z, Y, J, H.
    """

    id: NDArray[np.int64]
    ra_deg: Floats
    dec_deg: Floats
    pm_ra: Floats
    pm_dec: Floats
    mags: Floats


def year(mjd: float) -> float:
    """Return the Julian epoch of a time."""
    return 2000.0 + (mjd - _J2000_MJD) / 365.25


def field_radius_deg(config: PrimeSimulation) -> float:
    """Return the radius about the field's centre within which anything may fall on a chip."""
    errors = (config.pointing_error_px + 5.0 * config.jitter_px) * facts.PIXEL_ARCSEC
    arcsec = errors + config.dither_arcsec + 60.0 * config.mispointed_arcmin * (config.mispointed > 0)
    return _MOSAIC_DEG + arcsec / 3600.0


def scatter(config: PrimeSimulation, rng: np.random.Generator, density_deg2: float) -> tuple[Floats, Floats]:
    """Draw places all over the field, right ascension and declination in deg; their number is Poisson."""
    radius = field_radius_deg(config)
    count = int(rng.poisson(density_deg2 * np.pi * radius**2))
    distance, angle = radius * np.sqrt(rng.uniform(size=count)), rng.uniform(0.0, 2.0 * np.pi, count)
    axes = local_axes(*config.pointing_deg)
    return tan_to_sky(axes, distance * np.sin(angle), distance * np.cos(angle))


def magnitudes(rng: np.random.Generator, count: int, bright: float, faint: float, slope: float) -> Floats:
    """Draw magnitudes whose number grows as ``10^(slope m)`` between two limits."""
    low = 10.0 ** (slope * (bright - faint))
    return np.asarray(faint + np.log10(low + (1.0 - low) * rng.uniform(size=count)) / slope)


def colours(rng: np.random.Generator, mag_j: Floats) -> Floats:
    """Return magnitudes in Z, Y, J, H of shape (4, n) for those in J."""
    spread = rng.standard_normal(mag_j.size)
    return np.asarray(mag_j + _COLOUR[:, None] + _COLOUR_RMS[:, None] * spread)


@lru_cache(maxsize=2)
def field_stars(config: PrimeSimulation) -> Stars:
    """Return every star of the field; equal settings give the same stars in all bands.

    With large pixels, where stars are wider than real ones, the faintest are left out, so that the field is
    not crowded.

    Parameters
    ----------
    config : PrimeSimulation

    Returns
    -------
    Stars
    """
    rng = stream(config.seed, Purpose.PRIME_STARS)
    ra, dec = scatter(config, rng, config.star_density_deg2)
    mag_j = magnitudes(rng, ra.size, *config.star_mag, config.star_slope)
    # Most stars are far and slow, some near and fast.
    size = config.proper_motion_mas * np.exp(0.7 * rng.standard_normal(ra.size))
    angle = rng.uniform(0.0, 2.0 * np.pi, ra.size)
    mags = colours(rng, mag_j)
    kept = np.flatnonzero(mag_j < config.star_mag[1] - 2.5 * np.log10(widening(config)))
    return Stars(
        kept,
        ra[kept],
        dec[kept],
        (size * np.sin(angle))[kept],
        (size * np.cos(angle))[kept],
        mags[:, kept],
    )


def zero_point(config: PrimeSimulation) -> float:
    """Return the Vega magnitude of a star of 1 ADU per read in all.

    Pixels of reduced frames are means of native ones, so that ADU per pixel stay; there stars are also
    brighter by as much as they are wider, so that they stand out from the sky as much as in whole frames.
    """
    wider = widening(config)
    return facts.ZERO_POINT[config.band] - 5.0 * float(np.log10(config.scale)) + 2.5 * float(np.log10(wider))


def flux_adu(config: PrimeSimulation, mags: Floats) -> Floats:
    """Return the light of magnitudes in the band simulated, ADU per read, at full transparency."""
    return np.asarray(10.0 ** (0.4 * (zero_point(config) - mags)))
