"""Skies drawn towards their surroundings: against plain numpy, and what it is worth."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from numpy.typing import NDArray

from photomitrus_cli.imaging.skyshrink import (
    CELL,
    REACH,
    Structure,
    channel_borders,
    measure_structure,
    shrink_sky,
)

Float32 = NDArray[np.float32]
Count = NDArray[np.uint8]
LEVEL, NOISE, N = 500.0, 0.008, 9


def dithers(structure: NDArray[np.float64], seed: int = 0) -> tuple[Float32, Float32, Float32, Count]:
    """A frame and what is left of it, true pixels and the mean of the sky, all but the mean in its units."""
    rng = np.random.default_rng(seed)
    shape = structure.shape
    own = LEVEL * NOISE * rng.standard_normal(shape)
    # The frame's own value left out of the sky.
    sky = 1.0 + structure + NOISE * rng.standard_normal(shape) / np.sqrt(N - 1)
    frame = LEVEL * (1.0 + structure) + own
    count = np.full(shape, N, np.uint8)
    return frame.astype(np.float32), (frame - LEVEL * sky).astype(np.float32), own.astype(np.float32), count


def mean_of(structure: NDArray[np.float64], seed: int = 1) -> Float32:
    noise = NOISE / np.sqrt(N) * np.random.default_rng(seed).standard_normal(structure.shape)
    return np.asarray(1.0 + structure + noise, np.float32)


def slowly(frame: Float32, residual: Float32, count: Count, made: Structure) -> NDArray[np.float64]:
    """What `shrink_sky` does, pixel by pixel."""
    out = residual.astype(np.float64)
    sky = (frame.astype(np.float64) - residual) / LEVEL - 1.0
    good = (count >= made.fewest) & (np.abs(sky) < 1.0)
    narrow = min(2 * REACH + 1, int(np.diff(made.borders).min()))
    for first, last in pairwise(made.borders.tolist()):
        for y, x in product(range(frame.shape[0]), range(first, last)):
            near = np.s_[max(y - REACH, 0) : y + REACH + 1, max(x - REACH, first) : min(x + REACH + 1, last)]
            if good[near].sum() <= int(0.25 * (2 * REACH + 1) * narrow) or not count[y, x] >= made.fewest:
                continue
            away, k = sky[y, x] - sky[near][good[near]].mean(), count[y, x] - 1.0
            s2, n2 = made.variance[y // CELL, x // CELL], made.noise2 / k
            if away**2 <= 9.0 * (s2 + n2):
                out[y, x] += LEVEL * away * n2 / (s2 + n2)
    return out


@pytest.mark.parametrize(("width", "first"), [(0, 0), (40, 4), (12, 3)])
def test_as_the_definition_says(width: int, first: int) -> None:
    shape = (50, 110)
    frame, residual, _, count = dithers(np.zeros(shape))
    rng = np.random.default_rng(2)
    count[:] = rng.integers(1, N + 1, shape)
    frame[5, 7], residual[9, 9], residual[20, 30] = np.nan, np.nan, residual[20, 30] + 40.0
    count[:, 60:90] = 0
    made = Structure(np.full((1, 1), 1e-6, np.float32), NOISE**2, 3, channel_borders(110, width, first))
    expected = slowly(frame, residual, count, made)
    found = residual.copy()
    shrink_sky(frame, found, count, LEVEL, made)
    np.testing.assert_allclose(found, expected, atol=2e-3)
    assert np.isnan(found[9, 9])
    assert found[20, 30] == residual[20, 30]
    assert np.count_nonzero(found != residual) > 2000


def rms_with(structure: NDArray[np.float64]) -> tuple[float, float, float]:
    """Scatter of what is left, before and after, and the structure that was found."""
    frame, residual, own, count = dithers(structure)
    made = measure_structure(
        mean_of(structure), count, NOISE, fewest=3, borders=channel_borders(structure.shape[1])
    )
    found = residual.copy()
    shrink_sky(frame, found, count, LEVEL, made)
    before, after = ((x - own).std() / (LEVEL * NOISE) for x in (residual, found))
    return float(before), float(after), float(np.sqrt(np.median(made.variance)))


def test_smooth_skies_lose_nearly_all_noise() -> None:
    v, u = np.mgrid[:300, :300] / 300.0
    before, after, found = rms_with(0.002 * np.sin(3.0 * u + v))
    assert before == pytest.approx(1.0 / np.sqrt(N - 1), rel=0.02)
    assert after < 0.1
    assert found < 0.1 * NOISE


def test_pixels_that_differ_have_the_least_error_there_is() -> None:
    s = 0.003
    white = s * np.random.default_rng(7).standard_normal((300, 300))
    before, after, found = rms_with(white)
    share = NOISE**2 / (N - 1)
    assert found == pytest.approx(s, rel=0.05)
    assert after == pytest.approx(np.sqrt(s**2 * share / (s**2 + share)) / NOISE, rel=0.04)
    assert after < 0.8 * before


def drawn(kind: str, rms: float) -> NDArray[np.float64]:
    """Normal numbers that are the same all along columns or rows, or in blocks."""
    size = {"columns": (1, 300), "rows": (300, 1), "blocks": (75, 75), "pixels": (300, 300)}[kind]
    numbers = rms * np.random.default_rng(8).standard_normal(size)
    return np.repeat(np.repeat(numbers, 300 // size[0], axis=0), 300 // size[1], axis=1)


@pytest.mark.parametrize("kind", ["columns", "rows", "blocks", "pixels"])
def test_structure_far_above_noise_is_left_to_the_frames(kind: str) -> None:
    before, after, _ = rms_with(drawn(kind, 0.01))
    assert after < 1.01 * before


@pytest.mark.parametrize("kind", ["columns", "blocks"])
def test_faint_structure_of_many_pixels_counts_as_much_as_they_are(kind: str) -> None:
    structure = drawn(kind, 0.0015)
    frame, residual, own, count = dithers(structure)
    made = measure_structure(mean_of(structure), count, NOISE, fewest=3, borders=channel_borders(300))
    found = residual.copy()
    shrink_sky(frame, found, count, LEVEL, made)
    left = (found - own)[:296, :296].reshape(74, 4, 74, 4).mean(axis=(1, 3)) / LEVEL
    assert left.std() < 1.02 * NOISE / np.sqrt(N - 1) / 4.0
    assert left.std() < 0.6 * 0.0015


def test_steps_between_channels_are_no_structure() -> None:
    steps = np.repeat([0.0, 0.02, -0.01, 0.03], 75) + np.zeros((300, 1))
    _, _, count = dithers(steps)[1:]
    borders = channel_borders(300, 80, 5)
    assert borders.tolist() == [0, 75, 155, 235, 300]
    told = channel_borders(300, 75)
    known = measure_structure(mean_of(steps), count, NOISE, fewest=3, borders=told)
    assert np.sqrt(np.median(known.variance)) < 0.1 * NOISE


def test_nothing_is_known_where_nothing_is_seen() -> None:
    nothing = np.zeros((40, 300), np.uint8)
    made = measure_structure(
        np.full((40, 300), np.nan, np.float32), nothing, NOISE, fewest=3, borders=channel_borders(300)
    )
    assert np.isinf(made.variance).all()
    frame, residual, _, _ = dithers(np.zeros((40, 300)))
    found = residual.copy()
    shrink_sky(frame, found, nothing, LEVEL, made)
    np.testing.assert_array_equal(found, residual)
