"""Correlated noise of drizzled means: the formula, and the sums over native pixels, against white noise."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.drizzle import drizzle_frame
from photomitrus_cli.imaging.drizzlenoise import drizzle_noise_sums
from photomitrus_cli.imaging.noise import drizzle_large_ratio

Float = NDArray[np.float64]
Place = tuple[Float, Float]
NATIVE, OUTPUT = 1.2233, 0.6
SIDE = 128
WINDOW = (0, SIDE, 0, SIDE)


def placed(rng: np.random.Generator, scale: float, *, side: int = SIDE) -> Place:
    """A frame at a random place and angle that covers the window whole."""
    n = int(1.5 * side / scale) + 6
    y, x = np.indices((n, n)) - n / 2.0
    angle = rng.uniform(0.0, 2.0 * np.pi)
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    dx, dy = side / 2.0 + rng.uniform(-2.0, 2.0, 2)
    return dx + cos * x - sin * y, dy + sin * x + cos * y


def mean_of(skies: list[Float], places: list[Place], pixfrac: float) -> tuple[Float, Float, Float]:
    """Mean of frames of unit variance, its variance, and the sum of the weights."""
    total, mean, noise = np.zeros((3, SIDE, SIDE))
    for sky, (gx, gy) in zip(skies, places, strict=True):
        out = drizzle_frame(sky, np.ones_like(sky), np.isnan(sky), gx, gy, WINDOW, pixfrac=pixfrac)
        assert out.share is not None
        share = out.share.astype(np.float64)
        total += share
        mean += np.where(out.valid, share * out.value, 0.0)
        noise += np.where(out.valid, share**2 * out.variance, 0.0)
    safe = np.where(total > 0, total, 1.0)
    return mean / safe, noise / safe**2, total


def stated_ratio(places: list[Place], total: Float, pixfrac: float, *, every: int = 16) -> float:
    sums = np.zeros(2)
    for gx, gy in places:
        bad = np.zeros(gx.shape, dtype=bool)
        sums += drizzle_noise_sums(
            np.ones(gx.shape), bad, gx, gy, WINDOW, total, pixfrac=pixfrac, weight=1.0, every=every
        )
    return float(np.sqrt(sums[1] / sums[0]))


@pytest.mark.parametrize("scale", [NATIVE / 0.6, NATIVE / 1.2])
def test_even_weights_follow_the_formula(scale: float) -> None:
    rng = np.random.default_rng(2)
    places = [placed(rng, scale)]
    stated = stated_ratio(places, np.ones((SIDE, SIDE)), 1.0, every=2)
    assert stated == pytest.approx(np.sqrt(drizzle_large_ratio(scale**2, 1.0, 1.0)), rel=0.01)


def test_formula_is_continuous_and_tends_to_one() -> None:
    assert drizzle_large_ratio(1.0, 1.0 + 1e-9, 1.0) == pytest.approx(
        drizzle_large_ratio(1.0, 1.0 - 1e-9, 1.0)
    )
    assert drizzle_large_ratio(1.0, 1.0, 1e-6) == pytest.approx(1.0)
    # 0.6" from 1.22": what the handbooks' formula gives.
    assert np.sqrt(drizzle_large_ratio(NATIVE**2, OUTPUT**2, 1.0)) == pytest.approx(2.437, abs=0.001)


@pytest.mark.parametrize(
    ("pixfrac", "n_frames", "even"), [(1.0, 1, True), (0.5, 2, False), (0.3, 1, False), (0.3, 4, False)]
)
def test_noise_of_large_areas(pixfrac: float, n_frames: int, even: bool) -> None:
    """Slow waves over the map, tapered at its edges: large apertures of any place."""
    rng = np.random.default_rng(7)
    scale = NATIVE / OUTPUT
    places = [placed(rng, scale) for _ in range(n_frames)]
    x = np.arange(SIDE)
    taper = np.hanning(SIDE)
    waves = [taper * np.cos(2 * np.pi * k * x / SIDE + phase) for k in range(1, 5) for phase in (0.0, 1.57)]
    found, stated = [], np.zeros(len(waves) ** 2)
    for _ in range(110 // n_frames):
        skies = [rng.normal(size=gx.shape) for gx, _ in places]
        mean, noise, total = mean_of(skies, places, pixfrac)
        found.append(np.einsum("ay,yx,bx->ab", waves, mean, waves, optimize=True).ravel() ** 2)
        stated = np.einsum("ay,yx,bx->ab", np.square(waves), noise, np.square(waves), optimize=True).ravel()
    true = np.sqrt(np.mean(np.mean(found, axis=0) / stated))
    # Known to 1 to 2 %.
    assert stated_ratio(places, total, pixfrac) == pytest.approx(true, rel=0.05)
    formula = np.sqrt(drizzle_large_ratio(scale**2, 1.0, pixfrac))
    assert (abs(formula / true - 1.0) < 0.05) == even


def test_sums_over_all_pixels_by_drizzling_each() -> None:
    rng = np.random.default_rng(3)
    side = 16
    gx, gy = placed(rng, 2.04, side=side)
    n = gx.shape[0]
    window = (0, side, 0, side)
    var = rng.uniform(1.0, 3.0, (n, n))
    # Pixels that reach across the window have no part.
    inside = (gx > 1.3) & (gx < side - 2.3) & (gy > 1.3) & (gy < side - 2.3)
    bad = ~inside | (rng.random((n, n)) < 0.1)
    assert (~bad).sum() > 20
    weights = rng.uniform(1.0, 5.0, (side, side))
    weights[7, 5], weights[9, 8] = 0.0, np.nan
    pixel = large = 0.0
    for j, i in zip(*np.nonzero(~bad), strict=True):
        alone = np.ones((n, n), dtype=bool)
        alone[j, i] = False
        out = drizzle_frame(np.ones((n, n)), var, alone, gx, gy, window, pixfrac=0.8)
        assert out.share is not None
        part = 2.5 * np.where(weights > 0, out.share / np.where(weights > 0, weights, 1.0), 0.0)
        area = np.where(weights > 0, out.share, 0.0)
        near = np.nansum(area * weights) / area.sum()
        pixel += near * var[j, i] * (part**2).sum()
        large += near * var[j, i] * part.sum() ** 2
    found = drizzle_noise_sums(var, bad, gx, gy, window, weights, pixfrac=0.8, weight=2.5, every=1)
    # Slivers are left out above.
    np.testing.assert_allclose(found, (pixel, large), rtol=0.01)


def test_pixels_across_the_border_are_left_out() -> None:
    y, x = np.indices((4, 4)).astype(float)
    bad = x != 0
    args = (np.ones((4, 4)), bad)
    for shift, expected in ((0.0, 4.0), (-0.1, 0.0)):
        found = drizzle_noise_sums(
            *args, x + shift, y, (0, 4, 0, 4), np.ones((4, 4)), pixfrac=1.0, weight=1.0, every=1
        )
        assert found == (expected, expected)


def test_weights_of_another_window_are_refused() -> None:
    gx, gy = placed(np.random.default_rng(1), 2.0, side=16)
    with pytest.raises(InputError, match="do not fit"):
        drizzle_noise_sums(gx, gx > 1e9, gx, gy, (0, 5, 0, 5), np.ones((4, 5)), pixfrac=1.0, weight=1.0)
