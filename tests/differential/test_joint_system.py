"""The system of the joint calibration against the same matrix written out, element by element."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array

from photomitrus_cli.imaging.scanoutliers import order_by_pixel
from photomitrus_cli.wise.jointgroups import Groups
from photomitrus_cli.wise.jointlinear import Preconditioner, solve_linear
from photomitrus_cli.wise.jointpriors import GainPrior, Priors, SkyLevel, node_prior
from photomitrus_cli.wise.jointskyinverse import sky_inverse
from photomitrus_cli.wise.jointsystem import System
from photomitrus_cli.wise.jointunknowns import Design, threads, unflatten

Floats = NDArray[np.float64]

LENGTHS = (5, 6, 0, 7, 8)
N_NODES, N_MODES, N_PIXELS = 3, 2, 12
GROUP = np.array([0, 1, 0, 0, 1], np.int32)


def _level(rng: np.random.Generator, size: int, sigma: float) -> SkyLevel:
    matrix = csr_array(rng.random((N_PIXELS, size)))
    return SkyLevel(matrix, matrix.T.tocsr(), sigma)


def _case() -> dict[str, Any]:
    rng = np.random.default_rng(3)
    first = np.concatenate([[0], np.cumsum(LENGTHS)]).astype(np.int64)
    n = int(first[-1])
    design = Design(
        first,
        np.concatenate([rng.permutation(N_PIXELS)[:m] for m in LENGTHS]).astype(np.int32),
        rng.integers(0, N_NODES - 1, n).astype(np.uint8),
        (rng.integers(0, 5, n) / 4).astype(np.float32),
        (rng.integers(0, 9, (n, N_MODES)) / 8).astype(np.float32),
        N_NODES,
        N_PIXELS,
    )
    precision, draws = node_prior(N_NODES, 10.0, 20.0, 2.0)
    priors = Priors(
        GainPrior(np.arange(5.0), 0.1, 0.05),
        precision,
        draws,
        np.array([3.0, 4.0]),
        (_level(rng, 1, np.inf), _level(rng, 3, 0.5)),
        rng.random(N_PIXELS) + 0.5,
    )
    weight = rng.random(n)
    weight[3] = 0.0
    return {
        "design": design, "gain": rng.random(5) + 1.0, "slope": 5.0 * rng.random(n), "weight": weight,
        "bright": rng.random(N_PIXELS), "priors": priors, "value": rng.random(n),
    }  # fmt: skip


def _written_out(case: dict[str, Any]) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Give every sample's derivatives by all unknowns and by the sky of all pixels."""
    design, gain, weight, priors = case["design"], case["gain"], case["weight"], case["priors"]
    scan = np.repeat(np.arange(5), LENGTHS)
    seen = np.bincount(design.index, weights=weight * gain[scan] ** 2, minlength=N_PIXELS)
    n_scan = 5 * (1 + N_NODES)
    size = n_scan + N_MODES + 4
    rows = np.zeros((len(scan), size + N_PIXELS))
    for i, s in enumerate(scan):
        p = design.index[i]
        rows[i, s] += case["slope"][i]
        for k in range(len(scan)):
            if design.index[k] == p and seen[p] > 0:
                pull = weight[k] * gain[scan[k]] ** 2 / seen[p]
                rows[i, scan[k]] -= gain[s] * case["bright"][p] * pull
        at = 5 + s * N_NODES + design.node[i]
        rows[i, at] = 1.0 - design.part[i]
        rows[i, at + 1] = design.part[i]
        rows[i, n_scan : n_scan + N_MODES] = gain[s] * design.modes[i]
        levels = np.concatenate([level.spread_out.toarray()[p] for level in priors.levels])
        rows[i, n_scan + N_MODES : size] = gain[s] * levels
        rows[i, size + p] = gain[s]
    return rows[:, :size], rows[:, size:], scan


def _eliminated(case: dict[str, Any]) -> tuple[Floats, Floats]:
    """Give matrix (without the priors of unknowns) and right side, the sky eliminated."""
    rows, sky, _ = _written_out(case)
    weight = case["weight"][:, None]
    inner = (weight * sky).T @ sky + np.diag(case["priors"].pixel_precision)
    cross = (weight * rows).T @ sky
    matrix = (weight * rows).T @ rows - cross @ np.linalg.solve(inner, cross.T)
    values = case["weight"] * case["value"]
    return matrix, rows.T @ values - cross @ np.linalg.solve(inner, sky.T @ values)


@pytest.mark.parametrize("workers", [1, 2])
def test_product_and_gradient(workers: int) -> None:
    """Products with unit vectors give the matrix, and the gradient the right side."""
    case = _case()
    value = case.pop("value")
    with threads(case["design"], workers) as pool:
        system = System(**case, pool=pool)
        identity = np.eye(system.size)
        product = np.stack([system.product(one) for one in identity], axis=1)
        prior = np.stack([system.prior_product(one) for one in identity], axis=1)
        gradient = system.gradient(value)
    matrix, right = _eliminated({**case, "value": value})
    np.testing.assert_allclose(product - prior, matrix, atol=1e-12)
    np.testing.assert_allclose(product, product.T, atol=1e-12)
    np.testing.assert_allclose(gradient, right, atol=1e-12)


