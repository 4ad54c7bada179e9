"""Drawn errors of a joint calibration: their covariance, and how draws are put together, against loops."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from truthkit.calibbig import make_mission

from photomitrus_cli.wise import jointerrors
from photomitrus_cli.wise.jointdesign import Choices, make_problem
from photomitrus_cli.wise.jointerrors import errors_of
from photomitrus_cli.wise.jointgroups import make_groups
from photomitrus_cli.wise.jointlinear import Preconditioner
from photomitrus_cli.wise.jointsky import SkyPrior
from photomitrus_cli.wise.jointsolution import Point, Solution, Strengths
from photomitrus_cli.wise.jointsteps import linearise, moved_by
from photomitrus_cli.wise.jointunknowns import Unknowns, threads

Floats = NDArray[np.float64]
N_SCANS = 6
CHOICES = Choices(60.0, 25.0, None, None, None, {"sides": 0.02, "bands": 0.2}, 2.5, 12)


@pytest.fixture
def solution() -> Iterator[Solution]:
    """Six scans at their true gains."""
    bench = make_mission(5, N_SCANS, nside=32)
    problem = make_problem(bench.samples, CHOICES)
    design, samples = problem.design, bench.samples
    rng = np.random.default_rng(3)
    levels = (problem.shape.layer, *(replace(level, sigma=0.2) for level in problem.shape.levels))
    smooth = tuple(rng.normal(0.0, 0.2, level.n_blocks) for level in levels)
    nodes = np.full((design.n_scans, design.n_nodes), 250.0)
    unknowns = Unknowns(np.log(bench.gains), nodes, np.array([0.01, 0.05]), smooth)
    noise = rng.uniform(1.0, 3.0, N_SCANS)
    point = Point(unknowns, np.zeros(design.n_pixels), noise, np.ones(len(samples)), 0.0)
    strengths = Strengths(0.01, 0.002, 6.0, SkyPrior(levels, np.full(design.n_pixels, 0.1)))
    with threads(design, 1) as pool:
        system = linearise(problem, point, strengths, np.ones(len(samples), bool), pool)
        groups = make_groups(samples.side, problem.scan, samples.index, design.n_pixels, design.n_nodes)
        _, parts = moved_by(problem, point, system, np.zeros(system.size))
        yield Solution(
            *(problem, point, strengths, system, Preconditioner(system, groups)),
            *parts,
            n_rounds=1,
            n_steps=1,
        )


def test_draws_have_the_covariance_of_the_errors(solution: Solution, monkeypatch: pytest.MonkeyPatch) -> None:
    """That is the inverse of the matrix, where noise is as the weights say."""
    monkeypatch.setattr(jointerrors, "_TOLERANCE", 1e-6)
    matrix = np.stack([solution.system.product(one) for one in np.eye(solution.system.size)])
    expected = np.sqrt(np.diag(np.linalg.inv(matrix)))
    draws = np.stack([jointerrors._draw(solution, np.random.default_rng(k)).flat() for k in range(1500)])
    ratio = draws.std(axis=0) / expected
    assert np.abs(draws.mean(axis=0) / expected).max() < 5.0 / np.sqrt(1500)
    # 1500 draws tell a standard deviation to 1.8 %.
    assert np.abs(ratio - 1.0).max() < 0.09
    assert float(np.mean(ratio)) == pytest.approx(1.0, abs=0.01)


def test_noise_is_common_in_part(solution: Solution) -> None:
    problem = solution.problem
    shared = replace(solution, point=replace(solution.point, share=0.4))
    sigma = np.sqrt(problem.samples.sigma.astype(float) ** 2 + solution.noise[problem.scan] ** 2)
    draws = [jointerrors._noise(shared, np.random.default_rng(k)) / sigma for k in range(400)]
    seen = np.stack(draws)
    assert seen.std(axis=0) == pytest.approx(1.0, abs=0.25)
    assert float((seen**2).mean()) == pytest.approx(1.0, abs=0.01)
    pairs = [(i, i + 1) for i in range(len(sigma) - 1) if problem.cell[i] == problem.cell[i + 1]]
    others = [(i, i + 1) for i in range(len(sigma) - 1) if problem.cell[i] != problem.cell[i + 1]]
    assert len(pairs) > 10
    for chosen, expected in ((pairs, 0.4), (others, 0.0)):
        found = float(np.mean([(seen[:, i] * seen[:, j]).mean() for i, j in chosen]))
        assert found == pytest.approx(expected, abs=0.05)


def changed(solution: Solution, seed: int) -> Unknowns:
    rng = np.random.default_rng(seed)
    design = solution.problem.design
    return Unknowns(
        rng.normal(0.0, 0.01, N_SCANS),
        rng.normal(0.0, 2.0, (N_SCANS, design.n_nodes)),
        rng.normal(0.0, 0.01, 2),
        tuple(np.zeros(level.n_blocks) for level in solution.system.priors.levels),
    )


def map_error(solution: Solution, error: Unknowns) -> Floats:
    """What an error of the calibration does to the mean of the calibrated samples of each pixel."""
    problem = solution.problem
    design, index = problem.design, problem.samples.index
    sums, totals = np.zeros(design.n_pixels), np.zeros(design.n_pixels)
    for i, s in enumerate(problem.scan):
        offset = np.interp(
            design.node[i] + float(design.part[i]), np.arange(design.n_nodes), error.nodes[s]
        )  # fmt: skip
        wrong = solution.system.slope[i] * error.log_gain[s] + offset
        wrong += solution.gain[s] * float(design.modes[i] @ error.amplitudes)
        sums[index[i]] += solution.map_weight[i] * wrong / solution.gain[s]
        totals[index[i]] += solution.map_weight[i]
    return np.asarray(np.divide(sums, totals, out=np.zeros(design.n_pixels), where=totals > 0))


def mean_offsets(solution: Solution, error: Unknowns) -> Floats:
    design, found = solution.problem.design, np.zeros(N_SCANS)
    for s in range(N_SCANS):
        mine = solution.problem.scan == s
        at = design.node[mine] + design.part[mine].astype(float)
        found[s] = np.interp(at, np.arange(design.n_nodes), error.nodes[s]).mean()
    return found


def test_errors_are_those_of_the_draws(solution: Solution, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is common to all scans stands apart; the rest is about it, averaged over neighbours."""
    problem = solution.problem
    # A pixel whose samples have no uncertainty is in no map.
    problem.samples.sigma[problem.samples.index == 7] = np.inf
    errors = [changed(solution, seed) for seed in range(7)]
    seeds = []

    def drawn(_solution: Solution, rng: np.random.Generator) -> Unknowns:
        seeds.append(rng.integers(1 << 40))
        return errors[len(seeds) - 1]

    monkeypatch.setattr(jointerrors, "_draw", drawn)
    found = errors_of(solution, 7, 12)
    assert seeds == [np.random.default_rng([12, k]).integers(1 << 40) for k in range(7)]
    maps = np.stack([map_error(solution, one) for one in errors])
    seen = np.bincount(problem.samples.index, minlength=maps.shape[1]) > 0
    assert seen.all()
    gain = np.stack([one.log_gain for one in errors])
    offset = np.stack([mean_offsets(solution, one) for one in errors])
    amplitudes = np.stack([one.amplitudes for one in errors])

    def square(values: Floats) -> Floats:
        return np.asarray(np.mean(values**2, axis=0))

    assert found.common_gain == pytest.approx(np.sqrt(square(gain.mean(axis=1))), rel=1e-6)
    assert found.common_offset == pytest.approx(np.sqrt(square(offset.mean(axis=1))), rel=1e-6)
    assert found.zero_level == pytest.approx(np.sqrt(square(maps.mean(axis=1))), rel=1e-5)
    np.testing.assert_allclose(found.amplitudes, np.sqrt(square(amplitudes)))
    side = problem.samples.side
    for name, values in (("gain", gain), ("offset", offset)):
        own = square(values - values.mean(axis=1, keepdims=True))
        np.testing.assert_allclose(getattr(found, name), np.sqrt(running(own, side)), rtol=1e-6)
    variance, cell = square(maps - maps.mean(axis=1, keepdims=True)), problem.shape.cells[-1]
    expected = [np.sqrt(variance[cell == one].mean()) for one in cell]
    np.testing.assert_allclose(found.sky, expected, rtol=1e-5)


