"""The background level of noise, of star fields, and of nothing."""

from __future__ import annotations

import numpy as np
import pytest

from photomitrus_cli.imaging.background import difference_sigma, masked_median


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
