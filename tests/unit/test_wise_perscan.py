"""Calibration scan by scan: gains and offsets are found within their errors, a faint sky stays unbiased."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.interpolate import UnivariateSpline

from photomitrus_cli.errors import NoDataError
from photomitrus_cli.wise.jointdesign import Choices, Problem, make_problem
from photomitrus_cli.wise.perscan import solve_per_scan
from photomitrus_cli.wise.perscanerrors import errors_per_scan
from photomitrus_cli.wise.perscanlines import LineChoices
from photomitrus_cli.wise.samples import GALAXY, MOON, Samples
from photomitrus_cli.wise.smoothgains import smooth_in_time

N_SCANS, N_PIXELS, NOISE = 24, 700, 0.5
CHOICES = LineChoices(
    galactic_deg=10.0, ecliptic_deg=90.0, rounds=4, splines="none", median_scans=99, clip_sigma=0.0
)
JOINT = Choices(0.0, 10.0, None, None, None, {"sides": 0.01}, 3.0, 5)


def make(seed: int = 1, *, offsets: float = 10.0) -> tuple[Problem, NDArray[np.float64], NDArray[np.float64]]:
    """Make scans through the same pixels, with their true gains and offsets, over a sky of 0 +- 0.01."""
    rng = np.random.default_rng(seed)
    n = N_SCANS * N_PIXELS
    scan, index = np.repeat(np.arange(N_SCANS), N_PIXELS), np.tile(np.arange(N_PIXELS), N_SCANS)
    latitude = np.linspace(-85.0, 85.0, N_PIXELS)
    zodi = 10.0 + (20.0 + 0.1 * scan) * np.cos(np.radians(latitude))[index] ** 4
    days = np.linspace(0.0, 0.8, N_SCANS)
    gain = 74.0 + np.sin(2.0 * days)
    offset = 250.0 + offsets * rng.standard_normal(N_SCANS)
    sky = 0.01 * rng.standard_normal(N_PIXELS)
    # A sky that looks like the template would be taken for a part of it.
    sky -= np.polynomial.Polynomial.fit(zodi[:N_PIXELS], sky, 1)(zodi[:N_PIXELS])
    value = gain[scan] * (zodi + sky[index]) + offset[scan] + NOISE * rng.standard_normal(n)
    samples = Samples(
        tuple(f"{2 * k:05d}a" for k in range(N_SCANS)), np.arange(N_SCANS + 1) * N_PIXELS, 64, "ecliptic",
        np.arange(N_PIXELS) + 9000, index.astype(np.int32), value, np.full(n, NOISE, np.float32),
        np.ones(n, np.int32), 55238.0 + days[scan] + 0.03 * index / N_PIXELS, np.zeros(n, np.uint8),
        zodi[None].astype(np.float32), ("cloud",), np.zeros(N_PIXELS, np.float32),
        latitude.astype(np.float32), np.full(N_PIXELS, 40.0, np.float32),
        np.where(np.arange(N_SCANS) % 2, 1, -1).astype(np.int8), np.ones(N_SCANS, bool),
    )  # fmt: skip
    return make_problem(samples, JOINT), gain, offset


def ratio(error: NDArray[np.float64], stated: NDArray[np.float64]) -> float:
    """Give the rms of errors over that of stated errors."""
    return float(np.sqrt(np.mean(error**2) / np.mean(stated**2)))


def test_gains_and_offsets_are_found_within_their_errors() -> None:
    problem, gain, offset = make()
    used = np.ones(len(problem.samples), bool)
    found = solve_per_scan(problem, used, CHOICES)
    errors = errors_per_scan(problem, found)
    assert 0.7 < ratio(found.gain / gain - 1.0, errors.gain) < 1.5
    assert 0.7 < ratio(found.nodes[:, 0] - offset, errors.offset) < 1.5
    assert np.median(errors.gain) < 1e-4
    assert np.median(found.noise) == pytest.approx(NOISE, rel=0.05)
    assert found.offset.shape == problem.scan.shape
    assert found.nodes.shape == (N_SCANS, problem.design.n_nodes)
    assert found.amplitudes.tolist() == [0.0]
    model = found.gain[problem.scan] * (found.zodi + found.sky[problem.samples.index]) + found.offset
    np.testing.assert_allclose(found.residual, problem.samples.value - model, atol=1e-9)


def test_residuals_that_resemble_each_other_widen_the_errors() -> None:
    problem, gain, _ = make()
    samples, rng = problem.samples, np.random.default_rng(5)
    drift = np.repeat(rng.standard_normal((N_SCANS, 20)), N_PIXELS // 20, axis=1).ravel()
    samples.value[:] += 3.0 * drift
    found = solve_per_scan(problem, np.ones(len(samples), bool), CHOICES)
    # Errors for white noise of the same size would be sqrt(35) = 6 times smaller.
    assert 0.6 < ratio(found.gain / gain - 1.0, errors_per_scan(problem, found).gain) < 1.7


def test_errors_are_those_of_the_sandwich_written_out() -> None:
    problem, _, _ = make()
    # Fitted, and not in the map.
    problem.samples.excluded[np.random.default_rng(8).random(len(problem.samples)) < 0.1] = MOON
    found = solve_per_scan(problem, np.ones(len(problem.samples), bool), CHOICES)
    errors = errors_per_scan(problem, found)
    variance = np.zeros((N_SCANS, N_PIXELS))
    weight, residual, template = (
        values.reshape(N_SCANS, -1) for values in (found.weight, found.residual, problem.template)
    )
    for scan, (w, r, t) in enumerate(zip(weight, residual, template, strict=True)):
        rows = np.stack([np.ones(N_PIXELS), t], axis=1)
        bread = np.linalg.inv(rows.T @ (w[:, None] * rows))
        piece = 12 * np.arange(N_PIXELS) // N_PIXELS
        pulls = [(rows * (w * r)[:, None])[piece == number].sum(axis=0) for number in range(12)]
        covariance = 12.0 / 10.0 * bread @ sum(np.outer(pull, pull) for pull in pulls) @ bread
        assert errors.gain[scan] == pytest.approx(covariance[1, 1] ** 0.5 / found.gain[scan], rel=1e-6)
        assert errors.offset[scan] == pytest.approx(covariance[0, 0] ** 0.5, rel=1e-6)
        variance[scan] = np.einsum("pi,ij,pj->p", rows, covariance, rows) / found.gain[scan] ** 2
    mapped = np.where(problem.samples.excluded, 0.0, found.map_weight).reshape(N_SCANS, -1)
    sky = np.sqrt((mapped**2 * variance).sum(axis=0)) / mapped.sum(axis=0)
    np.testing.assert_allclose(errors.sky, sky, rtol=1e-6)


def test_clipping_takes_both_sides_of_a_faint_sky() -> None:
    problem, _, _ = make()
    used = np.ones(len(problem.samples), bool)
    whole = solve_per_scan(problem, used, CHOICES)
    clipped = solve_per_scan(problem, used, replace(CHOICES, clip_sigma=1.0))
    n_clipped = np.count_nonzero(clipped.map_weight == 0)
    assert 0.25 < n_clipped / used.size < 0.4
    sigma = NOISE / 74.0 / np.sqrt(used.size - n_clipped)
    assert abs(clipped.sky.mean() - whole.sky.mean()) < 4.0 * sigma
    bright = (problem.samples.value - whole.offset) / whole.gain[problem.scan] - whole.zodi
    # A sky without its negative values would be off by this much.
    assert np.maximum(bright, 0.0).mean() - bright.mean() > 40.0 * sigma


def test_an_outlier_is_clipped_and_others_stay() -> None:
    problem, _, _ = make()
    samples = problem.samples
    samples.value[5 * N_PIXELS + 300] -= 100.0
    found = solve_per_scan(problem, np.ones(len(samples), bool), replace(CHOICES, clip_sigma=4.0))
    assert np.flatnonzero(found.map_weight == 0).tolist() == [5 * N_PIXELS + 300]
    assert abs(found.sky[300]) < 0.05


def test_only_the_region_is_fitted_and_what_is_unmapped_is_not_in_the_sky() -> None:
    problem, gain, _ = make()
    samples = problem.samples
    bad = samples.index < 100
    samples.value[bad] += 1000.0
    used = np.ones(len(samples), bool)
    samples.excluded[bad] = GALAXY
    in_map = solve_per_scan(problem, used, replace(CHOICES, ecliptic_deg=55.0))
    assert np.abs(in_map.gain / gain - 1.0).max() < 0.003
    assert in_map.sky[50] == pytest.approx(1000.0 / 74.0, rel=0.02)
    assert not in_map.weight[bad].any()
    samples.excluded[bad] = MOON
    left_out = solve_per_scan(problem, used, replace(CHOICES, ecliptic_deg=55.0))
    assert np.isnan(left_out.sky[50])
    assert np.isfinite(left_out.sky[100:]).all()


def test_splines_follow_the_gain_and_only_on_request_the_offsets() -> None:
    problem, gain, offset = make()
    used = np.ones(len(problem.samples), bool)
    single = solve_per_scan(problem, used, CHOICES)
    smooth = solve_per_scan(problem, used, replace(CHOICES, splines="gain"))
    both = solve_per_scan(problem, used, replace(CHOICES, splines="both"))
    assert np.std(smooth.gain / gain) < 0.8 * np.std(single.gain / gain)
    assert np.std(smooth.nodes[:, 0] - offset) < 0.5
    assert np.std(both.nodes[:, 0] - offset) > 5.0


@pytest.mark.parametrize("n_left", [0, 1])
def test_a_scan_that_tells_no_gain_takes_its_neighbours(n_left: int) -> None:
    problem, gain, _ = make(offsets=0.0)
    used = np.ones(len(problem.samples), bool)
    used[np.flatnonzero(problem.scan == 7)[n_left:]] = False
    found = solve_per_scan(problem, used, CHOICES)
    assert found.gain[7] == pytest.approx(gain[7], rel=0.003)
    errors = errors_per_scan(problem, found)
    assert np.isnan(errors.gain[7])
    assert np.isnan(errors.offset[7])
    assert np.isfinite(np.delete(errors.gain, 7)).all()
    assert np.isfinite(errors.sky).all()
    smooth = solve_per_scan(problem, used, replace(CHOICES, splines="gain"))
    assert smooth.gain[7] == pytest.approx(gain[7], rel=0.003)
    assert smooth.nodes[7, 0] == pytest.approx(250.0, abs=2.0)


def test_scans_that_do_not_grow_with_the_template_are_an_error() -> None:
    problem, _, _ = make()
    problem.samples.value[:] *= -1.0
    with pytest.raises(NoDataError, match="no scan grows with the zodiacal template"):
        solve_per_scan(problem, np.ones(len(problem.samples), bool), CHOICES)


@pytest.mark.parametrize("seed", range(5))
def test_a_spline_takes_the_noise_and_leaves_the_curve(seed: int) -> None:
    rng = np.random.default_rng(seed)
    days = np.sort(rng.uniform(0.0, 30.0, 400))
    curve = 74.0 + np.sin(days / 5.0)
    values = curve + 0.3 * rng.standard_normal(400)
    values[100:105] += 50.0
    assert np.std(smooth_in_time(days, values, 99) - curve) < 0.12


def test_the_running_median_of_few_scans_spans_a_third_of_them() -> None:
    days = np.arange(24.0)
    curve = 10.0 * np.sin(2.0 * np.pi * days / 24.0)
    values = curve + 0.1 * np.random.default_rng(3).standard_normal(24)
    values[12] += 20.0
    # A median of all scans would take the curve for scatter, and keep what is wrong.
    assert np.abs(smooth_in_time(days, values, 99) - curve).max() < 6.0


def test_few_values_and_values_without_scatter_stay() -> None:
    days = np.arange(20.0)
    assert smooth_in_time(days[:5], days[:5] ** 2, 99).tolist() == (days[:5] ** 2).tolist()
    steady = np.full(20, 74.0)
    assert smooth_in_time(days, steady, 99).tolist() == steady.tolist()


@pytest.mark.parametrize(("n", "median_scans"), [(8, 99), (9, 99), (12, 99), (30, 5), (31, 99)])
def test_what_shapes_a_spline_is_judged_by_a_running_median(n: int, median_scans: int) -> None:
    """The same spline through the values that a median over a third of them, or as many as asked, leaves."""
    rng = np.random.default_rng(n)
    days = np.cumsum(rng.uniform(0.5, 1.5, n))
    values = np.sin(0.4 * days) + 0.05 * rng.standard_normal(n)
    values[n // 2] += 3.0
    values[n // 4] -= 0.5
    scatter = 1.4826 * float(np.median(np.abs(np.diff(values)))) / 2.0**0.5
    width = max(3, min(median_scans, n // 3))
    padded = np.concatenate([np.full(n, values[0]), values, np.full(n, values[-1])])
    starts = range(n - width // 2, 2 * n - width // 2)
    apart = values - np.array([np.sort(padded[k : k + width])[width // 2] for k in starts])
    good = np.abs(apart) <= 5.0 * max(scatter, 1.4826 * float(np.median(np.abs(apart))))
    assert 0 < np.count_nonzero(~good) < n // 2
    spline = UnivariateSpline(
        days[good], values[good], np.full(int(good.sum()), 1.0 / scatter), k=3, ext="const"
    )
    np.testing.assert_allclose(smooth_in_time(days, values, median_scans), spline(days))


def test_eight_values_are_enough_for_a_spline() -> None:
    days, values = np.arange(8.0), np.array([1.0, 1.4, 0.9, 1.3, 1.1, 1.6, 1.0, 1.2])
    assert np.array_equal(smooth_in_time(days[:7], values[:7], 99), values[:7])
    assert np.ptp(smooth_in_time(days, values, 99)) < 0.5 * np.ptp(values)
    assert smooth_in_time(days[:1], values[:1], 99).tolist() == [1.0]


def test_the_galactic_limit_itself_is_left_out() -> None:
    problem, _, _ = make()
    problem.samples.galactic_latitude[:] = 10.0
    with pytest.raises(NoDataError):
        solve_per_scan(problem, np.ones(len(problem.samples), bool), CHOICES)