def _matrix(case: dict[str, Any]) -> Floats:
    with threads(case["design"], 1) as pool:
        system = System(**case, pool=pool)
        return np.stack([system.product(one) for one in np.eye(system.size)], axis=1)


def test_samples_of_no_weight_may_hold_anything() -> None:
    case = _case()
    value = case.pop("value")
    spoilt = case | {"slope": case["slope"].copy()}
    spoilt["slope"][3] = np.nan
    with threads(case["design"], 1) as pool:
        one, other = System(**case, pool=pool), System(**spoilt, pool=pool)
        vector = np.random.default_rng(6).random(one.size)
        assert np.array_equal(other.product(vector), one.product(vector))
        assert np.array_equal(other.blocks(), one.blocks())
        wrong = value.copy()
        wrong[3] = np.nan
        assert np.array_equal(other.gradient(wrong), one.gradient(value))
        assert np.array_equal(other.pixel_sky(wrong), one.pixel_sky(value))


def test_blocks_are_those_of_single_scans() -> None:
    """Without a sky that gains could share, they stand on the diagonal of the matrix."""
    case = _case() | {"bright": np.zeros(N_PIXELS)}
    case.pop("value")
    with threads(case["design"], 1) as pool:
        system = System(**case, pool=pool)
        matrix = np.stack([system.product(one) - system.prior_product(one) for one in np.eye(system.size)])
        blocks = system.blocks()
    assert blocks.shape == (5, 1 + N_NODES, 1 + N_NODES)
    for s, block in enumerate(blocks):
        mine = [s, *range(5 + s * N_NODES, 5 + (s + 1) * N_NODES)]
        np.testing.assert_allclose(block, matrix[np.ix_(mine, mine)], atol=1e-12)


def test_a_free_number_that_no_pixel_has_stays_at_zero() -> None:
    case = _case()
    case.pop("value")
    levels = list(case["priors"].levels)
    empty = csr_array(np.hstack([levels[0].spread_out.toarray(), np.zeros((N_PIXELS, 1))]))
    levels[0] = SkyLevel(empty, empty.T.tocsr(), np.inf)
    case["priors"] = replace(case["priors"], levels=tuple(levels))
    with threads(case["design"], 1) as pool:
        free, _ = sky_inverse(System(**case, pool=pool))((np.array([1.0, 0.0]), np.ones(3)))
    assert free[1] == 0.0
    assert np.isfinite(free[0])


def test_the_best_sky_of_every_pixel() -> None:
    case = _case()
    value = case.pop("value")
    _, sky, _ = _written_out({**case, "value": value})
    weighted = case["weight"][:, None] * sky
    expected = np.linalg.solve(weighted.T @ sky + np.diag(case["priors"].pixel_precision), weighted.T @ value)
    with threads(case["design"], 1) as pool:
        found = System(**case, pool=pool).pixel_sky(value)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_priors_of_all_unknowns() -> None:
    """Gains and offsets of each scan by themselves, modes and numbers of the sky by their variances."""
    case = _case()
    case.pop("value")
    with threads(case["design"], 1) as pool:
        system = System(**case, pool=pool)
        prior = np.stack([system.prior_product(one) for one in np.eye(system.size)], axis=1)
    expected = np.zeros_like(prior)
    priors = case["priors"]
    expected[:5, :5] = np.stack([priors.gain.product(one) for one in np.eye(5)], axis=1)
    for s in range(5):
        mine = slice(5 + s * N_NODES, 5 + (s + 1) * N_NODES)
        expected[mine, mine] = priors.node_precision
    # Two modes; a free level; three numbers with an error of 0.5.
    expected[range(20, 26), range(20, 26)] = [3.0, 4.0, 0.0, 4.0, 4.0, 4.0]
    np.testing.assert_allclose(prior, expected, atol=1e-12)


def test_a_pixel_that_no_scan_sees_changes_nothing() -> None:
    case = _case()
    case.pop("value")
    priors = case["priors"]
    wider = [csr_array(np.vstack([one.spread_out.toarray(), np.ones(one.n_blocks)])) for one in priors.levels]
    levels = tuple(
        SkyLevel(one, one.T.tocsr(), level.sigma) for one, level in zip(wider, priors.levels, strict=True)
    )
    more = case | {
        "design": replace(case["design"], n_pixels=N_PIXELS + 1),
        "bright": np.append(case["bright"], 7.0),
        "priors": replace(priors, levels=levels, pixel_precision=np.append(priors.pixel_precision, 0.0)),
    }
    np.testing.assert_allclose(_matrix(more), _matrix(case), atol=1e-12)


