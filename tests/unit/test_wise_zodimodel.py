"""The zodiacal template as a function: order of samples, components, times, the band, no network."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.simulate.kelsall import zodi_brightness
from photomitrus_cli.wise.facts import WAVELENGTH_UM
from photomitrus_cli.wise.zodibands import Band, wise_band
from photomitrus_cli.wise.zodimodel import component_names, zodi_components
from photomitrus_cli.wise.zodiobserver import earth_positions
from photomitrus_cli.wise.zodisettings import ZodiChoices

pytestmark = pytest.mark.xdist_group("wise-zodi")

Floats = npt.NDArray[np.float64]
DIRBE = ("cloud", "band1", "band2", "band3", "ring", "feature")
MJD = 55256.0
LONGITUDE = 250.0
# f_c of the Explanatory Supplement to the WISE All-Sky Data Release, section IV.4.h, for W1 to W4.
POWER_LAWS = {
    3: (1.0283, 1.0206, 1.1344, 1.0142),
    0: (0.9907, 0.9935, 0.9169, 0.9905),
    -1: (0.9921, 0.9943, 0.9373, 0.9926),
    -2: (1.0, 1.0, 1.0, 1.0),
    -4: (1.0347, 1.0265, 1.2687, 1.0319),
}
BLACK_BODIES = {
    200: (2.0577, 1.3448, 1.0006, 0.9833),
    300: (1.3300, 1.0907, 0.8714, 0.9871),
    400: (1.1316, 1.0229, 0.8622, 0.9903),
}

# Run in a process of its own, with a home of its own, in which nothing can be downloaded or has been.
ALONE = """
import socket
def refuse(*args, **more):
    raise AssertionError("a socket was opened")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from photomitrus_cli.wise.zodimodel import zodi_components
from photomitrus_cli.wise.zodisettings import ZodiChoices
for observer in ("earth", "semb-l2"):
    given = dict(band=3, model="dirbe", spectrum="bandpass", components=(), observer=observer, quadrature=10)
    choices = ZodiChoices(**given)
    for mjd in (55256.0, 61500.0):
        assert zodi_components([250.0, 251.0], [0.0, 1.0], [mjd, mjd + 0.01], choices).sum() > 20
