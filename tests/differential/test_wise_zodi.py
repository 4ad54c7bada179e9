"""The template of whole scans against the simulator's own program for the same model."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from photomitrus_cli.simulate.earthorbit import earth_position
from photomitrus_cli.simulate.kelsall import zodi_brightness
from photomitrus_cli.wise.calibbodies import sun_longitude
from photomitrus_cli.wise.facts import WAVELENGTH_UM
from photomitrus_cli.wise.zodimodel import zodi_components
from photomitrus_cli.wise.zodisettings import ZodiChoices

pytestmark = pytest.mark.xdist_group("wise-zodi")

COMPONENTS = ("cloud", "band1", "band2", "band3", "ring", "blob")
Floats = npt.NDArray[np.float64]


def scan(mjd: float, side: int) -> tuple[Floats, Floats]:
    """Longitudes and latitudes of a half orbit 90 deg from the Sun."""
    latitude = np.linspace(-88, 88, 45)
    return np.full(latitude.size, (float(sun_longitude(mjd)) - 90.0 * side) % 360.0), latitude


@pytest.mark.parametrize(("band", "within"), [(2, 0.006), (3, 0.002)])
@pytest.mark.parametrize(("mjd", "side"), [(55256.0, 1), (55290.0, -1)])
def test_half_orbits(
    band: int, within: float, mjd: float, side: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """zodipy hangs the trailing blob on the Earth's true longitude, the simulator on the mean one."""
    x, y, _ = earth_position(mjd)
    monkeypatch.setattr("photomitrus_cli.simulate.kelsall.mean_longitude", lambda _: float(np.arctan2(y, x)))
    lon, lat = scan(mjd, side)
    choices = ZodiChoices(
        band=band, model="dirbe", spectrum="mono", components=(), observer="earth", quadrature=100
    )
    found = zodi_components(lon, lat, np.full(lon.size, mjd), choices)
    a, d = np.radians(lon), np.radians(lat)
    directions = np.array([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])
    whole = zodi_brightness(directions, mjd, WAVELENGTH_UM[band])
    assert np.max(np.abs(found.sum(axis=0) / whole - 1)) < within
    for row, name in zip(found, COMPONENTS, strict=True):
        theirs = zodi_brightness(directions, mjd, WAVELENGTH_UM[band], components=[name])
        assert np.max(np.abs(row - theirs)) < 0.01 * theirs.max(), name
