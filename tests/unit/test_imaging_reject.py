"""Outliers of a frame against a stack, and the stack seen from a frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.blot import blot, local_contrast
from photomitrus_cli.imaging.cubic import value_at
from photomitrus_cli.imaging.look import carried_on, first_look
from photomitrus_cli.imaging.lookrows import BORDER, nearest_pixels
from photomitrus_cli.imaging.reject import RejectRules, find_outliers
from photomitrus_cli.imaging.shift import fit_shift, move_of

SHAPE = (60, 70)


def judge(sci: Any, var: Any, bad: Any, stack: Any, rules: RejectRules | None = None) -> Any:
    """Reject outliers of a frame that lies on the stack, a map and its variance, pixel by pixel."""
    x, y = np.meshgrid(np.arange(float(SHAPE[1])), np.arange(float(SHAPE[0])))
    ref, ref_var = stack
    return find_outliers(sci, var, bad, ref, ref_var, x, y, rules).mask


def ramp(shape: tuple[int, int]) -> np.ndarray:
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    out: np.ndarray = 3.0 + 0.5 * x - 0.25 * y + 0.01 * x * x - 0.02 * x * y
    return out.astype(np.float32)


def stars(gx: np.ndarray, gy: np.ndarray, sigma: float, peak: float = 100.0) -> np.ndarray:
    """Gaussians every 24 pixels of the fine array."""
    total = np.zeros(np.shape(gx))
    for y in range(12, 130, 24):
        for x in range(12, 150, 24):
            total += peak * np.exp(-0.5 * ((gx - x) ** 2 + (gy - y) ** 2) / sigma**2)
    return total


def test_blot_follows_a_parabola() -> None:
    ref = ramp((40, 50))
    rng = np.random.default_rng(1)
    gx, gy = rng.uniform(1.0, 46.9, (9, 8)), rng.uniform(1.0, 36.9, (9, 8))
    value, _ = blot(ref, gx, gy)
    expected = 3.0 + 0.5 * gx - 0.25 * gy + 0.01 * gx * gx - 0.02 * gx * gy
    np.testing.assert_allclose(value, expected, atol=2e-5)


def test_blot_makes_do_with_what_is_there() -> None:
    ref = ramp((20, 20))
    ref[10, 10] = np.nan
    gx = np.array([[10.25, 10.25, 0.5, -0.5, -1.5, np.nan, 19.5, 20.5]])
    gy = np.array([[11.0, 10.5, 0.0, 3.0, 3.0, 3.0, 19.0, 19.0]])
    value, _ = blot(ref, gx, gy)
    # On a row that has all values, its linear interpolation; of three values around, their weighted mean.
    assert value[0, 0] == pytest.approx(0.75 * ref[11, 10] + 0.25 * ref[11, 11], rel=1e-6)
    three = 0.125 * ref[10, 11] + 0.375 * ref[11, 10] + 0.125 * ref[11, 11]
    assert value[0, 1] == pytest.approx(three / 0.625, rel=1e-6)
    assert value[0, 2] == pytest.approx(0.5 * (ref[0, 0] + ref[0, 1]), rel=1e-6)
    assert value[0, 3] == ref[3, 0]
    assert value[0, 6] == ref[19, 19]
    assert np.isnan(value[0, [4, 5, 7]]).all()


def test_blot_where_nothing_is() -> None:
    ref = np.full((10, 10), np.nan, dtype=np.float32)
    ref[2, 2] = 1.0
    value, gradient = blot(ref, *np.mgrid[3:8, 3:8].astype(float))
    assert np.isnan(value).all()
    assert np.isnan(gradient).all()


def test_nearest() -> None:
    image = np.arange(12.0, dtype=np.float32).reshape(3, 4)
    gx, gy = np.array(
        [
            [[0.4, 0.6, 3.49, 3.51, -0.49, np.nan, 3.5, 0.0, -0.6, 2.0]],
            [[0.0, 2.4, 0.0, 0.0, 0.0, 0.0, 1.0, 2.5, 1.0, -0.6]],
        ],
        dtype=np.float32,
    )
    value = np.empty_like(gx)
    nearest_pixels(image, gx, gy, value)
    np.testing.assert_array_equal(value, [[0.0, 9.0, 3.0, np.nan, 0.0, *[np.nan] * 5]])


def test_positions_beyond_the_frame_go_straight_on() -> None:
    y, x = np.mgrid[-BORDER : 9 + BORDER, -BORDER : 7 + BORDER].astype(float)
    straight = 40.0 + 1.75 * x - 0.5 * y
    inner = straight[BORDER:-BORDER, BORDER:-BORDER]
    np.testing.assert_allclose(carried_on(inner), straight, rtol=1e-6)


def test_gradient_of_a_slope_and_a_peak() -> None:
    y, x = np.mgrid[:9, :9].astype(float)
    _, gradient = blot((3.0 * np.mgrid[:9, :9][1] + 4.0 * np.mgrid[:9, :9][0]).astype(np.float32), x, y)
    np.testing.assert_allclose(gradient, 5.0, rtol=1e-5)  # edges too
    peak = np.zeros((9, 9), dtype=np.float32)
    peak[4, 4] = 8.0
    _, gradient = blot(peak, x, y)
    assert gradient[4, 4] == pytest.approx(16.0)  # half of 4 x 8
    assert gradient[4, 5] == pytest.approx(np.hypot(4.0, 4.0))
    assert gradient[5, 5] == 0.0


def test_local_contrast_is_that_of_frame_pixels_without_noise() -> None:
    rng = np.random.default_rng(2)
    slope = np.broadcast_to(1.5 * np.arange(64.0, dtype=np.float32), (64, 64))
    np.testing.assert_allclose(local_contrast(slope, np.zeros_like(slope)), 3.0, rtol=1e-4)
    noise = rng.normal(0.0, 1.0, (64, 64)).astype(np.float32)
    raw = local_contrast(noise, np.zeros_like(noise))
    assert np.mean(raw**2) == pytest.approx(6.0, rel=0.1)
    assert np.median(local_contrast(noise, np.ones_like(noise))) == 0.0
    assert local_contrast(np.full((4, 4), np.nan, np.float32), noise[:4, :4]).max() == 0.0


def frame(seed: int, sigma: float = 1.0) -> tuple[np.ndarray, ...]:
    """Give noise, its variance, no bad pixels, an empty stack and its variance."""
    noise = np.random.default_rng(seed).normal(0.0, sigma, SHAPE).astype(np.float32)
    flat = np.zeros(SHAPE, dtype=np.float32)
    return noise, np.ones_like(noise), np.zeros(SHAPE, dtype=bool), flat, flat.copy()


def test_hits_go_and_noise_stays() -> None:
    sci, var, bad, *stack = frame(3)
    sci[20, 30] += 10.0
    sci[40, 10] = -10.0
    edges = [*((y, x) for x in (0, 1, 68, 69) for y in (5, 25)), (0, 40), (59, 40)]
    for y, x in edges:
        sci[y, x] = 15.0
    mask = judge(sci, var, bad, stack)
    assert mask[20, 30]
    assert mask[40, 10]
    assert all(mask[place] for place in edges)
    assert mask.sum() <= 3 + len(edges)


def test_a_sky_offset_is_taken_out() -> None:
    sci, var, bad, *stack = frame(4)
    sci[20, 30] += 10.0
    mask = judge(sci + 25.0, var, bad, stack)
    np.testing.assert_array_equal(mask, judge(sci, var, bad, stack))
    assert mask[20, 30]


def test_understated_noise_is_raised() -> None:
    sci, var, bad, *stack = frame(5)
    assert judge(sci, var * 0.09, bad, stack).sum() <= 1


def test_tracks_are_followed_through_neighbours_only() -> None:
    sci, var, *stack = (np.zeros(SHAPE, dtype=np.float32) for _ in range(4))
    var[:], bad = 1.0, np.zeros(SHAPE, dtype=bool)
    track = [(10 + n, 10 + n // 2) for n in range(8)]
    for place in track:
        sci[place] = 4.0
    sci[50, 50] = 4.0
    assert not judge(sci, var, bad, stack).any()
    sci[track[0]] = 6.0
    mask = judge(sci, var, bad, stack)
    assert sorted(zip(*map(list, np.nonzero(mask)), strict=True)) == track
    assert judge(sci, var, bad, stack, RejectRules(grow_sigma=4.5)).sum() == 1


def test_steep_sources_are_spared() -> None:
    sci, var, bad, *stack = frame(6)
    stack[0][30, 30] = 40.0  # its gradient is 80
    sci += stack[0]
    sci[30, 30] += 14.0
    assert not judge(sci, var, bad, stack)[30, 30]
    assert judge(sci, var, bad, stack, RejectRules(softening=0.05))[30, 30]


def test_what_cannot_be_judged_stays() -> None:
    sci, var, bad, *stack = frame(7)
    sci[[10, 20, 30, 40], 10] = 1e4
    bad[10, 10], stack[0][20, 10], stack[1][30, 10] = True, np.nan, np.inf
    mask = judge(sci, var, bad, stack)
    assert mask[[10, 20, 30, 40], 10].tolist() == [False, False, False, True]
    nothing = np.full(SHAPE, np.nan, dtype=np.float32)
    assert not judge(sci, var, bad, [nothing, stack[1]]).any()
    assert not judge(sci, var, np.ones_like(bad), stack).any()


def seen(shift: tuple[float, float]) -> tuple[np.ndarray, ...]:
    """Give a fine stack with stars, and a frame at every second pixel that shows it shifted."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(float)
    gx, gy = 2.0 * x + 3.0, 2.0 * y + 3.0
    fine_y, fine_x = np.mgrid[:130, :150]
    ref = stars(fine_x, fine_y, 2.0).astype(np.float32)
    sci = stars(gx + 2.0 * shift[0], gy + 2.0 * shift[1], 2.0).astype(np.float32)
    sci += np.random.default_rng(8).normal(0.0, 1.0, SHAPE).astype(np.float32)
    return sci, ref, gx, gy


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.2, -0.1), (-0.35, 0.3)])
def test_pointing_error_is_found_and_allowed_for(shift: tuple[float, float]) -> None:
    sci, ref, gx, gy = seen(shift)
    sci[31, 42] += 12.0
    var, bad = np.ones_like(sci), np.zeros(SHAPE, dtype=bool)
    found = find_outliers(
        sci + np.float32(5.0), var, bad, ref, np.full_like(ref, 0.01), gx, gy, RejectRules(softening=0.1)
    )
    np.testing.assert_allclose(found.shift, shift, atol=0.03)
    assert found.mask[31, 42]
    assert found.mask.sum() <= 2
    np.testing.assert_array_equal(found.blotted, blot(ref, gx, gy)[0])


