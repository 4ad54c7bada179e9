"""Overlap matching: groups, gauges, outliers and the corner cases."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from photomitrus_cli.imaging import overlap
from photomitrus_cli.imaging.celltable import tabulate
from photomitrus_cli.imaging.levelfit import EFFICIENCY, TUKEY, robust_offsets
from photomitrus_cli.imaging.overlap import GAUGE, bin_frame, solve_overlap

Frame = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]


def frame(first: int, n: int, offset: float, rng: np.random.Generator, noise: float = 0.1) -> Frame:
    """Cells first to first + n of a sky that is the sine of the cell's number."""
    cell = np.arange(first, first + n)
    mean = offset + np.sin(cell) + rng.normal(0.0, noise, n)
    return cell, mean, np.full(n, 1.0 / max(noise, 1e-3) ** 2)


def test_groups_have_their_own_gauge_and_a_frame_alone_has_none() -> None:
    rng = np.random.default_rng(1)
    frames = [
        frame(0, 200, 5.0, rng), frame(5000, 200, -1.0, rng), frame(100, 200, 7.0, rng),
        frame(9000, 50, 3.0, rng), frame(5100, 200, 1.0, rng), frame(150, 200, 9.0, rng),
    ]  # fmt: skip
    out = solve_overlap(frames)
    np.testing.assert_array_equal(out.component, [0, 1, 0, 2, 1, 0])
    np.testing.assert_allclose(out.offset, [-2.0, -1.0, 0.0, 0.0, 1.0, 2.0], atol=0.1)
    for group in range(3):
        assert abs(out.offset[out.component == group].sum()) < 1e-12
    assert (out.offset[3], out.error[3]) == (0.0, 0.0)
    assert (out.error[out.component < 2] > 0.0).all()
    assert out.n_pairs == 4
    assert out.gauge == GAUGE


def test_offsets_cost_a_degree_of_freedom_each_but_one_a_group() -> None:
    rng = np.random.default_rng(6)
    table, layers = tabulate([frame(first, 5, 0.0, rng) for first in (0, 0, 50, 50)])
    # 20 values less 10 cells of sky; in both groups one offset follows from the other.
    assert table.dof_factor(layers) == pytest.approx(10.0 / 8.0)


def test_two_frames_have_the_error_of_their_difference() -> None:
    rng = np.random.default_rng(2)
    wrong = []
    for _ in range(300):
        out = solve_overlap([frame(0, 100, 0.3, rng), frame(0, 100, -0.3, rng)])
        wrong.append((out.offset - [0.3, -0.3]) / out.error)
        # Half the difference of two means of 100 values of noise 0.1.
        assert out.error[0] == pytest.approx(0.1 / np.sqrt(200), rel=0.35)
        np.testing.assert_allclose(out.error[0], out.error[1], rtol=1e-12)
    assert np.std(wrong) == pytest.approx(1.0, abs=0.15)


@pytest.mark.parametrize("frames", [[], [(0, 10)], [(0, 10), (10, 10), (30, 5)], [(0, 0), (0, 0)]])
def test_nothing_overlaps(frames: list[tuple[int, int]]) -> None:
    rng = np.random.default_rng(3)
    out = solve_overlap([frame(first, n, 4.0, rng) for first, n in frames])
    np.testing.assert_array_equal(out.offset, np.zeros(len(frames)))
    np.testing.assert_array_equal(out.error, np.zeros(len(frames)))
    np.testing.assert_array_equal(out.component, np.arange(len(frames)))
    assert np.isnan(out.chi2_dof)
    assert (out.n_pairs, out.n_outliers) == (0, 0)


def test_hits_and_sources_left_over_do_not_pull() -> None:
    rng = np.random.default_rng(4)
    clean = [frame(20 * k, 300, float(k), rng) for k in range(12)]
    dirty = []
    for cell, mean, weight in clean:
        hit = rng.random(cell.size) < 0.1
        dirty.append((cell, mean + np.where(hit, rng.exponential(30.0, cell.size), 0.0), weight))
    dirty[4][1][:30] += 1e6
    expected, out = solve_overlap(clean), solve_overlap(dirty)
    assert np.abs(out.offset - expected.offset).max() < 3.0 * expected.error.max()
    assert expected.n_outliers <= 2
    assert out.n_outliers == pytest.approx(0.1 * 3600, rel=0.25)


def test_frames_split_evenly_in_two_levels() -> None:
    rng = np.random.default_rng(5)
    truth = np.where(np.arange(20) % 2, 100.0, -100.0)
    out = solve_overlap([frame(5 * k, 200, level, rng) for k, level in enumerate(truth)])
    np.testing.assert_allclose(out.offset, truth, atol=0.05)
    assert out.n_outliers < 5


def test_frames_without_noise() -> None:
    rng = np.random.default_rng(6)
    out = solve_overlap([frame(10 * k, 50, float(k), rng, noise=0.0) for k in range(5)])
    np.testing.assert_allclose(out.offset, np.arange(5.0) - 2.0, atol=1e-6)
    assert np.isfinite(out.error).all()


