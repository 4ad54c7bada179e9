"""Centroids, levels and estimates for bad pixels on the PRFs of the four channels at 25 pixel phases."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from photomitrus_cli.imaging.annulus import annulus_background
from photomitrus_cli.imaging.aperture import sum_apertures
from photomitrus_cli.imaging.centroid import gaussian_centroid, moment_centroid
from photomitrus_cli.imaging.stamp import Stamp, cut_stamp

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("real")]

HALF = 11
PHASES = [(a, b) for a in range(-2, 3) for b in range(-2, 3)]


def stars(folder: Path, channel: int) -> list[tuple[Stamp, float, float]]:
    """Stars of flux 1000 at native sampling, and their positions; the PRFs have five pixels to one."""
    prf = fits.getdata(folder / f"irac-tables/psf/IRAC{channel}_col129_row129_prf5x.fits.gz").astype(float)
    middle = (prf.shape[0] - 1) // 2
    steps = 5 * np.arange(-HALF, HALF + 1)
    found = []
    for a, b in PHASES:
        sci = prf[np.ix_(middle + a + steps, middle + b + steps)]
        x, y = HALF - b / 5.0, HALF - a / 5.0
        found.append((cut_stamp(1000.0 * sci / sci.sum(), None, None, x, y, 2 * HALF), x, y))
    return found


# Scatter against the true phase: research into the PRFs gave 0.05-0.06, 0.025-0.03, 0.02, 0.02 px by moments.
@pytest.mark.parametrize(("channel", "limit"), [(1, 0.065), (2, 0.035), (3, 0.02), (4, 0.03)])
def test_moments_follow_the_phase(real_data: Path, channel: int, limit: float) -> None:
    offsets = []
    for stamp, x, y in stars(real_data, channel):
        found = moment_centroid(stamp, x, y)
        assert found.converged
        offsets.append((found.x - x, found.y - y))
    assert np.all(np.std(offsets, axis=0) < limit)


def test_a_gaussian_follows_the_phase_in_channel_4(real_data: Path) -> None:
    offsets = [
        (found.x - x, found.y - y)
        for stamp, x, y in stars(real_data, 4)
        for found in [gaussian_centroid(stamp, x, y)]
    ]
    assert np.all(np.std(offsets, axis=0) < 0.01)


@pytest.mark.parametrize("channel", [1, 2, 3, 4])
def test_clipping_hardly_moves_the_level_of_a_bright_star(real_data: Path, channel: int) -> None:
    """In an annulus full of wings the median misses the mean by up to 2 % of the flux."""
    for radius, inner, outer in ((3.0, 3.0, 7.0), (5.0, 5.0, 10.0)):
        moved = []
        for stamp, x, y in stars(real_data, channel):
            levels = [annulus_background(stamp, x, y, inner, outer, how).level for how in ("clipped", "mean")]
            moved.append((levels[0] - levels[1]) * math.pi * radius**2 / 1000.0)
        assert abs(np.mean(moved)) < 0.003
        assert np.std(moved) < 0.003


@pytest.mark.parametrize("channel", [1, 2, 3, 4])
def test_estimates_for_bad_pixels(real_data: Path, channel: int) -> None:
    missed, pulls, lost = [], [], []
    for stamp, x0, y0 in stars(real_data, channel):
        centre = moment_centroid(stamp, x0, y0)
        x, y = centre.x, centre.y
        (whole,) = sum_apertures(stamp, x, y, [3.0])
        for row, column in np.ndindex(stamp.sci.shape):
            if not 0.7 < math.hypot(column - x, row - y) < 3.2:
                continue
            stamp.bad[row, column] = True
            (one,) = sum_apertures(stamp, x, y, [3.0])
            stamp.bad[row, column] = False
            missed.append((one.total - whole.total) / whole.total)
            lost.append((one.good - whole.total) / whole.total)
            pulls.append((one.total - whole.total) / math.sqrt(one.repair_variance))
    assert abs(np.mean(missed)) < 0.002
    assert abs(np.mean(missed)) < 0.1 * abs(np.mean(lost))
    assert 0.6 < 1.4826 * np.median(np.abs(pulls)) < 1.6
