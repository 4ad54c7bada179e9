"""Parts of the alignment: fits, shrunk rolls, groups, sets of frames, and frames without enough stars."""

from __future__ import annotations

import numpy as np
import pytest

from photomitrus_cli.imaging import mutual
from photomitrus_cli.imaging.align import Alignment, FrameStars, align_frames, align_to_catalogue
from photomitrus_cli.imaging.alignfit import Pairs, Roll, fit_pairs, pooled_scale, shrunk_rolls
from photomitrus_cli.imaging.sphere import ARCSEC, basis_at, tangent_plane, unit_vectors

CENTRE = (359.99, -60.0)


def sky(x: np.ndarray, y: np.ndarray, centre: tuple[float, float] = CENTRE) -> tuple[np.ndarray, np.ndarray]:
    """Positions in degrees of points of a tangent plane, arcsec."""
    basis = basis_at(*centre)
    v = basis.centre + ARCSEC * (np.outer(x, basis.east) + np.outer(y, basis.north))
    return np.degrees(np.arctan2(v[:, 1], v[:, 0])) % 360, np.degrees(np.arctan2(v[:, 2], np.hypot(*v.T[:2])))


def frame(
    x: np.ndarray, y: np.ndarray, offset: tuple[float, float] = (0.0, 0.0), group: str = "a"
) -> FrameStars:
    """A frame that sees stars where they are less an offset."""
    ra, dec = sky(x - offset[0], y - offset[1])
    return FrameStars(ra, dec, np.full(x.size, 0.1), CENTRE, group)


def points(n: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-150, 150, (2, n))


def pairs(n: int, move: tuple[float, float, float], error: float = 0.1, seed: int = 2) -> Pairs:
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(-150, 150, (2, n))
    dx, dy = move[0] - move[2] * y, move[1] + move[2] * x
    noise = rng.normal(0, error, (2, n)) if error else np.zeros((2, n))
    return Pairs(x, y, dx + noise[0], dy + noise[1], np.full(n, 100.0))


def test_a_fit_without_noise_is_exact() -> None:
    fit = fit_pairs(pairs(12, (0.3, -0.2, 2e-4), 0.0), 1.0)
    assert (fit.dxi, fit.deta, fit.roll.angle) == pytest.approx((0.3, -0.2, 2e-4), abs=1e-6)
    assert fit.n == 12
    assert fit.rms < 1e-6
    known = fit_pairs(pairs(12, (0.3, -0.2, 2e-4), 0.0), 1.0, roll=Roll(2e-4, 0.0))
    assert (known.dxi, known.deta) == pytest.approx((0.3, -0.2), abs=1e-6)


def test_outliers_do_not_move_a_fit() -> None:
    clean = pairs(20, (0.3, -0.2, 0.0))
    spoilt = Pairs(clean.xi, clean.eta, clean.dxi + 1.0 * (np.arange(20) < 4), clean.deta, clean.weight)
    fit = fit_pairs(spoilt, pooled_scale([clean]), roll=Roll(0.0, 0.0))
    assert fit.n == 16
    assert (fit.dxi, fit.deta) == pytest.approx((0.3, -0.2), abs=0.08)


def test_the_stated_error_of_a_roll_is_its_scatter() -> None:
    fits = [fit_pairs(pairs(25, (0.0, 0.0, 1e-4), seed=seed), 1.0) for seed in range(150)]
    pulls = [(fit.roll.angle - 1e-4) / fit.roll.error for fit in fits]
    assert 0.85 < np.std(pulls) < 1.15
    assert fits[0].roll.error == pytest.approx(0.1 / np.sqrt(25 * 2 * 150**2 / 3), rel=0.3)


def test_the_pooled_scale_is_the_ratio_of_scatter_to_error() -> None:
    assert pooled_scale([pairs(40, (1, 2, 0), 0.3, seed) for seed in range(30)]) == pytest.approx(
        3.0, rel=0.05
    )
    for n in (2, 3, 4, 6):
        few = [pairs(n, (1, 2, 0), 0.1, seed) for seed in range(500)]
        assert pooled_scale(few) == pytest.approx(1.0, rel=0.15)
    assert pooled_scale([]) == 1.0


def test_noise_alone_gives_hardly_any_roll() -> None:
    rng = np.random.default_rng(3)
    left = [shrunk_rolls([Roll(v, 1e-4) for v in rng.normal(0, 1e-4, 10)]) for _ in range(100)]
    assert np.std([roll.angle for rolls in left for roll in rolls]) < 0.45e-4


def test_a_common_roll_is_found_though_no_frame_knows_it() -> None:
    rng = np.random.default_rng(4)
    rolls = shrunk_rolls([Roll(v, 1e-4) for v in rng.normal(1e-4, 1e-4, 40)] + [Roll(np.nan, np.nan)])
    assert [roll.angle for roll in rolls] == pytest.approx([1e-4] * 41, abs=0.5e-4)
    assert 1e-5 < rolls[-1].error < 1e-4


def test_rolls_that_differ_are_kept() -> None:
    true = np.random.default_rng(5).normal(0, 1e-3, 30)
    rolls = shrunk_rolls([Roll(v, 1e-5) for v in true])
    assert [roll.angle for roll in rolls] == pytest.approx(list(true), abs=2e-6)
    assert shrunk_rolls([Roll(np.nan, np.nan)] * 2) == [Roll(0.0, 0.0)] * 2


