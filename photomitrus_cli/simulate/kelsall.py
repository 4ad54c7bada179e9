"""Zodiacal light of the DIRBE model (Kelsall et al. 1998, ApJ 508, 44) in any direction, from anywhere.

Brightness is monochromatic, without the colour correction of the DIRBE bands: so it agrees with the
prediction software's tables, 0.4 % at 12 um where that correction is 7 %.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.simulate.earthorbit import earth_position, mean_longitude
from photomitrus_cli.simulate.kelsalldust import dust_density, plane_normal
from photomitrus_cli.simulate.kelsallfacts import (
    BANDS,
    CLOUD,
    COMPONENTS,
    MATERIAL,
    OUTER_RADIUS,
    RING,
    Band,
    Component,
)
from photomitrus_cli.simulate.kelsallpath import Nodes, Sight, cone_crossings, line_nodes, sphere_crossings
from photomitrus_cli.simulate.kelsallsource import Source, scattered, source_at, thermal

Floats = npt.NDArray[np.float64]
_CHUNK = 256  # lines at a time: what they need stays in the processor's cache
_WIDE: tuple[Component, ...] = ("cloud", "band1", "band2", "band3")
_FLANK = 1.35  # of a band's width; its light is down to 1 % there
_WIDE_ORDER = 12
_NEAR_ORDER = 10
_NEAR_END = 1.5  # AU; ring and blob are below 1e-6 of their peaks beyond
_RING_EDGES = (0.94, 1.028, 1.11)  # AU
_GAP_EDGES = (1.1, 1.6)  # AU; the inner edges of the bands


def _shell(sight: Sight, radius: float) -> Floats:
    """Where lines cross a sphere: twice from outside, once from within."""
    crossings = sphere_crossings(sight, radius)
    inside = sight.observer @ sight.observer < radius**2
    return crossings[:, 1:] if inside else crossings


def _flanks(band: Band, sight: Sight) -> Floats:
    return cone_crossings(sight, plane_normal(band.plane), math.radians(_FLANK * band.width))


def _wide_nodes(sight: Sight, order: int) -> Nodes:
    """Lay nodes for cloud and bands: breaks at the bands' flanks and inner edges.

    The two wide bands start beyond the Earth; from inside them their flanks are smooth enough without breaks.
    """
    far = sight.observer @ sight.observer > _GAP_EDGES[0] ** 2
    breaks = [
        sight.nearest,
        cone_crossings(sight, plane_normal(CLOUD.plane), 0.0)[:, :1],
        *(_flanks(band, sight) for name, band in BANDS.items() if far or name == "band2"),
        *(_shell(sight, radius) for radius in _GAP_EDGES),
    ]
    return line_nodes(sight, breaks, sphere_crossings(sight, OUTER_RADIUS)[:, 1], order)


def _near_nodes(sight: Sight, order: int) -> Nodes:
    """Lay nodes for ring and blob: breaks at the ring's plane and flanks."""
    breaks = [
        sight.nearest,
        cone_crossings(sight, plane_normal(RING.plane), 0.0)[:, :1],
        *(sphere_crossings(sight, radius) for radius in _RING_EDGES),
        _shell(sight, _NEAR_END),
    ]
    end = np.maximum(sphere_crossings(sight, _NEAR_END)[:, 1], 0.0)
    return line_nodes(sight, breaks, end, order)


def _integrate(
    nodes: Nodes, sight: Sight, source: Source, wanted: Sequence[Component], longitude: float
) -> Floats:
    """Sum the light of some components along each line; MJy/sr, shape (n,)."""
    glow = (1 - source.albedo) * thermal(source, nodes.radius)
    sun = np.zeros(())
    if source.albedo > 0:
        cosine = (sight.nearest[:, None] - nodes.distance) / nodes.radius
        sun = source.albedo * scattered(source, nodes.radius, cosine)
    total = np.zeros(nodes.radius.shape[0])
    for component in wanted:
        light = source.emissivity[MATERIAL[component]] * glow + sun
        light *= dust_density(component, nodes.positions, nodes.radius, longitude)
        total += np.einsum("ij,ij->i", light, nodes.weight)
    return total


def _components(components: Collection[str] | None) -> list[Component]:
    unknown = sorted(set(components or ()) - set(COMPONENTS))
    if unknown:
        raise ConfigError(f"no zodiacal component {unknown[0]!r}", hint=f"one of {', '.join(COMPONENTS)}")
    return [name for name in COMPONENTS if components is None or name in components]


def zodi_brightness(
    directions: Floats,
    mjd: float,
    wavelength_um: float,
    *,
    components: Collection[str] | None = None,
    observer: Floats | None = None,
) -> Floats:
    """Compute the zodiacal light at one wavelength, monochromatic.

    Parameters
    ----------
    directions : ndarray, shape (3, n)
        Unit vectors, ecliptic J2000.
    mjd : float
        Modified Julian date; places the Earth and its trailing blob.
    wavelength_um : float
        1.25 to 240 um.
    components : collection of str, optional
        Some of 'cloud', 'band1', 'band2', 'band3', 'ring', 'blob'; all by default.
    observer : ndarray, shape (3,), optional
        Heliocentric ecliptic J2000 position, AU; the Earth's centre by default.

    Returns
    -------
    ndarray, shape (n,)
        MJy/sr; the integral is good to 3e-4 from near the Earth, 2e-2 for lines that hit the Sun.

    Raises
    ------
    ConfigError
        If the wavelength is outside the model, a component is unknown or the observer is not inside 5.2 AU.
    """
    source = source_at(wavelength_um)
    wanted = _components(components)
    place = earth_position(mjd) if observer is None else np.asarray(observer, dtype=np.float64)
    distance = float(np.sqrt(place @ place))
    if not 0 < distance < OUTER_RADIUS:
        message = f"observer {distance:g} AU from the Sun: the dust model ends at {OUTER_RADIUS} AU"
        raise ConfigError(message, hint="choose a place inside")
    longitude = mean_longitude(mjd)
    wide = [name for name in wanted if name in _WIDE]
    near = [name for name in wanted if name not in _WIDE]
    result = np.zeros(directions.shape[1])
    for start in range(0, result.size, _CHUNK):
        part = slice(start, start + _CHUNK)
        sight = Sight(place, directions[:, part])
        if wide:
            result[part] += _integrate(_wide_nodes(sight, _WIDE_ORDER), sight, source, wide, longitude)
        if near:
            result[part] += _integrate(_near_nodes(sight, _NEAR_ORDER), sight, source, near, longitude)
    return result
