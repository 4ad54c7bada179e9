"""Steps, scatter and strengths of a joint calibration on a few scans, against loops."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray
from truthkit.calibbig import make_mission

from photomitrus_cli.wise import jointstrengths
from photomitrus_cli.wise.jointdesign import Choices, Problem, make_problem, offsets_of
from photomitrus_cli.wise.jointgroups import make_groups
from photomitrus_cli.wise.jointlinear import Preconditioner
from photomitrus_cli.wise.jointsky import SkyPrior, sky_prior
from photomitrus_cli.wise.jointsolution import Point, Solution, Strengths
from photomitrus_cli.wise.jointsteps import divide_sky, linearise, moved_by, right_side
from photomitrus_cli.wise.jointstrengths import measure_scatter, measure_strengths
from photomitrus_cli.wise.jointunknowns import Threads, Unknowns, threads

Floats = NDArray[np.float64]
CHOICES = Choices(40.0, 25.0, None, None, None, {"sides": 0.02, "bands": 0.2}, 2.5, 12)


@pytest.fixture(scope="module")
def problem() -> Problem:
    """Six scans on a coarse map."""
    return make_problem(make_mission(5, 6, nside=64).samples, CHOICES)


@pytest.fixture
def used(problem: Problem) -> NDArray[np.bool_]:
    """Most samples, none of the fifth scan, and neither begin nor end of two others."""
    scan, node = problem.scan, problem.design.node
    kept = np.random.default_rng(9).random(len(scan)) < 0.9
    kept &= ~((scan == 2) & (node == problem.design.n_nodes - 2)) & ~((scan == 3) & (node == 0))
    return np.asarray(kept & (scan != 4))


@pytest.fixture
def pool(problem: Problem) -> Iterator[Threads]:
    """One thread."""
    with threads(problem.design, 1) as made:
        yield made


def point_of(problem: Problem, seed: int = 2) -> Point:
    """Somewhere, with everything different from 0 and 1."""
    rng = np.random.default_rng(seed)
    design = problem.design
    smooth = tuple(
        rng.normal(0.0, 0.3, level.n_blocks) for level in (problem.shape.layer, *problem.shape.levels)
    )
    gain, nodes = (
        rng.uniform(70.0, 80.0, design.n_scans),
        rng.normal(250.0, 9.0, (design.n_scans, design.n_nodes)),
    )
    unknowns = Unknowns(np.log(gain), nodes, rng.normal(0.0, 0.02, 2), smooth)
    n = len(problem.samples)
    pixel = rng.normal(0.0, 0.2, design.n_pixels)
    return Point(unknowns, pixel, rng.uniform(1.0, 3.0, design.n_scans), rng.uniform(0.3, 1.0, n), 0.2)


def strengths_of(problem: Problem) -> Strengths:
    levels = tuple(replace(level, sigma=0.3) for level in problem.shape.levels)
    pixel_sigma = np.random.default_rng(1).uniform(0.1, 0.3, problem.design.n_pixels)
    return Strengths(0.01, 0.002, 6.0, SkyPrior((problem.shape.layer, *levels), pixel_sigma))


def model(problem: Problem, point: Point) -> tuple[Floats, Floats, Floats, Floats]:
    """Offset, zodiacal light, sky and value of every sample."""
    design, unknowns = problem.design, point.unknowns
    levels = (problem.shape.layer, *problem.shape.levels)
    sky = point.pixel + sum(one.spread_out @ x for one, x in zip(levels, unknowns.smooth, strict=True))
    offset, zodi = np.zeros(len(problem.scan)), np.zeros(len(problem.scan))
    for i, s in enumerate(problem.scan):
        at = design.node[i] + float(design.part[i])
        offset[i] = np.interp(at, np.arange(design.n_nodes), unknowns.nodes[s])
        zodi[i] = problem.template[i] + design.modes[i] @ unknowns.amplitudes
    value = offset + np.exp(unknowns.log_gain)[problem.scan] * (zodi + sky[problem.samples.index])
    return offset, zodi, sky, value


def test_weights_and_priors_of_the_linear_system(
    problem: Problem, used: NDArray[np.bool_], pool: Threads
) -> None:
    point, strengths = point_of(problem), strengths_of(problem)
    system = linearise(problem, point, strengths, used, pool)
    sigma, cell = problem.samples.sigma, problem.cell
    for i in range(len(used)):
        variance = float(sigma[i]) ** 2 + point.noise[problem.scan[i]] ** 2
        together = np.count_nonzero(used & (cell == cell[i]))
        expected = point.robust[i] / variance / (1.0 + 0.2 * float(np.maximum(together - 1, 0)))
        assert system.weight[i] == pytest.approx(expected if used[i] else 0.0, rel=1e-9)
    expected = strengths.sky.pixel_sigma**2 * (1.0 + (point.pixel / (2.4 * strengths.sky.pixel_sigma)) ** 2)
    np.testing.assert_allclose(system.priors.pixel_precision, 1.0 / expected)
    np.testing.assert_allclose(system.priors.mode_precision, [2500.0, 25.0])
    gain_prior = system.priors.gain
    assert gain_prior.days is problem.days
    assert (gain_prior.walk, gain_prior.jitter) == (0.01, 0.002)
    assert system.priors.levels is strengths.sky.levels
    offset, _, _, value = model(problem, point)
    np.testing.assert_allclose(system.gain, point.gain)
    # What a change of the logarithm of the gain does: the value less its offset.
    np.testing.assert_allclose(system.slope, value - offset, rtol=1e-8)
    # Offsets along a scan: 6 DN about their mean, alike over 25 deg.
    places = 40.0 * np.arange(problem.design.n_nodes)
    covariance = 36.0 * np.exp(-np.abs(places[:, None] - places) / 25.0)
    np.testing.assert_allclose(system.priors.node_draws @ system.priors.node_draws.T, covariance)
    about = np.linalg.inv(covariance + 1e7)
    np.testing.assert_allclose(system.priors.node_precision, about, atol=1e-6)


def test_one_offset_per_scan_has_a_prior_too(problem: Problem, pool: Threads) -> None:
    alone = make_problem(problem.samples, replace(CHOICES, baseline_deg=0.0))
    used = np.ones(len(alone.samples), bool)
    system = linearise(alone, point_of(alone), strengths_of(alone), used, pool)
    assert system.priors.node_precision.shape == (2, 2)
    assert np.isfinite(system.priors.node_precision).all()


def test_a_step_leads_to_what_the_model_says(
    problem: Problem, used: NDArray[np.bool_], pool: Threads
) -> None:
    point, strengths = point_of(problem), strengths_of(problem)
    system = linearise(problem, point, strengths, used, pool)
    change = 1e-3 * np.random.default_rng(3).standard_normal(system.size)
    moved, (offset, zodi, sky, residual) = moved_by(problem, point, system, change)
    np.testing.assert_allclose(moved.unknowns.flat(), point.unknowns.flat() + change)
    assert moved.noise is point.noise
    expected = model(problem, moved)
    for found, one in zip((offset, zodi, sky), expected, strict=False):
        np.testing.assert_allclose(found, one, rtol=1e-8)
    np.testing.assert_allclose(residual, problem.samples.value - expected[3], atol=1e-4)
    # Pixels: what fits best what the smooth sky leaves, drawn to 0 by its prior.
    left = problem.samples.value - model(problem, replace(moved, pixel=np.zeros_like(moved.pixel)))[3]
    gain, weight = system.gain[problem.scan], system.weight
    for p in range(problem.design.n_pixels):
        mine = problem.samples.index == p
        full = (weight * gain**2)[mine].sum() + system.priors.pixel_precision[p]
        expected_sky = (weight * gain * left)[mine].sum() / full
        assert moved.pixel[p] == pytest.approx(expected_sky, abs=1e-6)


def test_the_right_side_is_the_slope_of_the_whole_sum(
    problem: Problem, used: NDArray[np.bool_], pool: Threads
) -> None:
    """Minus half the derivatives of chi^2 with priors along all unknowns, the best sky taken out."""
    point, strengths = point_of(problem), strengths_of(problem)
    # Where the sky is its best one, a change of the gains' share in it costs nothing.
    unknowns = replace(point.unknowns, smooth=tuple(0.0 * one for one in point.unknowns.smooth))
    point = replace(point, unknowns=unknowns, pixel=np.zeros_like(point.pixel))
    system = linearise(problem, point, strengths, used, pool)
    # Without a sky gains draw at the template alone.
    right = right_side(problem, point, system)
    gain, scan, index = system.gain[problem.scan], problem.scan, problem.samples.index

    def total(flat: Floats) -> float:
        shifted, parts = moved_by(problem, point, system, flat - point.unknowns.flat())
        model_gain = np.exp(shifted.unknowns.log_gain)[scan]
        left = parts[3] + model_gain * shifted.pixel[index]
        seen = np.bincount(index, system.weight * gain * left, problem.design.n_pixels)
        chi2 = float(np.sum(system.weight * left**2) - np.sum(seen**2 / system.full))
        return chi2 + float(flat @ system.prior_product(flat))

    flat = point.unknowns.flat()
    for k in (0, 4, 7, 20, problem.design.n_scans * (1 + problem.design.n_nodes), flat.size - 1):
        step = np.zeros(flat.size)
        step[k] = 1e-4 * max(1.0, abs(flat[k]) * 1e-2)
        slope = (total(flat + step) - total(flat - step)) / (2.0 * step[k])
        assert right[k] == pytest.approx(-0.5 * slope, rel=1e-4, abs=1e-5 * float(np.abs(right).max())), k


def test_a_known_sky_is_divided(problem: Problem, used: NDArray[np.bool_], pool: Threads) -> None:
    """Smooth numbers get what suits them; their sum with the pixels is the sky that was known."""
    point = point_of(problem)
    system = linearise(problem, point, strengths_of(problem), used, pool)
    samples, design = problem.samples, problem.design
    groups = make_groups(samples.side, problem.scan, samples.index, design.n_pixels, design.n_nodes)
    preconditioner = Preconditioner(system, groups)
    divided = divide_sky(point, system, preconditioner)
    np.testing.assert_allclose(model(problem, divided)[2], model(problem, point)[2], atol=1e-9)
    levels = system.priors.levels
    spread_out = np.concatenate([level.spread_out.toarray() for level in levels], axis=1)
    precision = np.concatenate([np.full(level.n_blocks, level.precision) for level in levels])
    matrix = spread_out.T @ (system.left_weight[:, None] * spread_out) + np.diag(precision)
    right = spread_out.T @ (system.left_weight * model(problem, point)[2])
    found = np.concatenate(divided.unknowns.smooth)
    np.testing.assert_allclose(matrix @ found, right, atol=1e-4 * float(np.abs(right).max()))
    assert divided.unknowns.log_gain is point.unknowns.log_gain


def test_scatter_of_scans_and_samples(problem: Problem, used: NDArray[np.bool_]) -> None:
    rng = np.random.default_rng(11)
    cell, n = problem.cell, len(problem.samples)
    common = rng.standard_normal(int(cell.max()) + 1)[cell]
    own = 2.0 * (np.sqrt(0.4) * common + np.sqrt(0.6) * rng.standard_normal(n))
    own[:5] *= 30.0
    noise, robust, share = measure_scatter(problem, own, used)
    spreads = [1.4826 * np.median(np.abs(own[used & (problem.scan == s)])) for s in (0, 1, 2, 3, 5)]
    np.testing.assert_allclose(noise, np.insert(spreads, 4, np.median(spreads)))
    sigma = np.sqrt(problem.samples.sigma.astype(float) ** 2 + noise[problem.scan] ** 2)
    chi = own / sigma
    np.testing.assert_allclose(robust, [1.0 if abs(x) <= 2.5 else 2.5 / abs(x) for x in chi])
    # The mean product of pairs in a cell over the mean square of its samples.
    pairs, products, squares, counted = 0, 0.0, 0.0, 0
    for c in np.unique(cell):
        mine = (chi * robust)[(cell == c) & used]
        if len(mine) > 1:
            pairs += len(mine) * (len(mine) - 1)
            products += float(np.outer(mine, mine).sum() - (mine**2).sum())
            squares += float((mine**2).sum())
            counted += len(mine)
    assert share == pytest.approx(products / pairs / (squares / counted), rel=1e-9)
    assert 0.2 < share < 0.6


def test_share_of_common_noise_has_its_limits() -> None:
    share = jointstrengths._common_share
    ones, cells = np.ones(6), np.array([0, 0, 1, 1, 2, 2], np.int32)
    everything = np.ones(6, bool)
    assert share(np.repeat([1.0, -2.0, 3.0], 2), ones, everything, cells) == pytest.approx(1.0)
    assert share(np.tile([1.0, -1.0], 3), ones, everything, cells) == 0.0
    assert share(np.zeros(6), ones, everything, cells) == 0.0
    alone = np.array([True, False] * 3)
    assert share(np.ones(6), ones, alone, cells) == 0.0
    # A sample that is alone in its piece says nothing of what neighbours have in common.
    mixed = np.array([True, True, True, False, False, False])
    assert share(np.array([1.0, 0.5, 9.0, 9.0, 9.0, 9.0]), ones, mixed, cells) == pytest.approx(0.5 / 0.625)


def solution_of(problem: Problem, used: NDArray[np.bool_], pool: Threads) -> Solution:
    point, strengths = point_of(problem), strengths_of(problem)
    system = linearise(problem, point, strengths, used, pool)
    samples, design = problem.samples, problem.design
    groups = make_groups(samples.side, problem.scan, samples.index, design.n_pixels, design.n_nodes)
    offset, zodi, sky, value = model(problem, point)
    residual = samples.value - value
    return Solution(
        problem, point, strengths, system, Preconditioner(system, groups), offset, zodi, sky, residual, 3, 9
    )


def test_weights_in_the_map(problem: Problem, used: NDArray[np.bool_], pool: Threads) -> None:
    """Inverse variances of calibrated samples; nothing for those without a stated uncertainty."""
    solution = solution_of(problem, used, pool)
    problem.samples.sigma[3], before = np.inf, problem.samples.sigma[3]
    weight = solution.map_weight
    problem.samples.sigma[3] = before
    for i, s in enumerate(problem.scan):
        variance = float(problem.samples.sigma[i]) ** 2 + solution.point.noise[s] ** 2
        assert weight[i] == (
            0.0 if i == 3 else pytest.approx(solution.point.gain[s] ** 2 / variance, rel=1e-9)
        )


def test_gains_that_scans_tell_by_themselves(
    problem: Problem, used: NDArray[np.bool_], pool: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Walk and jitter are measured on what each scan would have found without its prior."""
    solution = solution_of(problem, used, pool)
    asked: list[Any] = []

    def measured(*given: Any) -> tuple[float, float]:
        asked.extend(given)
        return 0.123, 0.456

    monkeypatch.setattr(jointstrengths, "measure_gain_prior", measured)
    chosen = replace(problem, choices=replace(CHOICES, gain_walk=0.7, baseline_dn=4.0))
    found = measure_strengths(chosen, solution, used)
    assert (found.walk, found.jitter, found.baseline) == (0.123, 0.456, 4.0)
    days, alone, variance, walk, jitter = asked
    assert days is problem.days
    assert (walk, jitter) == (0.7, None)
    system, log_gain = solution.system, solution.point.unknowns.log_gain
    pull = system.priors.gain.product(log_gain)
    for s in range(6):
        mine = problem.scan == s
        g2 = system.weight * system.gain[problem.scan] ** 2 / system.full[problem.samples.index]
        weight = (system.weight * (1.0 - g2))[mine]
        part = problem.design.part[mine].astype(float)
        rows = np.zeros((len(part), 1 + problem.design.n_nodes))
        rows[:, 0] = system.slope[mine]
        rows[np.arange(len(part)), 1 + problem.design.node[mine]] = 1.0 - part
        rows[np.arange(len(part)), 2 + problem.design.node[mine]] = part
        block = rows.T @ (weight[:, None] * rows)
        block[1:, 1:] += system.priors.node_precision
        if s == 4:
            assert (alone[s], variance[s]) == (log_gain[s], np.inf)
        else:
            expected = np.linalg.inv(block)[0, 0]
            assert variance[s] == pytest.approx(expected, rel=1e-6)
            assert alone[s] == pytest.approx(log_gain[s] + expected * pull[s], rel=1e-9)
    seen = np.bincount(problem.samples.index[used], minlength=problem.design.n_pixels) > 0
    prior = sky_prior(solution.sky, seen, problem.shape)
    assert [one.sigma for one in found.sky.levels] == [one.sigma for one in prior.levels]


