"""Smooth moonlight in the levels of synthetic scans, whose zodiacal light follows a law of its own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from photomitrus_cli.simulate.kelsall import zodi_brightness
from photomitrus_cli.wise.moonlight import Moonlight, fit_moonlight

Float = NDArray[np.float64]
NOISE = 25.0
NEAR = 30.0
# Galactic pole in ecliptic coordinates, deg.
POLE = (180.02, 29.81)


@dataclass(frozen=True)
class Passage:
    """A scan from pole to pole past the Moon, on the meridian of ecliptic longitude ``elon``, deg."""

    elon: float = 238.0
    moon: tuple[float, float] = (232.0, 3.0)
    peak: float = 1000.0
    plane: float = 0.0
    latitudes: tuple[float, float] = (-90.0, 90.0)

    def arrays(self, seed: int = 1) -> tuple[Float, Float, Float, Float]:
        """Level, longitude, latitude and distance from the Moon of a frame every 0.7 deg."""
        elat = np.arange(*self.latitudes, 0.7)
        elon = np.full(elat.size, self.elon)
        sep = distance(elon, elat, *self.moon)
        noise = np.random.default_rng(seed).normal(0.0, 2.0, elat.size)
        # The Sun is 90 deg away. The model is wrong by 1 % in bands of 20 deg; gain 74 DN per MJy/sr.
        mjd = 55238.0 + (self.elon - 238.0) / 0.9856
        places = np.array([np.cos(np.radians(elat)) * f(np.radians(elon)) for f in (np.cos, np.sin)])
        zodi = zodi_brightness(np.array([*places, np.sin(np.radians(elat))]), mjd, 11.56)
        level = 74.0 * zodi * (1.0 + 0.01 * np.cos(np.radians(elat) * 18.0)) + 200.0
        galactic = 90.0 - distance(elon, elat, *POLE)
        level += self.plane * np.exp(-np.abs(galactic) / 4.0)
        return np.asarray(level + noise + self.light(sep)), elon, elat, sep

    def light(self, sep: Float) -> Float:
        """An exponential with a scale of 6 deg, less what makes it end at 28 deg."""
        return np.asarray(self.peak * np.maximum(np.exp(-sep / 6.0) - np.exp(-28.0 / 6.0), 0.0))

    def fit(self, seed: int = 1) -> Moonlight:
        return fit_moonlight(*self.arrays(seed), NEAR)


def distance(lon: Float, lat: Float, to_lon: float, to_lat: float) -> Float:
    """Angle between places, deg."""
    a, b, c, d = (np.radians(v) for v in (lon, lat, to_lon, to_lat))
    cosine = np.sin(b) * np.sin(d) + np.cos(b) * np.cos(d) * np.cos(a - c)
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))


@pytest.mark.parametrize("elon", [218.0, 232.0, 240.0])
@pytest.mark.parametrize("plane", [0.0, 500.0])
def test_light_is_found_where_it_is_and_its_size_about_right(elon: float, plane: float) -> None:
    scan = Passage(elon=elon, moon=(elon - 6.0, 3.0), peak=3000.0, plane=plane)
    found, sep = scan.fit(), scan.arrays()[3]
    true = scan.light(sep)
    assert found.contrast > 4.0
    assert (found.light[true > NOISE] > 0.5 * NOISE).mean() > 0.97
    bright = true > 5.0 * NOISE
    assert np.abs(found.light[bright] / true[bright] - 1.0).max() < 0.7
    assert (found.light[sep >= NEAR] == 0.0).all()


@pytest.mark.parametrize("elon", [218.0, 232.0, 266.0])
@pytest.mark.parametrize("plane", [0.0, 500.0, 3000.0])
def test_skies_without_moonlight_have_no_contrast(elon: float, plane: float) -> None:
    for seed in range(3):
        assert Passage(elon=elon, moon=(elon - 5.0, -4.0), peak=0.0, plane=plane).fit(seed).contrast < 1.5


def test_contrast_grows_with_the_light() -> None:
    contrasts = [Passage(peak=peak).fit().contrast for peak in (0.0, 300.0, 1000.0, 3000.0)]
    assert np.all(np.diff(contrasts) > 0.0)
    assert contrasts[-1] > 2.0 * contrasts[1]


def test_excess_has_what_no_smooth_light_explains() -> None:
    level, elon, elat, sep = Passage(peak=0.0).arrays()
    glint = int(np.argmin(sep))
    level[glint] += 400.0
    found = fit_moonlight(level, elon, elat, sep, NEAR)
    assert found.excess[glint] == pytest.approx(400.0, abs=40.0)
    assert np.argmax(found.excess) == glint
    assert np.median(np.abs(found.excess)) < 15.0
    assert found.contrast < 1.5


def test_without_frames_far_from_the_moon_there_is_no_fit() -> None:
    for scan in (
        Passage(latitudes=(-30.0, 30.0)),
        Passage(latitudes=(-27.0, 39.0)),
        Passage(moon=(58.0, 0.0)),
    ):
        found = scan.fit()
        assert np.isnan(found.contrast)
        assert np.isnan(found.light).all()
    level, elon, elat, sep = Passage().arrays()
    assert np.isnan(fit_moonlight(level, np.full_like(elon, np.nan), elat, sep, NEAR).contrast)


def test_missing_numbers_leave_the_other_frames_alone() -> None:
    level, elon, elat, sep = Passage(peak=3000.0).arrays()
    whole = fit_moonlight(level, elon, elat, sep, NEAR)
    level[[10, 120]] = np.nan
    # A frame whose distance is not known counts as far.
    sep[20] = np.nan
    found = fit_moonlight(level, elon, elat, sep, NEAR)
    assert np.isnan(found.light[[10, 120]]).all()
    rest = np.isfinite(level)
    np.testing.assert_allclose(found.light[rest], whole.light[rest], rtol=0.05, atol=5.0)


def test_exact_levels_make_no_division_by_zero() -> None:
    _, elon, elat, sep = Passage().arrays()
    found = fit_moonlight(np.zeros(elat.size), elon, elat, sep, NEAR)
    assert found.contrast == 1.0
    assert (found.light == 0.0).all()
