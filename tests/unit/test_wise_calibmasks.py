"""What keeps samples out of the fit: Galaxy, the user's map, the Moon, planets, bright pixels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from truthkit.scanmaps import START, scan_columns

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.healpix import pixel_directions, ring_pixels, rotation_from_fk5
from photomitrus_cli.io.healpixfile import PartialMap, write_partial_map
from photomitrus_cli.simulate.wisebodies import planet_direction
from photomitrus_cli.wise import calibregions
from photomitrus_cli.wise.calibbodies import MOON as THE_MOON
from photomitrus_cli.wise.calibbodies import PLANETS, body_directions, sun_longitude
from photomitrus_cli.wise.calibbright import bright_pixels
from photomitrus_cli.wise.calibmasks import MaskRules, count_reasons, exclude
from photomitrus_cli.wise.calibread import assemble
from photomitrus_cli.wise.calibregions import inside_map
from photomitrus_cli.wise.samples import FLAGGED, GALAXY, MOON, PARTIAL, PLANET, USER, Samples
from photomitrus_cli.wise.scancolumns import scan_columns_of

NSIDE = 16
ALL = np.arange(12 * NSIDE**2)


def full_sky(mjd: NDArray[np.float64], system: str = "galactic") -> Samples:
    """Give samples of all pixels of the sky at the times given."""
    order = np.argsort(mjd, kind="stable")
    assert order.tolist() == sorted(range(mjd.size))
    scan = scan_columns_of("a", PartialMap(NSIDE, system, ALL, scan_columns(mjd)))
    return assemble([scan], NSIDE, system)


def separation_deg(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    cross = np.cross(first, second, axis=0)
    return np.asarray(np.degrees(np.arctan2(np.sqrt((cross**2).sum(0)), (first * second).sum(0))))


@pytest.mark.parametrize(("body", "allowed"), [(THE_MOON, 0.3), *((name, 0.1) for name in PLANETS)])
def test_bodies_are_where_astropy_has_them(body: str, allowed: float) -> None:
    from astropy.coordinates import SkyCoord, get_body
    from astropy.time import Time
    from astropy.utils import iers

    mjd = np.linspace(55197.3, 60700.1, 60)
    with iers.conf.set_temp("auto_download", False):
        seen = get_body(body.lower(), Time(mjd, format="mjd", scale="utc"), ephemeris="builtin")
    # As directions: with its distance it would be turned to how the Sun's system sees it.
    there = SkyCoord(seen.ra, seen.dec, frame="icrs").galactic.cartesian.xyz.value
    found = body_directions(body, mjd, "galactic")
    np.testing.assert_allclose((found**2).sum(0), 1.0, rtol=1e-14)
    assert separation_deg(found, there).max() < allowed


@pytest.mark.parametrize("planet", PLANETS)
def test_planets_are_where_other_elements_have_them(planet: str) -> None:
    """The simulator computes Kepler's orbits, good to 0.2 deg."""
    for mjd in (55230.0, 55400.0, 58000.0, 60500.0):
        found = body_directions(planet, [mjd], "ecliptic")[:, 0]
        assert separation_deg(found, planet_direction(planet, mjd)) < 0.25


def test_mars_and_the_moon_of_the_almanac() -> None:
    """Opposition of Mars, 2010 January 29, 19:43 UT, and full Moon on January 30, 06:18 UT."""
    for body, mjd in (("Mars", 55225.8215), (THE_MOON, 55226.2625)):
        x, y, _ = body_directions(body, [mjd], "ecliptic")[:, 0]
        assert abs((np.degrees(np.arctan2(y, x)) - sun_longitude(mjd)) % 360.0 - 180.0) < 0.1
    with pytest.raises(ValueError, match="no body 'Pluto'; there are Moon, Mars"):
        body_directions("Pluto", [START], "ecliptic")


