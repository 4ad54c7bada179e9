"""Frames find their place among catalogue stars, and only their own."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from photomitrus_cli.imaging.planepixels import plane_pixels
from photomitrus_cli.imaging.platefit import centred
from photomitrus_cli.imaging.plateterms import corrected, degree_of, n_terms, plate_rows, powers
from photomitrus_cli.imaging.starmatch import Search, accident_chance, match_stars
from photomitrus_cli.imaging.tangent import directions_of, tangent_axes
from photomitrus_cli.imaging.tansip import TanSip

SIZE, SCALE = 1000, 2.0  # pixels, arcsec a pixel
SHALLOW = Search(stars=80)


def start(cd: np.ndarray | None = None) -> TanSip:
    """A mirrored frame without distortion."""
    cd = np.eye(2) * SCALE / 3600.0 if cd is None else cd
    return TanSip(tangent_axes(80.0, -45.0), cd, np.full(2, 0.5 * (SIZE - 1)), (SIZE, SIZE))


def bent(wcs: TanSip, pixels: float) -> TanSip:
    """The same with distortion of some pixels at the corners."""
    rng = np.random.default_rng(5)
    terms = np.hstack([np.zeros((2, 3)), rng.normal(0.0, 0.3 * pixels, (2, n_terms(4)))])
    return corrected(wcs, terms)


def scene(
    truth: TanSip, seed: int, n_stars: int = 250, n_refs: int = 120
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Detections and catalogue directions of a frame: the brightest first, a fifth of both false."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(-300, SIZE + 300, (2, int(n_refs * 2.56)))
    vectors = truth.directions(x, y)
    inside = (x > 0) & (x < SIZE - 1) & (y > 0) & (y < SIZE - 1)
    shown = inside & (rng.random(x.size) < 0.8)
    own = np.stack([x, y])[:, shown] + rng.normal(0.0, 0.1, (2, np.count_nonzero(shown)))
    other = rng.uniform(0, SIZE - 1, (2, max(n_stars - own.shape[1], 0)))
    both = np.hstack([own, other])
    # The order of brightness is that of the catalogue, roughly.
    rank = np.append(np.flatnonzero(shown), rng.uniform(0, x.size, other.shape[1]))
    order = np.argsort(rank + rng.normal(0.0, 0.05 * x.size, rank.size))
    return both[0][order], both[1][order], vectors


def error_px(found: TanSip, truth: TanSip) -> float:
    """Largest distance over the frame, pixels."""
    x, y = (v.ravel() for v in np.meshgrid(np.linspace(0, SIZE - 1, 9), np.linspace(0, SIZE - 1, 9)))
    return float(
        np.hypot(
            *plane_pixels(truth, found.directions(x, y)) - plane_pixels(truth, truth.directions(x, y))
        ).max()
    )


@pytest.mark.parametrize(
    ("turn", "flip", "offset"),
    [
        (0.0, False, (30.0, -20.0)),
        (0.7, False, (40.0, 10.0)),
        (90.0, False, (-200.0, 150.0)),
        (180.4, True, (20.0, 90.0)),
    ],
)
def test_offset_rotation_parity_and_distortion_are_found(
    turn: float, flip: bool, offset: tuple[float, float]
) -> None:
    a = np.radians(turn)
    matrix = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) @ np.diag(
        [-1.0 if flip else 1.0, 1.0]
    )
    truth = bent(corrected(start(start().cd @ matrix), np.array(offset)[:, None]), 4.0)
    x, y, vectors = scene(truth, 1, n_refs=220)
    found = match_stars(x, y, start(), vectors, SHALLOW)
    assert found is not None
    assert found.flipped == flip
    # The rotator's error is left to the fit.
    assert abs((found.turn - turn + 180.0) % 360.0 - 180.0) < 1.1
    assert found.chance < 1e-20
    assert error_px(found.wcs, truth) < 0.6
    assert found.stars.size > 80
    np.testing.assert_array_equal(np.unique(found.stars).size, found.stars.size)


def test_wrong_fields_are_refused() -> None:
    rng = np.random.default_rng(9)
    for trial in range(8):
        n, m = rng.integers(20, 120, 2)
        x, y = rng.uniform(0, SIZE - 1, (2, n))
        vectors = start().directions(*rng.uniform(-600, SIZE + 600, (2, m * 4)))
        assert match_stars(x, y, start(), vectors, SHALLOW) is None, trial


def test_a_crowded_wrong_field_with_clumps_is_refused_and_the_right_one_is_not() -> None:
    rng = np.random.default_rng(3)
    clumps = rng.uniform(0, SIZE, (2, 12))[:, rng.integers(0, 12, 800)] + rng.normal(0, 15.0, (2, 800))
    x, y = np.hstack([clumps[:, :200], rng.uniform(0, SIZE - 1, (2, 200))])
    away = np.hstack([clumps + 37.0, rng.uniform(-300, SIZE + 300, (2, 4000))])
    away = away[:, rng.permutation(away.shape[1])]
    assert match_stars(x, y, start(), start().directions(away[1], SIZE - away[0]), SHALLOW) is None
    x, y, vectors = scene(start(), 4, n_stars=400, n_refs=3000)
    found = match_stars(x[:500], y[:500], start(), vectors, SHALLOW)
    assert found is not None
    assert error_px(found.wcs, start()) < 0.3


def test_few_stars_need_to_agree_beyond_what_was_tried() -> None:
    truth = corrected(start(), np.array([[12.0], [-7.0]]))
    x, y, vectors = scene(truth, 2, n_stars=8, n_refs=7)
    few = Search(turns=(0.0,), small=(0.0,), flips=False, max_chance=1e-3, min_pairs=3)
    found = match_stars(x, y, start(), vectors, few)
    assert found is not None
    assert error_px(found.wcs, truth) < 0.5
    assert match_stars(x[:2], y[:2], start(), vectors, few) is None
    assert match_stars(np.empty(0), np.empty(0), start(), vectors, few) is None


def test_chance_is_the_binomial_tail() -> None:
    assert accident_chance(7, 40, 0.1) == pytest.approx(binom.sf(6, 40, 0.1), rel=1e-10)
    assert accident_chance(0, 40, 0.1) == 1.0
    assert accident_chance(-2, 0, 0.1) == 1.0


def test_corrections_do_what_their_terms_say() -> None:
    wcs = bent(start(), 2.0)
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, SIZE - 1, (2, 50))
    terms = rng.normal(0.0, 1e-3, (2, 3 + n_terms(5)))
    moved = plane_pixels(wcs, corrected(wcs, terms).directions(x, y)) - plane_pixels(
        wcs, wcs.directions(x, y)
    )
    np.testing.assert_allclose(moved, terms @ plate_rows(wcs, x, y, 5).T, rtol=3e-3, atol=1e-5)
    p, q = powers(3)
    assert list(zip(p, q, strict=True))[:4] == [(2, 0), (1, 1), (0, 2), (3, 0)]
    assert [degree_of(n_terms(d)) for d in range(1, 7)] == list(range(1, 7))


def test_a_tangent_point_outside_the_frame_is_moved_to_its_middle() -> None:
    off = TanSip.at((80.0, -45.0), start().cd, (-900.0, 1900.0), (SIZE, SIZE))
    middle = centred(off)
    np.testing.assert_array_equal(middle.crpix, [499.5, 499.5])
    assert error_px(middle, off) < 1e-5
    wcs = start()
    assert centred(wcs) is wcs
    near = directions_of(*middle.sky(499.5, 499.5))
    np.testing.assert_allclose(near, off.directions(499.5, 499.5), atol=1e-12)