def test_a_frame_of_outliers_only_is_solved_for_all_the_same() -> None:
    rng = np.random.default_rng(7)
    frames = [frame(0, 100, 0.0, rng) for _ in range(8)]
    frames.append((np.arange(100), rng.normal(0.0, 1e4, 100), np.full(100, 100.0)))
    out = solve_overlap(frames)
    assert np.isfinite(out.offset).all()
    assert out.error[8] > 3.0 * out.error[:8].max()
    assert np.ptp(out.offset[:8]) < 0.2


def test_the_same_bits_every_time() -> None:
    rng = np.random.default_rng(8)
    frames = [frame(10 * k, 120, float(k), rng) for k in range(30)]
    one, two = solve_overlap(frames), solve_overlap(frames)
    assert one.offset.tobytes() == two.offset.tobytes()
    assert one.error.tobytes() == two.error.tobytes()


def test_binning_leaves_out_what_is_outside_and_what_is_few() -> None:
    sci, var = np.full((6, 6), 2.0, np.float32), np.full((6, 6), 0.5, np.float32)
    y, x = np.mgrid[-2:4, -2:4].astype(float)
    cell, mean, weight = bin_frame(sci, var, np.ones((6, 6), dtype=bool), x, y, 2, 2, min_pixels=1)
    # Cells of 2 x 2 pixels that begin at -0.5; two columns of them.
    np.testing.assert_array_equal(cell, [0, 1, 2, 3])
    np.testing.assert_array_equal(mean, np.full(4, 2.0))
    np.testing.assert_array_equal(weight, np.full(4, 8.0))
    use = np.ones((6, 6), dtype=bool)
    use[2, 2] = False
    x[5, 5] = np.nan
    sci[4, 2] = np.nan
    cell, _, _ = bin_frame(sci, var, use, x, y, 2, 2, min_pixels=4)
    np.testing.assert_array_equal(cell, [1])


@pytest.mark.parametrize("shift", [-1e3, 1e3, np.nan])
def test_binning_a_frame_outside(shift: float) -> None:
    sci = np.ones((4, 4), np.float32)
    x = np.full((4, 4), shift)
    cell, mean, weight = bin_frame(sci, sci, np.ones((4, 4), dtype=bool), x, x, 8, 10)
    assert cell.size == mean.size == weight.size == 0


def test_what_an_estimate_with_tukeys_weights_scatters_by() -> None:
    """The formula of Huber & Ronchetti by derivatives of psi that are taken as differences."""
    deviation = np.random.default_rng(4).standard_t(4, 5000).astype(np.float32)

    def psi(u: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(np.abs(u) < TUKEY, u * (1.0 - (u / TUKEY) ** 2) ** 2, 0.0)

    scale = 1.3
    u = deviation.astype(float) / scale
    slope = np.mean((psi(u + 1e-5) - psi(u - 1e-5)) / 2e-5)
    found = overlap._inflation(deviation, TUKEY * scale)
    assert found == pytest.approx(float(np.mean(psi(u) ** 2) / slope**2), rel=1e-3)


def test_errors_of_two_frames_written_out() -> None:
    """Residuals of exactly one sigma: chi^2 by the formula, and half the variance of a difference."""
    n, sigma = 400, 0.1
    cell, sign = np.arange(n), np.where(np.arange(n) % 2, 1.0, -1.0)
    frames = [(cell, 0.5 * sigma * side * sign, np.full(n, 1.0 / sigma**2)) for side in (1.0, -1.0)]
    out = solve_overlap(frames)
    table, layers = tabulate(frames)
    scale = robust_offsets(table, layers)[1]
    chi2 = scale**2 * overlap._inflation(table.deviation, TUKEY * scale) * EFFICIENCY
    chi2 *= table.dof_factor(layers)
    assert out.chi2_dof == pytest.approx(chi2, rel=1e-6)
    # Each offset is half the difference of two means, of variance 2 sigma^2 / n.
    variance = 0.25 * 2.0 * sigma**2 / n * max(chi2, 1.0) / EFFICIENCY
    np.testing.assert_allclose(out.error, np.sqrt(variance), rtol=1e-3)


def test_cells_are_numbered_from_the_corner_of_the_grid() -> None:
    """The same means wherever the frame lies, in cells that are as many rows and columns on."""
    rng = np.random.default_rng(3)
    sci, var = rng.normal(5.0, 1.0, (30, 40)).astype(np.float32), np.ones((30, 40), np.float32)
    y, x = np.mgrid[:30, :40].astype(float)
    use = np.ones((30, 40), bool)
    near = bin_frame(sci, var, use, x, y, 8.0, 50)
    far = bin_frame(sci, var, use, x + 8 * 13, y + 8 * 7, 8.0, 50)
    np.testing.assert_array_equal(far[0], near[0] + 7 * 50 + 13)
    np.testing.assert_array_equal(far[1:], near[1:])
