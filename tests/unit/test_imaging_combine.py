"""Combiners: true uncertainties, biases, degenerate cases."""

from __future__ import annotations

import numpy as np
import pytest
from truthkit.wcsmaker import make_wcs

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.classmedian import ClassMedian, median_efficiency
from photomitrus_cli.imaging.combine import Combined, WeightedMean
from photomitrus_cli.imaging.geometry import footprint
from photomitrus_cli.imaging.gridaround import grid_for_footprints
from photomitrus_cli.imaging.mapping import map_frame
from photomitrus_cli.imaging.pixelmap import PixelMap
from photomitrus_cli.imaging.prepared import PreparedFrame, prepare_frame
from photomitrus_cli.imaging.resample import resample_frame

SHAPE = (150, 150)


def cube(rng: np.random.Generator, sigmas: list[float], shape: tuple[int, int] = SHAPE) -> np.ndarray:
    return np.stack([rng.normal(0.0, s, shape) for s in sigmas]).astype(np.float32)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 13, 20, 21, 30])
def test_median_efficiency_by_simulation(n: int) -> None:
    values = np.random.default_rng(n).normal(size=(n, 200_000))
    assert np.var(np.median(values, axis=0)) == pytest.approx(1.0 / n / median_efficiency(n), rel=0.012)


def test_median_efficiency_joins_its_limit() -> None:
    assert median_efficiency(100_001) == pytest.approx(2.0 / np.pi, rel=1e-5)
    # Odd and even counts each go on smoothly from the exact values to the formula.
    for start in (15, 16):
        falls = -np.diff([median_efficiency(n) for n in range(start, 32, 2)])
        assert (falls > 0).all()
        assert (np.diff(falls) < 0).all()
    exact = {21: 0.65000282, 22: 0.67692949, 40: 0.6590347, 39: 0.64373478}
    for n, value in exact.items():
        assert median_efficiency(n) == pytest.approx(value, rel=1e-4)


def test_mean_uncertainty_is_the_true_scatter() -> None:
    rng = np.random.default_rng(1)
    sigmas = [0.5, 1.0, 1.0, 2.0, 1.5, 1.0, 0.7, 1.2]
    values = cube(rng, sigmas)
    mean = WeightedMean(SHAPE)
    valid = np.ones(SHAPE, dtype=bool)
    for value, sigma in zip(values, sigmas, strict=True):
        mean.add(value, np.full(SHAPE, sigma**2, np.float32), valid, 1.0 / sigma**2, 30.0)
    out = mean.result()
    assert out.unc.mean() == pytest.approx(out.sci.std(), rel=0.02)


@pytest.mark.parametrize("n", [3, 4, 9])
def test_median_uncertainty_is_the_true_scatter(n: int) -> None:
    rng = np.random.default_rng(n)
    median = ClassMedian(SHAPE)
    ones = np.ones((n, *SHAPE), np.float32)
    median.add(cube(rng, [1.0] * n), ones, ones > 0, np.full(n, 30.0), 93.6)
    fours = np.full((5, *SHAPE), 4.0, np.float32)
    median.add(cube(rng, [2.0] * 5), fours, fours > 0, [30.0] * 5, 26.8)
    out = median.result()
    assert out.unc.mean() == pytest.approx(out.sci.std(), rel=0.02)


def test_std_is_the_scatter_of_one_value() -> None:
    rng = np.random.default_rng(3)
    mean, median = WeightedMean(SHAPE), ClassMedian(SHAPE)
    values = cube(rng, [1.0] * 5)
    valid = np.ones(values.shape, dtype=bool)
    for k, value in enumerate(values):
        mean.add(value, np.ones_like(value), valid[k], 1.0 + k, 1.0)
    median.add(values, np.ones_like(values), valid, np.ones(5), 1.0)
    assert np.sqrt(np.mean(mean.result().std ** 2)) == pytest.approx(1.0, rel=0.02)
    # About a median the scatter is larger than about the mean, by the variance of their difference.
    extra = 0.25 * (1.0 / median_efficiency(5) - 1.0)
    assert np.mean(median.result().std ** 2) == pytest.approx(1.0 + extra, rel=0.02)


def test_scalar_weights_do_not_bias_stars() -> None:
    # Poisson counts with the variance estimated from the counts themselves: weights of 1 / variance a pixel
    # would give 29 instead of 30.
    rng = np.random.default_rng(4)
    counts = rng.poisson(30.0, (16, *SHAPE)).astype(np.float32)
    mean = WeightedMean(SHAPE)
    for frame in counts:
        mean.add(frame, frame, np.ones(SHAPE, dtype=bool), 1.0 / 30.0, 1.0)
    out = mean.result()
    assert out.sci.mean() == pytest.approx(30.0, rel=0.002)
    assert out.unc.mean() == pytest.approx(out.sci.std(), rel=0.02)


