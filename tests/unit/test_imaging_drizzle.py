"""Drizzle: meaning of value, variance, share and validity, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from photomitrus_cli.errors import ConfigError, InputError
from photomitrus_cli.imaging.drizzle import drizzle_frame, drop_area

GOOD = np.zeros((8, 8), dtype=bool)
ONES = np.ones((8, 8))
Y, X = np.indices((8, 8)).astype(float)


def test_pixels_on_pixels_are_copied() -> None:
    sci, var = np.random.default_rng(1).normal(size=(2, 8, 8))
    out = drizzle_frame(sci, var**2, GOOD, X + 3, Y + 2, (0, 12, 0, 13), pixfrac=1.0)
    assert out.share is not None
    np.testing.assert_array_equal(out.value[2:10, 3:11], sci.astype(np.float32))
    np.testing.assert_allclose(out.variance[2:10, 3:11], (var**2).astype(np.float32), rtol=1e-6)
    np.testing.assert_array_equal(out.share[2:10, 3:11], 1.0)
    assert out.valid.sum() == 64
    assert np.isnan(out.value[~out.valid]).all()
    assert np.isnan(out.variance[~out.valid]).all()
    assert (out.share[~out.valid] == 0.0).all()


def test_half_a_pixel_off_takes_the_mean_of_two() -> None:
    out = drizzle_frame(X, 2.0 * ONES, GOOD, X + 0.5, Y, (0, 8, 0, 9), pixfrac=1.0)
    np.testing.assert_allclose(out.value[:, 1:8], X[:, :7] + 0.5)
    np.testing.assert_allclose(out.variance[:, 1:8], 1.0)
    assert out.share is not None
    np.testing.assert_allclose(out.share[:, [0, 8]], 0.5)
    np.testing.assert_allclose(out.variance[:, [0, 8]], 2.0)


def test_share_of_shrunken_pixels_is_their_area() -> None:
    out = drizzle_frame(X, ONES, GOOD, X, Y, (0, 8, 0, 8), pixfrac=0.5)
    assert out.share is not None
    np.testing.assert_allclose(out.share, 0.25)
    np.testing.assert_allclose(out.value, X)
    np.testing.assert_allclose(out.variance, 1.0)


def test_small_drops_leave_holes_between_them() -> None:
    out = drizzle_frame(X, ONES, GOOD, 3 * X + 1, 3 * Y + 1, (0, 24, 0, 24), pixfrac=0.2)
    expected = np.zeros((24, 24), dtype=bool)
    expected[1::3, 1::3] = True
    np.testing.assert_array_equal(out.valid, expected)


def test_tiny_drops_are_valid_wherever_they_fall() -> None:
    """The least share follows the size of a drop."""
    out = drizzle_frame(X, ONES, GOOD, X + 0.2, Y, (0, 8, 0, 8), pixfrac=0.01)
    assert out.valid.all()
    np.testing.assert_allclose(out.value, X, rtol=1e-4)


def test_slivers_are_not_valid() -> None:
    out = drizzle_frame(X, ONES, GOOD, X + 0.005, Y, (0, 8, 0, 9), pixfrac=1.0)
    assert out.valid[:, :8].all()
    assert not out.valid[:, 8].any()


@pytest.mark.parametrize("kind", ["bad", "sci", "var", "negative", "place"])
def test_unusable_pixels_take_no_part(kind: str) -> None:
    sci, var, bad, gx = X.copy(), ONES.copy(), GOOD.copy(), X.copy()
    if kind == "bad":
        bad[3, 4], sci[3, 4] = True, 1e9
    elif kind == "sci":
        sci[3, 4] = np.inf
    elif kind == "var":
        var[3, 4] = np.nan
    elif kind == "negative":
        var[3, 4], sci[3, 4] = -1.0, 1e9
    else:
        gx[3, 4] = np.nan
    out = drizzle_frame(sci, var, bad, gx, Y, (0, 8, 0, 8), pixfrac=1.0)
    assert not out.valid[3, 4]
    rest = np.ones((8, 8), dtype=bool)
    # Corners are shared: without its centre a pixel takes those of its neighbours with it.
    rest[(slice(2, 5), slice(3, 6)) if kind == "place" else (3, 4)] = False
    np.testing.assert_allclose(out.value[rest], X[rest], rtol=1e-6, atol=1e-6)


def test_any_byte_order_and_layout_will_do() -> None:
    sci = np.random.default_rng(2).normal(size=(8, 8))
    plain = drizzle_frame(sci, ONES, GOOD, X + 0.3, Y + 0.1, (0, 9, 0, 9), pixfrac=0.7)
    other = drizzle_frame(
        np.asfortranarray(sci.astype(">f8")), ONES.astype(">f4"), np.asfortranarray(GOOD),
        np.asfortranarray(X + 0.3), Y + 0.1, (0, 9, 0, 9), pixfrac=0.7,
    )  # fmt: skip
    np.testing.assert_array_equal(plain.value, other.value)


def test_window_off_the_frame_is_empty() -> None:
    for window in ((100, 130, 0, 10), (0, 8, -40, -20), (-9, -1, 0, 8), (4, 4, 2, 6)):
        out = drizzle_frame(X, ONES, GOOD, X, Y, window, pixfrac=1.0)
        assert out.value.shape == (window[1] - window[0], window[3] - window[2])
        assert not out.valid.any()
        assert np.isnan(out.value).all()


def test_window_beyond_one_tile_of_sums() -> None:
    side = 300
    y, x = np.indices((side, side)).astype(float)
    out = drizzle_frame(x, np.ones_like(x), x < 0, x, y, (0, side, 0, side), pixfrac=1.0)
    np.testing.assert_array_equal(out.value, x)


def test_drop_area_is_that_of_the_quadrilateral() -> None:
    assert drop_area(3 * X - Y, X + 3 * Y, 0.5) == pytest.approx(10.0 * 0.25)
    assert drop_area(-2 * X, Y, 1.0) == pytest.approx(2.0)


@pytest.mark.parametrize("pixfrac", [0.0, -0.5, 1.01, float("nan")])
def test_pixfrac_out_of_range_is_refused(pixfrac: float) -> None:
    with pytest.raises(ConfigError, match="pixfrac"):
        drizzle_frame(X, ONES, GOOD, X, Y, (0, 8, 0, 8), pixfrac=pixfrac)


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="differ in shape"):
        drizzle_frame(X, ONES[:7], GOOD, X, Y, (0, 8, 0, 8), pixfrac=1.0)
    with pytest.raises(InputError, match="too small"):
        drizzle_frame(X[:1], ONES[:1], GOOD[:1], X[:1], Y[:1], (0, 8, 0, 8), pixfrac=1.0)
    lost = X.copy()
    lost[0, 0] = np.nan
    with pytest.raises(InputError, match="corners"):
        drizzle_frame(X, ONES, GOOD, lost, Y, (0, 8, 0, 8), pixfrac=1.0)
