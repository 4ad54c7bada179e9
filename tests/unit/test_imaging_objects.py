"""The object mask finds stars and leaves the background as it is."""

from __future__ import annotations

import numpy as np
import pytest

from photomitrus_cli.imaging.objects import object_mask


def test_noise_keeps_its_mean() -> None:
    noise = np.random.default_rng(1).normal(0.0, 1.0, (1200, 1000)).astype(np.float32)
    found = object_mask(noise, np.zeros(noise.shape, dtype=bool), 0.0, 1.0)
    assert found.mean() < 2e-3
    assert abs(noise[~found].mean() - noise.mean()) < 1e-3


@pytest.mark.parametrize(("peak", "share"), [(7.0, 0.98), (4.5, 0.65)])
def test_stars_are_found(peak: float, share: float) -> None:
    rng = np.random.default_rng(2)
    y, x = np.mgrid[:400, :400]
    # A star every 20 pixels, its width that of an undersampled one (1.4 pixels).
    image = peak * np.exp(-0.5 * ((y % 20 - 10) ** 2 + (x % 20 - 10) ** 2) / 0.6**2)
    noisy = (5.0 + 0.1 * (image + rng.normal(0.0, 1.0, image.shape))).astype(np.float32)
    found = object_mask(noisy, np.zeros(image.shape, dtype=bool), 5.0, 0.1)
    assert found[10::20, 10::20].mean() >= share


def test_bad_pixels_and_no_background() -> None:
    image = np.zeros((20, 20), dtype=np.float32)
    image[5, 5] = 1e6
    bad = image > 0.0
    assert not object_mask(image, bad, 0.0, 1.0).any()
    assert object_mask(image, np.zeros_like(bad), 0.0, 1.0)[5, 5]
    assert not object_mask(image, np.zeros_like(bad), np.nan, 1.0).any()
    assert not object_mask(image, np.zeros_like(bad), 0.0, np.nan).any()
    assert not object_mask(image, np.ones_like(bad), 0.0, 1.0).any()
