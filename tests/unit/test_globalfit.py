"""The joint fit of frames: exact elimination of stars, honest errors, the degree that the stars call for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from photomitrus_cli.imaging.globalfit import Terms, solve_global
from photomitrus_cli.imaging.planepixels import plane_pixels
from photomitrus_cli.imaging.plateterms import corrected, n_terms, plate_rows
from photomitrus_cli.imaging.starequations import Anchors, Detected, make_problem, normal_equations, residuals
from photomitrus_cli.imaging.tangent import tangent_axes
from photomitrus_cli.imaging.tansip import TanSip

SIZE, SCALE = 600, 1.0


def frames(rng: np.random.Generator, n: int, turn: float = 0.0) -> list[TanSip]:
    """Dithered geometries with one distortion; `turn` (degrees) lies between neighbours."""
    sip_terms = np.hstack([np.zeros((2, 3)), rng.normal(0.0, 1.0, (2, n_terms(4)))])
    out = []
    for k in range(n):
        a = np.radians(k * turn)
        cd = np.array([[-np.cos(a), np.sin(a)], [np.sin(a), np.cos(a)]]) * SCALE / 3600.0
        wcs = TanSip(tangent_axes(30.0, 60.0), cd, np.full(2, 299.5), (SIZE, SIZE))
        wcs = corrected(wcs, rng.uniform(-60.0, 60.0, (2, 1)))
        out.append(corrected(wcs, np.hstack([np.zeros((2, 1)), rng.normal(0, 0.1, (2, 2))])))
    return [replace(wcs, sip=corrected(out[0], sip_terms).sip) for wcs in out]


def observe(
    rng: np.random.Generator,
    truth: list[TanSip],
    n_stars: int,
    n_anchors: int,
    error: float,
    listed: float = 0.05,
) -> tuple[Detected, Anchors]:
    """Stars on all frames with errors of `error` px, catalogue positions with `listed` arcsec."""
    x, y = rng.uniform(-50.0, SIZE + 50.0, (2, n_stars))
    vectors = truth[0].directions(x, y)
    parts = []
    for k, wcs in enumerate(truth):
        goal = plane_pixels(wcs, vectors)
        px, py = goal + 299.5
        for _ in range(20):
            miss = goal - plane_pixels(wcs, wcs.directions(px, py))
            px, py = px + miss[0], py + miss[1]
        seen = np.flatnonzero((px > 0) & (px < SIZE - 1) & (py > 0) & (py < SIZE - 1))
        noise = rng.normal(0.0, error, (2, seen.size))
        parts.append((np.full(seen.size, k), seen, px[seen] + noise[0], py[seen] + noise[1]))
    frame, star, px, py = (np.concatenate(column) for column in zip(*parts, strict=True))
    detected = Detected(frame, star, px, py, np.full(px.size, max(error, 0.001) * SCALE))
    chosen = np.unique(star)[:n_anchors]
    noise3 = rng.normal(0.0, listed / 206264.8, (3, chosen.size))
    return detected, Anchors(chosen, vectors[:, chosen] + noise3, np.full(chosen.size, 0.05))


def disturbed(rng: np.random.Generator, truth: list[TanSip]) -> list[TanSip]:
    """Starts half a pixel off, without distortion."""
    plain = [replace(wcs, sip=np.zeros((2, 1, 1))) for wcs in truth]
    return [corrected(wcs, rng.normal(0.0, 0.2, (2, 3))) for wcs in plain]


def apart(found: TanSip, truth: TanSip, degree: int = 9) -> np.ndarray:
    """Errors over the frame, arcsec, shape (2, n)."""
    x, y = (v.ravel() for v in np.meshgrid(*(np.linspace(0, SIZE - 1, degree),) * 2))
    return SCALE * (plane_pixels(truth, found.directions(x, y)) - plane_pixels(truth, truth.directions(x, y)))


def test_star_positions_are_eliminated_exactly() -> None:
    rng = np.random.default_rng(1)
    truth = frames(rng, 3, turn=20.0)
    detected, anchors = observe(rng, truth, 40, 9, 0.05)
    problem = make_problem(truth, detected, anchors, 2)
    state = residuals(problem, truth, None, 0)
    matrix, right, chi2 = normal_equations(problem, truth, state)
    # The slow twin: star positions as unknowns, then their Schur complement.
    p, s = matrix.shape[1], problem.first.size
    full, b, loss = np.zeros((p + 2 * s, p + 2 * s)), np.zeros(p + 2 * s), 0.0
    for i in range(problem.x.size):
        k, star = problem.frame[i], problem.star[i]
        wcs = truth[k]
        turn = 3600.0 * problem.basis[:2] @ wcs.axes[:2].T @ wcs.cd
        row = plate_rows(wcs, problem.x[i : i + 1], problem.y[i : i + 1], 2)[0]
        a = np.zeros((2, p + 2 * s))
        for c in (0, 1):
            a[:, 6 * k + 3 * c : 6 * k + 3 * c + 3] = np.outer(turn[:, c], row[:3])
            a[:, 18 + 3 * c : 21 + 3 * c] = np.outer(turn[:, c], row[3:])
        a[[0, 1], [p + 2 * star, p + 2 * star + 1]] = -1.0
        full += state.weight[i] * a.T @ a
        b -= state.weight[i] * a.T @ state.apart[i]
        loss += state.weight[i] * state.apart[i] @ state.apart[i]
    for n in range(s):
        place = p + 2 * n + np.arange(2)
        full[place, place] += state.anchor_weight[n]
        b[place] += state.anchor_weight[n] * state.off[n]
        loss += state.anchor_weight[n] * state.off[n] @ state.off[n]
    known, free = slice(p, None), slice(0, p)
    schur = full[free, free] - full[free, known] @ np.linalg.solve(full[known, known], full[known, free])
    np.testing.assert_allclose(matrix[0], schur, atol=1e-9 * np.abs(schur).max())
    np.testing.assert_allclose(b[known], 0.0, atol=1e-6 * np.abs(b).max())
    np.testing.assert_allclose(right[0], b[free], atol=1e-9 * np.abs(b).max())
    assert chi2[0] == pytest.approx(loss)


@pytest.mark.parametrize("turn", [0.0, 30.0])
def test_without_noise_the_truth_comes_back(turn: float) -> None:
    rng = np.random.default_rng(2)
    truth = frames(rng, 4, turn)
    detected, anchors = observe(rng, truth, 150, 60, 0.0, listed=0.0)
    fit = solve_global(disturbed(rng, truth), detected, anchors, Terms(4))
    assert max(np.abs(apart(a, b)).max() for a, b in zip(fit.wcs, truth, strict=True)) < 2e-4
    assert all(np.array_equal(wcs.sip, fit.wcs[0].sip) for wcs in fit.wcs)


def test_errors_are_those_that_are_predicted_and_outliers_do_no_harm() -> None:
    ratios, between = [], []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        truth = frames(rng, 4)
        detected, anchors = observe(rng, truth, 500, 150, 0.05)
        wrong = rng.choice(detected.x.size, detected.x.size // 20, replace=False)
        detected.x[wrong] += rng.uniform(-1.0, 1.0, wrong.size)
        anchors.vectors[0, ::15] += 3e-6
        fit = solve_global(disturbed(rng, truth), detected, anchors, Terms(5), degrees=(3, 4, 5))
        assert fit.terms.degree >= 4
        assert fit.scores[3] > 1.5 * fit.scores[4]
        errors = np.array([apart(a, b) for a, b in zip(fit.wcs, truth, strict=True)])
        x, y = (v.ravel() for v in np.meshgrid(*(np.linspace(0, SIZE - 1, 9),) * 2))
        predicted = np.array([fit.position_error(k, x, y) for k in range(4)])
        ratios.append(np.mean(np.square(errors).mean(axis=1) / np.square(predicted)))
        between.append(np.std(errors - errors.mean(axis=0)))
        assert np.median(fit.weight[wrong]) < 0.1
        assert np.median(fit.anchor_weight[::15]) < 0.1
    assert 0.5 < np.mean(ratios) < 1.6
    # The catalogue alone would leave 0.05 / sqrt(150 / 21) = 0.02.
    assert np.mean(between) < 0.008


def test_terms_that_are_not_fitted_stay_at_home() -> None:
    rng = np.random.default_rng(4)
    truth = frames(rng, 3)
    detected, anchors = observe(rng, truth, 30, 12, 0.02)
    off = [corrected(wcs, np.array([[0.3], [-0.2]])) for wcs in truth]
    for name in ("shift", "roll"):
        fit = solve_global(off, detected, anchors, Terms(1, name))
        assert np.array_equal(fit.wcs[0].sip[:, 2:, 2:], truth[0].sip[:, 2:, 2:])
        assert max(np.abs(apart(a, b)).max() for a, b in zip(fit.wcs, truth, strict=True)) < 0.2
    free = solve_global(
        off,
        detected,
        replace(anchors, star=anchors.star[:0], vectors=np.empty((3, 0)), error=np.empty(0)),
        Terms(1, "shift"),
    )
    errors = np.array([apart(a, b).mean(axis=1) for a, b in zip(free.wcs, truth, strict=True)])
    # Without a catalogue the frames agree with each other and keep their mean place.
    assert np.abs(errors - errors.mean(axis=0)).max() < 0.03
    np.testing.assert_allclose(errors.mean(axis=0), [0.3, -0.2], atol=0.03)


def test_the_distortion_of_the_start_is_kept_where_it_holds() -> None:
    chosen: dict[float, list[int]] = {1.0: [], 0.8: []}
    for seed in range(4):
        rng = np.random.default_rng(seed)
        truth = frames(rng, 3)
        detected, anchors = observe(rng, truth, 120, 40, 0.05)
        for bent, degrees in chosen.items():
            off = [replace(corrected(wcs, np.array([[0.3], [-0.2]])), sip=bent * wcs.sip) for wcs in truth]
            fit = solve_global(off, detected, anchors, Terms(4), degrees=(1, 3, 4), home=off[0])
            degrees.append(fit.terms.degree)
    # Stars put aside decide, and may prefer a polynomial by accident.
    assert np.median(chosen[1.0]) == 1
    assert set(chosen[0.8]) == {4}
