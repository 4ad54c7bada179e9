"""Map pixels against healpy, rotations against astropy."""

from __future__ import annotations

import astropy.units as u
import healpy
import numpy as np
import pytest
from astropy.coordinates import FK5, ICRS, BarycentricMeanEcliptic, Galactic, SkyCoord

from photomitrus_cli.imaging.healpix import SYSTEMS, pixel_directions, ring_pixels, rotation_from_fk5

FRAMES = {"galactic": Galactic(), "ecliptic": BarycentricMeanEcliptic(), "equatorial": ICRS()}
NSIDES = [2**k for k in range(14)]


def somewhere(n: int, seed: int) -> np.ndarray:
    """Directions all over the sphere, a fifth of them within an arc minute of a pole."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(3, n))
    near = slice(0, n // 5)
    vectors[:2, near] *= 1e-4
    return np.asarray(vectors / np.linalg.norm(vectors, axis=0))


@pytest.mark.parametrize("nside", NSIDES)
def test_pixels_are_those_of_healpy(nside: int) -> None:
    vectors = somewhere(20000, nside)
    assert np.array_equal(ring_pixels(vectors, nside), healpy.vec2pix(nside, *vectors))


def test_length_of_a_direction_does_not_matter() -> None:
    vectors = somewhere(1000, 1)
    lengths = np.random.default_rng(2).uniform(0.5, 2.0, 1000)
    assert np.array_equal(ring_pixels(vectors * lengths, 64), ring_pixels(vectors, 64))


@pytest.mark.parametrize("nside", NSIDES)
def test_poles_and_the_edges_of_charts(nside: int) -> None:
    # Beside and on the poles, the quarters of longitude, the equator and |z| = 2/3.
    lon = np.radians(np.array([0.0, 45.0, 90.0, 135.0, 180.0, 225.0, 270.0, 315.0, 359.999999]))
    z = np.array(
        [1.0, 1.0 - 1e-13, 0.9, 2.0 / 3.0 + 1e-9, 2.0 / 3.0 - 1e-9, 1e-9, -1e-9, -0.7, -1.0 + 1e-13, -1.0]
    )
    shift = np.array([-1e-9, 1e-9])
    turns = (lon[:, None] + shift).ravel()
    across = np.sqrt((1.0 - z) * (1.0 + z))
    vectors = np.array(
        [np.outer(across, np.cos(turns)), np.outer(across, np.sin(turns)), np.outer(z, np.ones(turns.size))]
    ).reshape(3, -1)
    assert np.array_equal(ring_pixels(vectors, nside), healpy.vec2pix(nside, *vectors))


@pytest.mark.parametrize("nside", NSIDES)
def test_both_sides_of_borders(nside: int) -> None:
    pixels = np.random.default_rng(nside).integers(0, 12 * nside * nside, 300)
    corners = healpy.boundaries(nside, pixels, step=2)  # (n, 3, 8): corners and middles of sides
    centre = pixel_directions(pixels, nside)[:, :, None]
    inside = corners.transpose(1, 0, 2) * (1.0 - 1e-9) + centre * 1e-9
    found = ring_pixels(inside.reshape(3, -1), nside).reshape(pixels.size, -1)
    assert np.array_equal(found, np.broadcast_to(pixels[:, None], found.shape))


@pytest.mark.parametrize("nside", NSIDES)
def test_centres_are_those_of_healpy_and_come_back(nside: int) -> None:
    total = 12 * nside * nside
    rng = np.random.default_rng(nside)
    ends = np.arange(min(total, 50))
    pixels = np.concatenate([ends, total - 1 - ends, rng.integers(0, total, 3000)])
    vectors = pixel_directions(pixels, nside)
    assert np.abs(vectors - np.array(healpy.pix2vec(nside, pixels))).max() < 3e-15
    assert np.array_equal(ring_pixels(vectors, nside), pixels)


@pytest.mark.parametrize("system", SYSTEMS)
def test_rotations_are_those_of_astropy(system: str) -> None:
    rng = np.random.default_rng(5)
    ra, dec = rng.uniform(0.0, 360.0, 500), np.degrees(np.arcsin(rng.uniform(-1.0, 1.0, 500)))
    given = SkyCoord(ra * u.deg, dec * u.deg, frame=FK5(equinox="J2000"))
    expected = given.transform_to(FRAMES[system]).cartesian.xyz.value
    rotation = rotation_from_fk5(system)
    assert np.abs(rotation @ given.cartesian.xyz.value - expected).max() < 1e-14
    assert np.abs(rotation @ rotation.T - np.eye(3)).max() < 3e-15


def test_what_is_no_map_is_refused() -> None:
    for nside in (0, 3, 16384, -4):
        with pytest.raises(ValueError, match="power of two"):
            ring_pixels(np.eye(3), nside)
    for pixel in (-1, 12):
        with pytest.raises(ValueError, match="from 0 to 11"):
            pixel_directions([pixel], 1)
    with pytest.raises(ValueError, match="supergalactic"):
        rotation_from_fk5("supergalactic")
