"""Resampling: conservation, bad pixels, edges, windows."""

from __future__ import annotations

import numpy as np
import pytest
from truthkit.resampling import resample
from truthkit.wcsmaker import make_wcs

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.geometry import footprint
from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.gridaround import grid_for_footprints
from photomitrus_cli.imaging.lanczos import BAD, SATURATED, TAPS, pair_table, share_table, weight_table
from photomitrus_cli.imaging.mapping import map_frame
from photomitrus_cli.imaging.pixelmap import PixelMap
from photomitrus_cli.imaging.prepared import prepare_frame, reprepare
from photomitrus_cli.imaging.resample import Resampled, resample_frame, resample_into

SHAPE = (120, 130)


@pytest.fixture(scope="module")
def mapped() -> tuple[Grid, PixelMap]:
    wcs = make_wcs(200.0, -30.0, angle=27.0, distortion="sip", crpix=(60.0, 64.0))
    grid = grid_for_footprints(*footprint(wcs, SHAPE), 0.6)
    return grid, map_frame(wcs, SHAPE, grid)


def clean() -> np.ndarray:
    return np.zeros(SHAPE, dtype=bool)


def test_tables() -> None:
    table = weight_table()
    np.testing.assert_allclose(table.sum(axis=1), 1.0, atol=1e-15)
    assert not table[:, TAPS:].any()
    weights, squares = pair_table()[:, ::2], pair_table()[:, 1::2]
    assert np.abs(weights.sum(axis=1, dtype=np.float64) - 1.0).max() < 3.1e-8
    np.testing.assert_allclose(weights, table[:-1], atol=1.2e-7)
    np.testing.assert_array_equal(squares, weights * weights)
    np.testing.assert_allclose(share_table().sum(axis=1), 1.0, atol=3e-7)
    # Rows that straddle two cache lines would cost time.
    assert pair_table().ctypes.data % 64 == 0


def test_constant_sky_is_conserved(mapped: tuple[Grid, PixelMap]) -> None:
    rng = np.random.default_rng(1)
    bad = rng.random(SHAPE) < 0.05
    for level in (1e-3, 0.1, 1.0, 12345.678):
        out = resample(np.full(SHAPE, level), np.ones(SHAPE), bad, mapped[1])
        assert out.valid.sum() > 20000
        # Two units in the last place.
        np.testing.assert_allclose(out.value[out.valid], np.float32(level), rtol=2.4e-7)
        assert np.isnan(out.value[~out.valid]).all()
        assert np.isnan(out.variance[~out.valid]).all()


def test_gradient_is_followed(mapped: tuple[Grid, PixelMap]) -> None:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    out = resample(0.5 * x - 0.2 * y, np.ones(SHAPE), clean(), mapped[1])
    y0, y1, x0, x1 = mapped[1].bbox
    px, py = mapped[1].positions(*np.mgrid[y0:y1, x0:x1])
    inner = (px > 3) & (px < SHAPE[1] - 4) & (py > 3) & (py < SHAPE[0] - 4)
    # A normalised Lanczos-3 kernel returns straight lines to about 1 % of a pixel.
    assert np.abs(out.value - (0.5 * px - 0.2 * py))[inner].max() < 0.02


def test_rounded_positions_shift_nothing(mapped: tuple[Grid, PixelMap]) -> None:
    # The kernel follows a straight line to first order, so a shift of 1e-6 px by rounding would show here.
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    y0, y1, x0, x1 = mapped[1].bbox
    px, py = mapped[1].positions(*np.mgrid[y0:y1, x0:x1])
    inner = (px > 4) & (px < SHAPE[1] - 5) & (py > 4) & (py < SHAPE[0] - 5)
    for plane, position in ((x, px), (y, py)):
        out = resample(plane - 60.0, np.ones(SHAPE), clean(), mapped[1])
        error = (out.value - (position - 60.0))[inner]
        # 1/2048 px / sqrt(12) of a hundred thousand values, and the slight ripple of the kernel itself.
        assert abs(error.mean()) < 5e-6