def test_rotations_bring_the_stars_onto_the_catalogue_across_the_meridian() -> None:
    x, y = points(20)
    seen = frame(x, y, (0.4, -0.7))
    (result,) = align_to_catalogue([seen], *sky(x, y))
    assert result.source == "stars"
    assert result.n_stars == 20
    moved = unit_vectors(seen.ra, seen.dec) @ result.rotation.T
    np.testing.assert_allclose(moved, unit_vectors(*sky(x, y)), atol=1e-4 * ARCSEC)
    assert (result.dxi, result.deta, result.roll_deg) == pytest.approx((0.4, -0.7, 0.0), abs=1e-4)


@pytest.mark.parametrize("centre", [(40.0, 90.0), (0.0, -89.99), (0.0001, 0.0)])
def test_poles_and_wraps(centre: tuple[float, float]) -> None:
    x, y = points(30, 7)
    ra, dec = sky(x, y, centre)
    seen = FrameStars(*sky(x + 0.5, y - 0.2, centre), np.full(30, 0.1), centre)
    (result,) = align_to_catalogue([seen], ra, dec)
    moved = unit_vectors(seen.ra, seen.dec) @ result.rotation.T
    np.testing.assert_allclose(moved, unit_vectors(ra, dec), atol=1e-4 * ARCSEC)


def test_frames_without_stars_take_the_move_of_their_group() -> None:
    x, y = points(12)
    none = np.empty(0)
    frames = [frame(x, y, (0.3 + 0.02 * k, 0.1)) for k in range(3)]
    frames += [frame(none, none), frame(none, none, group="other"), frame(x[:2], y[:2])]
    results = align_to_catalogue(frames, *sky(x, y))
    assert [r.source for r in results] == ["stars", "stars", "stars", "group", "none", "group"]
    assert (results[3].dxi, results[3].deta) == pytest.approx((0.32, 0.1), abs=1e-3)
    assert results[3].error_arcsec == pytest.approx(0.02, rel=0.01)
    basis = basis_at(*CENTRE)
    xi, eta = tangent_plane((results[3].rotation @ basis.centre)[None], basis)
    assert (xi[0] / ARCSEC, eta[0] / ARCSEC) == pytest.approx((0.32, 0.1), abs=1e-3)
    np.testing.assert_array_equal(results[4].rotation, np.eye(3))
    assert np.isnan(results[4].error_arcsec)


def test_a_group_that_disagrees_moves_nobody() -> None:
    x, y = points(12)
    frames = [frame(x, y, (0.0, 0.0)), frame(x, y, (2.0, 0.0)), frame(x[:1], y[:1])]
    assert [r.source for r in align_to_catalogue(frames, *sky(x, y))] == ["stars", "stars", "none"]
    alone = [frame(x, y), frame(x[:1], y[:1])]
    assert align_to_catalogue(alone, *sky(x, y))[1].source == "none"


def test_nothing_to_align_to() -> None:
    x, y = points(12)
    none = np.empty(0)
    assert align_to_catalogue([], *sky(x, y)) == []
    assert align_frames([]) == []
    assert [r.source for r in align_to_catalogue([frame(x, y)], none, none)] == ["none"]
    assert [r.source for r in align_frames([frame(none, none), frame(x, y)])] == ["none", "none"]


def test_frames_among_themselves_have_a_mean_of_zero_and_sets_are_told() -> None:
    x, y = points(15)
    offsets = [(0.5, 0.0), (-0.1, 0.3), (0.2, -0.6)]
    far = [FrameStars(f.ra, f.dec + 10, f.error, (CENTRE[0], CENTRE[1] + 10)) for f in (frame(x, y),) * 2]
    other = points(15, 9)
    results = align_frames([*(frame(x, y, o) for o in offsets), *far, frame(other[0], other[1])])
    got = np.array([[r.dxi, r.deta] for r in results[:3]])
    np.testing.assert_allclose(got, np.array(offsets) - np.mean(offsets, axis=0), atol=1e-3)
    assert [r.linked for r in results] == [0, 0, 0, 1, 1, -1]
    assert [r.source for r in results][3:5] == ["stars", "stars"]


def test_errors_of_large_sets_leave_out_what_neighbours_contribute(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(12)
    seen = [points(30) + rng.normal(0, 0.1, (2, 30)) for _ in range(6)]
    frames = [frame(v[0], v[1]) for v in seen]
    whole = [r.error_arcsec for r in align_frames(frames)]
    monkeypatch.setattr(mutual, "MAX_DENSE", 5)
    simple = [r.error_arcsec for r in align_frames(frames)]
    # Six frames that all see the same: 1 - 1/6 of the variance of one against 1 / (1 - 1/6) of it.
    assert np.array(whole) / simple == pytest.approx(np.full(6, 5 / 6), rel=0.03)
    assert whole[0] == pytest.approx(0.1 * np.sqrt(1.05 * 5 / 6 / 30), rel=0.25)


def identical(a: list[Alignment], b: list[Alignment]) -> bool:
    return all(
        np.array_equal(p.rotation, q.rotation) and p.n_stars == q.n_stars for p, q in zip(a, b, strict=True)
    )


def test_results_are_the_same_every_time_and_for_any_order_of_the_catalogue() -> None:
    rng = np.random.default_rng(11)
    x, y = points(40)
    seen = [points(40) + rng.normal(0, 0.1, (2, 40)) for _ in range(4)]
    frames = [frame(v[0], v[1], (0.1 * k, 0.0)) for k, v in enumerate(seen)]
    ra, dec = sky(x, y)
    order = rng.permutation(40)
    first = align_to_catalogue(frames, ra, dec)
    assert identical(first, align_to_catalogue(frames, ra[order], dec[order]))
    assert identical(align_frames(frames), align_frames(frames))
    backwards = align_to_catalogue(frames[::-1], ra, dec)
    assert [r.dxi for r in backwards] == pytest.approx([r.dxi for r in first[::-1]], abs=1e-9)
