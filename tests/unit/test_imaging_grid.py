"""Output grids: orientation, units, choice of the box, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from photomitrus_cli.errors import ConfigError, InputError
from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.gridaround import grid_for_footprints
from photomitrus_cli.imaging.tangent import directions_of


def test_units_and_orientation() -> None:
    grid = Grid(100.0, 30.0, 0.6, (101, 201), (100.0, 50.0))
    assert grid.ujy_per_mjysr == pytest.approx(8.461595, rel=1e-6)
    x, y = grid.world_to_pixel([100.0, 100.0, 100.01], [30.0, 30.01, 30.0])
    np.testing.assert_allclose([x[0], y[0]], [100.0, 50.0], atol=1e-9)
    assert y[1] > 50.0
    assert x[1] == pytest.approx(100.0)
    assert x[2] < 100.0, "east must be to the left"


def test_behind_the_tangent_plane_is_nan() -> None:
    grid = Grid(0.0, 0.0, 1.0, (5, 5), (2.0, 2.0))
    x, y = grid.world_to_pixel([0.0, 90.0, 180.0, 95.0, np.nan], [0.0, 0.0, 0.0, 0.0, 0.0])
    assert np.isfinite(x[0])
    assert np.isnan(x[1:]).all()
    assert np.isnan(y[1:]).all()


@pytest.mark.parametrize(("ra", "dec"), [(0.0, 0.0), (359.999, -45.0), (12.0, 89.999), (300.0, -90.0)])
def test_box_holds_all_positions_and_no_more(ra: float, dec: float) -> None:
    true = Grid(ra, dec, 1.0, (1, 1), (0.0, 0.0))
    x, y = np.array([-400.2, 300.0, 10.0]), np.array([-100.0, 250.0, 260.4])
    grid = grid_for_footprints(*true.pixel_to_world(x, y), 1.0)
    px, py = grid.world_to_pixel(*true.pixel_to_world(x, y))
    ny, nx = grid.shape
    assert px.min() > -1.0
    assert px.max() < nx
    assert py.min() > -1.0
    assert py.max() < ny
    # Near a pole the box may be turned: its area stays that of the field.
    assert abs(dec) > 89 or (abs(nx - 700) <= 2 and abs(ny - 360) <= 2)
    assert all(float(v).is_integer() for v in grid.crpix)


def test_given_centre_and_size() -> None:
    grid = grid_for_footprints([], [], 0.5, center=(-10.0, 5.0), size=(100.0, 50.0))
    assert grid.shape == (100, 200)
    assert (grid.ra, grid.dec) == (350.0, 5.0)
    assert grid.crpix == (99.5, 49.5)
    symmetric = grid_for_footprints([10.0, 10.01], [5.0, 5.01], 1.0, center=(10.0, 5.0))
    assert symmetric.crpix == ((symmetric.shape[1] - 1) / 2, (symmetric.shape[0] - 1) / 2)


def test_refusals() -> None:
    with pytest.raises(ConfigError, match="pixels, more than 4e"):
        grid_for_footprints([10.0, 60.0], [0.0, 40.0], 0.6)
    with pytest.raises(ConfigError, match="spread over the sky"):
        grid_for_footprints([0.0, 180.0], [0.0, 0.0], 0.6)
    with pytest.raises(ConfigError, match="90 degrees or more"):
        grid_for_footprints([0.0, 100.0], [0.0, 0.0], 0.6, center=(0.0, 0.0))
    with pytest.raises(InputError, match="finite"):
        grid_for_footprints([np.nan], [np.nan], 0.6)
    with pytest.raises(ConfigError, match="positive"):
        Grid(0.0, 0.0, -1.0, (5, 5), (0.0, 0.0))
    with pytest.raises(ConfigError, match="no sky position"):
        Grid(0.0, 91.0, 1.0, (5, 5), (0.0, 0.0))
    with pytest.raises(ConfigError, match="both must be positive"):
        grid_for_footprints([1.0], [1.0], 1.0, size=(0.0, 10.0))


def test_a_turned_grid_points_where_it_says() -> None:
    grid = Grid(100.0, 30.0, 0.6, (101, 201), (100.0, 50.0), 30.0)
    ra, dec = grid.pixel_to_world([100.0, 100.0, 101.0], [50.0, 51.0, 50.0])
    east, north = (ra - 100.0) * np.cos(np.radians(30.0)) * 3600, (dec - 30.0) * 3600
    np.testing.assert_allclose(east[1:], [0.3, -0.6 * np.cos(np.radians(30))], atol=1e-6)
    np.testing.assert_allclose(north[1:], [0.6 * np.cos(np.radians(30)), 0.3], atol=1e-6)


def test_directions_are_projected_like_positions() -> None:
    grid = Grid(359.9, -88.0, 0.6, (101, 201), (1100.0, 5000.0), -117.0)
    rng = np.random.default_rng(3)
    x, y = rng.uniform(-3000, 3000, (2, 40))
    ra, dec = grid.pixel_to_world(x, y)
    directions = directions_of(ra, dec)
    np.testing.assert_allclose(grid.project(directions), [x, y], rtol=0, atol=1e-8)
    assert np.isnan(grid.project(-directions)).all()
    again = grid.matrix @ [x, y, np.ones_like(x)]
    np.testing.assert_allclose(again / np.linalg.norm(again, axis=0), directions, rtol=0, atol=1e-14)


def test_the_header_holds_the_cards() -> None:
    grid = Grid(100.0, 30.0, 0.6, (101, 201), (100.0, 50.0))
    header = grid.header()
    assert [(card.keyword, card.value, card.comment) for card in header.cards] == grid.cards()
    # North up exactly: no trace of a rotation.
    assert (header["CD1_1"], header["CD1_2"], header["CD2_1"]) == (-0.6 / 3600.0, 0.0, 0.0)
