"""Offsets inside map pixels: there and back, and what is missing."""

from __future__ import annotations

import numpy as np
import pytest

from photomitrus_cli.imaging.healoffsets import offsets_of, places_at
from photomitrus_cli.imaging.healpix import pixel_directions


@pytest.mark.parametrize("nside", [1, 256, 8192])
def test_offsets_lead_to_the_places_that_they_are_of(nside: int) -> None:
    rng = np.random.default_rng(nside)
    last = 12 * nside * nside - 1
    # With the pixels around both poles.
    pixels = np.array([0, 3, last - 3, last, *rng.integers(0, last, 200)])
    places = pixel_directions(pixels, nside) + rng.normal(0.0, 0.3 / nside, (3, pixels.size))
    places /= np.linalg.norm(places, axis=0)
    found = places_at(pixels, nside, offsets_of(places, pixels, nside))
    np.testing.assert_allclose(found, places, atol=1e-13)


def test_the_centre_stands_for_a_missing_place() -> None:
    pixels = np.array([100, 200, 300])
    found = places_at(pixels, 64, [[np.nan, 0.0, 30.0], [5.0, np.nan, 40.0]])
    centres = pixel_directions(pixels, 64)
    np.testing.assert_array_equal(found[:, :2], centres[:, :2])
    distance = np.degrees(np.arccos(found[:, 2] @ centres[:, 2])) * 3600.0
    assert distance == pytest.approx(50.0, abs=1e-3)
    assert np.isfinite(places_at([0], 64, [[1e9], [1e9]])).all()
