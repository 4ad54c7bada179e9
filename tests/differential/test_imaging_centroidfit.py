"""The kernels of the centroids against their definitions written out."""

from __future__ import annotations

import numpy as np
import pytest

from photomitrus_cli.imaging.centroidfit import box_moments, fit_gaussian, frame_level

NY, NX = 23, 27


def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    return rng.normal(5.0, 1.0, (NY, NX)), rng.uniform(0.5, 2.0, (NY, NX)), rng.random((NY, NX)) < 0.1


@pytest.mark.parametrize(("x", "y"), [(13, 11), (1, 2), (NX - 2, NY - 1), (0, NY - 3)])
@pytest.mark.parametrize(("inner", "outer"), [(3, 6), (0, 3)])
def test_the_level_is_the_median_of_the_pixels_around(x: int, y: int, inner: int, outer: int) -> None:
    sci, _, bad = scene()
    j, i = np.mgrid[0:NY, 0:NX]
    away = np.maximum(abs(i - x), abs(j - y))
    assert frame_level(sci, bad, x, y, inner, outer) == np.median(
        sci[(away > inner) & (away <= outer) & ~bad]
    )


@pytest.mark.parametrize(("good", "enough"), [(7, False), (8, True)])
def test_a_level_wants_eight_pixels(good: int, enough: bool) -> None:
    sci, _, _ = scene()
    bad = np.ones((NY, NX), bool)
    bad[8, 5 : 5 + good] = False
    level = frame_level(sci, bad, 8, 11, 2, 4)
    assert np.isfinite(level) == enough
    assert not enough or level == np.median(sci[8, 5:13])


def test_moments_are_sums_over_the_box() -> None:
    sci, var, _ = scene()
    bad = np.zeros((NY, NX), bool)
    # One whose mirror image is good, a pair of which neither is, and one outside the box.
    bad[[9, 10, 14, 20], [11, 14, 12, 20]] = True
    x, y, level, (ci, cj, half) = 13.2, 11.9, 1.5, (13, 12, 4)
    height = sci - level
    for j, i in zip(*np.nonzero(bad), strict=True):
        mirrored = round(2 * y - j), round(2 * x - i)
        height[j, i] = 0.0 if bad[mirrored] else sci[mirrored] - level
    box = np.s_[cj - half : cj + half + 1, ci - half : ci + half + 1]
    j, i = (grid[box] for grid in np.mgrid[0:NY, 0:NX])
    v, noise = height[box], var[box]
    mx, my = (v * i).sum() / v.sum(), (v * j).sum() / v.sum()
    expected = [
        v.sum(), mx, my, (v * (i - mx) ** 2).sum() / v.sum(), (v * (j - my) ** 2).sum() / v.sum(),
        ((i - mx) ** 2 * noise).sum() / v.sum() ** 2, ((j - my) ** 2 * noise).sum() / v.sum() ** 2,
    ]  # fmt: skip
    found = np.empty(7)
    box_moments(sci, var, bad, (ci, cj, half), x, y, level, found)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def bell(p: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    dx, dy = i - p[1], j - p[2]
    return np.asarray(p[0] * np.exp(-0.5 * (p[3] * dx**2 + 2 * p[4] * dx * dy + p[5] * dy**2)) + p[6])


def test_a_gaussian_is_found_with_its_errors() -> None:
    """A faint one without noise, exactly; errors are those of an unweighted fit to pixels with variances."""
    _, var, bad = scene()
    var[:11] *= 9.0
    true = np.array([0.02, 13.3, 10.8, 0.5, 0.1, 0.3, 0.1])
    y, x = np.mgrid[0:NY, 0:NX]
    sci = bell(true, x, y)
    sci[bad] = 1e6
    ci, cj, half = 13, 11, 5
    found, errors = true + np.array([0.01, 0.4, -0.3, 0.2, -0.1, 0.2, 0.001]), np.empty(2)
    assert fit_gaussian(sci, var, bad, (ci, cj, half), found, errors)
    np.testing.assert_allclose(found, true, rtol=1e-5)
    box = np.s_[cj - half : cj + half + 1, ci - half : ci + half + 1]
    good = ~bad[box]
    i, j = x[box][good], y[box][good]
    slopes = np.stack(
        [(bell(true + h, i, j) - bell(true - h, i, j)) / 2e-5 for h in 1e-5 * np.eye(7)], axis=1
    )
    inverse = np.linalg.inv(slopes.T @ slopes)
    covariance = inverse @ (slopes.T * var[box][good]) @ slopes @ inverse
    np.testing.assert_allclose(errors, np.sqrt(np.diag(covariance))[1:3], rtol=1e-4)
