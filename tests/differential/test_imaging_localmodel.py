"""Sky of a frame in cells, and what the frame says of itself, against slow obvious twins."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from truthkit.wisestars import SIGMA, SKY, star_frame

from photomitrus_cli.imaging.framenumbers import frame_numbers
from photomitrus_cli.imaging.localmodel import cell_at, cell_row, local_model

LOW = 0.15865525393145707


def twin(sci: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sort every cell, fill gaps ring by ring, take medians of nine."""
    cy, cx = -(-sci.shape[0] // 16), -(-sci.shape[1] // 16)
    level, sigma, count = np.full((cy, cx), np.nan), np.full((cy, cx), np.nan), np.zeros((cy, cx), int)
    for j in range(cy):
        for i in range(cx):
            box = slice(16 * j, 16 * j + 16), slice(16 * i, 16 * i + 16)
            values = np.sort(sci[box][state[box] == 0].astype(float))
            count[j, i] = values.size
            if values.size >= 32:
                level[j, i] = values[(values.size - 1) // 2]
                sigma[j, i] = level[j, i] - values[int(LOW * (values.size - 1))]
    while np.isnan(level).any():
        filled = [plane.copy() for plane in (level, sigma)]
        for j, i in np.argwhere(np.isnan(level)):
            near = slice(max(j - 1, 0), j + 2), slice(max(i - 1, 0), i + 2)
            if not np.isnan(level[near]).all():
                filled[0][j, i], filled[1][j, i] = np.nanmean(level[near]), np.nanmean(sigma[near])
        level, sigma = filled
    smooth = []
    for plane in (level, sigma):
        wide = np.pad(plane, 1, mode="reflect", reflect_type="odd")
        nine = [wide[b : b + cy, a : a + cx] for b in range(3) for a in range(3)]
        smooth.append(np.median(nine, axis=0))
    return smooth[0], smooth[1], count


@pytest.mark.parametrize("shape", [(64, 80), (70, 93), (17, 33), (150, 160)])
def test_cells(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(shape[0])
    sci = (20.0 + rng.normal(0.0, 9.0, shape) + 0.1 * np.arange(shape[1])).astype(np.float32)
    sci[rng.random(shape) < 0.04] = 20.0
    state = (rng.random(shape) < 0.2).astype(np.uint8)
    sci[state > 0] = np.nan
    # In the largest frame the middle of the hole has no neighbours to be filled from at first.
    state[20 : max(64, shape[0] - 30), 10 : max(50, shape[1] - 30)] = 2
    level, sigma, count = twin(sci, state)
    model = local_model(sci, state)
    assert min(shape) < 20 or (count < 32).sum() >= 2
    np.testing.assert_array_equal(model.count, count)
    np.testing.assert_allclose(model.level, level, rtol=1e-5)
    np.testing.assert_allclose(model.sigma, sigma, rtol=1e-4, atol=1e-5)


def test_between_the_cells() -> None:
    rng = np.random.default_rng(1)
    cells = rng.normal(0.0, 1.0, (5, 6)).astype(np.float32)
    y, x = np.mgrid[:75, :93]
    expected = map_coordinates(cells, [(y - 7.5) / 16, (x - 7.5) / 16], order=1, mode="nearest")
    row = np.empty(93, np.float32)
    for j in range(75):
        cell_row(cells, j, row)
        np.testing.assert_allclose(row, expected[j], atol=2e-6)
        np.testing.assert_allclose([cell_at(cells, j, i) for i in range(93)], expected[j], atol=2e-6)


def test_without_a_used_pixel() -> None:
    sci, state = np.zeros((40, 40), np.float32), np.ones((40, 40), np.uint8)
    model = local_model(sci, state)
    assert np.isnan(model.level).all()
    assert np.isnan(model.sigma).all()
    numbers = frame_numbers(sci, state, model)
    assert numbers.used == 0
    assert np.isnan([numbers.median, numbers.low16, numbers.sigma, numbers.gradient_x, numbers.rms]).all()


def test_a_star_does_not_lift_the_cells() -> None:
    rng = np.random.default_rng(2)
    frame = star_frame(rng, 256, heights=(2000.0, 5000.0), step=80)
    model = local_model(frame.sci, np.zeros(frame.sci.shape, np.uint8))
    assert np.abs(model.level - SKY).max() < 0.25 * SIGMA
    assert np.std(model.level[1:-1, 1:-1]) < 0.05 * SIGMA
    assert abs(np.mean(model.sigma) / SIGMA - 1.0) < 0.05


def test_numbers_of_a_frame() -> None:
    rng = np.random.default_rng(3)
    frame = star_frame(rng, 500, heights=(20.0, 500.0))
    y, x = np.mgrid[:500, :500]
    sci = (frame.sci + 0.020 * x - 0.012 * y).astype(np.float32)
    state = (rng.random(sci.shape) < 0.01).astype(np.uint8)
    sci[100:140, 200:260] += 400.0
    numbers = frame_numbers(sci, state, local_model(sci, state))
    values = sci[state == 0]
    assert numbers.used == values.size
    middle, low = np.quantile(values, [0.5, LOW])
    # A ninth of the pixels: a noise of 1.25 sigma / 167, of the percentile a little more.
    assert abs(numbers.median - middle) < 0.03 * SIGMA
    assert abs(numbers.low16 - (middle - low)) < 0.04 * SIGMA
    assert abs(numbers.sigma / (1.482602 * np.median(np.abs(values - middle))) - 1.0) < 0.02
    assert abs(numbers.gradient_x - 20.0) < 3.0
    assert abs(numbers.gradient_y + 12.0) < 3.0
    assert numbers.rms < 0.1 * SIGMA


def test_the_sample_is_taken_exactly() -> None:
    rng = np.random.default_rng(4)
    sci = rng.normal(5.0, 3.0, (61, 50)).astype(np.float32)
    state = (rng.random(sci.shape) < 0.3).astype(np.uint8)
    values = np.concatenate(
        [sci[y, k % 3 :: 3][state[y, k % 3 :: 3] == 0] for k, y in enumerate(range(1, 61, 3))]
    )
    values.sort()
    numbers = frame_numbers(sci, state, local_model(sci, state))
    middle = values[(values.size - 1) // 2]
    assert numbers.median == middle
    assert numbers.low16 == pytest.approx(middle - values[int(LOW * (values.size - 1))])
    assert numbers.sigma == pytest.approx(
        1.4826022 * np.sort(np.abs(values - middle))[(values.size - 1) // 2], rel=1e-6
    )


def test_slopes_of_bare_planes_are_exact() -> None:
    y, x = np.mgrid[:96, :128].astype(np.float32)
    sci = 100.0 + np.float32(0.25) * x - np.float32(0.5) * y
    state = np.zeros(sci.shape, np.uint8)
    numbers = frame_numbers(sci, state, local_model(sci, state))
    assert numbers.gradient_x == pytest.approx(250.0, rel=1e-5)
    assert numbers.gradient_y == pytest.approx(-500.0, rel=1e-5)
    assert numbers.rms < 1e-3
