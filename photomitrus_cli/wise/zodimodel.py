"""The zodiacal template: the DIRBE model of Kelsall et al. 1998 (ApJ 508, 44) as zodipy computes it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.wise.facts import WAVELENGTH_UM
from photomitrus_cli.wise.zodibands import effective_spectrum, wise_band
from photomitrus_cli.wise.zodiobserver import earth_positions
from photomitrus_cli.wise.zodisettings import ZodiChoices

if TYPE_CHECKING:
    from zodipy import Model

Float = NDArray[np.float64]

# Samples at a time: what their lines of sight need stays in the processor's cache.
_CHUNK = 4096
# The point L2 of the Sun and the Earth-Moon system, in distances from the Sun beyond the Earth (the root of
# Euler's quintic for a mass ratio of 1 / 328900.56).
_L2_BEYOND = 0.010078


class _Template(NamedTuple):
    """A model, the factor that its results need, and its components in their order."""

    model: Model
    scale: float
    components: tuple[str, ...]


def zodi_components(
    longitude: ArrayLike,
    latitude: ArrayLike,
    mjd: ArrayLike,
    choices: ZodiChoices,
    observer: ArrayLike | None = None,
) -> Float:
    """Compute the zodiacal light of each component.

    Directions are taken for heliocentric mean ecliptic ones of J2000, as the model has them; zodipy does the
    same. Chunks are computed in the order of time, because zodipy asks for it.

    Parameters
    ----------
    longitude, latitude : array_like of float64, shape (n,)
        Ecliptic (mean, J2000), deg.
    mjd : array_like of float64, shape (n,)
        UTC, d; NaN gives NaN.
    choices : ZodiChoices
    observer : array_like of float64, shape (3, n), optional
        Heliocentric ecliptic (J2000) positions, AU, one for each time: for ``choices.observer`` 'header',
        which needs them.

    Returns
    -------
    ndarray of float64, shape (C, n)
        MJy/sr, in the order of `component_names`; they add up to the total.

    Raises
    ------
    ConfigError
        As `component_names`.
    ValueError
        When positions of the observer are needed and absent.
    """
    template = _template(choices)
    rows = [template.components.index(name) for name in component_names(choices)]
    times = np.asarray(mjd, np.float64)
    result = np.full((len(rows), times.size), np.nan)
    order = np.argsort(times, kind="stable")
    order = order[np.isfinite(times[order])]
    places = np.array([longitude, latitude], np.float64)
    for start in range(0, order.size, _CHUNK):
        part = order[start : start + _CHUNK]
        positions = _positions(
            times[part], choices, None if observer is None else np.asarray(observer)[:, part]
        )
        light = evaluate(template.model, places[:, part], times[part], positions)
        result[:, part] = template.scale * light[rows]
    return result


def component_names(choices: ZodiChoices) -> tuple[str, ...]:
    """Give the components of a template, in the order of the model.

    Parameters
    ----------
    choices : ZodiChoices

    Returns
    -------
    tuple of str

    Raises
    ------
    ConfigError
        When the model does not reach the band's wavelengths, or lacks a component that was asked for.
    """
    known = _template(choices).components
    for name in choices.components:
        if name not in known:
            raise ConfigError(
                f"the zodiacal model {choices.model} has no component {name!r}",
                hint=f"it has {', '.join(known)}",
            )
    return tuple(name for name in known if not choices.components or name in choices.components)


def _template(choices: ZodiChoices) -> _Template:
    return _built(choices.model, choices.spectrum, choices.band, choices.quadrature)


@lru_cache(maxsize=8)
def _built(name: str, spectrum: str, number: int, quadrature: int) -> _Template:
    """Build a model; once per process, because its tables take a moment."""
    import zodipy
    from astropy import units

    band = wise_band(number) if spectrum == "bandpass" else None
    where = WAVELENGTH_UM[number] if band is None else band.wavelength
    weights = None if band is None else band.weight
    try:
        model = zodipy.Model(where * units.um, weights=weights, name=name, gauss_quad_degree=quadrature)
    except ValueError as error:
        raise ConfigError(
            f"the zodiacal model {name} does not cover band {number} ({WAVELENGTH_UM[number]:g} um)",
            hint="dirbe covers all four",
        ) from error
    parameters = model.get_parameters()
    components = tuple(parameters["comps"])
    if band is None:
        return _Template(model, 1.0, components)
    if name == "dirbe":
        model.update_parameters(effective_spectrum(parameters, band))
    return _Template(model, band.scale, components)


def _positions(mjd: Float, choices: ZodiChoices, given: Float | None) -> Float | None:
    """Give where the light is seen from; None for the Earth, where zodipy knows it."""
    if choices.observer == "header":
        if given is None:
            raise ValueError("observer 'header' needs positions")
        return given
    # zodipy's own place of this point is wrong for several times at once.
    return earth_positions(mjd) * (1.0 + _L2_BEYOND) if choices.observer == "semb-l2" else None


def evaluate(model: Any, places: Float, mjd: Float, positions: Float | None) -> Float:
    """Evaluate a model of zodipy.

    Parameters
    ----------
    model : zodipy.Model
    places : ndarray of float64, shape (2, n)
        Ecliptic (mean, J2000) longitude and latitude, deg.
    mjd : ndarray of float64, shape (n,)
        UTC, d, ascending; n at least 1.
    positions : ndarray of float64, shape (3, n), or None
        Of the observer, heliocentric ecliptic (J2000), AU; None for the Earth.

    Returns
    -------
    ndarray of float64, shape (C, n)
        MJy/sr, of all components of the model.
    """
    from astropy import units
    from astropy.coordinates import BarycentricMeanEcliptic, SkyCoord
    from astropy.time import Time

    # A spline through one moment cannot be laid.
    one = mjd[0] == mjd[-1]
    sky = SkyCoord(
        places[0],
        places[1],
        unit="deg",
        frame=BarycentricMeanEcliptic,
        obstime=Time(mjd[0] if one else mjd, format="mjd", scale="utc"),
    )
    if positions is None:
        light = model.evaluate(sky, return_comps=True)
    else:
        seen_from = (positions[:, 0] if one else positions) * units.AU
        light = model.evaluate(sky, obspos=seen_from, return_comps=True)
    return np.asarray(light.to_value(units.MJy / units.sr))