def test_large_values_lose_no_digits() -> None:
    mean = WeightedMean((1, 1))
    one = np.ones((1, 1), np.float32)
    for value in (1e6 + 1.0, 1e6 + 2.0, 1e6 + 3.0):
        mean.add(np.full((1, 1), value, np.float32), one, one > 0, 2.0, 1.0)
    assert mean.result().std[0, 0] == pytest.approx(1.0, abs=1e-6)


def test_one_and_no_value() -> None:
    valid = np.array([[True, False]])
    value = np.array([[4.0, np.nan]], dtype=np.float32)
    mean, median = WeightedMean((1, 2)), ClassMedian((1, 2))
    mean.add(value, value, valid, 3.0, 10.0, large_ratio=4.0)
    ratios = {"large_ratio": 4.0, "remainder_ratio": 9.0}
    median.add(value[None], value[None], valid[None], [2.0], 10.0, **ratios)
    for out in (mean.result(), median.result()):
        assert out.sci[0, 0] == 4.0
        assert out.unc[0, 0] == 2.0
        assert out.large[0, 0] == pytest.approx(16.0)
        assert out.exptime.tolist() == [[10.0, 0.0]]
        assert out.coverage.tolist() == [[1, 0]]
        assert np.isnan(out.std).all()
        assert np.isnan([out.sci[0, 1], out.unc[0, 1], out.large[0, 1]]).all()


@pytest.fixture(scope="module")
def mapped() -> tuple[tuple[int, int], list[tuple[PreparedFrame, PixelMap]]]:
    rng = np.random.default_rng(12)
    shape = (60, 70)
    wcs = [make_wcs(10.0, 20.0, angle=35.0 * k, crpix=(35.0 + 3.3 * k, 30.0 - 2.6 * k)) for k in range(3)]
    ra, dec = np.hstack([footprint(one, shape) for one in wcs])
    grid = grid_for_footprints(ra, dec, 0.7)
    frames = []
    for one in wcs:
        bad = rng.random(shape) < 0.02
        frame = prepare_frame(rng.normal(3.0, 1.0, shape), rng.uniform(1.0, 2.0, shape), bad)
        frames.append((frame, map_frame(one, shape, grid)))
    return grid.shape, frames


def assert_same(one: Combined, two: Combined, part: tuple[slice, slice] = np.s_[:, :]) -> None:
    for name in ("sci", "unc", "coverage", "exptime", "std", "large"):
        np.testing.assert_array_equal(getattr(one, name)[part], getattr(two, name), err_msg=name)


@pytest.mark.parametrize("sky", [0.0, 2.7])
def test_adding_frames_is_resampling_and_adding(
    mapped: tuple[tuple[int, int], list[tuple[PreparedFrame, PixelMap]]], sky: float
) -> None:
    shape, frames = mapped
    whole, window = (0, shape[0], 0, shape[1]), (5, shape[0] - 3, 2, shape[1] - 9)
    direct, steps = WeightedMean(shape), WeightedMean(shape)
    for k, (frame, pixel_map) in enumerate(frames):
        box = whole if k else window
        direct.add_frame(frame, pixel_map, box, 0.3 + k, 7.0 + k, offset_value=sky, large_ratio=5.0 - k)
        out = resample_frame(frame, pixel_map, box)
        value = out.value - np.float32(sky)
        steps.add(
            value, out.variance, out.valid, 0.3 + k, 7.0 + k, offset=(box[0], box[2]), large_ratio=5.0 - k
        )
    assert direct.result().coverage.max() == 3
    assert_same(direct.result(), steps.result())


@pytest.mark.parametrize("tile", [(1, 13), (17, 16), (40, 33), (1000, 7)])
def test_any_tiling_gives_the_same_sums(
    mapped: tuple[tuple[int, int], list[tuple[PreparedFrame, PixelMap]]], tile: tuple[int, int]
) -> None:
    shape, frames = mapped
    whole = WeightedMean(shape)
    for k, (frame, pixel_map) in enumerate(frames):
        whole.add_frame(frame, pixel_map, (0, shape[0], 0, shape[1]), 0.3 + k, 1.0)
    for y in range(0, shape[0], tile[0]) if tile[0] > 1 else range(30, 34):
        for x in range(0, shape[1], tile[1]):
            part = np.s_[y : min(y + tile[0], shape[0]), x : min(x + tile[1], shape[1])]
            mean = WeightedMean((part[0].stop - y, part[1].stop - x))
            for k, (frame, pixel_map) in enumerate(frames):
                # Windows that reach beyond the tile are cut.
                mean.add_frame(
                    frame, pixel_map, (y, y + tile[0], x, x + tile[1]), 0.3 + k, 1.0, corner=(y, x)
                )
            assert_same(whole.result(), mean.result(), part)


