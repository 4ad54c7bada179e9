"""The background level of noise, of star fields, and of nothing."""

from __future__ import annotations

import numpy as np
import pytest

from photomitrus_cli.imaging.background import difference_sigma, masked_median, mode_level


def test_pure_noise_level_and_error_are_true() -> None:
    rng = np.random.default_rng(5)
    levels, errors, sigmas = [], [], []
    for _ in range(200):
        out = masked_median(rng.normal(10.0, 2.0, (40, 40)), np.zeros((40, 40), dtype=bool))
        levels.append(out.level)
        errors.append(out.error)
        sigmas.append(out.sigma)
    assert np.mean(levels) == pytest.approx(10.0, abs=4 * 2.0 / 40 / np.sqrt(200) * 1.2533)
    # The quoted error is the scatter of the levels (5 % from 200 trials).
    assert np.mean(errors) == pytest.approx(np.std(levels), rel=0.15)
    assert np.mean(sigmas) == pytest.approx(2.0, rel=0.03)


@pytest.mark.parametrize("covered", [0.05, 0.3, 0.45])
def test_star_field(covered: float) -> None:
    rng = np.random.default_rng(6)
    sky = rng.normal(1.0, 0.1, (256, 256))
    stars = rng.random(sky.shape) < covered
    image = sky + np.where(stars, rng.exponential(3.0, sky.shape), 0.0)
    out = masked_median(image, np.zeros(sky.shape, dtype=bool))
    # In sigma of the sky; the plain median is off by up to 0.8 sigma here.
    limit = {0.05: 0.01, 0.3: 0.06, 0.45: 0.13}[covered]
    assert abs(out.level - 1.0) / 0.1 < limit
    assert abs(np.median(image) - 1.0) > 2 * abs(out.level - 1.0)


def test_bad_pixels_and_nan_do_not_count() -> None:
    image = np.array([[1.0, 2.0, 3.0], [1e6, np.nan, 2.0]])
    bad = np.array([[False, False, False], [True, False, False]])
    out = masked_median(image, bad, kappa=10.0)
    assert (out.level, out.n_used) == (2.0, 4)


def test_nothing_left() -> None:
    out = masked_median(np.ones((4, 4)), np.ones((4, 4), dtype=bool))
    assert np.isnan([out.level, out.error, out.sigma]).all()
    assert out.n_used == 0


def test_constant_image_and_single_pixel() -> None:
    out = masked_median(np.full((8, 8), 3.0, dtype=">f4"), np.zeros((8, 8), dtype=bool))
    assert (out.level, out.sigma, out.error, out.n_used) == (3.0, 0.0, 0.0, 64)
    assert masked_median(np.array([5.0]), np.array([False])).level == 5.0


def test_difference_sigma_sees_noise_and_not_gradients() -> None:
    rng = np.random.default_rng(8)
    image = rng.normal(0.0, 2.0, (256, 256)) + 0.2 * np.arange(256)[:, None]
    bad = rng.random((256, 256)) < 0.3
    image[bad] = 1e6
    assert difference_sigma(image, bad) == pytest.approx(2.0, rel=0.02)
    assert np.isnan(difference_sigma(image, np.ones_like(bad)))


def test_single_precision_gives_the_same_median() -> None:
    rng = np.random.default_rng(9)
    image = rng.normal(0.05, 0.02, (120, 130)).astype(np.float32)
    image[rng.random(image.shape) < 0.1] += 1.0
    bad = rng.random(image.shape) < 0.05
    single, double = masked_median(image, bad), masked_median(image.astype(np.float64), bad)
    swapped = masked_median(image.astype(">f4"), bad)
    assert single == double == swapped


@pytest.mark.parametrize("mean", [0.7, 1.5, 3.0, 10.0])
def test_mode_in_a_field_of_faint_sources(mean: float) -> None:
    rng = np.random.default_rng(10)
    modes, clipped = [], []
    for _ in range(10):
        sky = rng.normal(5.0, 0.1, (256, 256))
        covered = rng.random(sky.shape) < 0.2
        image = (sky + np.where(covered, rng.exponential(0.1 * mean, sky.shape), 0.0)).astype(np.float32)
        none = np.zeros(sky.shape, dtype=bool)
        modes.append((mode_level(image, none).level - 5.0) / 0.1)
        clipped.append((masked_median(image, none).level - 5.0) / 0.1)
    # In sigma of the sky; the median is worse everywhere.
    assert 0.0 < np.mean(modes) < 0.1
    assert np.mean(clipped) > 1.1 * np.mean(modes)


def test_mode_of_noise_its_error_and_sigma() -> None:
    rng = np.random.default_rng(11)
    none = np.zeros((70, 70), dtype=bool)
    found = [mode_level(rng.normal(-3.0, 2.0, none.shape), none) for _ in range(300)]
    levels = [one.level for one in found]
    assert np.mean(levels) == pytest.approx(-3.0, abs=4 * np.std(levels) / np.sqrt(300))
    assert np.mean([one.error for one in found]) == pytest.approx(np.std(levels), rel=0.1)
    assert np.mean([one.sigma for one in found]) == pytest.approx(2.0, rel=0.02)


def test_mode_of_little_and_of_nothing() -> None:
    assert mode_level(np.full((4, 4), 3.0), np.zeros((4, 4), dtype=bool)).level == 3.0
    assert mode_level(np.array([5.0]), np.array([False])).n_used == 1
    out = mode_level(np.array([1.0, 2.0, 4.0, np.nan]), np.zeros(4, dtype=bool))
    assert 1.0 <= out.level <= 4.0
    assert np.isfinite([out.error, out.sigma]).all()
    nothing = mode_level(np.ones(3), np.ones(3, dtype=bool))
    assert np.isnan(nothing.level)
    assert nothing.n_used == 0