def running(variance: Floats, side: NDArray[np.int8]) -> Floats:
    """Means of up to eleven successive scans of one side; at the ends of those that there are."""
    found = np.zeros(len(variance))
    for one in (-1, 1):
        mine = np.flatnonzero(side == one)
        width = min(11, len(mine))
        for k in range(len(mine)):
            first = k - width // 2
            # A window of an even number of scans reaches one further back.
            window = [mine[j] for j in range(first, first + width) if 0 <= j < len(mine)]
            found[mine[k]] = np.mean(variance[window])
    return found


@pytest.mark.parametrize("n_scans", [1, 2, 7, 22, 60])
def test_running_means_are_of_successive_scans_of_one_side(n_scans: int) -> None:
    rng = np.random.default_rng(n_scans)
    variance, side = rng.random(n_scans), rng.choice(np.array([-1, 1], np.int8), n_scans)
    np.testing.assert_allclose(jointerrors._running_mean(variance, side), running(variance, side))


def test_a_map_too_coarse_for_nodes_keeps_single_pixels(solution: Solution) -> None:
    shape = replace(solution.problem.shape, cells=())
    coarse = replace(solution, problem=replace(solution.problem, shape=shape))
    variance = np.random.default_rng(1).random(solution.problem.design.n_pixels)
    assert np.array_equal(jointerrors._cell_mean(variance, coarse), variance)
