"""A stack of simulated PRIME dithers against what is behind them (reduced variant of ``make truth``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from truthkit.primehits import cores_clipped, pulls_at_hits
from truthkit.primemeasure import StarField, geometry_errors, spread
from truthkit.primeruns import Stacked, make_stack, simulate

from photomitrus_cli.imaging.noise import pixel_variance_share

pytestmark = pytest.mark.xdist_group("truth")

# Twelve frames of 512 x 512 pixels with every accident, one of them cloudy, one trailed, one elsewhere. Stars
# are as wide as pixels of 4 arcsec make them: the field is thinned out, so that they have room.
FIELD: dict[str, Any] = {
    "scale": 8,
    "seed": 4,
    "n_frames": 12,
    "star_density_deg2": 6000.0,
    "galaxy_density_deg2": 0.0,
    "extended_mag": None,
}


@pytest.fixture(scope="module")
def stacked(tmp_path_factory: pytest.TempPathFactory) -> Stacked:
    """Give the stack that all tests look at."""
    base: Path = tmp_path_factory.mktemp("truth")
    return make_stack(simulate(base / "field", **FIELD))


@pytest.fixture(scope="module")
def field(stacked: Stacked) -> StarField:
    """Give its true stars."""
    return StarField(stacked)


def test_accidents_are_refused_and_nothing_else(stacked: Stacked, field: StarField) -> None:
    hit = {serial for serial, row in field.frames.items() if row["accident"] != "none"}
    assert len(hit) == 3
    assert set(stacked.used) == set(field.frames) - hit


def test_geometry_is_true_to_the_corners(stacked: Stacked, field: StarField) -> None:
    """There are fewer and worse stars than on whole frames, whose limits are half as large."""
    found = geometry_errors(stacked)
    assert found.rms < 0.04
    assert found.corner < 0.15
    assert found.frames < 0.012
    assert field.offset(16.0) < 0.02


def test_magnitudes_are_true(field: StarField) -> None:
    assert abs(field.zero_point_error) < 0.01
    away, error = field.photometry
    use = field.alone & field.inside(2.0 * field.seeing) & np.isfinite(away) & (field.mag < 17.0)
    assert np.count_nonzero(use) > 30
    assert abs(np.median(away[use])) < 0.02
    # Profiles of bright stars differ over the field by more than their noise.
    assert spread(away[use] / np.hypot(error[use], 0.01)) < 1.4


def test_noise_and_depth_are_those_stated(field: StarField) -> None:
    """In whole frames cells of the background are 40 stars wide, here 5: they follow the noise."""
    assert field.pixel_noise == pytest.approx(1.0, abs=0.05)
    light, noise = field.empty_apertures(1.5 * field.seeing)
    assert spread(light / noise) == pytest.approx(1.0, abs=0.15)
    header = field.stacked.header
    assert header["CORRFAC"] == pytest.approx(pixel_variance_share() ** -0.5, abs=0.02)
    assert header["APSCAT"] == pytest.approx(1.0, abs=0.15)
    assert abs(np.median(light / noise)) < 0.15
    assert abs(field.depth_lost[0]) < 0.15


def test_hits_leave_nothing_and_stars_stay_whole(stacked: Stacked) -> None:
    pulls = pulls_at_hits(stacked)
    assert pulls.size > 500
    assert abs(pulls.mean()) < 0.2
    assert pulls.max() < 7.0
    cores = cores_clipped(stacked)
    assert cores.stars > 30
    # Bad pixels and hits are missing in both.
    assert cores.lost - cores.blank < 0.01
