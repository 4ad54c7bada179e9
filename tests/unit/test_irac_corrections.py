"""The response functions against a slow twin, number by number, and the traps around them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.irac.choice import Chosen, choose, factors, nearest_aperture
from photomitrus_cli.irac.corrections import array_location, off_array, pixel_phase
from photomitrus_cli.irac.responses import CRYO_ARRAY, SUBARRAY_ORIGIN, WARM2011_PHASE
from photomitrus_cli.simulate import iracresponse as simulated

MISSIONS: tuple[Literal["cryo", "warm"], ...] = ("cryo", "warm")
SETS = [
    (mission, channel) for mission in MISSIONS for channel in ((1, 2, 3, 4) if mission == "cryo" else (1, 2))
]


def positions(n: int = 300, last: float = 255.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    return rng.uniform(0, last, n), rng.uniform(0, last, n)


@pytest.mark.parametrize(("mission", "channel"), SETS)
def test_they_agree_with_the_functions_of_the_simulator(
    mission: Literal["cryo", "warm"], channel: int
) -> None:
    x, y = positions()
    r_al, r_pp = factors(x, y, channel, choose(mission, channel))
    np.testing.assert_allclose(r_al, simulated.array_location(mission, channel, x, y), rtol=1e-14)
    np.testing.assert_allclose(r_pp, simulated.pixel_phase(mission, channel, x, y), rtol=1e-14)


def twin_of_warm2011(x: float, y: float, channel: int, aperture: tuple[float, float, float]) -> float:
    amp_x, amp_y, x0, y0, sigma_x, sigma_y, floor = WARM2011_PHASE[channel, True][aperture]
    total = floor
    for place, amp, centre, sigma in ((x, amp_x, x0, sigma_x), (y, amp_y, y0, sigma_y)):
        whole = math.floor(place)
        nearest = whole if place - whole < 0.5 else whole + 1
        distance = min(abs(place - nearest - centre + shift) for shift in (-1, 0, 1))
        total += amp * math.exp(-(distance**2) / (2 * sigma**2))
    return total


def test_a_set_by_aperture_against_its_twin() -> None:
    x, y = positions(100)
    got = pixel_phase(x, y, 2, "warm2011", aperture=(5, 5, 10), subarray=True)
    want = [twin_of_warm2011(a, b, 2, (5, 5, 10)) for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(got, want, rtol=1e-14)


@pytest.mark.parametrize("channel", [1, 2])
@pytest.mark.parametrize("subarray", [False, True])
def test_sets_by_aperture_resemble_each_other(channel: int, subarray: bool) -> None:
    """All apertures see the same pixels: coefficients of one fit are close to those of all others."""
    table = WARM2011_PHASE[channel, subarray]
    assert set(table) - {(15, 15, 25)} == {
        *((radius, 12, 20) for radius in (2, 3, 4, 5, 8, 9, 10, 11, 12)),
        *((2, 2, 6), (3, 3, 7), (4, 4, 8), (5, 5, 10)),
    }
    fits = np.array(list(table.values()))
    apart = np.abs(fits - np.median(fits, axis=0))
    limits = np.array([0.016, 0.019, 0.07, 0.05, 0.12, 0.12, 0.012])
    assert (apart < limits).all(), apart.max(axis=0)


@pytest.mark.parametrize(("kind", "slope"), [("hora", 0.0309), ("reach", 0.0)])
def test_radial_functions(kind: Literal["hora", "reach"], slope: float) -> None:
    got = pixel_phase([10.3], [20.6], 2, kind)
    assert got[0] == pytest.approx(1 + slope * (1 / math.sqrt(2 * math.pi) - math.hypot(0.3, 0.4)), abs=1e-14)


def test_early_polynomials_are_scaled() -> None:
    assert array_location(127.9, 127.0, 1, "reach") == 1.0
    y, x = np.mgrid[0:256, 0:256]
    values = array_location(x, y, 1, "hora")
    # The upper of the two middle values is 1, not their mean.
    assert np.sort(values, axis=None)[values.size // 2] == 1.0
    assert values.mean() == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("channel", [1, 2, 3, 4])
def test_the_mean_over_the_array_is_about_one(channel: int) -> None:
    y, x = np.mgrid[0:256, 0:256]
    assert array_location(x, y, channel, "cryo").mean() == pytest.approx(1.0, abs=3.5e-4)


@pytest.mark.parametrize("mission", MISSIONS)
@pytest.mark.parametrize("channel", [1, 2])
def test_the_mean_over_a_pixel_is_one(mission: Literal["cryo", "warm"], channel: int) -> None:
    phase = (np.arange(400) + 0.5) / 400 - 0.5
    assert pixel_phase(phase, phase[:, None], channel, mission).mean() == pytest.approx(1.0, abs=1e-6)


def test_the_response_is_highest_near_the_middle_of_a_pixel() -> None:
    assert pixel_phase(100.1, 50.0, 1, "warm") > 1.05
    assert pixel_phase(100.5, 50.5, 1, "warm") < 0.97


def test_positions_are_cut_not_rounded() -> None:
    a, b, c = array_location([10.0, 10.99, 11.0], 20.0, 3, "cryo")
    assert a == b != c


def test_positions_start_at_zero() -> None:
    assert array_location(127.0, 127.0, 1, "cryo") == CRYO_ARRAY[1].const
    assert array_location(128.0, 127.0, 3, "cryo") / array_location(127.0, 127.0, 3, "cryo") < 1 - 4e-4


@pytest.mark.parametrize("whole", [0, 1, 2, 7, 100])
def test_half_pixels_are_rounded_away_from_zero(whole: int) -> None:
    # Rounding to even numbers would give the phase of even pixels another sign.
    response = pixel_phase(whole + 0.5, 3.25, 1, "warm")
    assert response == pixel_phase(4 - 0.5 - 2.0, 3.25, 1, "warm")
    assert response == pytest.approx(float(pixel_phase(whole + 0.499999999, 3.25, 1, "warm")), abs=1e-6)
    assert pixel_phase(-0.5, 3.25, 1, "hora") == pixel_phase(0.5, 3.25, 1, "hora")


def test_x_comes_first() -> None:
    terms = CRYO_ARRAY[3]
    assert array_location(227.0, 127.0, 3, "cryo") == pytest.approx(
        terms.const + 100 * terms.i + 1e4 * terms.ii
    )
    assert array_location(127.0, 227.0, 3, "cryo") == pytest.approx(
        terms.const + 100 * terms.j + 1e4 * terms.jj
    )


@pytest.mark.parametrize("channel", [1, 2, 3, 4])
def test_subarrays_have_their_corner_of_the_array(channel: int) -> None:
    assert SUBARRAY_ORIGIN[channel] == ((8, 216) if channel < 3 else (8, 8))
    x, y = positions(20, 31.0)
    x0, y0 = SUBARRAY_ORIGIN[channel]
    sub = array_location(x, y, channel, "cryo", subarray=True)
    np.testing.assert_array_equal(sub, array_location(x + x0, y + y0, channel, "cryo"))
    assert np.abs(sub / array_location(x, y, channel, "cryo") - 1).max() > 1e-3
    phase = pixel_phase(x + x0, y + y0, channel, "cryo")
    np.testing.assert_allclose(pixel_phase(x, y, channel, "cryo", subarray=True), phase, rtol=1e-13)


def test_single_precision_coefficients_differ_in_the_eighth_digit() -> None:
    x, y = positions()
    decimal, idl = (factors(x, y, 2, choose("cryo", 2), coefficients=c) for c in ("decimal", "idl"))
    for one, other in zip(decimal, idl, strict=True):
        assert 1e-10 < np.abs(one / other - 1).max() < 1e-7


def test_nan_stays_nan_alone() -> None:
    for array in ("none", "cryo", "warm2010"):
        got = array_location([np.nan, 5.0, 5.0], [5.0, np.nan, 5.0], 1, array)
        np.testing.assert_array_equal(np.isnan(got), [True, True, False])
    for phase, channel in (("none", 1), ("cryo", 1), ("hora", 1), ("cryo", 4)):
        got = pixel_phase([np.nan, 5.0, 5.0], [5.0, np.nan, 5.0], channel, phase)  # type: ignore[arg-type]
        np.testing.assert_array_equal(np.isnan(got), [True, True, False])


def test_shapes_broadcast() -> None:
    r_al, r_pp = factors(np.zeros((3, 1)), np.zeros(4), 4, choose("cryo", 4))
    assert r_al.shape == r_pp.shape == (3, 4)
    assert factors(1.0, np.ones(2), 1, Chosen("none", "none"))[0].shape == (2,)


@pytest.mark.parametrize("channel", [3, 4])
def test_warm_channels_3_and_4_have_no_correction(channel: int) -> None:
    for call in (
        lambda: array_location(1.0, 1.0, channel, "warm"),
        lambda: array_location(1.0, 1.0, channel, "warm2010"),
        lambda: pixel_phase(1.0, 1.0, channel, "warm"),
        lambda: pixel_phase(1.0, 1.0, channel, "warm2011", aperture=(3, 3, 7)),
        lambda: choose("warm", channel),
    ):
        with pytest.raises(ConfigError, match="channel"):
            call()
    r_al, r_pp = factors(1.0, 1.0, channel, choose("warm", channel, functions="none"))
    assert r_al == r_pp == 1.0


def test_unknown_sets_and_channels() -> None:
    with pytest.raises(ConfigError, match="no channel 5"):
        array_location(1.0, 1.0, 5, "cryo")
    with pytest.raises(ConfigError, match="no channel 0"):
        pixel_phase(1.0, 1.0, 0, "cryo")
    with pytest.raises(ConfigError, match="no array-location set 'cold'"):
        array_location(1.0, 1.0, 1, "cold")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="3/3/7"):
        pixel_phase(1.0, 1.0, 1, "warm2011", aperture=(3, 3, 8))


def test_off_the_array() -> None:
    x = [-0.6, -0.5, 255.5, 255.6, np.nan, np.inf, 31.6]
    np.testing.assert_array_equal(off_array(x, 10.0), [True, False, False, True, False, True, False])
    np.testing.assert_array_equal(off_array(10.0, x, subarray=True)[[1, 2, 6]], [False, True, True])


def test_the_seed_functions_follow_the_mission() -> None:
    for mission in ("cryo", "warm", "hora", "reach"):
        assert choose(mission, 1) == Chosen(mission, mission)
    assert choose("cryo", 1, aperture=(3, 3, 7), functions="matched") == Chosen("cryo", "cryo")
    assert choose("cryo", 3, functions="hora") == Chosen("hora", "hora")
    with pytest.raises(ConfigError, match="warm"):
        choose("warm", 1, functions="reach")


def test_matched_functions_of_the_warm_mission() -> None:
    def matched(channel: int, *, subarray: bool) -> Chosen:
        return choose("warm", channel, subarray=subarray, aperture=(5, 5, 10), functions="matched")

    assert matched(1, subarray=False) == Chosen("warm2010", "warm2011", (5, 5, 10), phase_subarray=True)
    assert matched(2, subarray=False) == Chosen("warm2010", "warm2011", (5, 5, 10), phase_subarray=False)
    assert matched(1, subarray=True) == Chosen("warm", "warm2011", (5, 5, 10), phase_subarray=True)
    assert str(matched(2, subarray=False)) == "array location warm2010, pixel phase warm2011 5/5/10 full"
    with pytest.raises(ConfigError, match="aperture"):
        choose("warm", 1, functions="matched")


def test_red_sources_keep_the_pixel_phase_alone() -> None:
    assert choose("warm", 2, spectrum="red") == Chosen("none", "warm")
    red = choose("warm", 2, aperture=(3, 3, 7), functions="matched", spectrum="red")
    assert red == replace(choose("warm", 2, aperture=(3, 3, 7), functions="matched"), array="none")


@pytest.mark.parametrize(
    ("aperture", "nearest"),
    [
        ((3, 3, 7), (3, 3, 7)),
        ((6, 12, 20), (5, 12, 20)),
        ((5, 6, 11), (5, 5, 10)),
        ((2.4, 12, 20), (2, 12, 20)),
        ((1.5, 3, 6), (2, 2, 6)),
        ((20, 22, 30), (12, 12, 20)),
    ],
)
def test_the_nearest_aperture(
    aperture: tuple[float, float, float], nearest: tuple[float, float, float]
) -> None:
    assert nearest_aperture(1, aperture, subarray=False) == nearest


@pytest.mark.parametrize("aperture", [(0, 3, 7), (3, 7, 3), (3, 0, 7), (math.nan, 3, 7), (3, 3, math.inf)])
def test_radii_that_are_none(aperture: tuple[float, float, float]) -> None:
    with pytest.raises(ConfigError, match="no radii"):
        nearest_aperture(1, aperture, subarray=False)
