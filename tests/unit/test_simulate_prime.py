"""Parts of the PRIME simulator: geometry, plan, stars, detector, frames."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from scipy.spatial import cKDTree
from truthkit.runs import settings

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.simulate import primefacts as facts
from photomitrus_cli.simulate.primeconfig import PrimeSimulation
from photomitrus_cli.simulate.primedetector import detector, gain, measure, slope_variance
from photomitrus_cli.simulate.primeframe import Frame, simulate_frame
from photomitrus_cli.simulate.primehits import draw_hits
from photomitrus_cli.simulate.primenight import sky_levels
from photomitrus_cli.simulate.primeplan import plan_frames, widening
from photomitrus_cli.simulate.primepsf import paint
from photomitrus_cli.simulate.primerefcat import reference_columns
from photomitrus_cli.simulate.primesky import area_image
from photomitrus_cli.simulate.primestars import field_stars, flux_adu, year
from photomitrus_cli.simulate.primewcs import PrimeWcs
from photomitrus_cli.simulate.sphere import offset_position

# Stars on a flat sky, and nothing else.
CLEAN: dict[str, Any] = {
    "noise": False,
    "galaxy_density_deg2": 0.0,
    "extended_mag": None,
    "sky_drift": 0.0,
    "sky_tilt": 0.0,
    "sky_pattern": 0.0,
    "vignetting": 0.0,
    "flat_rms": 0.0,
    "flat_error": 0.0,
    "bad_fraction": 0.0,
    "bad_columns": 0,
    "channel_adu": 0.0,
    "channel_drift_adu": 0.0,
    "cosmic_rays": 0.0,
    "satellites": 0,
    "persistence": 0.0,
    "cloudy": 0,
    "trailed": 0,
    "mispointed": 0,
    "transparency": 0.0,
}
# Corners (0, 0), (0, 4088), (4088, 0), (4088, 4088) of the older description, at rotation 48: distance from
# the axis and position angle, deg.
CORNERS = {
    1: ((0.59644, 0.04553, 0.84138, 0.60054), (357.498, 312.036, 315.568, 273.624)),
    2: ((0.84035, 0.59603, 0.59956, 0.04468), (45.871, 87.861, 3.861, 42.880)),
    3: ((0.83999, 0.59883, 0.59633, 0.04405), (225.620, 267.641, 183.599, 227.765)),
    4: ((0.60241, 0.04907, 0.84442, 0.59985), (177.275, 137.596, 135.559, 93.860)),
}


def config(**changes: Any) -> PrimeSimulation:
    values = {"scale": 16, "n_frames": 4} | changes
    return settings({f"prime.simulate.{key}": value for key, value in values.items()}).prime.simulate


def first_frame(simulation: PrimeSimulation, chip: int = 1) -> Frame:
    return simulate_frame(simulation, plan_frames(simulation)[0], chip, None)


def separation_arcsec(ra: Any, dec: Any, ra_other: Any, dec_other: Any) -> Any:
    return 3600.0 * np.hypot((ra - ra_other) * np.cos(np.radians(dec)), dec - dec_other)


@pytest.mark.parametrize("chip", [1, 2, 3, 4])
def test_the_template_is_what_wcslib_makes_of_it(chip: int) -> None:
    known, wcs = facts.CHIPS[chip], PrimeWcs(chip, "tpv", 1, 30.0, 0.0, 0.0)
    ra, dec, at_chip = offset_position(30.0, 0.0, known.sep_deg, known.pa_deg)
    turn = at_chip - known.pa_deg
    px, py = (np.radians(angle + turn) for angle in known.axis_pa_deg)
    sx, sy = (side / 3600.0 for side in known.scale_arcsec)
    values: dict[str, Any] = {"CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV", "CRVAL1": ra, "CRVAL2": dec}
    values |= {"CRPIX1": 2045.0, "CRPIX2": 2045.0, "PV1_1": 1.0, "PV2_1": 1.0}
    values |= {"CD1_1": -sx * np.cos(px), "CD1_2": sy * np.sin(py)}
    values |= {"CD2_1": sx * np.sin(px), "CD2_2": sy * np.cos(py)}
    for axis, terms in ((1, known.pv1), (2, known.pv2)):
        for number, value in enumerate(terms, start=12):
            values[f"PV{axis}_{number}"] = value
    x, y = (grid.ravel() for grid in np.meshgrid(*[np.linspace(0.0, 4087.0, 9)] * 2))
    expected = WCS(fits.Header(values)).all_pix2world(x, y, 0)
    # The polynomial of the header is not turned by the small angle between the norths of axis and chip.
    assert separation_arcsec(*wcs.pixel_to_sky(x, y), *expected).max() < 1e-3


@pytest.mark.parametrize("rotation", [48.0, 138.0])
def test_both_descriptions_of_the_chips_agree_at_their_corners(rotation: float) -> None:
    for chip, (separations, angles) in CORNERS.items():
        wcs = PrimeWcs(chip, "tpv", 1, 120.0, -40.0, rotation)
        ra, dec = wcs.pixel_to_sky([0.0, 0.0, 4088.0, 4088.0], [0.0, 4088.0, 0.0, 4088.0])
        older = [
            offset_position(120.0, -40.0, sep, angle - 48.0 + rotation)[:2]
            for sep, angle in zip(separations, angles, strict=True)
        ]
        assert separation_arcsec(ra, dec, *np.transpose(older)).max() < 6.2


@pytest.mark.parametrize("family", ["tpv", "radial"])
def test_positions_lead_back_to_pixels(family: str) -> None:
    for chip, scale in ((1, 1), (2, 8), (3, 4), (4, 2)):
        wcs = PrimeWcs(chip, family, scale, 359.99, -84.0, 138.3)
        side = facts.frame_shape(scale).active
        x, y = np.meshgrid(np.linspace(-30.0, side + 30.0, 9), np.linspace(-30.0, side + 30.0, 9))
        back = wcs.sky_to_pixel(*wcs.pixel_to_sky(x, y))
        assert np.abs(np.array(back) - [x, y]).max() < 1e-7
    assert np.isnan(wcs.sky_to_pixel(100.0, 40.0)).all()


@pytest.mark.parametrize("family", ["tpv", "radial"])
def test_the_distortion_has_its_size(family: str) -> None:
    for chip in facts.CHIPS:
        wcs = PrimeWcs(chip, family, 1, 10.0, 0.0, 0.0)
        x, y = (grid.ravel() for grid in np.meshgrid(*[np.linspace(0.0, 4087.0, 21)] * 2))
        ra, dec = wcs.pixel_to_sky(x, y)
        plane = 3600.0 * np.stack([ra - 10.0, dec])
        step = [wcs.pixel_to_sky(2044.0 + dx, 2044.0 + dy) for dx, dy in ((0, 0), (0.5, 0), (0, 0.5))]
        middle, right, up = (3600.0 * np.array([float(a) - 10.0, float(b)]) for a, b in step)
        linear = np.outer(right - middle, x - 2044.0) + np.outer(up - middle, y - 2044.0)
        off = np.hypot(*(plane - middle[:, None] - 2.0 * linear))
        assert 6.9 < off.max() < 10.0
        assert 1.2 < np.sqrt(np.mean(off**2)) < 2.6


def test_reduced_frames_see_the_same_field() -> None:
    whole = PrimeWcs(2, "tpv", 1, 30.0, -35.0, 48.0)
    for scale in (2, 4, 8, 16):
        shape, reduced = facts.frame_shape(scale), PrimeWcs(2, "tpv", scale, 30.0, -35.0, 48.0)
        first = shape.border * scale - facts.BORDER_PX
        # Corners of the active area: its edges lie half a pixel before and behind.
        edge = np.array([0.0, shape.active])
        here = reduced.pixel_to_sky(edge - 0.5, edge - 0.5)
        there = whole.pixel_to_sky(edge * scale + first - 0.5, edge * scale + first - 0.5)
        assert separation_arcsec(*here, *there).max() < 1e-6
        assert shape.active * scale == pytest.approx(4088, abs=2 * scale)


def test_areas_are_those_of_the_mapping() -> None:
    wcs, side = PrimeWcs(1, "tpv", 16, 30.0, 0.0, 48.0), facts.frame_shape(16).active
    areas = area_image(1, "tpv", 16)
    for x, y in ((5, 9), (side - 4, 20), (side - 2, side - 2)):
        corners = wcs.pixel_to_sky([x - 0.5, x + 0.5, x - 0.5], [y - 0.5, y - 0.5, y + 0.5])
        (a, b, c), (d, e, f) = corners
        found = abs((b - a) * (f - d) - (c - a) * (e - d)) * np.cos(np.radians(d))
        assert found * 3600.0**2 / (0.497 * 16.0) ** 2 == pytest.approx(areas[y, x], rel=1e-3)


def test_headers_tell_the_dither_and_not_the_errors() -> None:
    simulation = config(n_frames=30, scale=1, cloudy=1, trailed=1, mispointed=2, pointing_error_px=40.0)
    plans = plan_frames(simulation)
    assert sorted(plan.accident for plan in plans if plan.accident) == [
        "cloudy",
        "mispointed",
        "mispointed",
        "trailed",
    ]
    errors = {True: [], False: []}  # type: dict[bool, list[Any]]
    for plan in plans:
        assert separation_arcsec(*plan.header_deg, *simulation.pointing_deg) < 90.01
        (ra, dec), (told_ra, told_dec) = plan.true_deg, plan.header_deg
        offset = 3600.0 * np.array([(ra - told_ra) * np.cos(np.radians(dec)), dec - told_dec])
        errors[plan.accident == "mispointed"].append(offset)
    usual = np.array(errors[False])
    assert np.hypot(*usual.mean(axis=0)) == pytest.approx(40.0 * 0.497, abs=0.6)
    assert usual.std(axis=0) == pytest.approx(1.5 * 0.497, rel=0.35)
    assert np.hypot(*np.array(errors[True]).T) == pytest.approx(600.0, abs=25.0)
    assert [int(b.serial) - int(a.serial) for a, b in itertools.pairwise(plans)] == [22] * 29
    assert plans[0].exptime_s == 60.06


def test_the_sky_drifts_and_steps() -> None:
    minutes = np.linspace(0.0, 46.8, 40)
    calm = sky_levels(config(n_frames=40), minutes)
    assert calm[0] == pytest.approx(507.0, rel=0.02)
    assert np.abs(np.diff(np.log(calm))).max() <= 0.007 * 1.2
    steps = np.abs(np.diff(np.log(sky_levels(config(n_frames=40, sky_steps=2), minutes))))
    assert np.sort(steps)[-2:] == pytest.approx([0.1, 0.1], abs=0.0085)
    assert np.sort(steps)[-3] < 0.009


def test_painted_stars_are_moffats_over_pixels() -> None:
    image = np.zeros((61, 61), dtype=np.float32)
    x, y, flux, fwhm = np.array([30.3]), np.array([29.6]), np.array([1e5]), np.array([3.0])
    paint(image, x, y, flux, fwhm, 1e-3)
    fine = (np.arange(61 * 11) + 0.5) / 11.0 - 0.5
    square = (fine[None, :] - 30.3) ** 2 + (fine[:, None] - 29.6) ** 2
    alpha = 1.5 / np.sqrt(2.0 ** (1.0 / 2.8) - 1.0)
    profile = 1e5 * 1.8 / np.pi / alpha**2 * (1.0 + square / alpha**2) ** -2.8 / 121.0
    expected = profile.reshape(61, 11, 61, 11).sum(axis=(1, 3))
    assert np.abs(image - expected).max() < 2e-3 * expected.max()
    assert image[5:-5, 5:-5].sum() == pytest.approx(expected[5:-5, 5:-5].sum(), rel=1e-4)
    beside = np.zeros((9, 9), dtype=np.float32)
    paint(
        beside,
        np.array([-500.0, 4.0]),
        np.array([4.0, np.nan]),
        np.array([1e3, 1e3]),
        np.array([2.0, 2.0]),
        0.1,
    )
    assert not beside.any()


def test_a_clean_frame_is_sky_times_area_and_stars_of_their_flux() -> None:
    bright: dict[str, Any] = {"star_mag": [9.0, 14.5], "star_density_deg2": 300.0}
    simulation = config(**CLEAN, **bright)
    frame, plan = first_frame(simulation), plan_frames(simulation)[0]
    empty = first_frame(config(**CLEAN, star_density_deg2=0.0))
    inner = empty.image[1:-1, 1:-1]
    area = area_image(1, "tpv", 16)
    assert inner == pytest.approx(plan.sky_adu * area / np.median(area), rel=1e-5)
    assert not empty.image[0].any()
    assert not empty.image[:, -1].any()
    stars, side = field_stars(simulation), inner.shape[0]
    flux = flux_adu(simulation, stars.mags[2, frame.stars])
    light = (frame.image - empty.image)[1:-1, 1:-1] * np.median(area)
    rows, columns = np.mgrid[:side, :side]
    apart = [
        k
        for k, (x, y) in enumerate(zip(frame.x, frame.y, strict=True))
        if min(x, y) > 16 and max(x, y) < side - 17 and np.sum(np.hypot(frame.x - x, frame.y - y) < 32.0) == 1
    ]
    assert len(apart) > 3
    for k in apart:
        near = np.hypot(columns - frame.x[k], rows - frame.y[k]) < 14.0
        assert light[near].sum() == pytest.approx(flux[k], rel=0.02)
        core = np.hypot(columns - frame.x[k], rows - frame.y[k]) < 4.0
        assert np.average(columns[core], weights=light[core]) == pytest.approx(frame.x[k], abs=0.06)
        assert np.average(rows[core], weights=light[core]) == pytest.approx(frame.y[k], abs=0.06)


def test_stars_stand_out_in_reduced_frames_as_in_whole_ones() -> None:
    for scale in (8, 16):
        whole, reduced = config(scale=1), config(scale=scale)
        wider = widening(reduced)
        assert wider * 1.3 / (0.497 * scale) == pytest.approx(1.7)
        flux = [float(flux_adu(one, np.array(17.0))) for one in (whole, reduced)]
        noise = [
            float(np.sqrt(slope_variance(one, np.full(1, 507.0, np.float32), 22.0)[0]))
            for one in (whole, reduced)
        ]
        # The noise under a star goes as its width in pixels.
        signal = [flux[0] / (noise[0] * 1.3 / 0.497), flux[1] / (noise[1] * 1.7)]
        assert signal[1] == pytest.approx(signal[0], rel=1e-3)
        assert field_stars(reduced).mags[2].max() == pytest.approx(20.8 - 2.5 * np.log10(wider), abs=0.01)


def test_the_noise_is_that_of_ramps() -> None:
    simulation = config(scale=1)
    light = np.full((400, 400), 507.0, dtype=np.float32)
    measure(simulation, np.random.default_rng(1), light)
    # 1.2 photons and 12 RN^2 / n for the signal of 22 reads, in ADU of 1.8 electrons.
    expected = np.sqrt(1.2 * 507.0 * 1.8 * 22.0 + 12.0 * 15.0**2 / 22.0) / 22.0 / 1.8
    assert light.std() == pytest.approx(expected, rel=0.01)
    assert expected == pytest.approx(3.9, abs=0.1)
    assert gain(config(scale=8)) == 1.8 * 64.0


def test_full_pixels_lose_reads_and_then_everything() -> None:
    light = np.array([[2000.0, 10_000.0, 24_000.0, 26_000.0, 1e6]], dtype=np.float32)
    scatter = np.array([light.copy() for _ in range(300)])
    simulation = config(scale=1)
    counts = {measure(simulation, np.random.default_rng(k), one) for k, one in enumerate(scatter)}
    assert counts == {2}
    assert np.all(scatter[:, 0, 3:] == 65535.0)
    widths = scatter[:, 0, :3].std(axis=0)
    reads = np.array([22.0, 5.0, 2.0])
    slopes = np.array([2000.0, 10_000.0, 24_000.0])
    expected = np.sqrt(1.2 * slopes * 1.8 * reads + 12.0 * 15.0**2 / reads) / reads / 1.8
    assert widths == pytest.approx(expected, rel=0.15)


def test_bad_pixels_stay_and_hits_do_not() -> None:
    simulation = config(bad_fraction=0.02, bad_columns=2, cosmic_rays=3000.0, star_density_deg2=0.0)
    blemishes = detector(simulation, 1)
    dead = (blemishes.response == 0.0) & blemishes.bad
    assert 0.018 < np.mean(blemishes.bad) < 0.04
    assert np.count_nonzero(dead[-1]) >= 2
    plans = plan_frames(simulation)
    frames = [simulate_frame(simulation, plan, 1, None) for plan in plans[:2]]
    assert np.median(frames[0].image[1:-1, 1:-1][dead]) < 100.0
    hot = np.zeros(dead.size, dtype=bool)
    hot[blemishes.hot[blemishes.hot_adu > 500.0]] = True
    for frame in frames:
        inner = frame.image[1:-1, 1:-1].reshape(-1)
        assert inner[hot].min() > 490.0
        struck = frame.hit_pixel[frame.hit_adu > 10.0 * frame.sigma]
        assert struck.size > 100
        good = ~blemishes.bad.reshape(-1)
        assert np.median(inner[struck[good[struck]]]) > np.median(inner[good]) + 10.0 * frame.sigma
    assert np.intersect1d(frames[0].hit_pixel, frames[1].hit_pixel).size < 0.3 * frames[0].hit_pixel.size
    pixel, adu = draw_hits(simulation, plans[0], 1)
    assert np.array_equal(pixel, frames[0].hit_pixel)
    assert np.all(adu > 0.0)


def test_accidents_show() -> None:
    stars: dict[str, Any] = {"star_mag": [9.0, 13.0], "star_density_deg2": 150.0, "scale": 8}
    plain = first_frame(config(**CLEAN, **stars))
    sky = np.median(plain.image)
    base = plain.image[1:-1, 1:-1] - sky
    changed = {
        name: first_frame(config(**CLEAN | {name: 4} | stars)).image[1:-1, 1:-1]
        for name in ("cloudy", "trailed")
    }
    core = base > 200.0
    cloud = (changed["cloudy"] - 1.05 * sky)[core] / base[core]
    assert np.median(cloud) == pytest.approx(10.0**-0.2, rel=0.03)
    trail = changed["trailed"] - sky
    assert trail.max() < 0.8 * base.max()
    assert trail.sum() == pytest.approx(base.sum(), rel=0.02)
    crossed = first_frame(config(**CLEAN | {"satellites": 4} | stars)).image[1:-1, 1:-1] - sky - base
    assert np.count_nonzero(crossed.max(axis=0) > 20.0) + np.count_nonzero(crossed.max(axis=1) > 20.0) > 510


def test_bright_stars_leave_ghosts_where_they_were() -> None:
    simulation = config(**CLEAN | {"persistence": 0.01, "star_mag": [7.0, 11.5], "star_density_deg2": 60.0})
    before, plan = plan_frames(simulation)[:2]
    first = simulate_frame(simulation, before, 1, None)
    with_ghosts = simulate_frame(simulation, plan, 1, before).image
    excess = (with_ghosts - simulate_frame(simulation, plan, 1, None).image)[1:-1, 1:-1]
    flux = flux_adu(simulation, field_stars(simulation).mags[2, first.stars])
    brightest = int(np.argmax(flux))
    x, y = round(first.x[brightest]), round(first.y[brightest])
    assert excess[y, x] > 0.001 * flux[brightest]
    assert np.count_nonzero(excess > 0.1 * excess.max()) < 0.05 * excess.size


def test_the_reference_catalogue_has_its_errors() -> None:
    simulation = config(scale=1, refcat_missing=0.1, refcat_false=0.05, refcat_error_arcsec=0.1)
    columns, stars = reference_columns(simulation), field_stars(simulation)
    years = year(simulation.start_mjd) - 2016.0
    ra = columns["ra"] + columns["pmra"] * years / 3.6e6 / np.cos(np.radians(columns["dec"]))
    dec = columns["dec"] + columns["pmdec"] * years / 3.6e6
    scale = np.array([np.cos(np.radians(-35.0)), 1.0]) * 3600.0
    tree = cKDTree(np.stack([stars.ra_deg, stars.dec_deg], axis=1) * scale)
    distance, nearest = tree.query(np.stack([ra, dec], axis=1) * scale)
    matched = (distance < 0.6) & (np.abs(columns["Jmag"] - stars.mags[2, nearest]) < 1.0)
    assert 1.0 - matched.mean() == pytest.approx(0.05, abs=0.015)
    assert np.mean(distance[matched] ** 2) == pytest.approx(2.0 * 0.1**2, rel=0.1)
    shown = np.count_nonzero(stars.mags[2] < simulation.refcat_mag)
    assert matched.sum() / shown == pytest.approx(0.9, abs=0.02)
    unmoved = tree.query(np.stack([columns["ra"], columns["dec"]], axis=1)[matched] * scale)[0]
    assert np.median(unmoved) > np.median(distance[matched]) + 0.01


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"chips": [1, 1]}, "each chip"),
        ({"scale": 3}, "scale"),
        ({"n_frames": 2}, "more frames than n_frames"),
        ({"fwhm_arcsec": [2.0, 1.0]}, "smallest"),
        ({"star_mag": [20.0, 9.0]}, "brightest"),
        ({"first_serial": 10, "twilight": 3}, "first_serial"),
        ({"satellites": 5}, "at most one"),
    ],
)
def test_settings_that_make_no_sense_are_refused(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        config(**changes)
