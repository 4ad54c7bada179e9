"""Zodiacal light as a band of WISE measures it.

A detector of WISE counts photons: a band with the response R (electrons per photon) gives a signal in
proportion to the integral of I_nu R dnu / nu, which is that of I_nu R dlambda / lambda. What the archive
calls the flux density of a source is the value at the isophotal wavelength lambda_0 of the spectrum nu^-2
with the same signal (Wright et al. 2010, AJ 140, 1868; Jarrett et al. 2011, ApJ 735, 112); for any other
spectrum it differs from the true value there by the colour correction f_c. The template is quoted in the
same way:

    Z = int I_nu R dlambda / lambda  /  int (lambda / lambda_0)^2 R dlambda / lambda,

so that a map calibrated with it has the scale of WISE catalogues, to be divided by f_c of what one looks
at. With ``R / lambda`` as weights the published f_c of power laws and black bodies come out to 3e-4; with
``R / lambda^2``, for a response per energy, they miss by up to 30 %.

zodipy takes as weights over wavelengths what I_nu dlambda is to be multiplied with, so R / lambda, and
makes their integral one; the factor `Band.scale` turns that mean into the quoted value. But zodipy averages
black body, emissivity, albedo and sunlight over the band one by one, and a mean of products is not the
product of means: it is 2 % low in W1 and 4 % (dust bands 20 %) high in W2. `effective_spectrum` replaces
emissivity, albedo and sunlight by constants that make the products right, exactly so for scattered light
and for dust at the temperature that it has at 1 AU. Against the sum over 100 wavelengths the total is then
good to 1e-4 in W1 and W4, 4e-4 in W3 and 1.2e-3 in W2, single dust bands to 3 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.wise.facts import WAVELENGTH_UM

Float = NDArray[np.float64]

_SECOND_RADIATION_UM_K = 14387.768775


class Band(NamedTuple):
    """Weights of wavelengths.

    Attributes
    ----------
    wavelength : ndarray of float64, shape (m,)
        um, ascending.
    weight : ndarray of float64, shape (m,)
        1 / um; the trapezoidal integral is 1.
    scale : float
        Factor from the weighted mean of I_nu to the quoted value at the isophotal wavelength.
    """

    wavelength: Float
    weight: Float
    scale: float

    def mean(self, values: Float) -> float:
        """Average over the band."""
        return float(np.trapezoid(self.weight * values, self.wavelength))


@lru_cache(maxsize=4)
def wise_band(band: int) -> Band:
    """Give the weights of a band from its response per photon (speclite's ``wise2010``: Wright+2010, fig. 6).

    Parameters
    ----------
    band : int
        1 to 4.

    Returns
    -------
    Band
    """
    from speclite.filters import load_filter  # type: ignore[import-untyped]

    curve = load_filter(f"wise2010-W{band}")
    wavelength = np.asarray(curve.wavelength, np.float64) / 1e4  # from Angstrom
    weight = np.asarray(curve.response, np.float64) / wavelength
    weight /= np.trapezoid(weight, wavelength)
    reference = (wavelength / WAVELENGTH_UM[band]) ** 2
    return Band(wavelength, weight, 1.0 / float(np.trapezoid(weight * reference, wavelength)))


def effective_spectrum(parameters: Mapping[str, Any], band: Band) -> dict[str, Any]:
    """Replace the spectra of a Kelsall model by constants that give its light in a band.

    Parameters
    ----------
    parameters : mapping
        Of zodipy's ``Model.get_parameters()``: emissivities and albedos of components, the Sun's flux and the
        phase function's coefficients at the wavelengths ``spectrum``, the temperature ``T_0`` at 1 AU.
    band : Band

    Returns
    -------
    dict
        For ``Model.update_parameters()``, of a model with the band's weights.
    """
    nodes = parameters["spectrum"].to_value("um")
    constant = np.ones(nodes.size)

    def spectrum(values: Any) -> Float:
        """Interpolate as zodipy does."""
        return np.asarray(np.interp(band.wavelength, nodes, values))

    glow = band.wavelength**-3.0
    glow /= np.expm1(_SECOND_RADIATION_UM_K / (band.wavelength * parameters["T_0"]))
    sun = spectrum(parameters["solar_irradiance"])
    flux = band.mean(sun)
    result = dict(parameters) | {"solar_irradiance": flux * constant, "albedos": {}, "emissivities": {}}
    for name, emissivity in parameters["emissivities"].items():
        albedo = spectrum(parameters["albedos"][name])
        mean_albedo = band.mean(albedo * sun) / flux
        thermal = band.mean(spectrum(emissivity) * (1.0 - albedo) * glow) / band.mean(glow)
        result["albedos"][name] = mean_albedo * constant
        result["emissivities"][name] = thermal / (1.0 - mean_albedo) * constant
    scattered = spectrum(parameters["albedos"]["cloud"]) * sun
    if scattered.any():
        nearest = np.abs(nodes[:, None] - band.wavelength).argmin(axis=0)
        for name in ("C1", "C2", "C3"):
            values = np.asarray(parameters[name])[nearest]
            result[name] = band.mean(scattered * values) / band.mean(scattered) * constant
    return result
