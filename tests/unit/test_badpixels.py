"""Bad pixels, flat fields and the noise of pixels."""

from __future__ import annotations

import numpy as np
import pytest

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.badpixels import deviant_pixels
from photomitrus_cli.imaging.flatfield import (
    BAD_PIXEL,
    INVALID,
    NO_FLAT,
    SATURATED,
    flat_field,
    variance_plane,
)
from photomitrus_cli.prime.calibrate import calibrate, find_bad, make_calibration
from photomitrus_cli.prime.instrumentparts import Detector
from photomitrus_cli.prime.noisemodel import NoiseModel, noise_model, pixel_variance


def test_bad_pixels_stay_and_stars_move() -> None:
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:80, :96]
    frames = []
    for k in range(6):
        sci = 500.0 + 0.5 * x + rng.normal(0.0, 4.0, (80, 96))
        sci += 4000.0 * np.exp(-((x - 20 - 9 * k) ** 2 + (y - 40) ** 2) / 4.0)
        sci[10, 10] += 60.0
        sci[70, 95] -= 60.0
        # Above in three frames of six, and in a pixel that is masked.
        sci[30, 30] += 60.0 * (k % 2)
        sci[50, 50] += 60.0
        mask = np.zeros((80, 96), np.uint8)
        mask[50, 50] = k > 1
        frames.append((sci.astype(np.float32), mask))
    bad = deviant_pixels(frames)
    assert {tuple(map(int, place)) for place in np.argwhere(bad)} == {(10, 10), (70, 95)}
    np.testing.assert_array_equal(find_bad(frames), bad)
    assert not deviant_pixels(frames[:2]).any()
    assert deviant_pixels([]).shape == (0, 0)


def test_calibration_and_its_mask() -> None:
    raw = np.full((4, 6), 1000, dtype=">i4")
    raw[0] = 65535, 20000, 1000, 1000, 1000, 1000
    flat, dark, bad = np.full((4, 6), 0.8), np.full((4, 6), 100.0), np.zeros((4, 6), np.bool_)
    flat[0, 2], flat[0, 3], dark[0, 4], bad[0, 5] = 0.15, np.nan, np.nan, True
    calibration = make_calibration((4, 6), flat=flat, bad=bad, dark=dark, saturation=2e4, invalid=65535)
    values, mask = calibrate(raw, calibration)
    assert list(mask[0]) == [SATURATED | INVALID, SATURATED, NO_FLAT, NO_FLAT, INVALID, BAD_PIXEL]
    assert not mask[1:].any()
    np.testing.assert_allclose(values[1:], 900.0 / 0.8, rtol=1e-6)
    np.testing.assert_array_equal(np.isnan(values[0]), [True, False, True, True, True, False])
    assert raw[1, 1] == 1000
    with pytest.raises(InputError, match="flat of shape"):
        make_calibration((4, 5), flat=flat)
    with pytest.raises(InputError, match="no pixels above 0"):
        make_calibration((4, 6), flat=np.zeros((4, 6)))


def test_noise_of_a_ramp_is_that_of_a_fitted_line() -> None:
    rng = np.random.default_rng(3)
    detector = Detector(
        shape=(8, 8), active=(0, 8, 0, 8), gain=1.8, read_noise=15.0, saturation=5e4, per_read=True
    )
    n, times = 22, np.arange(22) - 10.5
    for rate in (0.0, 900.0):
        light = np.cumsum(rng.poisson(rate, (n, 20000)), axis=0) + rng.normal(0.0, 15.0, (n, 20000))
        slopes = times @ light / (times @ times) / 1.8
        model = noise_model(detector, n)
        expected = model.per_value * rate / 1.8 + model.constant
        assert np.var(slopes) == pytest.approx(expected, rel=0.04)


def test_variance_has_the_measured_noise_of_the_sky() -> None:
    flat = np.full((5, 5), 0.8)
    flat[0, 4] = 0.0
    calibration = make_calibration((5, 5), flat=flat)
    residual = np.zeros((5, 5), np.float32)
    residual[2, 2], residual[3, 3] = 1000.0, -1000.0
    model = NoiseModel(0.03, 2.0)
    plain = pixel_variance(residual, calibration, model, sky=500.0, rms=float("nan"))
    assert plain[1, 1] == pytest.approx(0.03 * 500.0 / 0.8 + 2.0 / 0.64)
    assert plain[2, 2] - plain[1, 1] == pytest.approx(0.03 * 1000.0 / 0.8, rel=1e-5)
    assert plain[3, 3] == plain[1, 1]
    assert np.isnan(plain[0, 4])
    found = pixel_variance(residual, calibration, model, sky=500.0, rms=5.0)
    assert found[1, 1] == pytest.approx(25.0, rel=1e-5)
    assert found[2, 2] - found[1, 1] == pytest.approx(0.03 * 1000.0 / 0.8, rel=1e-5)


def test_one_limit_and_no_dark_hold_for_all_pixels() -> None:
    raw = np.random.default_rng(2).uniform(0.0, 3e4, (70, 50)).astype(np.float32)
    values, mask = calibrate(raw, make_calibration((70, 50), flat=np.full((70, 50), 0.5), saturation=2e4))
    flat = np.float32(np.median(values / raw))
    np.testing.assert_allclose(values, flat * raw, rtol=1e-6)
    assert np.array_equal(mask, np.where(raw >= 2e4, SATURATED, 0))
    limits = np.where(np.arange(50) < 20, 1e4, 2e4).astype(np.float32) * np.ones((70, 1), np.float32)
    plain, ones = np.zeros((70, 50), np.uint8), np.ones((70, 50), np.float32)
    mask = flat_field(raw.copy(), plain, ones, dark=None, saturation=limits, invalid=np.nan)
    assert np.array_equal(mask, np.where(raw >= limits, SATURATED, 0))


def test_variance_of_every_pixel_of_a_wide_frame() -> None:
    rng = np.random.default_rng(4)
    residual = rng.normal(0.0, 300.0, (4, 9)).astype(np.float32)
    inverse = rng.uniform(0.8, 1.3, (4, 9)).astype(np.float32)
    for sky, level in ((500.0, 500.0), (-40.0, 0.0)):
        found = variance_plane(residual, inverse, sky=sky, per_value=0.03, constant=2.0, factor=1.5)
        expected = 1.5 * (0.03 * level * inverse + 2.0 * inverse**2)
        np.testing.assert_allclose(found, expected + 0.03 * np.maximum(residual, 0.0) * inverse, rtol=1e-5)