@pytest.mark.parametrize("tile", [1, 17, 64, 1000])
def test_any_tiling_gives_the_same_bits(mapped: tuple[Grid, PixelMap], tile: int) -> None:
    rng = np.random.default_rng(2)
    frame = prepare_frame(rng.normal(0, 1, SHAPE), rng.uniform(1, 2, SHAPE), rng.random(SHAPE) < 0.02)
    grid, pixel_map = mapped
    ny, nx = grid.shape
    whole = resample_frame(frame, pixel_map, (0, ny, 0, nx))
    for y in range(0, ny, tile) if tile > 1 else range(50, 53):
        for x in range(0, nx, tile) if tile > 1 else range(60, 90):
            part = np.s_[y : min(y + tile, ny), x : min(x + tile, nx)]
            window = (part[0].start, part[0].stop, part[1].start, part[1].stop)
            out = resample_frame(frame, pixel_map, window)
            np.testing.assert_array_equal(out.value, whole.value[part])
            np.testing.assert_array_equal(out.variance, whole.variance[part])
            np.testing.assert_array_equal(out.valid, whole.valid[part])


def test_part_of_larger_arrays(mapped: tuple[Grid, PixelMap]) -> None:
    rng = np.random.default_rng(5)
    _, pixel_map = mapped
    bad = rng.random(pixel_map.shape) < 0.02
    frame = prepare_frame(rng.normal(0.0, 1.0, pixel_map.shape), np.ones(pixel_map.shape), bad)
    y0, y1, x0, x1 = pixel_map.bbox
    window = (y0 + 2, y1 - 3, x0 + 5, x1 - 6)
    shape = (y1 - y0 + 4, x1 - x0 + 4)
    out = Resampled(np.full(shape, 7.0, np.float32), np.full(shape, 8.0, np.float32), np.ones(shape, bool))
    resample_into(frame, pixel_map, window, (y0 - 2, x0 - 2), out)
    inside = slice(4, shape[0] - 5), slice(7, shape[1] - 8)
    expected = resample_frame(frame, pixel_map, window)
    for name, rest in (("value", 7.0), ("variance", 8.0), ("valid", True)):
        plane = getattr(out, name)
        np.testing.assert_array_equal(plane[inside], getattr(expected, name))
        plane[inside] = rest
        assert (plane == rest).all()


def test_window_off_the_frame_is_invalid(mapped: tuple[Grid, PixelMap]) -> None:
    out = resample(np.ones(SHAPE), np.ones(SHAPE), clean(), mapped[1], (-50, -10, 5000, 5030))
    assert out.value.shape == (40, 30)
    assert not out.valid.any()
    assert np.isnan(out.value).all()


def test_hot_pixels_do_not_ring(mapped: tuple[Grid, PixelMap]) -> None:
    rng = np.random.default_rng(3)
    sci = rng.normal(0.0, 1e-3, SHAPE)
    bad = rng.random(SHAPE) < 0.02
    bad[40:46, 50:90] = True
    hot = np.where(bad, rng.choice([1e6, -1e6, np.nan, np.inf], SHAPE), sci)
    out = resample(hot, np.where(bad, np.nan, 1e-6), bad, mapped[1])
    assert out.valid.mean() > 0.4
    assert np.abs(out.value[out.valid]).max() < 0.01
    assert np.isfinite(out.variance[out.valid]).all()


def test_unmarked_nan_and_negative_variance_count_as_bad(mapped: tuple[Grid, PixelMap]) -> None:
    sci, var = np.ones(SHAPE), np.ones(SHAPE)
    sci[50, 50], var[70, 70], var[30, 80] = np.nan, np.nan, -1.0
    out = resample(sci, var, clean(), mapped[1])
    full = resample(np.ones(SHAPE), np.ones(SHAPE), clean(), mapped[1])
    assert 9 <= (full.valid & ~out.valid).sum() <= 45
    assert np.isfinite(out.value[out.valid]).all()


