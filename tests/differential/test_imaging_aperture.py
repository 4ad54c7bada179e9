"""Circles and annuli against photutils, and against sums over pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from photutils.aperture import CircularAnnulus, CircularAperture

from photomitrus_cli.imaging.annulus import annulus_background
from photomitrus_cli.imaging.aperture import sum_apertures
from photomitrus_cli.imaging.circle import CORE_REACH, CORE_SIGMA, overlap_area
from photomitrus_cli.imaging.stamp import Stamp, cut_stamp

RADII = (0.2, 0.5, 0.9, 1.0, 2.5, 3.0, 7.3, 12.0)


def noise(seed: int) -> tuple[Stamp, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    sci, unc = rng.normal(1.0, 1.0, (40, 55)), rng.uniform(0.2, 2.0, (40, 55))
    return cut_stamp(sci, unc, None, 30.0, 20.0, 60), sci, unc


@pytest.mark.parametrize("seed", range(8))
def test_sums_and_variances_are_those_of_exact_weights(seed: int) -> None:
    stamp, sci, unc = noise(seed)
    x, y = np.random.default_rng(seed).uniform(14.0, 24.0, 2)
    for radius, found in zip(RADII, sum_apertures(stamp, x, y, RADII), strict=True):
        weights = CircularAperture((x, y), radius).to_mask(method="exact").to_image(sci.shape)
        np.testing.assert_allclose(found.total, np.sum(weights * sci), rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose(found.variance, np.sum(weights**2 * unc**2), rtol=1e-11)
        assert found.good == found.total
        assert found.area == math.pi * radius**2


@pytest.mark.parametrize(("x", "y"), [(10.0, 10.0), (10.3, 9.6), (9.55, 10.2)])
def test_a_core_stands_in_for_its_bad_pixels(x: float, y: float) -> None:
    """What light opposite a bad pixel says of it is exact for the Gaussian that it is scaled by."""
    j, i = np.mgrid[0:21, 0:21]
    away = (i - x) ** 2 + (j - y) ** 2
    sci = 3.0 + 50.0 * np.exp(-0.5 * np.minimum(away, CORE_REACH**2) / CORE_SIGMA**2)
    nowhere = np.zeros((21, 21), np.bool_)
    whole = Stamp(sci, np.ones((21, 21)), nowhere, 0, 0)
    (expected,) = sum_apertures(whole, x, y, (4.0,), level=3.0)
    bad = nowhere.copy()
    bad[round(y) + 1, round(x)] = True
    holed = Stamp(np.where(bad, 1e5, sci), np.ones((21, 21)), bad, 0, 0)
    (found,) = sum_apertures(holed, x, y, (4.0,), level=3.0)
    assert found.total == pytest.approx(expected.total, rel=1e-12)


def test_special_positions() -> None:
    ones = Stamp(np.ones((21, 21)), np.ones((21, 21)), np.zeros((21, 21), np.bool_), 0, 0)
    for x, y in ((10.0, 10.0), (10.5, 10.5), (10.0, 9.5)):
        for found in sum_apertures(ones, x, y, RADII[:-1]):
            np.testing.assert_allclose(found.total, found.area, rtol=1e-12)
    # A circle that touches the sides of its pixel from inside.
    assert overlap_area(0.0, 0.0, 0.5) == pytest.approx(math.pi / 4.0, rel=1e-14)


def test_overlap_against_many_points() -> None:
    rng = np.random.default_rng(5)
    fine = (np.arange(400) + 0.5) / 400 - 0.5
    u, v = np.meshgrid(fine, fine)
    for dx, dy, radius in zip(
        rng.uniform(-4, 4, 60), rng.uniform(-4, 4, 60), rng.uniform(0.2, 5.0, 60), strict=True
    ):
        inside = np.mean((u + dx) ** 2 + (v + dy) ** 2 < radius**2)
        assert abs(overlap_area(dx, dy, radius) - inside) < 2e-4


@pytest.mark.parametrize("seed", range(4))
def test_slopes(seed: int) -> None:
    stamp, _, _ = noise(seed)
    x, y = np.random.default_rng(seed).uniform(16.0, 22.0, 2)
    step = 1e-6
    for radius in (1.3, 3.0, 10.0):
        here, right, left, above, below = (
            sum_apertures(stamp, x + dx, y + dy, [radius], level=0.4)[0]
            for dx, dy in ((0.0, 0.0), (step, 0.0), (-step, 0.0), (0.0, step), (0.0, -step))
        )
        np.testing.assert_allclose(here.slope_x, (right.total - left.total) / (2 * step), atol=1e-6)
        np.testing.assert_allclose(here.slope_y, (above.total - below.total) / (2 * step), atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_mean_of_an_annulus_without_bad_pixels_is_its_sum_over_its_area(seed: int) -> None:
    stamp, sci, _ = noise(seed)
    x, y = np.random.default_rng(seed).uniform(14.0, 24.0, 2)
    for inner, outer in ((3.0, 7.0), (5.0, 10.0), (8.0, 13.0)):
        annulus = CircularAnnulus((x, y), inner, outer)
        expected = float(annulus.do_photometry(sci)[0][0]) / annulus.area
        found = annulus_background(stamp, x, y, inner, outer, "mean")
        np.testing.assert_allclose(found.level, expected, rtol=1e-10)
        np.testing.assert_allclose(np.sum(found.say * sci), expected, rtol=1e-10)
        np.testing.assert_allclose(found.on_frame, 1.0, rtol=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_clipping_against_a_loop_over_rings(seed: int) -> None:
    stamp, sci, _ = noise(seed)
    rng = np.random.default_rng(seed + 50)
    x, y, inner, outer = *rng.uniform(14.0, 24.0, 2), 5.0, 10.0
    hit = rng.random(sci.shape) < 0.1
    stamp.sci[hit] += rng.exponential(20.0, int(hit.sum()))
    rows, columns = np.mgrid[: sci.shape[0], : sci.shape[1]]
    distance = np.hypot(columns - x, rows - y)
    weights = CircularAnnulus((x, y), inner, outer).to_mask(method="exact").to_image(sci.shape)
    rings = [(weights > 0) & (np.clip((distance - inner).astype(int), 0, 4) == ring) for ring in range(5)]
    keep = [ring.copy() for ring in rings]
    for _ in range(20):
        middle = [np.median(stamp.sci[one]) for one in keep]
        spread = [np.median(abs(stamp.sci[one] - m)) for one, m in zip(keep, middle, strict=True)]
        limit = [3.0 * 1.482602218505602 * max(one, np.sort(spread)[2]) for one in spread]
        keep = [one & (abs(stamp.sci - m) <= most) for one, m, most in zip(keep, middle, limit, strict=True)]
    means = [np.average(stamp.sci[one], weights=weights[one]) for one in keep]
    expected = np.average(means, weights=[weights[ring].sum() for ring in rings])
    found = annulus_background(stamp, x, y, inner, outer)
    np.testing.assert_allclose(found.level, expected, rtol=1e-12)
    assert found.n_used == sum(int(one.sum()) for one in keep) < np.sum(weights > 0)


def test_median() -> None:
    stamp, sci, _ = noise(3)
    weights = CircularAnnulus((20.3, 19.1), 4.0, 9.0).to_mask(method="exact").to_image(sci.shape)
    values = sci[weights >= 0.5]
    found = annulus_background(stamp, 20.3, 19.1, 4.0, 9.0, "median")
    assert found.level == np.median(values)
    assert found.n_used == values.size
    np.testing.assert_allclose(found.sigma, 1.482602218505602 * np.median(abs(values - np.median(values))))