"""


def choices(**more: Any) -> ZodiChoices:
    given: dict[str, Any] = {
        "band": 3,
        "model": "dirbe",
        "spectrum": "mono",
        "components": (),
        "observer": "earth",
        "quadrature": 30,
    }
    return ZodiChoices(**given | more)


def total(longitude: float, latitude: float, **more: Any) -> float:
    return float(zodi_components([longitude], [latitude], [MJD], choices(**more)).sum())


def test_samples_may_come_in_any_order() -> None:
    """And some without a time, and some at the same time."""
    rng = np.random.default_rng(3)
    n = 300
    mjd = MJD + np.round(rng.uniform(0, 3, n), 1)
    lon, lat = rng.uniform(240, 260, n), rng.uniform(-80, 80, n)
    mjd[:5] = np.nan
    found = zodi_components(lon, lat, mjd, choices())
    assert found.shape == (6, n)
    assert np.isnan(found[:, :5]).all()
    for k in (5, 17, 299):
        alone = zodi_components(lon[k : k + 1], lat[k : k + 1], mjd[k : k + 1], choices())
        np.testing.assert_allclose(found[:, k], alone[:, 0], rtol=1e-7)
    # A day moves the Earth by a degree.
    assert not np.allclose(found[:, 5:], zodi_components(lon, lat, np.full(n, MJD), choices())[:, 5:], 1e-3)


def test_chunks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    lon, lat, mjd = np.full(20, LONGITUDE), np.linspace(-60, 60, 20), MJD + np.linspace(0, 0.03, 20)
    whole = zodi_components(lon, lat, mjd, choices())
    monkeypatch.setattr("photomitrus_cli.wise.zodimodel._CHUNK", 7)
    np.testing.assert_allclose(zodi_components(lon, lat, mjd, choices()), whole, rtol=1e-5)


def test_components_are_those_asked_for_in_the_order_of_the_model() -> None:
    every = zodi_components([LONGITUDE], [2.0], [MJD], choices())
    some = choices(components=("ring", "cloud"))
    assert component_names(choices()) == DIRBE
    assert component_names(some) == ("cloud", "ring")
    np.testing.assert_array_equal(zodi_components([LONGITUDE], [2.0], [MJD], some), every[[0, 4]])


def test_what_a_model_lacks_is_said() -> None:
    with pytest.raises(ConfigError, match=r"no component 'blob' \(it has cloud, band1"):
        component_names(choices(components=("blob",)))
    for model, band in (("planck18", 4), ("odegard", 1), ("rrm-experimental", 3)):
        with pytest.raises(ConfigError, match=rf"{model} does not cover band {band} \("):
            component_names(choices(model=model, band=band))
    assert "fan" in component_names(choices(model="rrm-experimental", band=4, spectrum="bandpass"))


def corrected(band: Band, spectrum: Floats) -> float:
    """What the archive would quote for a spectrum that is 1 at the isophotal wavelength."""
    return band.scale * band.mean(spectrum)


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_fluxes_are_quoted_as_the_archive_does(number: int) -> None:
    band = wise_band(number)
    ratio = band.wavelength / WAVELENGTH_UM[number]
    for power, published in POWER_LAWS.items():
        assert corrected(band, ratio ** (-1.0 * power)) == pytest.approx(published[number - 1], abs=3e-4)
    for kelvin, published in BLACK_BODIES.items():
        x = 14387.77 / kelvin / WAVELENGTH_UM[number]
        light = ratio**-3 * np.expm1(x) / np.expm1(x / ratio)
        assert corrected(band, light) == pytest.approx(published[number - 1], rel=3e-4)


@pytest.mark.parametrize(("number", "within"), [(1, 0.009), (2, 0.008), (3, 0.003), (4, 0.003)])
def test_the_bandpass_is_the_integral_over_the_band(number: int, within: float) -> None:
    """One line of sight, by another program at 120 wavelengths; zodipy's own average is 4 % off in W2."""
    band = wise_band(number)
    direction = np.array([[np.cos(np.radians(LONGITUDE))], [np.sin(np.radians(LONGITUDE))], [0.0]])
    grid = np.linspace(band.wavelength[0], band.wavelength[-1], 120)
    light = np.array([zodi_brightness(direction, MJD, float(um))[0] for um in grid])
    direct = corrected(band, np.interp(band.wavelength, grid, light))
    found = total(LONGITUDE, 0.0, band=number, spectrum="bandpass", quadrature=100)
    assert found == pytest.approx(direct, rel=within)


def test_the_observer_counts() -> None:
    earth = earth_positions([MJD])
    seen = zodi_components([LONGITUDE], [0.0], [MJD], choices(observer="header"), earth).sum()
    assert seen == pytest.approx(total(LONGITUDE, 0.0), rel=1e-6)
    beyond = zodi_components([LONGITUDE], [0.0], [MJD], choices(observer="header"), earth * 1.010078).sum()
    assert total(LONGITUDE, 0.0, observer="semb-l2") == pytest.approx(beyond, rel=1e-9)
    assert beyond < 0.99 * seen
    # Several times at once give the same as one.
    many = zodi_components([LONGITUDE] * 3, [0.0] * 3, MJD + np.arange(3), choices(observer="semb-l2"))
    assert many[:, 0].sum() == pytest.approx(beyond, rel=1e-6)
    with pytest.raises(ValueError, match="needs positions"):
        total(LONGITUDE, 0.0, observer="header")


def test_nothing_is_downloaded(tmp_path: Any) -> None:
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", ALONE], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
