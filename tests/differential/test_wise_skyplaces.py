"""Places of map pixels against healpy and astropy."""

from __future__ import annotations

import healpy
import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord

from photomitrus_cli.wise.skyplaces import seen_places, sky_places

FRAMES = {"galactic": "galactic", "equatorial": "icrs", "ecliptic": "barycentricmeanecliptic"}


@pytest.mark.parametrize("system", FRAMES)
@pytest.mark.parametrize("nside", [1, 64, 8192])
def test_places_are_those_of_healpy_and_astropy(system: str, nside: int) -> None:
    n_pixels = 12 * nside**2
    pixels = np.unique(np.linspace(0, n_pixels - 1, 20_000).astype(np.int64))
    found = sky_places(pixels, nside, system)
    lon, lat = healpy.pix2ang(nside, pixels, lonlat=True)
    sky = SkyCoord(lon, lat, unit="deg", frame=FRAMES[system])
    ecliptic = sky.barycentricmeanecliptic
    # Along the circle of latitude: at a pole of the ecliptic longitudes mean nothing.
    turned = (found.longitude - ecliptic.lon.deg + 180.0) % 360.0 - 180.0
    assert np.max(np.abs(turned * np.cos(ecliptic.lat.rad))) < 1e-9
    assert np.max(np.abs(found.latitude - ecliptic.lat.deg)) < 1e-9
    assert np.max(np.abs(found.galactic_latitude - sky.galactic.b.deg)) < 1e-9
    assert found.longitude.min() >= 0.0
    assert found.longitude.max() < 360.0


def test_another_system_is_refused() -> None:
    with pytest.raises(ValueError, match="no system 'horizontal'"):
        sky_places([0], 1, "horizontal")


@pytest.mark.parametrize("system", FRAMES)
def test_seen_places_are_so_far_east_and_north_of_the_centres(system: str) -> None:
    """Along a great circle: the length of an orthographic offset is the sine of the distance."""
    nside, rng = 128, np.random.default_rng(4)
    pixels = np.array([0, 3, 12 * nside**2 - 1, *rng.integers(0, 12 * nside**2, 200)])
    east, north = rng.uniform(-1500.0, 1500.0, (2, pixels.size))
    lon, lat = healpy.pix2ang(nside, pixels, lonlat=True)
    angle, length = np.arctan2(east, north), np.arcsin(np.hypot(east, north) * np.pi / 648000.0)
    centres = SkyCoord(lon, lat, unit="deg", frame=FRAMES[system])
    want = centres.directional_offset_by(angle * units.rad, length * units.rad)
    found = seen_places(pixels, nside, system, east, north)
    ours = SkyCoord(found.longitude, found.latitude, unit="deg", frame=FRAMES["ecliptic"])
    assert ours.separation(want.barycentricmeanecliptic).arcsec.max() < 1e-4
    assert np.max(np.abs(found.galactic_latitude - want.galactic.b.deg)) < 1e-7
