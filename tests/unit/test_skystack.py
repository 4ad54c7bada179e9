"""The sky of dithered frames, pixel by pixel: against plain numpy."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from photomitrus_cli.imaging.skystack import (
    RowScale,
    SkyPlanes,
    combine_rows,
    fill_gaps,
    sorting_pairs,
    subtract_rows,
)

Float32 = NDArray[np.float32]
Mask = NDArray[np.uint8]
LIMIT = 0.03


def empty(shape: tuple[int, int]) -> SkyPlanes:
    return SkyPlanes(np.empty(shape, np.float32), np.empty(shape, np.float32), np.empty(shape, np.uint8))


def dithers(n: int, shape: tuple[int, int]) -> tuple[list[Float32], list[Mask], list[RowScale]]:
    rng = np.random.default_rng(n)
    y, x = np.mgrid[: shape[0], : shape[1]]
    scales = [RowScale(500.0 + 20.0 * k, 3.0 - k, 0.01, -0.02) for k in range(n)]
    frames, masks = [], []
    for scale in scales:
        sky = rng.normal(1.0, 0.01, shape)
        sky[rng.random(shape) < 0.1] += 1.0
        plane = scale.offset + scale.along * x + scale.down * y
        frames.append((scale.level * sky + plane).astype(np.float32))
        masks.append((rng.random(shape) < 0.2).astype(np.uint8) * np.uint8(4))
    frames[0][:, ::7] = np.nan
    # A pixel that no frame sees, one that a single frame sees, and two that disagree.
    for k, mask in enumerate(masks):
        mask[0, :3] = k > np.array([-1, 0, 1])
        mask[0, 1:3] *= 2
    masks[0][0, 1:3] = 0
    frames[0][0, 1:3] = 500.0
    masks[1][0, 2] = 0
    frames[1][0, 2] = 900.0
    return frames, masks, scales


def slow_clip(values: NDArray[np.float64], limit: float) -> NDArray[np.float64]:
    kept = values
    for _ in range(2):
        centre = np.median(kept) if kept.size else np.nan
        kept = values[np.abs(values - centre) <= limit]
    return kept


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 11])
def test_the_comparisons_sort_whatever_there_is(n: int) -> None:
    # A network that sorts all sequences of zeros and ones sorts everything (Knuth, 5.3.4, theorem Z).
    for bits in product((0, 1), repeat=n):
        values = list(bits)
        for low, high in sorting_pairs(n):
            values[low], values[high] = min(values[low], values[high]), max(values[low], values[high])
        assert values == sorted(bits)


def test_large_sets_are_sorted_too() -> None:
    rng = np.random.default_rng(2)
    for n in (31, 60, 255):
        values = rng.normal(size=(n, 200))
        expected = np.sort(values, axis=0)
        for low, high in sorting_pairs(n):
            pair = np.sort(values[[low, high]], axis=0)
            values[low], values[high] = pair
        np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize("n", [4, 9])
@pytest.mark.parametrize("median", [False, True])
def test_the_sky_is_the_clipped_mean_or_median(n: int, median: bool) -> None:
    shape = (2, 530)
    frames, masks, scales = dithers(n, shape)
    sky = empty(shape)
    combine_rows(frames, masks, scales, LIMIT, sky, median=median)
    for y, x in np.ndindex(shape):
        values = np.array(
            [
                (float(frame[y, x]) - scale.offset - scale.along * x - scale.down * y) / scale.level
                for frame, mask, scale in zip(frames, masks, scales, strict=True)
                if mask[y, x] == 0 and np.isfinite(frame[y, x])
            ]
        )
        kept = slow_clip(values, LIMIT)
        assert sky.count[y, x] == kept.size
        expected = (np.median(kept) if median else kept.mean()) if kept.size else np.nan
        np.testing.assert_allclose(sky.value[y, x], expected, rtol=2e-6)
    assert list(sky.count[0, :3]) == [0, 1, 0]


def test_own_values_are_left_out() -> None:
    n, shape = 7, (4, 90)
    frames, masks, scales = dithers(n, shape)
    sky = empty(shape)
    combine_rows(frames, masks, scales, LIMIT, sky)
    y, x = np.mgrid[: shape[0], : shape[1]]
    planes = [scale.offset + scale.along * x + scale.down * y for scale in scales]
    scaled = np.array([(f - p) / s.level for f, p, s in zip(frames, planes, scales, strict=True)])
    used = np.array(masks) == 0
    with np.errstate(invalid="ignore"):
        used &= np.abs(scaled - sky.centre) <= LIMIT
    for k in (0, 3):
        residual, unknown = np.empty(shape, np.float32), np.empty(shape, np.bool_)
        subtract_rows(
            frames[k], masks[k], scales[k], sky, (residual, unknown), limit=LIMIT, fewest=2, leave_out=True
        )
        others = used.copy()
        others[k] = False
        count = others.sum(axis=0)
        np.testing.assert_array_equal(unknown, count < 2)
        mean = np.where(others, scaled, 0.0).sum(axis=0) / np.maximum(count, 1)
        expected = frames[k] - (scales[k].level * mean + planes[k])
        np.testing.assert_allclose(residual[count >= 2], expected[count >= 2], atol=2e-3)


def test_gaps_get_what_is_around_them() -> None:
    shape = (96, 80)
    y, x = np.mgrid[: shape[0], : shape[1]]
    smooth = (1.0 + 1e-4 * x - 2e-4 * y).astype(np.float32)
    planes = SkyPlanes(smooth.copy(), smooth.copy(), np.full(shape, 5, np.uint8))
    planes.value[10, 20], planes.count[40, 50:55] = np.nan, 2
    planes.value[40, 50:55] += 7.0
    gaps = np.zeros(shape, np.bool_)
    gaps[10, 20] = gaps[40, 50:55] = True
    fill_gaps(planes, 3)
    np.testing.assert_array_equal(planes.value[~gaps], smooth[~gaps])
    np.testing.assert_array_equal(planes.centre[gaps], planes.value[gaps])
    np.testing.assert_allclose(planes.value[gaps], smooth[gaps], atol=2e-3)
    # What is filled in still counts as few.
    assert np.array_equal(planes.count, np.where(gaps, 2, 5))
    untouched = planes.value.copy()
    fill_gaps(planes, 0)
    np.testing.assert_array_equal(planes.value, untouched)
