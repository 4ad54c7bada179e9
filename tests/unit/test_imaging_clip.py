"""The clipped mean: what is left out, what is spared, what it claims."""

from __future__ import annotations

import numpy as np
import pytest

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.clip import clipped_mean
from photomitrus_cli.imaging.combine import Combined, WeightedMean


def combine(values: np.ndarray, **options: float | np.ndarray) -> Combined:
    """Combine frames of unit variance and weight."""
    n = values.shape[0]
    ones = np.ones(n)
    flat = options.pop("contrast", np.zeros(values.shape[1:], dtype=np.float32))
    return clipped_mean(
        values.astype(np.float32), np.ones(values.shape, dtype=np.float32), np.isfinite(values), ones,
        np.full(n, 30.0), np.full(n, 4.0), contrast=flat, **options,  # type: ignore[arg-type]
    )  # fmt: skip


def pixel(*values: float) -> np.ndarray:
    return np.array(values)[:, None, None]


@pytest.mark.parametrize(
    ("values", "mean", "kept"),
    [
        ((1.0, 2.0, 3.0, 50.0), 2.0, 3),
        ((1.0, 2.0, 3.0, -50.0, 60.0), 2.0, 3),
        ((5.0,), 5.0, 1),
        ((1.0, 2.0), 1.5, 2),
        ((1.0, 60.0), 1.0, 1),
        ((1.0, 60.0, 70.0), 1.0, 1),
        ((1.0, 1.2, 60.0, 70.0), 1.1, 2),
        # Only when the first has gone is the second one far from the rest.
        ((0.0, 0.0, 0.0, 4.5, 4.6, 1e6), 0.0, 3),
    ],
)
def test_far_values_go(values: tuple[float, ...], mean: float, kept: int) -> None:
    out = combine(pixel(*values))
    assert out.sci.item() == pytest.approx(mean)
    assert out.coverage.item() == kept
    assert out.exptime.item() == 30.0 * kept
    assert np.isnan(out.std.item()) == (kept == 1)


def test_contrast_spares_stars() -> None:
    star = pixel(100.0, 96.0, 104.0, 111.0, 99.0, 90.0)
    assert combine(star).coverage.item() < 6
    assert combine(star, contrast=np.full((1, 1), 60.0, dtype=np.float32)).coverage.item() == 6
    # A hit goes all the same, and a flat sky does not spare values for scattering.
    assert combine(np.append(star, pixel(900.0), axis=0), contrast=np.full((1, 1), 60.0)).coverage.item() == 6
    assert combine(star, softening=0.0, contrast=np.full((1, 1), 60.0)).coverage.item() < 6


def test_contrast_is_found_in_the_values() -> None:
    y, x = np.mgrid[:24, :24]
    offsets = [(-0.4, 0.1), (0.4, 0.0), (0.0, -0.4), (0.1, 0.4), (0.0, 0.0), (0.3, 0.3)]
    cube = np.array(
        [300.0 * np.exp(-0.5 * ((x - 12 - a) ** 2 + (y - 12 - b) ** 2) / 1.6**2) for a, b in offsets]
    )
    assert combine(cube).coverage.min() < 6
    one = np.ones(6)
    ones = np.ones(cube.shape, dtype=np.float32)
    out = clipped_mean(cube.astype(np.float32), ones, ones.astype(bool), one, one, one)
    assert out.coverage.min() == 6


def test_nothing_to_clip_is_the_weighted_mean() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(3.0, 1.0, (9, 5, 140)).astype(np.float32)
    variances = rng.uniform(0.9, 1.1, values.shape).astype(np.float32)
    valid = rng.random(values.shape) < 0.6
    valid[:, 0, :4] = False
    weights, exptimes, ratios = (
        rng.uniform(1e3, 3e3, 9),
        rng.uniform(10.0, 100.0, 9),
        rng.uniform(3.0, 5.0, 9),
    )
    out = clipped_mean(values, variances, valid, weights, exptimes, ratios, sigma=50.0)
    mean = WeightedMean((5, 140))
    for n in range(9):
        mean.add(
            values[n],
            variances[n],
            valid[n],
            float(weights[n]),
            float(exptimes[n]),
            large_ratio=float(ratios[n]),
        )
    expected = mean.result()
    np.testing.assert_array_equal(out.coverage, expected.coverage)
    for name in ("sci", "unc", "exptime", "std", "large"):
        np.testing.assert_allclose(getattr(out, name), getattr(expected, name), rtol=3e-5, equal_nan=True)