def test_the_spread_of_offsets_along_scans(problem: Problem, used: NDArray[np.bool_], pool: Threads) -> None:
    """The mean square of offsets, their errors included, in units of what the prior expects of one DN."""
    solution = solution_of(problem, used, pool)
    found = measure_strengths(problem, solution, used).baseline
    unit = 36.0 * solution.system.priors.node_precision
    squares = []
    for s in (0, 1, 2, 3, 5):
        nodes, spread = solution.nodes[s], solution.preconditioner.inverse[s, 1:, 1:]
        squares.append(nodes @ unit @ nodes + np.trace(unit @ spread))
    assert found == pytest.approx(np.sqrt(np.mean(squares) / (problem.design.n_nodes - 1)), rel=1e-9)
    # Offsets as the prior draws them, well known, have the rms that it was drawn with.
    many = np.random.default_rng(1).standard_normal((6, problem.design.n_nodes))
    draws = 0.5 * many @ solution.system.priors.node_draws.T
    stub = SimpleNamespace(
        nodes=np.tile(draws, 1),
        strengths=solution.strengths,
        system=solution.system,
        preconditioner=SimpleNamespace(inverse=0.0 * solution.preconditioner.inverse),
        noise=solution.noise,
    )
    drawn = jointstrengths._baseline_rms(cast("Solution", stub))
    assert drawn == pytest.approx(3.0, rel=0.3)
    # No less than a tenth of a sample's noise; and one offset per scan has no spread.
    stub.nodes = np.full_like(draws, 7.0)
    assert jointstrengths._baseline_rms(cast("Solution", stub)) == pytest.approx(
        0.1 * np.median(solution.noise)
    )
    stub.nodes = draws[:, :2]
    assert jointstrengths._baseline_rms(cast("Solution", stub)) == 6.0


def test_offsets_of_samples(problem: Problem) -> None:
    point = point_of(problem)
    found = offsets_of(problem.design, problem.scan, point.unknowns.nodes)
    np.testing.assert_allclose(found, model(problem, point)[0])
