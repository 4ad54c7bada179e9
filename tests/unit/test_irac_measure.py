"""One target in one image: bad pixels, edges, neighbours, flags."""

from __future__ import annotations

import math

import numpy as np
import pytest

from photomitrus_cli.imaging.annulus import annulus_background
from photomitrus_cli.imaging.centroid import gaussian_centroid, moment_centroid
from photomitrus_cli.imaging.stamp import cut_stamp
from photomitrus_cli.irac.measure import Aperture, Flag, Rules, measure_target

SMALL, LARGE = Aperture(3.0, 3.0, 7.0), Aperture(10.0, 12.0, 20.0)
SHAPE = (60, 90)
X, Y = 61.3, 27.8
SKY = 2.0
SIGMA = 0.7


def star(x: float = X, y: float = Y, flux: float = 1000.0, tall: float = 1.0) -> np.ndarray:
    """A Gaussian integrated over the pixels."""
    cdf = np.vectorize(math.erf)
    edges_x = cdf((np.arange(SHAPE[1] + 1) - 0.5 - x) / (SIGMA * math.sqrt(2.0)))
    edges_y = cdf((np.arange(SHAPE[0] + 1) - 0.5 - y) / (SIGMA * tall * math.sqrt(2.0)))
    return flux / 4.0 * np.outer(np.diff(edges_y), np.diff(edges_x))


