"""Detection of stars: kernels against slow twins, what is kept, what is left out, and the stated errors."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import convolve1d
from scipy.special import erf

from photomitrus_cli.imaging.detect import Stars, detect_stars
from photomitrus_cli.imaging.peaks import box_moments, find_peaks, lone_peaks, measure_peaks, smooth_image

Float = NDArray[np.float64]
SIGMA_PX = 0.6  # an undersampled star: FWHM 1.4 pixels


def star(image: Float, x: float, y: float, flux: float, sigma: float = SIGMA_PX) -> None:
    """Add a Gaussian star integrated over pixels."""
    edges_y, edges_x = (np.arange(-0.5, n) for n in image.shape)
    across = np.diff(erf((edges_x - x) / sigma / np.sqrt(2))) / 2
    along = np.diff(erf((edges_y - y) / sigma / np.sqrt(2))) / 2
    image += flux * along[:, None] * across


def lattice(
    rng: np.random.Generator, flux: float, n: int = 8, sigma: float = SIGMA_PX
) -> tuple[Float, Float, Float]:
    """Paint n x n lone stars at random pixel phases: image, x, y."""
    image = np.zeros((20 * n + 20, 20 * n + 20))
    y, x = (20.0 * (1 + v.ravel()) + rng.uniform(-0.5, 0.5, n * n) for v in np.indices((n, n)))
    for position in zip(x, y, strict=True):
        star(image, *position, flux, sigma)
    return image, x, y


def detect(image: Float, bad: NDArray[np.bool_] | None = None, **options: float) -> Stars:
    mask = np.zeros(image.shape, np.bool_) if bad is None else bad
    return detect_stars(image.astype(np.float32), None, mask, 0.0, 1.0, **options)  # type: ignore[arg-type]


def errors(stars: Stars, x: Float, y: Float) -> Float:
    """Position errors of the stars found, shape (n, 2)."""
    nearest = np.hypot(stars.x[:, None] - x, stars.y[:, None] - y).argmin(axis=1)
    return np.column_stack([stars.x - x[nearest], stars.y - y[nearest]])


def test_smoothing_is_a_separable_convolution() -> None:
    rng = np.random.default_rng(1)
    sci = rng.normal(3, 1, (17, 23)).astype(np.float32)
    bad = rng.random(sci.shape) < 0.1
    sci[bad] = np.nan
    sci[4, 5] = np.inf
    taps = np.array([0.2, 0.5, 0.2], np.float32)
    out, scratch = np.empty_like(sci), np.empty_like(sci)
    smooth_image(sci, bad, 3.0, taps, scratch, out)
    clean = np.where(np.isfinite(sci), sci - 3.0, 0.0)
    expected = convolve1d(convolve1d(clean, taps, axis=0), taps, axis=1)
    np.testing.assert_allclose(out[1:-1, 1:-1], expected[1:-1, 1:-1], atol=1e-5)
    assert not out[0].any()
    assert not out[:, -1].any()


def test_peaks_are_the_highest_of_their_three_by_three() -> None:
    rng = np.random.default_rng(2)
    smooth = np.round(rng.normal(0, 2, (40, 50))).astype(np.float32)
    var = rng.uniform(0.5, 2.0, smooth.shape).astype(np.float32)
    where, snr = np.empty((500, 2), np.int64), np.empty(500)
    n = find_peaks(smooth, var, 1.0, 2.0, 4, where, snr)
    expected = []
    for y in range(4, 36):
        for x in range(4, 46):
            box = smooth[y - 1 : y + 2, x - 1 : x + 2]
            first = np.argwhere(box == box.max())[0]
            height = smooth[y, x] / np.sqrt(max(var[y, x], 1.0))
            if tuple(first) == (1, 1) and height > 2.0:
                expected.append((y, x, height))
    assert n == len(expected) > 20
    np.testing.assert_allclose(np.column_stack([where[:n], snr[:n]]), expected, rtol=1e-6)
    assert find_peaks(smooth, var, 1.0, 2.0, 4, where[:5], snr[:5]) == 5


def test_lone_peaks_are_those_without_comparable_neighbours() -> None:
    rng = np.random.default_rng(3)
    where = np.argwhere(rng.random((30, 30)) < 0.05)
    smooth = rng.uniform(0, 1, (30, 30)).astype(np.float32)
    alone = np.empty(len(where), np.bool_)
    lone_peaks(smooth, where, 4.0, 0.5, alone)
    value = smooth[where[:, 0], where[:, 1]]
    apart = np.hypot(*(where[:, None] - where).transpose(2, 0, 1))
    rival = (apart <= 4.0) & (apart > 0) & (value[None, :] > 0.5 * value[:, None])
    np.testing.assert_array_equal(alone, ~rival.any(axis=1))
    assert 0 < alone.sum() < alone.size


def test_box_moments_are_those_of_a_finely_divided_image() -> None:
    rng = np.random.default_rng(4)
    sci = rng.uniform(1, 2, (12, 12)).astype(np.float32)
    var = rng.uniform(1, 2, sci.shape).astype(np.float32)
    bad = np.zeros(sci.shape, np.bool_)
    cy, cx, half, base = 5.3, 6.1, 1.5, 0.25
    sums = np.empty(8)
    assert box_moments(sci, var, bad, base, 0.5, np.inf, (cy, cx), half, sums)
    m = 100
    fine = np.abs((np.arange(12 * m) + 0.5) / m - 0.5 - np.array([[cy], [cx]])) < half
    share_y, share_x = (v.reshape(12, m).mean(axis=1) for v in fine)
    weight = share_y[:, None] * share_x
    dy, dx = (v - c for v, c in zip(np.indices(sci.shape), (cy, cx), strict=True))
    light = sci - base
    expected = [np.sum(weight * light * f) for f in (1, dx, dy, dx**2, dy**2, dx * dy)]
    np.testing.assert_allclose(sums[:6], expected, rtol=1e-6)
    assert sums[7] == pytest.approx(np.sum(weight**2 * var * (dx**2 + dy**2) / 2), rel=1e-6)
    step = 1e-4
    gains = []
    for move in ((0.0, step), (step, 0.0)):
        later = np.empty(8)
        box_moments(sci, var, bad, base, 0.5, np.inf, (cy + move[0], cx + move[1]), half, later)
        axis = 1 if move[1] else 2
        gains.append((later[axis] - sums[axis]) / step + sums[0])
    assert sums[6] == pytest.approx(np.mean(gains), rel=1e-3)


def test_box_moments_refuse_bad_and_saturated_pixels() -> None:
    sci, sums = np.ones((9, 9), np.float32), np.empty(8)
    bad = np.zeros(sci.shape, np.bool_)
    arguments = (sci, sci, bad, 0.0, 1.0)
    assert box_moments(*arguments, np.inf, (4.0, 4.0), 1.5, sums)
    assert not box_moments(*arguments, 1.0, (4.0, 4.0), 1.5, sums)
    sci[4, 6] = np.nan
    assert box_moments(*arguments, np.inf, (4.0, 4.0), 1.5, sums)
    assert not box_moments(*arguments, np.inf, (4.0, 4.1), 1.5, sums)
    bad[2:, 5] = True
    assert not box_moments(*arguments, np.inf, (4.0, 4.0), 1.5, sums)


@pytest.mark.parametrize(("sigma", "fwhm", "limit"), [(0.6, 1.5, 0.015), (0.8, 1.9, 0.01), (1.4, 3.3, 0.01)])
def test_bright_stars_are_found_at_every_phase(sigma: float, fwhm: float, limit: float) -> None:
    image, x, y = lattice(np.random.default_rng(5), 1e5, sigma=sigma)
    stars = detect(image, fwhm=fwhm, floor_px=0.0)
    assert stars.x.size == x.size
    assert np.abs(errors(stars, x, y)).max() < limit


@pytest.mark.parametrize("flux", [30.0, 60.0, 200.0])
def test_errors_are_the_scatter(flux: float) -> None:
    rng = np.random.default_rng(6)
    pulls, found = [], 0
    for _ in range(4):
        image, x, y = lattice(rng, flux)
        stars = detect(image + rng.normal(0, 1, image.shape), floor_px=0.005)
        pulls.append(errors(stars, x, y) / stars.err_px[:, None])
        found += stars.x.size
    assert found > 0.8 * 4 * 64
    assert 0.8 < np.concatenate(pulls).std() < 1.25


def test_noise_gives_hardly_any_star() -> None:
    image = np.random.default_rng(7).normal(0, 1, (256, 256))
    assert detect(image, snr=5.0).x.size <= 1


def test_cosmic_rays_and_tracks_are_left_out() -> None:
    rng = np.random.default_rng(8)
    image, x, y = lattice(rng, 500.0, 4)
    image[29, 29] += 300
    image[49, 29:34] += 300
    for k in range(6):
        image[66 + k, 68 + k] += 300
    image[30, 70:72] += 300
    stars = detect(image + rng.normal(0, 1, image.shape))
    assert stars.x.size == x.size
    assert np.abs(errors(stars, x, y)).max() < 0.1


def test_bad_saturated_and_blended_stars_are_left_out() -> None:
    image, x, y = lattice(np.random.default_rng(9), 500.0, 4)
    bad = np.zeros(image.shape, np.bool_)
    bad[round(y[0]), round(x[0]) + 1] = True
    image[round(y[1]), round(x[1])] = np.nan
    star(image, x[2] + 3, y[2], 200.0)
    star(image, x[3], y[3], 5000.0)
    kept = errors(detect(image, bad, saturation=1000.0), x, y)
    assert kept.shape[0] == 12
    assert np.abs(kept).max() < 0.05


def test_a_faint_neighbour_does_not_matter() -> None:
    image, x, y = lattice(np.random.default_rng(10), 500.0, 2)
    star(image, x[0] + 3.5, y[0], 15.0)
    assert detect(image).x.size == 4


def test_order_limit_and_noise_of_each_pixel() -> None:
    rng = np.random.default_rng(11)
    image = np.zeros((100, 100))
    flux = rng.permutation(np.linspace(100, 500, 16))
    for k, value in enumerate(flux):
        star(image, 15 + 20 * (k % 4), 15 + 20 * (k // 4), value)
    stars = detect(image, max_stars=5)
    np.testing.assert_allclose(stars.flux, np.sort(flux)[::-1][:5], rtol=0.05)
    assert (np.diff(stars.snr) < 0).all()
    sci, bad = image.astype(np.float32), np.zeros(image.shape, np.bool_)
    var = np.full(sci.shape, 1.0, np.float32)
    var[:, 50:] = 1e6
    left = detect_stars(sci, var, bad, 0.0, 1.0)
    assert left.x.size == 8
    assert left.x.max() < 50
    # Less than the pixel noise of the frame is not believed.
    quiet = detect_stars(sci, var * 1e-6, bad, 0.0, 1.0)
    np.testing.assert_array_equal(quiet.err_px[:5], stars.err_px)


@pytest.mark.parametrize(("level", "sigma", "shape"), [(np.nan, 1.0, 64), (0.0, 0.0, 64), (0.0, 1.0, 8)])
def test_frames_without_a_level_noise_or_room_have_no_stars(level: float, sigma: float, shape: int) -> None:
    image = np.zeros((shape, shape), np.float32)
    image[shape // 2, shape // 2] = 1e4
    assert detect_stars(image, None, np.zeros(image.shape, np.bool_), level, sigma).x.size == 0


def test_a_peak_without_surroundings_is_unusable() -> None:
    sci = np.ones((13, 13), np.float32)
    sci[6, 6] = 50
    bad = np.ones(sci.shape, np.bool_)
    bad[4:9, 4:9] = False
    rows = np.empty((1, 7))
    measure_peaks(sci, sci, bad, 1.0, np.inf, np.array([[6, 6]]), 1.5, rows)
    assert rows[0, 6] == 0


def test_shapes_do_not_depend_on_the_unit() -> None:
    """Elongation, sharpness and position of stars in any unit; a star twice as long as wide is elongated."""
    y, x = np.mgrid[:41, :41].astype(float)
    image = np.exp(-0.5 * (((x - 20.2) / 1.6) ** 2 + ((y - 19.9) / 0.8) ** 2))
    found = np.empty((2, 1, 7))
    for k, unit in enumerate((1e4, 1e-5)):
        sci = (unit * image).astype(np.float32)
        var, bad = np.full_like(sci, unit**2 * 1e-4), np.zeros(sci.shape, np.bool_)
        measure_peaks(sci, var, bad, 0.0, np.inf, np.array([[20, 20]]), 3.5, found[k])
    assert found[0, 0, 2] == pytest.approx(1e9 * found[1, 0, 2], rel=1e-5)
    np.testing.assert_allclose(found[0, 0, [0, 1, 3, 4, 5, 6]], found[1, 0, [0, 1, 3, 4, 5, 6]], rtol=1e-4)
    assert found[0, 0, :2] == pytest.approx((20.2, 19.9), abs=0.01)
    assert found[0, 0, 5] == pytest.approx(0.6, abs=0.1)
    assert found[0, 0, 6] == 1.0


def test_stars_are_the_same_ones_in_any_unit() -> None:
    rng = np.random.default_rng(7)
    image, _, _ = lattice(rng, 60.0)
    image += rng.normal(0.0, 1.0, image.shape)
    none = np.zeros(image.shape, np.bool_)
    found = [detect_stars((k * image).astype(np.float32), None, none, 0.0, k) for k in (1.0, 4.0, 0.25)]
    assert found[0].x.size > 20
    for other in found[1:]:
        np.testing.assert_allclose(other.x, found[0].x, atol=1e-4)
