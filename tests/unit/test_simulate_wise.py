"""Parts of the WISE simulator: pointings, sky, detector, frames."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from truthkit.runs import settings

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.simulate.sphere import spherical, unit_vectors
from photomitrus_cli.simulate.wisebodies import equatorial_axes, galactic_axes, moon_direction, sun_ecliptic
from photomitrus_cli.simulate.wiseconfig import WiseSimulation
from photomitrus_cli.simulate.wisedetector import saturate
from photomitrus_cli.simulate.wiseframe import Frame, simulate_frame
from photomitrus_cli.simulate.wisehits import SPIKE
from photomitrus_cli.simulate.wiseplan import plan_frames, plan_scans, plan_survey, pointing_at
from photomitrus_cli.simulate.wisepoints import dn_per_jy, paint
from photomitrus_cli.simulate.wisescanframes import FramePlan
from photomitrus_cli.simulate.wisesky import cirrus, galaxy, stray_light, zodi
from photomitrus_cli.simulate.wisestars import stars_near
from photomitrus_cli.simulate.wisetrails import trail
from photomitrus_cli.simulate.wisewcs import pixel_steradian

SMALL: dict[str, Any] = {"frame_px": 64, "n_scans": 2, "max_frames": 2}
# Nothing but sky, gain and offset.
CLEAN: dict[str, Any] = {
    "noise": False,
    "bad_fraction": [0.0, 0.0, 0.0, 0.0],
    "noisy_fraction": 0.0,
    "spike_fraction": 0.0,
    "cosmic_rays_mpx": 0.0,
    "pinned_fraction": 0.0,
    "n_asteroids": 0,
    "trail_fraction": 0.0,
    "latent_fraction": 0.0,
    "bad_frame_fraction": 0.0,
}


def config(**changes: Any) -> WiseSimulation:
    values = SMALL | changes
    return settings({f"wise.simulate.{key}": value for key, value in values.items()}).wise.simulate


def first_frame(simulation: WiseSimulation, band: int = 3) -> tuple[FramePlan, Frame]:
    plan = plan_survey(simulation)[0]
    return plan, simulate_frame(simulation, plan, band)


def test_scans_alternate_about_the_sun_and_run_from_pole_to_pole() -> None:
    simulation = config(n_scans=4, latitude_deg=[-90.0, 90.0], max_frames=None)
    for scan in plan_scans(simulation):
        frames = plan_frames(simulation, scan)
        lat, lon = (np.array([getattr(frame, name) for frame in frames]) for name in ("lat_deg", "lon_deg"))
        assert 255 <= len(frames) <= 265
        assert np.abs(lat).max() > 89.0
        assert np.all(np.sign(np.diff(lat)) == scan.side)
        sun = sun_ecliptic(scan.begin_mjd)[0]
        middle = int(np.argmin(np.abs(lat)))
        assert (lon[middle] - sun) % 360.0 == pytest.approx(90.0 * scan.side % 360.0, abs=0.1)
        steps = np.degrees(
            np.arccos(np.sum(unit_vectors(lon[1:], lat[1:]) * unit_vectors(lon[:-1], lat[:-1]), axis=0))
        )
        assert steps * 60.0 == pytest.approx(3.757 * 11.0, rel=1e-3)


def test_names_and_frame_numbers_are_the_archives() -> None:
    scans = plan_scans(config(n_scans=9, first_scan=7))
    assert [scan.scan_id for scan in scans] == [f"{7 + k:05d}{'b' if k == 7 else 'a'}" for k in range(9)]
    assert scans[0].scangrp == "7a"
    for frame in plan_survey(config(latitude_deg=[-90.0, 90.0], max_frames=30)):
        assert frame.number == int((frame.mjd - frame.scan.begin_mjd) * 86400.0 + 1e-4) // 10 + 1
        assert frame.name == f"{frame.scan.scan_id}{frame.number:03d}"


def test_the_second_axis_points_back_along_the_scan_and_the_first_away_from_the_sun() -> None:
    simulation = config(n_scans=2, max_frames=3)
    for scan in plan_scans(simulation):
        frames = plan_frames(simulation, scan)
        frame = simulate_frame(simulation, frames[0], 3)
        following = unit_vectors(frames[1].ra_deg, frames[1].dec_deg)
        x, y = frame.wcs.vector_to_pixel(following[:, None])
        assert y[0] < -20.0
        assert x[0] == pytest.approx(31.5, abs=1.5)
        sun = equatorial_axes() @ unit_vectors(sun_ecliptic(scan.begin_mjd)[0], 0.0)
        left, right = frame.wcs.pixel_to_vector([0.0, 63.0], [31.5, 31.5]).T
        assert left @ sun > right @ sun


def test_any_exposure_of_a_scan_can_be_pointed() -> None:
    simulation = config()
    for plan in plan_survey(simulation):
        assert pointing_at(simulation, plan.scan, plan.index) == (plan.ra_deg, plan.dec_deg, plan.pa_deg)


def test_rotations_keep_known_directions() -> None:
    lon, lat = spherical(galactic_axes() @ unit_vectors(266.40499, -28.93617))
    assert abs((lon + 180.0) % 360.0 - 180.0) < 1e-3
    assert abs(lat) < 1e-3
    # The Moon was full on 2010-01-30 06:18 UT, opposite the Sun.
    opposite = unit_vectors(sun_ecliptic(55226.2625)[0] + 180.0, 0.0)
    assert np.degrees(np.arccos(moon_direction(55226.2625) @ opposite)) < 5.5


def test_a_clean_frame_is_gain_times_sky_plus_offset() -> None:
    simulation = config(**CLEAN, star_density_deg2=0.0, moon_dn=[0.0] * 4, planet_dn=[0.0] * 4)
    plan, frame = first_frame(simulation)
    x, y = np.meshgrid(np.arange(64.0), np.arange(64.0))
    vectors = frame.wcs.pixel_to_vector(x.ravel(), y.ravel())
    sky = zodi(simulation, plan, 3, vectors) + galaxy(simulation, 3, vectors)
    level = plan.scan.levels[3]
    expected = level.gain * sky + plan.offset(3) + frame.frame_offset
    assert np.abs(frame.model.ravel() - expected).max() < 0.03
    assert np.array_equal(frame.intensity, frame.model)
    assert not frame.mask.any()
    assert frame.median == np.float32(np.median(frame.intensity))


def test_negative_skies_are_not_clipped() -> None:
    simulation = config(offset_low_dn=[-4000.0] * 4, offset_high_dn=[-3000.0] * 4)
    _, frame = first_frame(simulation)
    assert np.nanmax(frame.model) < 0.0
    assert frame.median < 0.0


def test_the_noise_is_what_the_uncertainty_says() -> None:
    simulation = config(**CLEAN | {"noise": True})
    _, frame = first_frame(simulation)
    ratio = (frame.intensity - frame.model) / frame.unc
    assert ratio.mean() == pytest.approx(0.0, abs=0.06)
    assert ratio.std() == pytest.approx(1.0, abs=0.05)
    _, doubled = first_frame(config(**CLEAN | {"noise": True, "unc_scale": 2.0}))
    assert np.array_equal(doubled.intensity, frame.intensity)
    assert doubled.unc == pytest.approx(2.0 * frame.unc)


def test_bad_frames_have_three_times_the_noise() -> None:
    _, frame = first_frame(config(**CLEAN | {"noise": True, "bad_frame_fraction": 1.0}))
    assert ((frame.intensity - frame.model) / frame.unc).std() == pytest.approx(3.0, abs=0.15)


def test_dead_pixels_are_nan_static_and_flagged() -> None:
    simulation = config(bad_fraction=[0.05] * 4)
    plans = plan_survey(simulation)
    frames = [simulate_frame(simulation, plan, 3) for plan in plans]
    dead = np.isnan(frames[0].intensity)
    assert dead.sum() == round(0.05 * 64 * 64)
    assert all(np.array_equal(np.isnan(frame.intensity), dead) for frame in frames)
    assert np.all(frames[0].mask[dead] & 0xFF)
    unc = frames[0].unc[dead]
    assert np.isnan(unc).any()
    assert (unc == 0.0).any()
    assert np.all(np.nan_to_num(unc) == 0.0)


def test_hits_are_where_the_truth_says_and_partly_flagged() -> None:
    simulation = config(**CLEAN | {"spike_fraction": 0.02, "cosmic_rays_mpx": 3000.0})
    _, frame = first_frame(simulation)
    added = np.bincount(frame.hits.pixel, frame.hits.dn, frame.intensity.size).reshape(64, 64)
    assert np.abs(frame.intensity - frame.model - added).max() < 0.01
    struck, flagged = np.zeros(64 * 64, dtype=bool), np.zeros(64 * 64, dtype=bool)
    struck[frame.hits.pixel] = True
    flagged[frame.hits.pixel[frame.hits.flagged]] = True
    assert np.array_equal(frame.mask.ravel() == 1 << 28, flagged)
    assert 0.6 < flagged.sum() / struck.sum() < 0.95
    spikes = frame.hits.dn[frame.hits.kind == SPIKE]
    assert (spikes < 0.0).any()
    assert (frame.hits.kind != SPIKE).any()


def test_pinned_pixels_are_exactly_the_median() -> None:
    _, frame = first_frame(config(pinned_fraction=0.25))
    pinned = frame.intensity == np.float32(frame.median)
    assert 0.15 < pinned.mean() < 0.26
    # They were near it, so none is on a star.
    assert np.abs(frame.model[pinned] - frame.median).max() < 6.0 * np.nanmedian(frame.unc)
    _, none = first_frame(config(pinned_fraction=0.0))
    assert np.mean(none.intensity == np.float32(none.median)) < 0.01


def test_a_star_has_its_flux() -> None:
    simulation = config(**CLEAN, star_flux_jy=[0.5, 5.0], star_density_deg2=30.0)
    plan, frame = first_frame(simulation)
    _, without = first_frame(config(**CLEAN, star_density_deg2=0.0))
    inside = np.all([(v > 6) & (v < 57) for v in (frame.stars.x, frame.stars.y)], axis=0)
    assert np.count_nonzero(inside) > 3
    light = (frame.model - without.model).sum()
    edge = frame.stars.total_dn[~inside].sum()
    assert frame.stars.total_dn[inside].sum() <= light * 1.0001
    assert light <= frame.stars.total_dn[inside].sum() + 1.5 * edge + 0.01 * light
    gain = plan.scan.levels[3].gain
    assert dn_per_jy(simulation, plan, 3) == pytest.approx(gain * 1e-6 / pixel_steradian(3, 64))


def test_painted_gaussians_keep_their_sum_and_place() -> None:
    image = np.zeros((41, 41))
    paint(image, np.array([20.3]), np.array([17.6]), np.array([1e5]), 1.1)
    y, x = np.mgrid[:41, :41]
    assert image.sum() == pytest.approx(1e5, rel=1e-6)
    assert (image * x).sum() / 1e5 == pytest.approx(20.3, abs=1e-4)
    assert (image * y).sum() / 1e5 == pytest.approx(17.6, abs=1e-4)
    assert ((image * (x - 20.3) ** 2).sum() / 1e5) == pytest.approx(1.1**2 + 1.0 / 12.0, rel=1e-4)
    beside = np.zeros((9, 9))
    paint(beside, np.array([-400.0, 4.0]), np.array([4.0, np.nan]), np.array([1e5, 1e5]), 1.1)
    assert not beside.any()


def test_stars_do_not_depend_on_who_looks() -> None:
    simulation = config()
    wide, narrow = stars_near(simulation, 10.0, 30.0, 0.6), stars_near(simulation, 10.2, 30.1, 0.3)
    shared = np.isin(narrow.id, wide.id)
    assert shared.all()
    place = {int(number): wide.vectors[:, k] for k, number in enumerate(wide.id)}
    assert all(np.array_equal(place[int(n)], narrow.vectors[:, k]) for k, n in enumerate(narrow.id))
    assert np.unique(wide.id).size == wide.id.size


def test_star_counts_follow_density_and_slope() -> None:
    simulation = config(star_density_deg2=4000.0)
    # Near the north Galactic pole the density is that of the configuration.
    stars = stars_near(simulation, 192.86, 27.13, 2.0)
    area = 2.0 * np.pi * (1.0 - np.cos(np.radians(2.0))) * np.degrees(1.0) ** 2
    assert stars.id.size / area == pytest.approx(4000.0, rel=0.03)
    above = np.mean(stars.flux_jy > 10.0 * simulation.star_flux_jy[0])
    assert above == pytest.approx(10.0**-0.9, rel=0.05)


@pytest.mark.parametrize("dec", [89.7, -89.95])
def test_stars_are_found_around_the_poles(dec: float) -> None:
    stars = stars_near(config(), 75.0, dec, 0.6)
    ra = spherical(stars.vectors)[0]
    assert ra.max() - ra.min() > 180.0
    assert np.unique(stars.id).size == stars.id.size


def test_the_cirrus_is_smooth_with_unit_variance() -> None:
    rng = np.random.default_rng(5)
    vectors = rng.standard_normal((3, 4000))
    vectors /= np.linalg.norm(vectors, axis=0)
    field = cirrus(1, vectors)
    assert field.mean() == pytest.approx(0.0, abs=0.1)
    assert field.std() == pytest.approx(1.0, abs=0.1)
    near = cirrus(1, unit_vectors(40.0 + np.array([0.0, 1.0 / 3600.0]), [10.0, 10.0]))
    assert abs(near[1] - near[0]) < 0.01


def test_moonlight_starts_at_its_reach_and_has_a_gradient() -> None:
    plan = plan_survey(config())[0]
    far = config(moon_ecliptic_deg=[plan.lon_deg + 35.0, 0.0])
    near = config(moon_ecliptic_deg=[plan.lon_deg + 20.0, 0.0])
    assert plan_survey(near)[0].moon_sep == pytest.approx(20.0, abs=0.7)
    frames = [simulate_frame(one, plan_survey(one)[0], 3) for one in (far, near)]
    assert frames[0].stray_high < 1.0
    assert frames[1].stray_high - frames[1].stray_low > 5.0
    vectors = unit_vectors(plan.ra_deg, plan.dec_deg)[:, None]
    expected = 100.0 * (3.0 - plan_survey(near)[0].moon_sep / 10.0) ** 3
    assert stray_light(near, plan_survey(near)[0], 3, vectors)[0] == pytest.approx(expected, rel=0.01)


def test_a_planet_has_a_halo() -> None:
    plan = plan_survey(config(**CLEAN))[0]
    placed = config(**CLEAN, planet_ecliptic_deg=[plan.lon_deg, plan.lat_deg])
    frame = simulate_frame(placed, plan, 3)
    without = simulate_frame(config(**CLEAN), plan, 3)
    excess = frame.model - without.model
    assert excess[32, 32] == pytest.approx(2000.0, rel=0.05)
    assert excess[0, 0] < 100.0


def test_saturation_tells_from_which_sample_on() -> None:
    light = np.array([[10.0, 99.0, 100.0, 150.0, 200.0, 900.0, 5000.0]])
    mask, value = np.zeros((1, 7), dtype=np.int32), light.copy()
    assert saturate(mask, value, light, 100.0) == 5
    assert mask.tolist() == [[0, 0, 1 << 18, 1 << 15, 1 << 14, 1 << 10, 1 << 10]]
    assert value[0, :5].tolist() == [10.0, 99.0, 100.0, 100.0, 100.0]
    assert np.isnan(value[0, 5:]).all()


def test_latents_trails_and_asteroids_are_not_in_the_model() -> None:
    bright = {"star_flux_jy": [100.0, 3000.0], "star_density_deg2": 20.0, "saturation_dn": [4000.0] * 4}
    simulation = config(**CLEAN | bright | {"latent_fraction": 0.01})
    plan = plan_survey(simulation)[1]
    frame, clean = (simulate_frame(one, plan, 3) for one in (simulation, config(**CLEAN | bright)))
    assert frame.n_latents > 0
    assert np.array_equal(frame.model, clean.model)
    assert np.nansum(frame.intensity - clean.intensity) > 100.0
    image = np.zeros((64, 64))
    assert trail(config(trail_fraction=1.0), plan, 3, image)
    assert image.max() == pytest.approx(300.0, rel=0.3)
    assert not trail(config(trail_fraction=0.0), plan, 3, image)


def test_asteroids_move_between_visits() -> None:
    simulation = config(**CLEAN | {"n_asteroids": 40}, n_scans=5)
    seen: dict[int, list[tuple[float, np.ndarray]]] = {}
    for plan in plan_survey(simulation):
        frame = simulate_frame(simulation, plan, 3)
        found = frame.asteroids
        for number, x, y in zip(found.id.tolist(), found.x, found.y, strict=True):
            seen.setdefault(number, []).append((plan.mjd, frame.wcs.pixel_to_vector(x, y)))
    twice = [visits for visits in seen.values() if visits[-1][0] - visits[0][0] > 0.05]
    assert len(twice) > 5
    for visits in twice:
        hours = (visits[-1][0] - visits[0][0]) * 24.0
        moved = np.degrees(np.linalg.norm(visits[-1][1] - visits[0][1])) * 3600.0
        assert moved == pytest.approx(60.0 * hours, rel=0.01)


def test_equal_seeds_give_equal_frames() -> None:
    (_, one), (_, two), (_, other) = (first_frame(config(seed=seed)) for seed in (3, 3, 4))
    for name in ("intensity", "unc", "mask", "model"):
        assert np.array_equal(getattr(one, name), getattr(two, name), equal_nan=name != "mask")
    assert not np.array_equal(one.intensity, other.intensity, equal_nan=True)


def test_gains_have_a_smooth_course_common_to_both_sides() -> None:
    more = {"gain_rms": 0.0, "gain_drift": 0.02, "n_scans": 400, "scan_step": 15, "first_scan": 0}
    scans = plan_scans(config(**more))
    gain = np.array([scan.levels[3].gain for scan in scans]) / 74.0 - 1.0
    days = np.diff([scan.begin_mjd for scan in scans])
    # 200 days are some 100 times that over which the gain changes by its own rms.
    assert gain.std() == pytest.approx(0.02, rel=0.25)
    assert abs(gain.mean()) < 0.01
    assert np.sqrt(np.mean((np.diff(gain) / days) ** 2)) == pytest.approx(0.02 / 2.0, rel=0.35)
    assert {scan.side for scan in scans} == {1, -1}
    assert [scan.levels[3] for scan in plan_scans(config(**more, seed=1))] == [one.levels[3] for one in scans]


def test_surveys_can_be_thinned_out() -> None:
    whole = {"n_scans": 10, "max_frames": None, "latitude_deg": [-20.0, 20.0]}
    every, third = plan_survey(config(**whole)), plan_survey(config(**whole | {"frame_step": 3}))
    first = [frame for frame in every if frame.scan.index == 0]
    assert [one.name for one in third if one.scan.index == 0] == [one.name for one in first[::3]]
    sparse = plan_scans(config(n_scans=4, scan_step=3))
    assert sparse == plan_scans(config(n_scans=10))[::3]


def test_odd_scans_jump_in_the_middle_and_nothing_tells() -> None:
    same = {"n_scans": 8, "max_frames": None, "latitude_deg": [-2.0, 2.0]}
    plain, odd = plan_survey(config(**same)), plan_survey(config(**same, odd_scans=3))
    changes = {two.scan.index: set[float]() for two in odd}
    for one, two in zip(plain, odd, strict=True):
        assert (one.ra_deg, two.scan.qual_scan) == (two.ra_deg, 10)
        changes[two.scan.index].add(round(two.offset(3) - one.offset(3), 9))
    assert sorted(map(sorted, changes.values())) == [[-50.0, 50.0]] * 3 + [[0.0]] * 5


def test_zero_point_shifts_scale_the_gain() -> None:
    plain, shifted = plan_scans(config(n_scans=3)), plan_scans(config(n_scans=3, magzp_rms=0.05))
    for a, b in zip(plain, shifted, strict=True):
        shift = b.levels[3].magzp - 17.8
        assert abs(shift) > 1e-4
        assert b.levels[3].gain / a.levels[3].gain == pytest.approx(10.0 ** (0.4 * shift), rel=1e-5)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"latitude_deg": [1.0, -1.0]}, "the first latitude"),
        ({"bands": [3, 3]}, "each band"),
        ({"frame_px": 65}, "multiple of 2"),
        ({"offset_low_dn": [0.0, 0.0, 500.0, 0.0]}, "offset_low_dn is above"),
        ({"first_scan": 99_999}, "five digits"),
        ({"gain_dn_per_mjy_sr": [1.0, 1.0]}, "give 4 numbers"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        config(**changes)