def test_bad_share_limits(mapped: tuple[Grid, PixelMap]) -> None:
    bad = clean()
    bad[60, 60] = True
    lost = []
    for share in (0.0, 0.05, 0.2, 1.0):
        out = resample(np.ones(SHAPE), np.ones(SHAPE), bad, mapped[1], max_bad_share=share)
        lost.append(int(out.valid.sum()))
    assert lost == sorted(lost)
    # With everything allowed all pixel centres on the frame count.
    y0, y1, x0, x1 = mapped[1].bbox
    px, py = mapped[1].positions(*np.mgrid[y0:y1, x0:x1])
    on = (px >= -0.5) & (px <= SHAPE[1] - 0.5) & (py >= -0.5) & (py <= SHAPE[0] - 0.5)
    assert abs(lost[-1] - on.sum()) <= 2
    # 6 x 6 native pixels see the bad one: 36 x 4.16 grid pixels, beside the border.
    inner = (px > 3) & (px < SHAPE[1] - 4) & (py > 3) & (py < SHAPE[0] - 4)
    strict = resample(np.ones(SHAPE), np.ones(SHAPE), bad, mapped[1], max_bad_share=0.0)
    assert (inner & ~strict.valid).sum() == pytest.approx(36 * (1.2233 / 0.6) ** 2, rel=0.1)


def test_fill_is_local_and_keeps_the_rest() -> None:
    y, x = np.mgrid[:30, :30]
    sci = 100.0 + x + 2.0 * y
    bad = np.zeros(sci.shape, dtype=bool)
    bad[10, 10] = bad[20:23, 20:23] = True
    bad[0:20, 25:30] = True
    frame = prepare_frame(np.where(bad, np.nan, sci), np.where(bad, np.nan, 4.0), bad)
    out = frame.sci[3:-3, 3:-5]
    np.testing.assert_array_equal(out[~bad], sci[~bad].astype(np.float32))
    assert out[10, 10] == pytest.approx(130.0, abs=1e-3)
    assert out[21, 21] == pytest.approx(163.0, abs=0.1)
    assert np.abs(out - sci)[bad].max() < 12
    np.testing.assert_allclose(frame.var, 4.0, rtol=1e-6)


def test_saturated_pixels_are_flagged_and_used() -> None:
    saturated = np.zeros(SHAPE, dtype=bool)
    saturated[10, 20] = saturated[30, 40] = True
    bad = clean()
    bad[30, 40] = True
    frame = prepare_frame(np.ones(SHAPE), np.ones(SHAPE), bad, saturated)
    inner = frame.state[3:-3, 3:-5]
    np.testing.assert_array_equal((inner & SATURATED) > 0, saturated)
    np.testing.assert_array_equal((inner & BAD) > 0, bad)
    assert not (prepare_frame(np.ones(SHAPE), np.ones(SHAPE), bad).state & SATURATED).any()


def test_more_bad_pixels_are_as_if_known_from_the_start() -> None:
    rng = np.random.default_rng(11)
    sci, var = rng.normal(0, 1, SHAPE), rng.uniform(1, 2, SHAPE)
    first, second = (rng.random(SHAPE) < 0.02 for _ in range(2))
    second[50:58, 60:75] = True
    saturated = rng.random(SHAPE) < 0.001
    once = prepare_frame(sci, var, first | second, saturated)
    before = prepare_frame(sci, var, first, saturated)
    pixels, state = before.pixels.copy(), before.state.copy()
    state[10, 10] |= 16
    before.state[10, 10] |= 16
    twice = reprepare(before, second)
    np.testing.assert_array_equal(twice.pixels, once.pixels)
    np.testing.assert_array_equal(twice.state & ~np.uint8(16), once.state)
    # Bits of others are kept, and so is the frame that was given.
    assert twice.state[10, 10] & 16
    np.testing.assert_array_equal(before.pixels, pixels)
    np.testing.assert_array_equal(before.state, state)
    with pytest.raises(InputError, match="does not fit"):
        reprepare(before, second[1:])


def test_all_bad_frame_gives_nothing(mapped: tuple[Grid, PixelMap]) -> None:
    out = resample(np.full(SHAPE, np.nan), np.ones(SHAPE), ~clean(), mapped[1])
    assert not out.valid.any()