def test_scale_of_the_weights_does_not_matter() -> None:
    rng = np.random.default_rng(2)
    values, ones = rng.normal(0.0, 1.0, (5, 3, 4)).astype(np.float32), np.ones((5, 3, 4), dtype=np.float32)
    weights = rng.uniform(1.0, 2.0, 5)
    a, b = (
        clipped_mean(values, ones, ones > 0, weights * s, ones[:, 0, 0], ones[:, 0, 0]) for s in (1e-30, 1e30)
    )
    np.testing.assert_allclose(a.sci, b.sci, rtol=1e-6)
    np.testing.assert_allclose(a.unc, b.unc, rtol=1e-6)


@pytest.mark.parametrize("sigma", [2.5, 4.0])
def test_noise_is_stated_and_unbiased(sigma: float) -> None:
    values = np.random.default_rng(3).normal(0.0, 1.0, (24, 100, 400))
    out = combine(values, sigma=sigma)
    # 40000 pixels give the scatter to 0.35 %, and the mean to 0.5 % of the noise of a pixel.
    assert np.std(out.sci / out.unc, dtype=float) == pytest.approx(1.0, abs=0.012)
    assert abs(np.mean(out.sci / out.unc, dtype=float)) < 0.02
    np.testing.assert_allclose(out.large, 4.0 * out.unc**2, rtol=1e-5)


def test_values_of_little_noise_far_apart() -> None:
    values, variances = pixel(0.0, 5.0).astype(np.float32), pixel(0.01, 9.0).astype(np.float32)
    one = np.ones(2)
    out = clipped_mean(
        np.repeat(values, 2, axis=0), np.repeat(variances[:1], 4, axis=0), np.ones((4, 1, 1), dtype=bool),
        np.ones(4), np.ones(4), np.ones(4), contrast=np.full((1, 1), 2.0, np.float32),
    )  # fmt: skip
    assert out.coverage.item() >= 1
    out = clipped_mean(
        values, variances, values < 9, one, one, one, contrast=np.zeros((1, 1), np.float32), sigma=0.5
    )
    assert out.coverage.item() >= 1


@pytest.mark.parametrize("noise", [np.inf, 3e38, 0.0, np.nan])
def test_what_stands_where_there_is_no_value_is_not_read(noise: float) -> None:
    """Arrays of frames that reach a part of the window are not filled elsewhere."""
    values = np.array([1.0, 2.0, 77.0], np.float32)[:, None, None]
    variances = np.array([1.0, 1.0, noise], np.float32)[:, None, None]
    valid = np.array([True, True, False])[:, None, None]
    flat, ones = np.zeros((1, 1), np.float32), np.ones(3)
    out = clipped_mean(values, variances, valid, ones, 30.0 * ones, 4.0 * ones, contrast=flat)
    assert (out.sci.item(), out.coverage.item(), out.exptime.item()) == (1.5, 2, 60.0)
    assert out.unc.item() == pytest.approx(0.5**0.5, rel=1e-3)


def test_bad_input() -> None:
    cube, one = np.ones((2, 3, 4), dtype=np.float32), np.ones(2)
    valid = cube.astype(bool)
    with pytest.raises(InputError, match="weight of every frame"):
        clipped_mean(cube, cube, valid, [1.0, 0.0], one, one)
    with pytest.raises(InputError, match="2 frames"):
        clipped_mean(cube, cube, valid, one, np.ones(3), one)
    with pytest.raises(InputError, match="not positive"):
        clipped_mean(cube, cube, valid, one, one, one, sigma=0.0)
    with pytest.raises(InputError, match="contrast"):
        clipped_mean(cube, cube, valid, one, one, one, contrast=cube[0, :2])
    with pytest.raises(InputError, match="no cube"):
        clipped_mean(cube, cube[:1], valid, one, one, one)