def frame(seed: int = 0, noise: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return star() + SKY + rng.normal(0.0, noise, SHAPE), np.full(SHAPE, noise)


def test_position_and_flux_on_a_frame_that_is_not_square() -> None:
    sci, unc = frame()
    for centroid in ("moment", "gaussian"):
        found = measure_target(sci, unc, None, None, 61.0, 28.0, [SMALL, LARGE], Rules(centroid))
        assert found.flags == 0
        assert abs(found.centroid.x - X) < 0.02
        assert abs(found.centroid.y - Y) < 0.02
        for one in found.apertures:
            assert one.flags == 0
            assert abs(one.flux - 1000.0) < 4.0 * one.error
            assert one.raw == pytest.approx(one.flux + one.background * math.pi * one.aperture.radius**2)


def test_widths_are_along_x_and_y() -> None:
    sci = star(tall=1.5) + SKY
    stamp = cut_stamp(sci, None, None, X, Y, 20)
    for found in (moment_centroid(stamp, X, Y), gaussian_centroid(stamp, X, Y)):
        assert found.fwhm_y / found.fwhm_x == pytest.approx(1.4, abs=0.1)
        assert math.isnan(found.x_err)
    turned = cut_stamp(sci.T.copy(), None, None, Y, X, 20)
    assert gaussian_centroid(turned, Y, X).fwhm_x == pytest.approx(gaussian_centroid(stamp, X, Y).fwhm_y)


@pytest.mark.parametrize("hole", [np.nan, np.inf, 1e6])
@pytest.mark.parametrize(("dx", "dy"), [(2, 0), (-1, 2), (0, -2), (1, 1)])
def test_a_bad_pixel_does_not_lose_its_light(hole: float, dx: int, dy: int) -> None:
    sci, unc = frame(noise=0.01)
    whole = measure_target(sci, unc, None, None, 61.0, 28.0, [SMALL])
    bad = np.zeros(SHAPE, np.bool_)
    bad[28 + dy, 61 + dx] = True
    hidden = sci[28 + dy, 61 + dx] - SKY
    sci[28 + dy, 61 + dx] = hole
    found = measure_target(sci, unc, bad, None, 61.0, 28.0, [SMALL])
    (before,), (after,) = whole.apertures, found.apertures
    assert after.flags == Flag.BAD_IN_APERTURE
    assert after.bad_area > 0.5
    # The estimate is right within its own error, and better than none.
    assert abs(after.flux - before.flux) < 3.0 * math.hypot(after.error_repair, 0.1)
    lost = measure_target(
        sci, unc, bad, None, whole.centroid.x, whole.centroid.y, [SMALL], Rules("fixed", repair=False)
    )
    assert before.flux - lost.apertures[0].flux == pytest.approx(hidden, abs=0.15 + 0.05 * abs(hidden))


def test_bad_pixels_in_the_core_are_told() -> None:
    sci, unc = frame()
    sci[28, 61] = np.nan
    (one,) = measure_target(sci, unc, None, None, X, Y, [SMALL], Rules("fixed")).apertures
    assert one.flags & Flag.BAD_IN_CORE
    assert one.flags & Flag.BAD_IN_APERTURE


def test_a_hole_without_an_opposite_pixel() -> None:
    sci, unc = frame(noise=0.01)
    sci[30, 61] = sci[26, 62] = sci[26, 61] = sci[25, 61] = np.nan
    (one,) = measure_target(sci, unc, None, None, X, Y, [SMALL], Rules("fixed")).apertures
    assert abs(one.flux - 1000.0) < 3.0 * one.error + 3.0
    sci[25:31, 58:65] = np.nan
    (one,) = measure_target(sci, unc, None, None, X, Y, [SMALL], Rules("fixed")).apertures
    assert math.isnan(one.flux)
    assert one.flags & Flag.NOT_REPAIRED


@pytest.mark.parametrize("unknown", [0.0, np.nan, np.inf, -1.0])
def test_a_pixel_without_an_uncertainty_keeps_its_flux(unknown: float) -> None:
    sci, unc = frame()
    (whole,) = measure_target(sci, unc, None, None, X, Y, [LARGE]).apertures
    unc[27, 62] = unknown
    (one,) = measure_target(sci, unc, None, None, X, Y, [LARGE]).apertures
    assert one.flux == whole.flux
    assert one.error == pytest.approx(whole.error, rel=1e-6)
    (none,) = measure_target(sci, None, None, None, X, Y, [LARGE]).apertures
    assert none.error == pytest.approx(whole.error, rel=0.1)


def test_neighbours_in_the_annulus() -> None:
    sci, unc = frame()
    sci += star(X + 5.0, Y + 1.0, 50.0) + star(X - 14.0, Y, 1000.0)
    plain = measure_target(sci, unc, None, None, X, Y, [SMALL, LARGE], Rules("fixed", "mean"))
    clipped = measure_target(sci, unc, None, None, X, Y, [SMALL, LARGE], Rules("fixed"))
    assert plain.apertures[0].flux < 992.0
    for before, after in zip(plain.apertures, clipped.apertures, strict=True):
        assert after.error_background < before.error_background
    assert abs(clipped.apertures[0].flux - 1000.0) < 4.0 * clipped.apertures[0].error
    assert abs(clipped.apertures[1].flux - 1050.0) < 4.0 * clipped.apertures[1].error


def test_steps_of_wings_do_not_enter_the_level_by_bad_pixels() -> None:
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    sci = 100.0 / (1.0 + (columns - X) ** 2 + (rows - Y) ** 2) ** 1.5
    bad = np.zeros(SHAPE, np.bool_)
    bad[28:35, 62:66] = True
    whole = annulus_background(cut_stamp(sci, None, None, X, Y, 9), X, Y, 3.0, 7.0, "mean")
    found = annulus_background(cut_stamp(sci, None, bad, X, Y, 9), X, Y, 3.0, 7.0, "mean")
    assert 10 < found.n_bad < np.sum(bad)
    assert found.level == pytest.approx(whole.level, rel=0.02)


@pytest.mark.parametrize("repeat", range(3))
def test_edges(repeat: int) -> None:
    sci, unc = frame(repeat)
    sci += star(85.2, 30.0) + star(88.4, 10.0)
    far = measure_target(sci, unc, None, None, 90.0, 10.0, [SMALL])
    assert far.flags == far.apertures[0].flags == Flag.OFF_FIELD
    assert math.isnan(far.apertures[0].flux)
    rules = Rules("fixed")
    near, large = measure_target(sci, unc, None, None, 85.2, 30.0, [SMALL, LARGE], rules).apertures
    assert near.flags == Flag.ANNULUS_CUT
    assert abs(near.flux - 1000.0) < 4.0 * near.error
    assert large.flags & Flag.OFF_EDGE
    assert math.isnan(large.flux)
    (strict,) = measure_target(
        sci, unc, None, None, 85.2, 30.0, [SMALL], Rules("fixed", min_annulus=1.0)
    ).apertures
    assert strict.flags == Flag.OFF_EDGE
    (cut,) = measure_target(sci, unc, None, None, 88.4, 10.0, [SMALL], rules).apertures
    assert cut.flags & Flag.OFF_EDGE
    assert math.isnan(cut.flux)
    assert measure_target(sci, unc, None, None, 88.4, 10.0, [SMALL]).flags == Flag.CENTROID_FAILED
    assert measure_target(sci, unc, None, None, math.nan, 10.0, [SMALL]).flags == Flag.OFF_FIELD


def test_a_star_far_from_the_target_has_no_flux() -> None:
    sci, unc = frame()
    found = measure_target(sci, unc, None, None, X - 2.5, Y, [SMALL])
    assert found.flags == Flag.FAR_FROM_TARGET
    assert math.isnan(found.apertures[0].flux)
    assert abs(found.centroid.x - X) < 0.02


def test_an_empty_place_has_no_gaussian() -> None:
    found = measure_target(np.zeros(SHAPE), None, None, None, 20.0, 20.0, [SMALL], Rules("gaussian"))
    assert found.flags == Flag.CENTROID_FAILED


def test_saturated_pixels_are_told_per_aperture() -> None:
    sci, unc = frame()
    saturated = np.zeros(SHAPE, np.bool_)
    saturated[28, 68] = True
    small, large = measure_target(sci, unc, None, saturated, X, Y, [SMALL, LARGE]).apertures
    assert small.flags == 0
    assert large.flags == Flag.SATURATED


def test_too_few_pixels_for_a_background() -> None:
    sci, unc = frame()
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    bad = np.hypot(columns - X, rows - Y) > 4.0
    bad[27, 66] = False
    (one,) = measure_target(sci, unc, bad, None, X, Y, [Aperture(3.0, 4.6, 7.0)], Rules("fixed")).apertures
    assert one.flags & Flag.FEW_BACKGROUND
    assert math.isnan(one.flux)


def test_the_response_enters_the_error_by_the_centroid() -> None:
    sci, unc = frame(noise=1.0)
    flat, sloping = (
        measure_target(sci, unc, None, None, X, Y, [LARGE], response=response)
        for response in (lambda _x, _y: 1.0, lambda x, _y: math.exp(0.3 * x))
    )
    (one,), (other,) = flat.apertures, sloping.apertures
    expected = 0.3 * one.flux * flat.centroid.x_err
    assert other.error_centroid == pytest.approx(expected, rel=0.2)
    assert other.error == pytest.approx(
        math.sqrt(one.error**2 + other.error_centroid**2 - one.error_centroid**2)
    )


def test_nothing_else_of_the_frame_is_looked_at() -> None:
    sci, unc = frame()
    expected = measure_target(sci, unc, None, None, X, Y, [SMALL])
    sci[:, :40] = np.nan
    sci[45:] = 1e30
    assert measure_target(sci, unc, None, None, X, Y, [SMALL]) == expected