def test_big_endian_input_and_wrong_shapes(mapped: tuple[Grid, PixelMap]) -> None:
    rng = np.random.default_rng(7)
    sci = rng.normal(0, 1, SHAPE).astype("<f4")
    one = resample(sci, np.ones(SHAPE), clean(), mapped[1])
    two = resample(sci.astype(">f4"), np.ones(SHAPE, dtype=">f4"), clean(), mapped[1])
    np.testing.assert_array_equal(one.value, two.value)
    # What is too large for the maps counts as bad, without a warning.
    huge = sci.astype(np.float64)
    huge[60, 60] = 1e300
    assert prepare_frame(huge, np.ones(SHAPE), clean()).state[63, 63] & BAD
    with pytest.raises(InputError, match="differ in shape"):
        prepare_frame(sci, sci, clean(), clean()[1:])
    with pytest.raises(InputError, match="differ in shape"):
        prepare_frame(sci, sci[1:], clean())
    with pytest.raises(InputError, match="does not fit"):
        resample(sci[1:], sci[1:], clean()[1:], mapped[1])


def test_star_fluxes_survive_cosmic_rays() -> None:
    rng = np.random.default_rng(8)
    grid = Grid(10.0, 20.0, 0.6, (300, 300), (149.5, 149.5))
    gy, gx = (v.ravel() + rng.uniform(-2, 2, v.size) for v in np.mgrid[40:261:22, 40:261:22])
    # Only stars that are whole in every frame.
    gx, gy = gx[np.hypot(gx - 149.5, gy - 149.5) < 105], gy[np.hypot(gx - 149.5, gy - 149.5) < 105]
    yy, xx = np.mgrid[:300, :300]
    sums, counts = np.zeros((2, 300, 300)), np.zeros((2, 300, 300))
    share = []
    for k in range(4):
        wcs = make_wcs(10.0, 20.0, angle=40.0 * k, crpix=(74.2 + 0.3 * k, 75.4 + 0.6 * k))
        x, y = wcs.all_world2pix(*grid.pixel_to_world(gx, gy), 0)
        sci = stars(x, y, (150, 150))
        bad = rng.random(sci.shape) < 0.006
        bad |= np.roll(bad, 1, axis=k % 2)
        pixel_map = map_frame(wcs, sci.shape, grid)
        for n, mask in enumerate((bad, np.zeros_like(bad))):
            out = resample(np.where(mask, 1e5, sci), np.ones_like(sci), mask, pixel_map, (0, 300, 0, 300))
            sums[n] += np.where(out.valid, out.value, 0.0)
            counts[n] += out.valid
        share.append(counts[0].sum() / counts[1].sum())
    maps = sums / np.maximum(counts, 1)
    flux = np.array(
        [[m[np.hypot(xx - a, yy - b) < 6.1].sum() for a, b in zip(gx, gy, strict=True)] for m in maps]
    )
    error = flux[0] / flux[1] - 1.0
    assert abs(error.mean()) < 0.001
    assert np.sqrt(np.mean(error**2)) < 0.006
    # Little more is lost than the bad pixels themselves, 1.2 %.
    assert share[-1] > 1.0 - 2.0 * 0.012


def stars(x: np.ndarray, y: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Stars of FWHM 1.4 px with wings, integrated over pixels by 5 x 5 samples."""
    out = np.zeros(shape)
    part = (np.arange(5) + 0.5) / 5 - 0.5
    for a, b in zip(x, y, strict=True):
        i, j = round(a), round(b)
        if not (8 <= i < shape[1] - 8 and 8 <= j < shape[0] - 8):
            continue
        u = (np.arange(i - 8, i + 9)[:, None] + part).ravel() - a
        v = (np.arange(j - 8, j + 9)[:, None] + part).ravel() - b
        r2 = u[None, :] ** 2 + v[:, None] ** 2
        core = np.exp(-r2 / (2 * 0.5945**2)) / (2 * np.pi * 0.5945**2)
        wing = 1.5 / (np.pi * 6.25) * (1 + r2 / 6.25) ** -2.5
        out[j - 8 : j + 9, i - 8 : i + 9] += (0.85 * core + 0.15 * wing).reshape(17, 5, 17, 5).mean((1, 3))
    return out