@pytest.mark.parametrize("system", ["galactic", "equatorial"])
def test_samples_near_the_moon_and_planets_at_their_times(
    system: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Moon goes around within the samples; each is asked for its own time, the slow way."""
    monkeypatch.setattr(calibregions, "_CHUNK", 7)
    mjd = np.sort(START + np.random.default_rng(5).random(ALL.size) * 27.0)
    samples = full_sky(mjd, system)
    centres = pixel_directions(ALL, NSIDE)
    found = exclude(samples, MaskRules(moon_deg=20.0, planet_deg=12.0))
    for bit, bodies, radius in ((MOON, (THE_MOON,), 20.0), (PLANET, PLANETS, 12.0)):
        angles = np.min([separation_deg(centres, body_directions(b, mjd, system)) for b in bodies], axis=0)
        sure = np.abs(angles - radius) > 1e-3
        np.testing.assert_array_equal((found & bit != 0)[sure], (angles < radius)[sure])
        assert (found & bit != 0).sum() > 20
    moon = body_directions(THE_MOON, mjd, system)
    assert separation_deg(moon[:, :1], moon[:, ALL.size // 2 :][:, :1])[0] > 90.0


def test_small_radii_are_exact() -> None:
    mjd = START + np.arange(ALL.size) / 86400.0
    samples = full_sky(mjd)
    angles = separation_deg(pixel_directions(ALL, NSIDE), body_directions("Mars", mjd, "galactic"))
    nearest = int(np.argmin(angles))
    for radius, n_near in ((angles[nearest] * 0.9999, 0), (angles[nearest] * 1.0001, 1)):
        others = MaskRules(planet_deg=float(radius))
        assert (exclude(samples, others)[nearest] & PLANET != 0) == bool(n_near)


def test_windows_of_the_moon_and_the_galaxy_and_earlier_marks() -> None:
    samples = full_sky(START + np.arange(ALL.size) / 1000.0)
    marked = samples.excluded.copy()
    marked[7] = FLAGGED
    samples = replace(samples, excluded=marked)
    windows = [(START + 0.5, START + 0.502), (START + 3.0, START + 3.0)]
    found = exclude(samples, MaskRules(galaxy_deg=10.0, moon_windows=windows))
    np.testing.assert_array_equal(found & GALAXY != 0, np.abs(samples.galactic_latitude) < 10.0)
    assert np.flatnonzero(found & MOON).tolist() == [500, 501, 502, 3000]
    assert np.flatnonzero(found & FLAGGED).tolist() == [7]
    assert samples.excluded.sum() == FLAGGED
    assert not (exclude(samples, MaskRules()) & ~np.uint8(FLAGGED)).any()
    counts = count_reasons(found)
    assert counts["moon"] == 4
    assert counts["flagged"] == 1
    assert counts["galaxy"] == int((np.abs(samples.galactic_latitude) < 10.0).sum())
    assert (counts["bright"], counts["user"], counts["planet"], counts["contradicted"]) == (0, 0, 0, 0)


def test_partly_seen_pixels_are_those_of_few_hits() -> None:
    """Each scan has its own measure of a whole pixel; a scan without samples has none."""
    samples = full_sky(START + np.arange(ALL.size) / 1000.0)
    half = ALL.size // 2
    hits = np.full(ALL.size, 100, np.int32)
    hits[half:] = 1000
    hits[[3, half + 3]] = 49
    hits[[4, half + 4]] = 51, 501
    first = np.array([0, half, half, ALL.size])
    samples = replace(samples, hits=hits, first=first, names=("a", "b", "c"))
    found = exclude(samples, MaskRules(min_coverage=0.5))
    assert np.flatnonzero(found & PARTIAL).tolist() == [3, half + 3]
    assert count_reasons(found)["partial"] == 2
    assert not found[[4, half + 4]].any()


def user_map(path: Path, sky: PartialMap) -> Path:
    write_partial_map(path, sky)
    return path


def test_the_map_of_the_user_in_its_own_resolution_and_system(tmp_path: Path) -> None:
    """A cap around an ecliptic place, as pixels of another map."""
    fine = 64
    middle = np.array([[0.6], [-0.64], [0.48]])
    ecliptic = pixel_directions(np.arange(12 * fine**2), fine)
    cap = np.flatnonzero(separation_deg(ecliptic, np.repeat(middle, ecliptic.shape[1], 1)) < 15.0)
    far = np.setdiff1d(np.arange(12 * fine**2), cap)[:3]
    pixels = np.sort(np.concatenate([cap, far]))
    values = np.isin(pixels, cap).astype(np.float64)
    values[np.isin(pixels, far[0])] = np.nan
    path = user_map(tmp_path / "m.fits", PartialMap(fine, "ecliptic", pixels, {"MASK": values}))
    samples = full_sky(START + np.arange(ALL.size) / 1e5)
    found = exclude(samples, MaskRules(user_map=path)) & USER != 0
    turn = rotation_from_fk5("ecliptic") @ rotation_from_fk5("galactic").T
    centres = turn @ pixel_directions(ALL, NSIDE)
    np.testing.assert_array_equal(found, np.isin(ring_pixels(centres, fine), cap))
    angle = separation_deg(centres, np.repeat(middle, ALL.size, 1))
    assert found[angle < 14.0].all()
    assert not found[angle > 16.0].any()
    same = PartialMap(NSIDE, "galactic", np.array([3, 7, 8, 9]), {"A": np.array([1, np.nan, 0, -2])})
    inside = inside_map(ALL, NSIDE, "galactic", user_map(tmp_path / "same.fits", same))
    assert np.flatnonzero(inside).tolist() == [3, 9]


@pytest.mark.parametrize(
    ("sky", "told"),
    [
        (PartialMap(NSIDE, "galactic", np.arange(3), {}), "no column besides"),
        (PartialMap(16384, "galactic", np.arange(3), {"A": np.ones(3)}), "NSIDE is 16384, above 8192"),
    ],
)
def test_maps_of_the_user_that_are_none(tmp_path: Path, sky: PartialMap, told: str) -> None:
    path = user_map(tmp_path / "m.fits", sky)
    with pytest.raises(InputError, match=told) as caught:
        inside_map(ALL, NSIDE, "galactic", path)
    assert str(path) in str(caught.value)


def test_bright_pixels_stand_out_at_their_latitude() -> None:
    rng = np.random.default_rng(11)
    count = 20_000
    lat = np.degrees(np.arcsin(rng.uniform(-1.0, 1.0, count))).astype(np.float32)
    usual = 0.3 / np.sin(np.radians(np.maximum(np.abs(lat), 5.0)))
    sky = usual + rng.normal(0.0, 0.05, count)
    sigma = np.full(count, 0.01)
    stars = np.flatnonzero(np.abs(lat) > 8.0)[::200]
    sky[stars] += 1.0
    dark, unsure = stars + 1, stars + 2
    sky[dark] -= 1.0
    sky[unsure] += 1.0
    sigma[unsure] = 10.0
    sky[::501] = np.nan
    found = bright_pixels(sky, sigma, lat, 6.0)
    seen = np.isfinite(sky)
    assert found[stars[seen[stars]]].all()
    assert not found[~seen].any()
    assert not found[dark].any()
    assert not found[unsure].any()
    far = np.setdiff1d(np.flatnonzero(np.abs(lat) > 8.0), stars)
    assert found[far].mean() < 1e-3
    # What is usual at 8 deg is bright at the pole.
    assert usual[np.abs(lat) < 9.0].min() > 1.0 + np.median(usual[np.abs(lat) > 60.0])


def test_too_few_pixels_tell_nothing() -> None:
    sky = np.zeros(19)
    sky[3] = 100.0
    assert not bright_pixels(sky, np.ones(19), np.zeros(19, np.float32), 3.0).any()
    more = np.append(sky, 0.0)
    assert np.flatnonzero(bright_pixels(more, np.ones(20), np.zeros(20, np.float32), 3.0)).tolist() == [3]