def test_the_smooth_sky_by_itself() -> None:
    """Its part of the preconditioner is the inverse of its own block, all pixels taken as they are few."""
    case = _case()
    case.pop("value")
    levels = case["priors"].levels
    with threads(case["design"], 1) as pool:
        system = System(**case, pool=pool)
        apply = sky_inverse(system)
        own = np.stack([system.product(one) for one in np.eye(system.size)], axis=1)[-4:, -4:]
    right = np.random.default_rng(8).random(4)
    found = np.concatenate(apply((right[:1], right[1:])))
    assert [level.n_blocks for level in levels] == [1, 3]
    np.testing.assert_allclose(own @ found, right, rtol=1e-6)


def test_groups() -> None:
    """The groups' matrix is that of all scans seen through directions in which groups move together."""
    case = _case()
    case.pop("value")
    design = case["design"]
    n = len(design.index)
    starts, order = np.zeros(N_PIXELS + 1, np.int64), np.empty(n, np.int64)
    order_by_pixel(design.index, np.ones(n, bool), starts, order)
    scan = np.repeat(np.arange(5), LENGTHS).astype(np.int32)
    with threads(design, 1) as pool:
        system = System(**case, pool=pool)
        apply = Groups(GROUP, 2, starts, order, scan).factor(system)
        matrix = np.stack([system.product(one) for one in np.eye(system.size)], axis=1)
    together = np.zeros((system.size, 2 * (1 + N_NODES) + N_MODES + 4))
    for s, q in enumerate(GROUP):
        together[s, q * (1 + N_NODES)] = 1.0
        for k in range(N_NODES):
            together[5 + s * N_NODES + k, q * (1 + N_NODES) + 1 + k] = 1.0
    rest = 5 * (1 + N_NODES)
    together[rest:, 2 * (1 + N_NODES) :] = np.eye(system.size - rest)
    vector = np.random.default_rng(5).random(system.size)
    expected = together @ np.linalg.solve(together.T @ matrix @ together, together.T @ vector)
    found = apply(unflatten(vector, design, case["priors"].levels)).flat()
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def test_solution_and_scan_without_samples() -> None:
    """Conjugate gradients find what a direct solution finds; a scan without samples follows the others."""
    case = _case()
    value = case.pop("value")
    design = case["design"]
    n = len(design.index)
    starts, order = np.zeros(N_PIXELS + 1, np.int64), np.empty(n, np.int64)
    order_by_pixel(design.index, np.ones(n, bool), starts, order)
    scan = np.repeat(np.arange(5), LENGTHS).astype(np.int32)
    with threads(design, 2) as pool:
        system = System(**case, pool=pool)
        matrix = np.stack([system.product(one) for one in np.eye(system.size)], axis=1)
        # Large enough that a change of chi^2 by 1 is nothing.
        right = 1e6 * system.gradient(value)
        preconditioner = Preconditioner(system, Groups(GROUP, 2, starts, order, scan))
        found, steps = solve_linear(system, right, preconditioner, 1e-9)
    expected = np.linalg.lstsq(matrix, right, rcond=1e-12)[0]
    np.testing.assert_allclose(matrix @ found, matrix @ expected, rtol=1e-5, atol=1e-5 * np.abs(right).max())
    assert steps <= system.size
    assert found[1] != 0.0
    # Its gain lies between those of the scans before and after, as a random walk has it.
    assert min(found[1], found[3]) <= found[2] <= max(found[1], found[3])


def test_gain_prior_is_the_inverse_of_its_covariance() -> None:
    """Walk and jitter: the matrix is that of their covariance with the common gain free."""
    days = np.array([0.0, 0.5, 0.7, 2.0])
    prior = GainPrior(days, 0.1, 0.05)
    covariance = 0.1**2 * np.minimum.outer(days, days) + 0.05**2 * np.eye(4)
    expected = np.linalg.inv(covariance + 1e5)
    found = np.stack([prior.product(one) for one in np.eye(4)], axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    # Two scans alone: the inverse variance of their difference.
    two = np.stack([GainPrior(days[:2], 0.1, 0.05).product(one) for one in np.eye(2)])
    np.testing.assert_allclose(two, np.array([[1.0, -1.0], [-1.0, 1.0]]) / (0.01 * 0.5 + 2.0 * 0.05**2))
    # The preconditioner's diagonal: exact without jitter, and never more than the jitter allows.
    still = GainPrior(days, 0.1, 0.0)
    np.testing.assert_allclose(still.diagonal(), [still.product(one)[k] for k, one in enumerate(np.eye(4))])
    np.testing.assert_allclose(1.0 / prior.diagonal(), 1.0 / still.diagonal() + 0.05**2)
    draws = np.stack([prior.draw(np.random.default_rng(k)) for k in range(4000)])
    np.testing.assert_allclose(np.cov((draws - draws[:, :1])[:, 1:].T), np.cov(
        (np.random.default_rng(0).multivariate_normal(np.zeros(4), covariance, 200000) @ (
            np.eye(4) - np.outer(np.eye(4)[0], np.ones(4))))[:, 1:].T), rtol=0.1, atol=2e-4)  # fmt: skip
