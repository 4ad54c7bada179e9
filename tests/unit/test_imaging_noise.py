"""The noise correlation factor against blank apertures on resampled white noise."""

from __future__ import annotations

import numpy as np
import pytest
from truthkit.resampling import resample
from truthkit.wcsmaker import make_wcs

from photomitrus_cli.imaging.classmedian import ClassMedian
from photomitrus_cli.imaging.combine import Combined, WeightedMean
from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.lanczos import weight_table
from photomitrus_cli.imaging.mapping import map_frame
from photomitrus_cli.imaging.noise import (
    correlation,
    correlation_factor,
    large_area_ratio,
    median_remainder_ratio,
    pixel_variance_share,
    variance_sums,
)

NATIVE, OUTPUT = 1.2233, 0.6
SIDE = 150
N_FRAMES = 9


def test_pixel_variance_share_is_the_mean_squared_weight() -> None:
    per_axis = np.mean(np.sum(weight_table(1024)[:-1] ** 2, axis=1))
    assert pixel_variance_share() == pytest.approx(per_axis**2, rel=1e-4)


def test_correlation_sums_to_the_large_area_ratio() -> None:
    step = OUTPUT / NATIVE
    lag = np.arange(-16, 17) * step
    x, y = np.meshgrid(lag, lag)
    assert correlation(np.zeros(1), np.zeros(1))[0] == 1.0
    assert correlation(x, y).sum() == pytest.approx(large_area_ratio(NATIVE**2, OUTPUT**2), rel=2e-3)


@pytest.mark.parametrize("step", [0.5, 1.0])
@pytest.mark.parametrize("angle", [0.0, 30.0, 45.0])
def test_large_area_ratio_is_the_sum_of_the_correlation_over_the_output_lattice(
    step: float, angle: float
) -> None:
    lag = np.arange(-20, 21) * step
    x, y = np.meshgrid(lag, lag)
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    total = correlation(cos * x - sin * y, sin * x + cos * y).sum()
    assert total == pytest.approx(large_area_ratio(1.0, step**2), rel=5e-3)


def test_large_area_ratio_and_correlation_by_simulation() -> None:
    """One frame of white noise on a turned grid of native sampling, no model of the noise involved."""
    rng = np.random.default_rng(5)
    grid = Grid(30.0, 10.0, NATIVE, (130, 130), (64.5, 64.5))
    wcs = make_wcs(30.0, 10.0, angle=27.0, scale=NATIVE, crpix=(99.7, 99.2))
    pixel_map = map_frame(wcs, (200, 200), grid)
    ok, ones = np.zeros((200, 200), dtype=bool), np.ones((200, 200))
    pixels, large, lagged = [], [], []
    for _ in range(40):
        out = resample(rng.normal(size=ok.shape), ones, ok, pixel_map, (0, 130, 0, 130))
        assert out.valid.all()
        pixels.append(np.mean(out.value**2))
        lagged.append(np.mean(out.value[:, 1:] * out.value[:, :-1]))
        large.append(np.mean(out.value.reshape(5, 26, 5, 26).sum(axis=(1, 3)) ** 2) / 26**2)
    variance = np.mean(pixels)
    assert variance == pytest.approx(pixel_variance_share(), rel=0.01)
    cos, sin = np.cos(np.radians(27.0)), np.sin(np.radians(27.0))
    expected = correlation(np.array([cos]), np.array([sin]))[0]
    assert np.mean(lagged) / variance == pytest.approx(expected, abs=0.006)
    # The variance of 1000 squares is known to 4.5 %.
    assert np.mean(large) / variance == pytest.approx(large_area_ratio(1.0, 1.0), rel=0.12)


@pytest.fixture(scope="module")
def noise_maps() -> tuple[list[Combined], list[Combined]]:
    rng = np.random.default_rng(11)
    grid = Grid(30.0, 10.0, OUTPUT, (260, 260), (129.5, 129.5))
    areas = NATIVE**2, OUTPUT**2
    large, rest = large_area_ratio(*areas), median_remainder_ratio(*areas)
    window = (0, 260, 0, 260)
    means, medians = [], []
    ok = np.zeros((SIDE, SIDE), dtype=bool)
    for _ in range(6):
        mean, median = WeightedMean(grid.shape), ClassMedian(grid.shape)
        frames = []
        for _ in range(N_FRAMES):
            crpix = tuple(74.5 + rng.uniform(-4.0, 4.0, 2))
            wcs = make_wcs(30.0, 10.0, angle=rng.uniform(0, 360), crpix=(crpix[0], crpix[1]))
            sci = rng.normal(0.0, 1.0, (SIDE, SIDE))
            frames.append(resample(sci, np.ones((SIDE, SIDE)), ok, map_frame(wcs, sci.shape, grid), window))
            out = frames[-1]
            mean.add(out.value, out.variance, out.valid, 1.0, 1.0, large_ratio=large)
        values, variances = np.stack([f.value for f in frames]), np.stack([f.variance for f in frames])
        valid = np.stack([f.valid for f in frames])
        median.add(values, variances, valid, np.ones(N_FRAMES), 1.0, large_ratio=large, remainder_ratio=rest)
        means.append(mean.result())
        medians.append(median.result())
    return means, medians


def blank_apertures(combined: Combined, radius: float) -> tuple[float, float]:
    """Scatter of blank aperture sums, and the root mean square of their sqrt(sum unc^2)."""
    reach = int(radius) + 1
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.hypot(x, y) <= radius
    fluxes, noise = [], []
    for row in range(50, 211, 2 * reach + 2):
        for col in range(50, 211, 2 * reach + 2):
            part = np.s_[row - reach : row + reach + 1, col - reach : col + reach + 1]
            fluxes.append(combined.sci[part][disc].sum())
            noise.append((combined.unc[part][disc] ** 2).sum())
    return float(np.mean(np.square(fluxes))), float(np.mean(noise))


@pytest.mark.parametrize("kind", ["mean", "median"])
def test_apertures_have_the_stated_noise(
    noise_maps: tuple[list[Combined], list[Combined]], kind: str
) -> None:
    maps = noise_maps[0] if kind == "mean" else noise_maps[1]
    pairs = np.array([blank_apertures(m, 3.0 * NATIVE / OUTPUT) for m in maps])
    true = np.sqrt(pairs[:, 0].mean() / pairs[:, 1].mean())
    stated = np.mean([correlation_factor([variance_sums(m)]) for m in maps])
    assert true == pytest.approx(stated, rel=0.08)
    # And single pixels have their own.
    pixels = [m.sci[50:210, 50:210].std() / np.sqrt(np.mean(m.unc[50:210, 50:210] ** 2)) for m in maps]
    assert np.mean(pixels) == pytest.approx(1.0, rel=0.02)


def test_empty_map_has_no_factor() -> None:
    assert np.isnan(correlation_factor([variance_sums(WeightedMean((3, 3)).result())]))
