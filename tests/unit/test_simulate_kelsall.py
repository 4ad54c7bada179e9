"""The simulator's zodiacal light: against a slow twin, its own quadrature, and what physics demands."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.simulate import kelsallfacts as facts
from photomitrus_cli.simulate.earthorbit import earth_position, mean_longitude
from photomitrus_cli.simulate.kelsall import zodi_brightness
from photomitrus_cli.simulate.kelsallpath import Sight, cone_crossings, line_nodes, sphere_crossings
from photomitrus_cli.simulate.kelsallsource import scattered, source_at

Floats = npt.NDArray[np.float64]
MJD = 55256.0  # 1 March 2010
WISE = (3.3526, 4.6028, 11.5608, 22.0883)


def towards(longitude: float, latitude: float) -> Floats:
    """Unit vector of ecliptic longitude and latitude, deg; shape (3, 1)."""
    lon, lat = math.radians(longitude), math.radians(latitude)
    return np.array([[math.cos(lat) * math.cos(lon)], [math.cos(lat) * math.sin(lon)], [math.sin(lat)]])


def everywhere(count: int, seed: int) -> Floats:
    found: Floats = np.random.default_rng(seed).normal(size=(3, count))
    found /= np.linalg.norm(found, axis=0)
    return found


def tilted_height(plane: facts.Plane, x: float, y: float, z: float) -> float:
    node, tilt = math.radians(plane.node), math.radians(plane.inclination)
    return (x * math.sin(node) - y * math.cos(node)) * math.sin(tilt) + z * math.cos(tilt)


def slow_density(name: str, x: float, y: float, z: float, earth: float) -> float:
    """Density of one component at one place, with the formulas as they are written."""
    r = math.sqrt(x * x + y * y + z * z)
    if name == "cloud":
        c = facts.CLOUD
        x, y, z = x - c.plane.centre[0], y - c.plane.centre[1], z - c.plane.centre[2]
        r = math.sqrt(x * x + y * y + z * z)
        zeta = abs(tilted_height(c.plane, x, y, z)) / r
        g = zeta**2 / 2 / c.mu if zeta < c.mu else zeta - c.mu / 2
        return c.density * math.pow(r, -c.alpha) * math.exp(-c.beta * math.pow(g, c.gamma))
    if name in ("ring", "blob"):
        ring = facts.RING if name == "ring" else facts.BLOB.ring
        exponent = ((r - ring.radius) / ring.width) ** 2 + abs(
            tilted_height(ring.plane, x, y, z)
        ) / ring.height
        if name == "blob":
            turn = math.degrees(math.atan2(y, x) - earth) - facts.BLOB.trail
            exponent += (((turn + 180) % 360 - 180) / facts.BLOB.length) ** 2
        return ring.density * math.exp(-exponent)
    band = facts.BANDS[name]  # type: ignore[index]
    ratio = abs(tilted_height(band.plane, x, y, z)) / r / math.radians(band.width)
    gap = 1 - math.exp(-((r / band.inner) ** 20))
    return 3 * band.density / r * math.exp(-(ratio**6)) * (1 + ratio**4 / band.shape) * gap


def slow_light(name: str, direction: Floats, wavelength: float, steps: int) -> float:
    """Midpoint sum of one component along one line."""
    source, place, earth = source_at(wavelength), earth_position(MJD), mean_longitude(MJD)
    ahead = float(place @ direction[:, 0])
    end = -ahead + math.sqrt(ahead**2 - float(place @ place) + 5.2**2)
    step, frequency, total = end / steps, 2.99792458e14 / wavelength, 0.0
    c0, c1, c2 = source.phase
    whole = 4 * math.pi * c0 + 2 * math.pi**2 * c1 + 2 * math.pi * (math.exp(c2 * math.pi) + 1) / (c2**2 + 1)
    for k in range(steps):
        x, y, z = place + (k + 0.5) * step * direction[:, 0]
        r = math.sqrt(x * x + y * y + z * z)
        kelvin = 286.0 * r**-facts.TEMPERATURE_SLOPE
        body = 1.47449944e-30 * frequency**3 / math.expm1(4.79924307e-11 * frequency / kelvin)
        angle = math.pi - math.acos(float(np.array([x, y, z]) @ direction[:, 0]) / r)
        sun = source.solar_flux / r**2 * (c0 + c1 * angle + math.exp(c2 * angle)) / whole
        glow = source.emissivity[facts.MATERIAL[name]] * (1 - source.albedo) * body  # type: ignore[index]
        total += (glow + source.albedo * sun) * slow_density(name, x, y, z, earth) * step
    return total


@pytest.mark.parametrize("name", facts.COMPONENTS)
@pytest.mark.parametrize(("longitude", "latitude"), [(250.0, 3.0), (75.0, -40.0), (300.0, 20.0)])
def test_every_component_agrees_with_a_slow_sum(name: str, longitude: float, latitude: float) -> None:
    direction = towards(longitude, latitude)
    for wavelength in (1.25, 11.5608):
        fast = zodi_brightness(direction, MJD, wavelength, components=[name])[0]
        everything = zodi_brightness(direction, MJD, wavelength)[0]
        assert abs(fast - slow_light(name, direction, wavelength, 4000)) < 2e-4 * everything


def test_components_add_up() -> None:
    directions = everywhere(50, 3)
    parts = sum(zodi_brightness(directions, MJD, 4.6028, components=[name]) for name in facts.COMPONENTS)
    np.testing.assert_allclose(parts, zodi_brightness(directions, MJD, 4.6028), rtol=1e-12)


@pytest.mark.parametrize("wavelength", [1.25, *WISE, 240.0])
def test_quadrature_is_converged(wavelength: float, monkeypatch: pytest.MonkeyPatch) -> None:
    directions = everywhere(600, 5)
    usual = zodi_brightness(directions, MJD, wavelength)
    monkeypatch.setattr("photomitrus_cli.simulate.kelsall._WIDE_ORDER", 40)
    monkeypatch.setattr("photomitrus_cli.simulate.kelsall._NEAR_ORDER", 40)
    dense = zodi_brightness(directions, MJD, wavelength)
    assert np.max(np.abs(usual / dense - 1)) < 3e-4


@pytest.mark.parametrize("place", [(1.01, 0.0, 0.0), (2.0, 0.0, 0.3), (5.0, 0.1, 0.0), (0.3, 0.1, 0.0)])
def test_other_observers(place: tuple[float, float, float], monkeypatch: pytest.MonkeyPatch) -> None:
    directions, observer = everywhere(300, 6), np.array(place)
    usual = zodi_brightness(directions, MJD, 11.5608, observer=observer)
    monkeypatch.setattr("photomitrus_cli.simulate.kelsall._WIDE_ORDER", 60)
    monkeypatch.setattr("photomitrus_cli.simulate.kelsall._NEAR_ORDER", 60)
    dense = zodi_brightness(directions, MJD, 11.5608, observer=observer)
    assert np.max(np.abs(usual / dense - 1)) < 1e-3


def test_towards_and_away_from_the_sun_is_finite() -> None:
    earth = earth_position(MJD)
    out = (earth / np.linalg.norm(earth))[:, None]
    both = zodi_brightness(np.concatenate([out, -out], axis=1), MJD, 11.5608)
    assert np.all(np.isfinite(both))
    assert 10 < both[0] < 60 < 1000 < both[1]


def test_trailing_side_is_brighter() -> None:
    earth = earth_position(MJD)
    ahead = np.cross([0.0, 0.0, 1.0], earth / np.linalg.norm(earth))[:, None]
    blob = zodi_brightness(np.concatenate([-ahead, ahead], axis=1), MJD, 22.0883, components=["blob"])
    assert blob[0] > 3 * blob[1] > 0


def test_phase_functions_hold_all_light() -> None:
    angle = np.linspace(0, math.pi, 20001)
    for wavelength in (1.25, 2.2, 3.5, 4.6028):
        source = source_at(wavelength)
        part = scattered(source, np.ones_like(angle), np.cos(angle)) / source.solar_flux
        total = np.trapezoid(part * 2 * math.pi * np.sin(angle), angle)
        assert total == pytest.approx(1.0, rel=1e-6)


def test_spectrum_between_the_bands() -> None:
    source = source_at(4.6028)
    share = (4.6028 - 3.5) / 1.4
    assert source.albedo == pytest.approx(0.2104366 * (1 - share))
    assert source.phase == (0.0, 0.0, 0.0)
    assert source.emissivity["band"] == pytest.approx(1.6598924 * (1 - share) + 0.35926452 * share)
    assert source_at(3.3526).phase == facts.PHASE[2]


def test_line_nodes_cover_the_line() -> None:
    sight = Sight(earth_position(MJD), everywhere(40, 7))
    end = sphere_crossings(sight, 5.2)[:, 1]
    nodes = line_nodes(sight, [sight.nearest, sphere_crossings(sight, 1.1)], end, 8)
    np.testing.assert_allclose(nodes.weight.sum(axis=1), end, rtol=1e-6)
    np.testing.assert_allclose((nodes.weight * nodes.distance).sum(axis=1), end**2 / 2, rtol=1e-6)
    np.testing.assert_allclose(nodes.radius, np.linalg.norm(nodes.positions, axis=0))


def test_cone_crossings_lie_on_the_cone() -> None:
    sight, normal = Sight(earth_position(MJD), everywhere(200, 8)), towards(20.0, 85.0)[:, 0]
    found = cone_crossings(sight, normal, 0.05)
    for k in range(2):
        hit = found[:, k] != 0
        places = sight.observer[:, None] + sight.directions[:, hit] * found[hit, k]
        np.testing.assert_allclose(np.abs(normal @ places), 0.05 * np.linalg.norm(places, axis=0), rtol=1e-8)
        assert np.count_nonzero(hit) > 100


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"wavelength_um": 0.9}, "0.9 um"),
        ({"wavelength_um": 300.0}, "300 um"),
        ({"wavelength_um": math.nan}, "nan um"),
        ({"components": ["cloud", "comet"]}, "'comet'"),
        ({"observer": np.array([6.0, 0.0, 0.0])}, "6 AU"),
        ({"observer": np.zeros(3)}, "0 AU"),
    ],
)
def test_impossible_requests_are_refused(options: dict[str, object], words: str) -> None:
    asked = {"wavelength_um": 12.0, **options}
    with pytest.raises(ConfigError, match=words):
        zodi_brightness(towards(0.0, 0.0), MJD, **asked)  # type: ignore[arg-type]
