"""Light of a dust grain: thermal emission and scattered sunlight at any wavelength from 1.25 to 240 um."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.simulate.kelsallfacts import (
    ALBEDO,
    EMISSIVITY,
    PHASE,
    SOLAR_FLUX,
    TEMPERATURE_1AU,
    TEMPERATURE_SLOPE,
    WAVELENGTHS,
    Material,
)

Floats = npt.NDArray[np.float64]
_PLANCK = 6.62607015e-34  # J s
_BOLTZMANN = 1.380649e-23  # J/K
_LIGHT = 2.99792458e14  # um/s
_MJY = 1e20  # W m^-2 Hz^-1 to MJy
_HOTTEST = 600.0  # exponents beyond give nothing


@dataclass(frozen=True, slots=True)
class Source:
    """What dust does at one wavelength.

    Attributes
    ----------
    wavelength_um : float
    emissivity : dict of str to float
        By material.
    albedo : float
    solar_flux : float
        At 1 AU, MJy.
    phase : tuple of float
        C0, C1, C2 with angles in rad.
    """

    wavelength_um: float
    emissivity: dict[Material, float]
    albedo: float
    solar_flux: float
    phase: tuple[float, float, float]


def source_at(wavelength_um: float) -> Source:
    """Interpolate the model's spectrum between the nominal wavelengths of the DIRBE bands.

    Emissivities, albedo and solar flux are linear in wavelength; the phase function is the nearest band's.

    Parameters
    ----------
    wavelength_um : float
        1.25 to 240 um.

    Returns
    -------
    Source

    Raises
    ------
    ConfigError
        If the wavelength is outside the model's range.
    """
    if not WAVELENGTHS[0] <= wavelength_um <= WAVELENGTHS[-1]:
        message = (
            f"no zodiacal model at {wavelength_um:g} um: it covers {WAVELENGTHS[0]} to {WAVELENGTHS[-1]} um"
        )
        raise ConfigError(message, hint="choose a wavelength inside")
    nearest = int(np.argmin(np.abs(np.asarray(WAVELENGTHS) - wavelength_um)))
    return Source(
        wavelength_um,
        {material: float(np.interp(wavelength_um, WAVELENGTHS, row)) for material, row in EMISSIVITY.items()},
        float(np.interp(wavelength_um, WAVELENGTHS, ALBEDO)),
        float(np.interp(wavelength_um, WAVELENGTHS, SOLAR_FLUX)),
        PHASE[min(nearest, len(PHASE) - 1)],
    )


def thermal(source: Source, radius: Floats) -> Floats:
    """Compute the black body of the dust's temperature, T0 r^-0.467.

    Parameters
    ----------
    source : Source
    radius : ndarray
        Distance from the Sun, AU.

    Returns
    -------
    ndarray
        MJy/sr, of the radius's shape.
    """
    frequency = _LIGHT / source.wavelength_um
    scale = 2 * _PLANCK * frequency * (frequency / (_LIGHT * 1e-6)) ** 2 * _MJY
    kelvin = _PLANCK * frequency / _BOLTZMANN / TEMPERATURE_1AU
    light: Floats = scale / np.expm1(np.minimum(kelvin * radius**TEMPERATURE_SLOPE, _HOTTEST))
    return light


def scattered(source: Source, radius: Floats, cosine: Floats) -> Floats:
    """Compute sunlight scattered by dust of albedo 1.

    Parameters
    ----------
    source : Source
    radius : ndarray
        Distance from the Sun, AU.
    cosine : ndarray
        Cosine of the scattering angle (1 = forward).

    Returns
    -------
    ndarray
        MJy/sr, of the radius's shape.
    """
    c0, c1, c2 = source.phase
    whole = 2 * math.pi * (2 * c0 + math.pi * c1 + (math.exp(c2 * math.pi) + 1) / (c2 * c2 + 1))
    flux = source.solar_flux / (radius * radius) / whole
    if c1 == 0 and c2 == 0:
        return flux * (c0 + 1)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    light: Floats = flux * (c0 + c1 * angle + np.exp(c2 * angle))
    return light