def test_no_shift_without_stars() -> None:
    sci, var, bad, ref, ref_var = frame(9)
    at = np.mgrid[:60, :70][::-1].astype(float)
    assert fit_shift(first_look((sci, var, bad), (ref, ref_var), *at), 0.0) == (0.0, 0.0)
    assert find_outliers(sci, var, bad, ref, ref_var, *at).shift == (0.0, 0.0)


def test_a_frame_off_by_more_is_no_pointing_error() -> None:
    sci, ref, gx, gy = seen((1.6, 0.0))
    frame = sci, np.ones_like(sci), np.zeros(SHAPE, dtype=bool)
    assert fit_shift(first_look(frame, (ref, np.zeros_like(ref)), gx, gy), 0.0) == (0.0, 0.0)


def test_move_of_a_rotated_frame() -> None:
    y, x = np.mgrid[:20, :30].astype(float)
    gx, gy = 1.8 * x - 0.9 * y + 7.0, 0.9 * x + 1.8 * y - 2.0
    gx[0, 0] = gy[0, 0] = np.nan
    expected = 1.8 * 0.5 + 0.9 * 0.25, 0.9 * 0.5 - 1.8 * 0.25
    np.testing.assert_allclose(move_of(gx, gy, (0.5, -0.25)), expected, atol=1e-6)


