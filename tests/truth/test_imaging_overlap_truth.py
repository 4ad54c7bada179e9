"""Offsets of simulated frames with sources, a sloping sky and hits: right, and with true errors?"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from photomitrus_cli.imaging.background import masked_median
from photomitrus_cli.imaging.objects import object_mask
from photomitrus_cli.imaging.overlap import OverlapSolution, bin_frame, solve_overlap

Float = NDArray[np.float64]

SIDE = 64
# Native pixels in grid pixels, and the cells that are matched.
RATIO, CELL, N_CELLS = 2.03, 16, 40
# Units of the pixel noise of every other frame; the others have twice that.
SKY_SLOPE, SOURCE_FLUX, HIT = 0.004, 15.0, 50.0


def sky(gx: Float, gy: Float, places: Float, fluxes: Float) -> Float:
    """Sloping sky and point sources, undersampled: taken at the pixel centres."""
    seen = SKY_SLOPE * (gx - gy / 2.0) + 0.3 * np.sin(gx / 90.0)
    # The frame's own axes: from the grid to the nearest pixel.
    step = np.array([[gx[0, 1] - gx[0, 0], gy[0, 1] - gy[0, 0]], [gx[1, 0] - gx[0, 0], gy[1, 0] - gy[0, 0]]])
    pixel = np.rint((places - [gx[0, 0], gy[0, 0]]) @ step.T / RATIO**2).astype(int)
    for n in np.flatnonzero((np.abs(pixel - SIDE / 2) < SIDE / 2 + 4).all(axis=1)):
        i, j = pixel[n]
        part = np.s_[max(j - 4, 0) : j + 5, max(i - 4, 0) : i + 5]
        near = (gx[part] - places[n, 0]) ** 2 + (gy[part] - places[n, 1]) ** 2
        seen[part] += fluxes[n] * np.exp(-0.5 * near / 1.3**2)
    return seen


def solve(seed: int, n: int, spread: float, overstated: float = 1.0) -> tuple[OverlapSolution, Float, Float]:
    """Solve a field of n dithered and rotated frames; give the true offsets and the clipped medians too."""
    rng = np.random.default_rng(seed)
    places, fluxes = rng.uniform(0.0, CELL * N_CELLS, (900, 2)), rng.exponential(SOURCE_FLUX, 900)
    y, x = (np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2) * RATIO
    truth = rng.normal(0.0, 20.0, n)
    cells, levels = [], []
    for k in range(n):
        (cx, cy), angle = CELL * N_CELLS / 2 + rng.uniform(-spread, spread, 2), rng.uniform(0.0, 2.0 * np.pi)
        gx, gy = cx + np.cos(angle) * x - np.sin(angle) * y, cy + np.sin(angle) * x + np.cos(angle) * y
        noise = 1.0 + k % 2
        sci = sky(gx, gy, places, fluxes) + truth[k] + rng.normal(0.0, noise, x.shape)
        sci += np.where(rng.random(x.shape) < 0.003, rng.exponential(HIT, x.shape), 0.0)
        bad = rng.random(x.shape) < 0.02
        sci[bad] = np.nan
        image, var = sci.astype(np.float32), np.full(x.shape, overstated * noise**2, dtype=np.float32)
        level = masked_median(image, bad)
        use = ~bad & ~object_mask(image, bad, level.level, level.sigma)
        cells.append(bin_frame(image, var, use, gx, gy, CELL, N_CELLS))
        levels.append(level.level)
    return solve_overlap(cells), truth, np.array(levels)


def in_gauge(values: Float, component: NDArray[np.int64]) -> Float:
    return values - (np.bincount(component, values) / np.bincount(component))[component]


@pytest.mark.parametrize(("n", "spread"), [(24, 60.0), (40, 200.0)])
def test_errors_are_true(n: int, spread: float) -> None:
    squares, gains, chi2 = [], [], []
    for seed in range(8):
        solution, truth, levels = solve(seed, n, spread)
        tied = solution.error > 0.0
        assert tied.sum() > 0.9 * n
        wrong = in_gauge(solution.offset - truth, solution.component)
        squares.append(np.mean((wrong[tied] / solution.error[tied]) ** 2))
        gains.append(np.std(in_gauge(levels - truth, solution.component)) / np.std(wrong))
        chi2.append(solution.chi2_dof)
    assert np.sqrt(np.mean(squares)) == pytest.approx(1.0, abs=0.2)
    assert np.mean(chi2) == pytest.approx(1.0, abs=0.15)
    # Levels that see different pieces of the sky are no match.
    assert np.median(gains) > 3.0


def test_understated_variances_show_and_are_made_up_for() -> None:
    right, truth, _ = solve(3, 24, 60.0)
    wrong, _, _ = solve(3, 24, 60.0, 0.25)
    assert wrong.chi2_dof == pytest.approx(4.0 * right.chi2_dof, rel=0.02)
    np.testing.assert_allclose(wrong.error, right.error, rtol=0.05)
    np.testing.assert_allclose(wrong.offset, right.offset, atol=1e-3)
    assert np.std(in_gauge(right.offset - truth, right.component)) < 0.1