def test_frames_elsewhere_add_nothing(
    mapped: tuple[tuple[int, int], list[tuple[PreparedFrame, PixelMap]]],
) -> None:
    frame, pixel_map = mapped[1][0]
    mean = WeightedMean((20, 20))
    mean.add_frame(frame, pixel_map, (9000, 9020, 0, 20), 1.0, 1.0, corner=(9000, 0))
    assert not mean.result().coverage.any()
    other = prepare_frame(np.ones((61, 70)), np.ones((61, 70)), np.zeros((61, 70), dtype=bool))
    with pytest.raises(InputError, match="does not fit"):
        mean.add_frame(other, pixel_map, (0, 20, 0, 20), 1.0, 1.0)


@pytest.mark.parametrize("unit", [1e-14, 1.0, 1e14])
def test_any_unit_of_the_data(unit: float) -> None:
    # Squares of weights in float32 would overflow for Jy a pixel.
    rng = np.random.default_rng(13)
    values = rng.normal(10.0, 1.0, (6, 4, 4)).astype(np.float32)
    means = [WeightedMean((4, 4)), WeightedMean((4, 4))]
    for value in values:
        for mean, scale in zip(means, (1.0, unit), strict=True):
            one = np.ones_like(value)
            mean.add(value * np.float32(scale), one * np.float32(scale**2), one > 0, 3.0 / scale**2, 1.0)
    expected, out = (mean.result() for mean in means)
    np.testing.assert_allclose(out.sci / unit, expected.sci, rtol=1e-6)
    np.testing.assert_allclose(out.unc / unit, expected.unc, rtol=1e-6)
    np.testing.assert_allclose(out.std / unit, expected.std, rtol=1e-5)


def test_a_thousand_frames_lose_no_digits() -> None:
    rng = np.random.default_rng(14)
    mean = WeightedMean((8, 16))
    values = rng.normal(20.0, 0.05, (1000, 8, 16)).astype(np.float32)
    one = np.ones((8, 16), np.float32)
    for value in values:
        mean.add(value, one * np.float32(0.0025), one > 0, 1.0 / 0.0025, 93.6)
    out = mean.result()
    # A fortieth of the noise that a thousand frames leave, 1.6e-3.
    assert np.abs(out.sci - values.mean(axis=0, dtype=np.float64)).max() < 4e-5
    np.testing.assert_allclose(out.unc, 0.05 / np.sqrt(1000), rtol=3e-5)
    np.testing.assert_allclose(out.exptime, 93600.0, rtol=3e-5)
    np.testing.assert_allclose(out.std, values.std(axis=0, ddof=1, dtype=np.float64), rtol=1e-4)


def test_class_weights_use_each_frames_own_keywords() -> None:
    median = ClassMedian((1, 1))
    ones = np.ones((2, 1, 1), dtype=np.float32)
    median.add(ones, ones, ones > 0, [3.3 / 0.1069, 3.7 / 0.1257], 93.6)
    median.add(4 * ones[:1], ones[:1], ones[:1] > 0, [3.3 / 0.1069], 26.8)
    heavy = (3.3 / 0.1069 + 3.7 / 0.1257) * 93.6
    light = 3.3 / 0.1069 * 26.8
    assert median.result().sci[0, 0] == pytest.approx((heavy + 4 * light) / (heavy + light), rel=1e-6)


def test_refusals() -> None:
    mean, median = WeightedMean((4, 4)), ClassMedian((4, 4))
    one = np.ones((2, 2), np.float32)
    yes = np.ones((2, 2), bool)
    for weight in (0.0, -1.0, np.nan):
        with pytest.raises(InputError, match="weight"):
            mean.add(one, one, yes, weight, 1.0)
    with pytest.raises(InputError, match="do not fit"):
        mean.add(one, one, yes, 1.0, 1.0, offset=(3, 0))
    with pytest.raises(InputError, match="do not fit"):
        mean.add(one, one, yes, 1.0, 1.0, offset=(-1, 0))
    with pytest.raises(InputError, match="differ in shape"):
        mean.add(one, one[:1], yes, 1.0, 1.0)
    with pytest.raises(InputError, match="differ in shape"):
        mean.add(one, one, yes, 1.0, 1.0, share=one[:1])
    with pytest.raises(InputError, match="class of"):
        median.add(one[None], one[None], yes[None], [1.0], 1.0)
    full = np.ones((1, 4, 4), np.float32)
    with pytest.raises(InputError, match="must be positive"):
        median.add(full, full, full > 0, [1.0], 0.0)
