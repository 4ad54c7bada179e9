"""The joint calibration against the truth of synthetic scans."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from truthkit.calibbig import make_mission
from truthkit.calibmeasure import measure
from truthkit.calibsky import Bench

from photomitrus_cli.errors import NoDataError
from photomitrus_cli.wise.jointdesign import Choices, Problem, make_problem
from photomitrus_cli.wise.jointerrors import Errors, errors_of
from photomitrus_cli.wise.jointsolution import Solution
from photomitrus_cli.wise.jointsolve import solve
from photomitrus_cli.wise.jointstart import Start
from photomitrus_cli.wise.jointunknowns import threads

CHOICES = Choices(
    baseline_deg=7.5,
    baseline_length_deg=25.0,
    baseline_dn=None,
    gain_walk=None,
    gain_jitter=None,
    modes={"sides": 0.02, "bands": 0.2},
    robust_sigma=2.5,
    max_rounds=12,
)


def _solved(bench: Bench, choices: Choices = CHOICES, workers: int = 1) -> tuple[Problem, Solution, Errors]:
    problem = make_problem(bench.samples, choices)
    with threads(problem.design, workers) as pool:
        solution = solve(problem, bench.samples.excluded == 0, pool)
        return problem, solution, errors_of(solution, 6, 1)


@pytest.fixture(scope="module")
def bench() -> Bench:
    """Give 100 scans of 3 days, on small maps, whose template lacks 1.5 % on one side of the Sun."""
    return make_mission(1, 100, error="sides", nside=128)


@pytest.fixture(scope="module")
def solved(bench: Bench) -> tuple[Problem, Solution, Errors]:
    """Give the solution for these."""
    return _solved(bench)


def test_gains_offsets_and_map(bench: Bench, solved: tuple[Problem, Solution, Errors]) -> None:
    """Gains scatter by 0.1 %, scans by less than their drift; the error of the template is found."""
    _, solution, errors = solved
    samples = bench.samples
    sky = (samples.value - solution.offset) / solution.gain[solution.problem.scan] - solution.zodi
    weight = solution.map_weight
    sums = np.bincount(samples.index, weights=weight * sky, minlength=len(samples.pixels))
    totals = np.bincount(samples.index, weights=weight, minlength=len(samples.pixels))
    found = measure(bench, solution.gain, solution.offset, solution.zodi, sums / totals, weight)
    assert found.gain_rms < 0.15
    assert abs(found.gain_mean) < 400 * errors.common_gain
    assert found.scatter < 0.018
    assert found.residual < 0.10
    assert solution.amplitudes[0] == pytest.approx(0.015, abs=4 * errors.amplitudes[0])
    assert errors.amplitudes[0] < 0.006
    assert abs(solution.amplitudes[1]) < 0.1


def test_stated_errors(bench: Bench, solved: tuple[Problem, Solution, Errors]) -> None:
    """Stated errors of the gains are those that they have, to a factor that 100 correlated scans allow."""
    _, solution, errors = solved
    apart = solution.gain / bench.gains - 1.0
    assert 0.6 < float(np.sqrt(np.mean(errors.gain**2))) / float(apart.std()) < 2.5


def test_any_number_of_threads(bench: Bench, solved: tuple[Problem, Solution, Errors]) -> None:
    """Threads do not change a digit."""
    _, solution, errors = solved
    _, other, other_errors = _solved(bench, workers=2)
    assert np.array_equal(solution.gain, other.gain)
    assert np.array_equal(solution.nodes, other.nodes)
    assert np.array_equal(solution.sky, other.sky)
    assert np.array_equal(errors.sky, other_errors.sky)


def as_start(solution: Solution) -> Start:
    """What another solution could start from, as `read_start` has it from files."""
    scan, strengths = solution.problem.scan, solution.strengths
    counts = np.maximum(np.bincount(scan, minlength=len(solution.gain)), 1)
    mean = np.bincount(scan, weights=solution.offset, minlength=len(solution.gain)) / counts
    return Start(
        *(solution.gain, mean, solution.nodes, solution.amplitudes, solution.sky),
        *(strengths.walk, strengths.jitter, strengths.baseline),
    )


def test_warm_start(
    bench: Bench, solved: tuple[Problem, Solution, Errors], caplog: pytest.LogCaptureFixture
) -> None:
    """A solution that goes on from its own end takes few steps; from its gains it comes to the same place."""
    problem, solution, errors = solved
    used = bench.samples.excluded == 0
    with threads(problem.design, 1) as pool:
        with caplog.at_level("DEBUG", logger="photomitrus_cli.wise.jointsolve"):
            further = solve(problem, used, pool, solution)
        told = [record.getMessage() for record in caplog.records if record.msg.startswith("round")]
        assert further.n_steps == sum(int(text.split()[2]) for text in told)
        anew = solve(problem, used, pool, as_start(solution))
    assert further.n_steps < 0.5 * solution.n_steps
    for again in (further, anew):
        apart = again.gain / solution.gain
        np.testing.assert_allclose(apart / apart.mean(), 1.0, atol=float(errors.gain.mean()))
        assert abs(float(apart.mean()) - 1.0) < errors.common_gain


def test_one_offset_per_scan(bench: Bench) -> None:
    """Without baselines the drift stays, and is counted as noise."""
    _, solution, _ = _solved(bench, replace(CHOICES, baseline_deg=0.0))
    assert solution.nodes.shape[1] == 2
    assert float((solution.gain / bench.gains).std()) < 0.01
    assert 1.0 < float(np.median(solution.noise)) < 4.0


def test_faint_sky_is_not_biased(bench: Bench) -> None:
    """The gain does not depend on how faint the sky is: a prior on a sky in MJy/sr would draw gains up."""
    samples = bench.samples
    scan = samples.scan_of_sample()
    dark = samples.value - 0.9 * bench.gains[scan] * bench.sky[samples.index]
    _, without, _ = _solved(replace(bench, samples=replace(samples, value=dark)))
    assert abs(float(np.mean(without.gain / bench.gains)) - 1.0) < 0.005


def test_one_scan_alone(bench: Bench) -> None:
    """A scan that meets no other one is refused."""
    used = (bench.samples.excluded == 0) & (bench.samples.scan_of_sample() == 7)
    problem = make_problem(bench.samples, CHOICES)
    with threads(problem.design, 1) as pool, pytest.raises(NoDataError, match="no two scans"):
        solve(problem, used, pool)


def test_nothing_to_calibrate(bench: Bench) -> None:
    """No sample, and a band in which nothing grows with the template, are told."""
    problem = make_problem(bench.samples, CHOICES)
    nothing = np.zeros(len(bench.samples), bool)
    with threads(problem.design, 1) as pool:
        with pytest.raises(NoDataError, match="no sample is left"):
            solve(problem, nothing, pool)
        falling = replace(bench.samples, value=-bench.samples.value)
        with pytest.raises(NoDataError, match="no scan grows"):
            solve(make_problem(falling, CHOICES), ~nothing, pool)
