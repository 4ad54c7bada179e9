"""Photometry of simulated stars whose flux and position are known: bias, errors, bad pixels."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest

from photomitrus_cli.imaging.aperture import sum_apertures
from photomitrus_cli.imaging.stamp import cut_stamp
from photomitrus_cli.irac.measure import Aperture, Flag, Rules, measure_target

Finder = Literal["moment", "gaussian"]
SMALL, LARGE = Aperture(3.0, 3.0, 7.0), Aperture(10.0, 12.0, 20.0)
SIDE = 51
FINE = 11
SKY = 5.0
READ_VAR = 2.0


def profile(name: str, r2: np.ndarray) -> np.ndarray:
    """Surface brightness of a star; "sharp" is undersampled as IRAC's channel 1, with wings."""
    if name == "gauss":
        return np.exp(-0.5 * r2 / 0.72**2)
    if name == "moffat":
        return (1.0 + r2 / 1.6**2) ** -3.0
    return np.exp(-0.5 * r2 / 0.55**2) + 0.03 * np.exp(-0.5 * r2 / 1.9**2) + 0.002 * (1.0 + r2 / 9.0) ** -1.5


def star(name: str, x: float, y: float) -> np.ndarray:
    """A star of unit flux on the frame, integrated over each pixel."""
    fine = (np.arange(SIDE * FINE) + 0.5) / FINE - 0.5
    light = profile(name, (fine[:, None] - y) ** 2 + (fine[None, :] - x) ** 2)
    light = light.reshape(SIDE, FINE, SIDE, FINE).sum(axis=(1, 3))
    return np.asarray(light / light.sum())


def expected(name: str, x: float, y: float, aperture: Aperture) -> float:
    """Net flux of a star of unit flux by the fine grid: sum in the circle minus the annulus's mean."""
    fine = (np.arange(SIDE * FINE) + 0.5) / FINE - 0.5
    r2 = (fine[:, None] - y) ** 2 + (fine[None, :] - x) ** 2
    light = np.repeat(np.repeat(star(name, x, y), FINE, axis=0), FINE, axis=1) / FINE**2
    ring = (r2 >= aperture.inner**2) & (r2 < aperture.outer**2)
    level = light[ring].mean() * FINE**2
    return float(light[r2 < aperture.radius**2].sum() - level * math.pi * aperture.radius**2)


@pytest.mark.parametrize("name", ["gauss", "moffat", "sharp"])
def test_flux_without_noise(name: str) -> None:
    rng = np.random.default_rng(4)
    for x, y in rng.uniform(24.5, 25.5, (6, 2)):
        sci = 1000.0 * star(name, x, y) + SKY
        for aperture in (SMALL, LARGE):
            found = measure_target(sci, None, None, None, x, y, [aperture], Rules("fixed", "mean"))
            truth = 1000.0 * expected(name, x, y, aperture)
            assert abs(found.apertures[0].flux / truth - 1.0) < 1e-3


@pytest.mark.parametrize(("name", "centroid"), [("sharp", "moment"), ("moffat", "gaussian")])
@pytest.mark.parametrize("flux", [600.0, 5000.0, 100000.0])
def test_bias_and_errors(name: str, centroid: Finder, flux: float) -> None:
    rng = np.random.default_rng(11)
    n = 400
    values, errors = np.empty((2, n, 4))
    for trial in range(n):
        x, y = (25.2, 24.7) if trial % 2 else (24.9, 25.4)
        mean = flux * STARS[name][trial % 2] + SKY
        unc = np.sqrt(mean + READ_VAR)
        sci = rng.normal(mean, unc)
        found = measure_target(sci, unc, None, None, x, y, [SMALL, LARGE], Rules(centroid))
        truth = [flux * one for one in NET[name][trial % 2]]
        spot = found.centroid
        measured = [one.flux for one in found.apertures]
        values[trial] = *np.subtract(measured, truth), spot.x, spot.y
        errors[trial] = *(one.error for one in found.apertures), spot.x_err, spot.y_err
    half = values.reshape(n // 2, 2, 4)
    scatter = np.sqrt(np.mean(np.var(half, axis=0), axis=0))
    ratio = scatter / np.nanmean(errors, axis=0)
    # Of 400 trials the scatter itself is known to 3.5 %.
    assert np.all(abs(ratio - 1.0) < 0.1), ratio
    bias = np.nanmean(values[:, :2], axis=0)
    assert np.all(abs(bias) < 1e-3 * flux + 3.0 * scatter[:2] / math.sqrt(n)), bias / flux


STARS = {name: [star(name, 24.9, 25.4), star(name, 25.2, 24.7)] for name in ("sharp", "moffat")}
NET = {
    name: [[expected(name, *at, one) for one in (SMALL, LARGE)] for at in ((24.9, 25.4), (25.2, 24.7))]
    for name in ("sharp", "moffat")
}


@pytest.mark.parametrize(("name", "limit"), [("gauss", 0.004), ("moffat", 0.003), ("sharp", 0.008)])
def test_estimates_for_bad_pixels(name: str, limit: float) -> None:
    rng = np.random.default_rng(9)
    missed, pull = [], []
    for x, y in rng.uniform(24.5, 25.5, (20, 2)):
        sci = 1000.0 * star(name, x, y) + SKY
        (whole,) = sum_apertures(cut_stamp(sci, None, None, x, y, 6), x, y, [3.0], level=SKY)
        for row, column in np.ndindex(SIDE, SIDE):
            if not 0.7 < math.hypot(column - x, row - y) < 3.2:
                continue
            bad = np.zeros(sci.shape, np.bool_)
            bad[row, column] = True
            (one,) = sum_apertures(cut_stamp(sci, None, bad, x, y, 6), x, y, [3.0], level=SKY)
            missed.append((one.total - whole.total) / 1000.0)
            pull.append((one.total - whole.total) / math.sqrt(one.repair_variance))
    assert abs(np.mean(missed)) < limit / 4.0
    assert np.std(missed) < limit
    assert np.sqrt(np.mean(np.square(pull))) < 1.0


def test_bad_pixels_under_a_real_measurement() -> None:
    rng = np.random.default_rng(2)
    pulls = []
    for _ in range(150):
        mean = 5000.0 * STARS["moffat"][1] + SKY
        unc = np.sqrt(mean + READ_VAR)
        sci = rng.normal(mean, unc)
        bad = rng.random(sci.shape) < 0.02
        bad[23:27, 24:28] = False
        found = measure_target(sci, unc, bad, None, 25.2, 24.7, [SMALL])
        (one,) = found.apertures
        assert one.flags in (Flag(0), Flag.BAD_IN_APERTURE)
        pulls.append((one.flux - 5000.0 * NET["moffat"][1][0]) / one.error)
    assert abs(np.mean(pulls)) < 0.3
    assert np.std(pulls) == pytest.approx(1.0, abs=0.2)
