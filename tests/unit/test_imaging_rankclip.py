"""Clipping by bins, against the clipping of sorted pixels, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from photomitrus_cli.imaging.background import SIGMA_PER_MAD, _clip, _sorted_good, _truncation, masked_median
from photomitrus_cli.imaging.rankclip import clip_ranks

Float32 = NDArray[np.float32]


def image(kind: str, seed: int) -> Float32:
    rng = np.random.default_rng(seed)
    sky = rng.normal(0.07, 0.004, (80, 90))
    made = {
        "noise": sky,
        "stars": sky + np.where(rng.random(sky.shape) < 0.3, rng.exponential(1.0, sky.shape), 0.0),
        "ramp": sky + np.linspace(0.0, 1.0, 90),
        "negative": -40.0 - 1e3 * sky,
        "steps": np.round(sky, 3),
        "constant": np.full(sky.shape, 0.3),
        "nearly constant": np.where(rng.random(sky.shape) < 0.99, 0.3, sky),
        "zeros": np.where(rng.random(sky.shape) < 0.5, 0.0, -0.0),
        "huge": 3e38 * rng.uniform(-1.0, 1.0, sky.shape),
        "tiny": 1e-44 * rng.integers(-9, 9, sky.shape),
        "two heaps": np.where(rng.random(sky.shape) < 0.5, sky, sky + 9.0),
        "heavy tails": rng.standard_cauchy(sky.shape),
    }
    return made[kind].astype(np.float32)


KINDS = (
    "noise", "stars", "ramp", "negative", "steps", "constant", "nearly constant", "zeros", "huge", "tiny",
    "two heaps", "heavy tails",
)  # fmt: skip


def assert_same(sci: Float32, bad: NDArray[np.bool_], kappa: float = 2.5, most: int = 20) -> None:
    low, high, level, sigma = _clip(_sorted_good(sci, bad), kappa, most)
    found = clip_ranks(sci, bad, SIGMA_PER_MAD, kappa, most)
    assert (found[0], found[1], found[2], found[3] / _truncation(kappa)) == (low, high, level, sigma)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.0, 0.1, 0.999])
def test_the_same_pixels_are_left_as_of_sorted_ones(kind: str, share: float) -> None:
    sci = image(kind, 3)
    sci[5, :3] = [np.nan, np.inf, -np.inf]
    for seed in range(3):
        assert_same(sci, np.random.default_rng(seed).random(sci.shape) < share)


@pytest.mark.parametrize(("kappa", "most"), [(1.0, 20), (2.5, 1), (3.0, 3), (8.0, 20)])
def test_other_limits(kappa: float, most: int) -> None:
    for kind in ("noise", "stars", "two heaps"):
        sci = image(kind, 4)
        assert_same(sci, np.zeros(sci.shape, dtype=bool), kappa, most)


def test_a_sample_that_misleads_costs_nothing_but_time() -> None:
    """All pixels that the range is judged from are unlike the others, or bad."""
    sci = image("stars", 5)
    sci.reshape(-1)[:: max(1, sci.size // 512) | 1] = 1e5
    assert_same(sci, np.zeros(sci.shape, dtype=bool))
    assert_same(sci, sci == np.float32(1e5))


def test_one_good_pixel_and_none() -> None:
    sci, bad = image("noise", 6), np.ones((80, 90), dtype=bool)
    assert clip_ranks(sci, bad, 1.5, 2.5, 20)[:2] == (0, 0)
    assert masked_median(sci, bad).n_used == 0
    bad[7, 9] = False
    assert_same(sci, bad)
    assert masked_median(sci, bad).level == sci[7, 9]


def test_views_and_large_images_go_the_same_way() -> None:
    wide = np.tile(image("stars", 7), (1, 2))
    bad = np.zeros(wide.shape, dtype=bool)
    assert masked_median(wide[::-1, ::2], bad[::-1, ::2]) == masked_median(
        wide[::-1, ::2].astype(np.float64), bad[::-1, ::2]
    )