def test_shapes_are_checked() -> None:
    sci, var, bad, *stack = frame(10)
    with pytest.raises(InputError, match="differ in shape"):
        judge(sci, var[:-1], bad, stack)
    with pytest.raises(InputError, match="differ in shape"):
        judge(sci, var, bad, [stack[0], stack[1][1:]])
    x, y = np.meshgrid(np.arange(float(SHAPE[1])), np.arange(2.0))
    with pytest.raises(InputError, match="too small"):
        find_outliers(sci[:2], var[:2], bad[:2], stack[0], stack[1], x, y)
    with pytest.raises(InputError, match="cannot be seen"):
        blot(sci, sci, sci[:-1])


def test_values_beside_the_last_column_of_a_wide_image() -> None:
    """Linearly, from what there is: as far as a pixel beyond either edge."""
    image = np.arange(24.0, dtype=np.float32).reshape(3, 8)
    for x, y, expected in ((6.5, 1.0, 14.5), (7.5, 1.0, 15.0), (-0.5, 1.0, 8.0), (6.0, 2.5, 22.0)):
        assert value_at(image, np.float32(x), np.float32(y)) == pytest.approx(expected)
    for x, y in ((8.0, 1.0), (-1.0, 1.0), (6.0, 3.0), (6.0, -1.0)):
        assert np.isnan(value_at(image, np.float32(x), np.float32(y)))
