"""The calibration benchmark: its scans, its truth, its judgement and the simple methods."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import GeocentricMeanEcliptic, get_sun
from astropy.time import Time
from truthkit.calibbig import make_mission
from truthkit.calibmeasure import calibrated, measure, scan_scatter
from truthkit.calibmethods import (
    METHODS,
    Solution,
    baselines,
    closed_form,
    destriped,
    floors,
    huber,
    solution,
)
from truthkit.calibsky import Bench, make

from photomitrus_cli.wise.samples import GALAXY


@pytest.fixture(scope="module")
def bench() -> Bench:
    return make_mission(1, 40, nside=64)


def test_scans_run_from_pole_to_pole_at_right_angles_to_the_sun(bench: Bench) -> None:
    samples = bench.samples
    suns = get_sun(Time(samples.scan_mjd(), format="mjd")).transform_to(GeocentricMeanEcliptic()).lon.deg
    for s in range(samples.n_scans):
        mine = samples.index[samples.first[s] : samples.first[s + 1]]
        latitude, longitude = samples.latitude[mine], samples.longitude[mine]
        assert np.abs(latitude[[0, -1]]).min() > 88
        assert (latitude[-1] > latitude[0]) == samples.ascending[s] == (samples.side[s] < 0)
        ahead = (longitude[np.abs(latitude) < 60] - suns[s] + 90 * samples.side[s] + 180) % 360 - 180
        assert np.max(np.abs(ahead)) < 0.85
    assert np.all(np.diff(samples.mjd) >= 0)
    assert np.ptp(samples.scan_mjd()) == pytest.approx(39 / 30.2, abs=0.002)


def test_values_are_the_stated_sum_of_a_drawn_world(bench: Bench) -> None:
    samples = bench.samples
    left = (calibrated(bench, bench.gains, bench.true_offset(), bench.zodi) - bench.sky[samples.index]) * 74
    assert np.std(left) == pytest.approx(0.15, rel=0.03)
    assert np.abs(bench.gains / 74 - 1).max() == pytest.approx(0.01)
    assert np.abs(np.diff(bench.gains)).max() < 0.1
    assert np.std(bench.drift) == pytest.approx(3.0)
    assert np.abs(np.add.reduceat(bench.drift, samples.first[:-1])).max() < 1e-6
    far = np.abs(samples.galactic_latitude) > 20
    assert np.median(bench.sky[far]) == pytest.approx(0.41, rel=0.03)
    near = np.abs(samples.galactic_latitude[samples.index]) < 10
    assert np.array_equal(samples.excluded, np.where(near, GALAXY, 0))


@pytest.mark.parametrize("error", ["none", "sides", "bands", "sin2beta", "cosine"])
def test_the_light_differs_from_the_template_as_asked_and_nothing_else_does(error: str) -> None:
    right, wrong = make_mission(1, 6, nside=32), make_mission(1, 6, nside=32, error=error)
    samples = wrong.samples
    assert np.array_equal(samples.zodi, right.samples.zodi)
    for name in ("gains", "offsets", "drift", "sky"):
        assert np.array_equal(getattr(wrong, name), getattr(right, name))
    side = samples.side[samples.scan_of_sample()]
    beta = np.radians(samples.latitude[samples.index].astype(np.float64))
    z = samples.zodi.astype(np.float64)
    expected = {
        "none": 0.0,
        "sides": 0.015 * side,
        "bands": (0.2 * z[1:4].sum(axis=0) - 0.2 * z[4]) / z.sum(axis=0),
        "sin2beta": 0.03 * np.sin(beta) * np.cos(beta),
        "cosine": 0.015 * side * np.cos(beta),
    }[error]
    np.testing.assert_allclose(wrong.zodi / z.sum(axis=0) - 1, expected, atol=1e-6)


def test_an_unknown_error_is_refused() -> None:
    with pytest.raises(ValueError, match="sin2beta, cosine, not tilt"):
        make_mission(1, 2, nside=16, error="tilt")


def test_the_template_is_kelsalls_and_comes_from_the_cache(tmp_path: Path) -> None:
    first = make(1, nside=32, n_orbits=2, cache=tmp_path)
    (path,) = tmp_path.iterdir()
    at_pole = np.abs(first.samples.latitude[first.samples.index]) > 85
    assert 10 < first.template()[at_pole].min() < first.template()[at_pole].max() < 13
    assert 30 < first.template().max() < 40
    np.save(path, 2 * first.samples.zodi)
    assert np.array_equal(make(2, nside=32, n_orbits=2, cache=tmp_path).samples.zodi, 2 * first.samples.zodi)


def test_known_errors_are_measured(bench: Bench) -> None:
    tilt = np.where(np.arange(40) % 2 == 0, 0.03, -0.01)
    shift = np.linspace(-4.0, 6.0, 40)[bench.samples.scan_of_sample()]
    far = np.abs(bench.samples.galactic_latitude) > 20
    sky = bench.sky + 0.7 + np.where(np.cumsum(far) % 2 == 0, 0.1, -0.1)
    sky[~far] = 1e6
    sky[np.flatnonzero(far)[:2]] = np.nan
    found = measure(bench, bench.gains * (1 + tilt), bench.true_offset() + shift, bench.zodi, sky)
    assert found.gain_mean == pytest.approx(1.0)
    assert found.gain_rms == pytest.approx(2.0)
    assert found.offset_mean == pytest.approx(1.0)
    assert found.offset_rms == pytest.approx(np.std(np.linspace(-4.0, 6.0, 40)))
    assert found.drift_rms == pytest.approx(0.0, abs=1e-9)
    assert found.monopole == pytest.approx(0.7, abs=1e-3)
    assert found.residual == pytest.approx(0.1, rel=1e-3)
    mean_offsets = bench.offsets[bench.samples.scan_of_sample()]
    assert measure(bench, bench.gains, mean_offsets, bench.zodi, sky).drift_rms == pytest.approx(3.0)


def test_scatter_is_that_of_the_scans_of_a_pixel(bench: Bench) -> None:
    samples = bench.samples
    rng = np.random.default_rng(5)
    values, weights = (
        rng.normal(0.0, 0.02, len(samples)),
        (rng.uniform(size=len(samples)) < 0.8).astype(float),
    )
    squares = freedom = 0.0
    for p in np.flatnonzero(np.abs(samples.galactic_latitude) > 20):
        mine = values[(samples.index == p) & (weights > 0)]
        if len(mine) >= 3:
            squares, freedom = squares + np.sum((mine - mine.mean()) ** 2), freedom + len(mine) - 1
    scatter, robust = scan_scatter(bench, values, weights)
    assert scatter == pytest.approx(np.sqrt(squares / freedom))
    assert robust == pytest.approx(0.02, rel=0.05)


def plain(bench: Bench, sky: float) -> Bench:
    """A world that straight lines describe: a uniform sky, no drift, no noise."""
    scan = bench.samples.scan_of_sample()
    value = bench.gains[scan] * (bench.template() + sky) + bench.offsets[scan]
    return replace(
        bench,
        samples=replace(bench.samples, value=value),
        drift=np.zeros(len(scan)),
        sky=np.full(len(bench.sky), sky),
        zodi=bench.template(),
    )


@pytest.mark.parametrize("name", ["closed form", "Huber", "alternating"])
def test_lines_are_found_where_there_are_only_lines(name: str, bench: Bench) -> None:
    world = plain(bench, 0.5)
    found = METHODS[name](world.samples).measured(world)
    # A uniform sky cannot be told from an offset.
    assert abs(found.gain_mean) + found.gain_rms + found.residual < 1e-6
    assert found.monopole == pytest.approx(-0.5, abs=1e-6)


def test_steps_along_the_scans_are_found_but_for_the_mean_of_those_that_meet(bench: Bench) -> None:
    samples = bench.samples
    part = np.minimum((samples.latitude[samples.index] + 90) // 45, 3).astype(int)
    steps = np.random.default_rng(3).normal(0.0, 5.0, (40, 4))[samples.scan_of_sample(), part]
    values = bench.sky[samples.index] * 74 + steps
    found = baselines(samples, values, 4, np.ones(len(samples), bool))
    group = part + 4 * (samples.side[samples.scan_of_sample()] > 0)
    left = found - steps
    left -= (np.bincount(group, left) / np.bincount(group))[group]
    assert np.std(left) < 1e-3 * np.std(steps)


def test_outliers_do_not_pull_hubers_lines(bench: Bench) -> None:
    world = plain(bench, 0.0)
    world.samples.value[::50] += 1000.0
    assert huber(world.samples).measured(world).gain_rms < 0.05
    assert closed_form(world.samples).measured(world).gain_rms > 1.0


def test_methods_rank_as_expected_and_none_beats_the_floor(bench: Bench) -> None:
    found = {name: method(bench.samples).measured(bench) for name, method in METHODS.items()}
    least = floors(bench)
    assert least["noise"].scatter == pytest.approx(0.15 / 74, rel=0.03)
    assert least["known"].gain_rms == least["known"].drift_rms == 0.0
    assert found["destriper"].scatter < 0.7 * found["Huber"].scatter < 0.9 * found["closed form"].scatter
    assert min(each.scatter for each in found.values()) > 5 * least["noise"].scatter
    assert found["destriper"].gain_rms < 0.3 * found["Huber"].gain_rms
    assert found["seed"].used < 0.8


def test_a_wrong_template_shows_in_the_floor_of_known_gains() -> None:
    least = floors(make_mission(1, 40, nside=64, error="sides"))
    assert least["noise"].residual < 0.005
    assert least["known"].residual > 0.2
    assert 0.01 < least["destriped"].residual < least["known"].residual


def test_a_solution_averages_with_its_weights(bench: Bench) -> None:
    samples, offsets = bench.samples, bench.true_offset()
    weights = (samples.scan_of_sample() >= 20).astype(float)
    found: Solution = solution(samples, bench.gains, offsets, weights)
    p = samples.index[-1]
    mine = (samples.index == p) & (weights > 0)
    values = (samples.value - offsets) / bench.gains[samples.scan_of_sample()] - bench.template()
    assert found.sky[p] == pytest.approx(values[mine].mean())
    assert np.isnan(found.sky[~np.isin(np.arange(len(found.sky)), samples.index[weights > 0])]).all()
    assert destriped(samples, bench.gains).gains is bench.gains
