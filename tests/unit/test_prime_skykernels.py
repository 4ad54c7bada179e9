"""Blocks of pixels, columns and meshes taken off: against plain numpy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from photomitrus_cli.imaging.binning import binned, binned_grid, binned_map, mark_blocks
from photomitrus_cli.imaging.columnsums import column_sums
from photomitrus_cli.imaging.flatfield import INVALID
from photomitrus_cli.imaging.grid import Grid
from photomitrus_cli.imaging.mapping import map_frame
from photomitrus_cli.imaging.mesh import mesh_background
from photomitrus_cli.imaging.meshnodes import mesh_nodes
from photomitrus_cli.imaging.meshrows import subtract_mesh
from photomitrus_cli.imaging.tansip import TanSip
from photomitrus_cli.prime.stackrun import Run
from photomitrus_cli.run.checkpoint import Store
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.parallel import SerialExecutor

NY, NX = 201, 150


def image(seed: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    return np.random.default_rng(seed).normal(5.0, 1.0, (NY, NX)).astype(np.float32)


@pytest.mark.parametrize("side", [2, 3])
def test_blocks_are_means_of_good_pixels(side: int) -> None:
    values, rng = image(1), np.random.default_rng(2)
    mask = (rng.random(values.shape) < 0.3) * rng.choice(np.array([1, 2, 32, 64], np.uint8), values.shape)
    values[mask > 0] = 1e9
    values[:20, :20] = np.nan
    means, bits = binned(values, mask, side)
    assert means.shape == bits.shape == (NY // side, NX // side)
    for y, x in np.ndindex(means.shape):
        part = np.s_[y * side : (y + 1) * side, x * side : (x + 1) * side]
        good = (mask[part] == 0) & np.isfinite(values[part])
        if 2 * good.sum() >= side**2:
            assert means[y, x] == pytest.approx(values[part][good].mean(), rel=1e-6)
            assert bits[y, x] == 0
        else:
            assert np.isnan(means[y, x])
            assert bits[y, x] == (np.bitwise_or.reduce(mask[part], axis=None) or INVALID)
    assert binned(values, mask, 1)[0] is values


def test_marks_cover_whole_blocks_and_what_is_beyond_the_last() -> None:
    found = np.random.default_rng(3).random((NY // 2, NX // 4)) < 0.2
    mask = np.full((NY // 2 * 4 + 3, NX // 4 * 4 + 2), 1, np.uint8)
    mark_blocks(found, 4, 32, mask)
    edge = np.pad(np.kron(found, np.ones((4, 4), np.bool_)), ((0, 3), (0, 2)), mode="edge")
    np.testing.assert_array_equal(mask, np.where(edge, 33, 1))


@pytest.mark.parametrize("ny", [1, 64, 65, NY])
def test_sums_of_columns_leave_out_what_is_far(ny: int) -> None:
    values, rng = image(4)[:ny], np.random.default_rng(5)
    out = rng.random(values.shape) < 0.2
    values[rng.random(values.shape) < 0.1] = np.inf
    values[0, 7] = np.nan
    level, reach = rng.normal(5.0, 0.2, NX).astype("f4"), rng.uniform(1.0, 2.0, NX).astype("f4")
    level[9] = np.nan
    total, count = column_sums(values, out, level, reach)
    near = ~out & (np.abs(values - level) <= reach)
    np.testing.assert_array_equal(count, near.sum(axis=0))
    np.testing.assert_allclose(total, np.where(near, values - level, 0.0).sum(axis=0), atol=1e-4)
    assert count[9] == 0


@pytest.mark.parametrize("size", [32, 1000])
def test_a_mesh_is_taken_off_as_its_model_would_be(size: int) -> None:
    values = image(6) + np.linspace(0.0, 9.0, NX, dtype="f4")
    none = np.zeros(values.shape, np.bool_)
    model, level = mesh_background(values, none, none, size_px=size)
    columns = np.random.default_rng(7).normal(0.0, 1.0, NX).astype("f4")
    nodes, _ = mesh_nodes(values + columns, none, size_px=size, columns=columns)
    rest = values + columns
    mean = subtract_mesh(rest, nodes, columns)
    np.testing.assert_allclose(rest, values - model, atol=2e-5)
    assert mean == pytest.approx(level.level, abs=1e-5)
    plain = values.copy()
    subtract_mesh(plain, nodes)
    np.testing.assert_allclose(plain, values - model, atol=2e-5)


def test_maps_between_larger_pixels() -> None:
    grid = Grid(30.0, -40.0, 0.5, (401, 300), (150.0, 170.0), 10.0)
    large = binned_grid(grid, 2)
    assert large.shape == (201, 150)
    sky = [30.01, 29.99], [-40.02, -39.99]
    fine = np.array(grid.world_to_pixel(*sky))
    np.testing.assert_allclose(large.world_to_pixel(*sky), (fine + 0.5) / 2 - 0.5)
    assert binned_grid(grid, 1) is grid
    frame = TanSip.at((30.01, -40.01), [[-1.4e-4, 1e-5], [1e-5, 1.4e-4]], (99.0, 80.0), (161, 200))
    whole = map_frame(frame, frame.shape, large)
    half = binned_map(whole, 2)
    assert half.shape == (80, 100)
    y, x = np.array([60.0, 90.0]), np.array([70.0, 80.0])
    expected = (np.array(whole.positions(y, x)) + 0.5) / 2 - 0.5
    np.testing.assert_allclose(half.positions(y, x), expected, atol=1e-9)
    assert binned_map(whole, 1) is whole


class Counting(SerialExecutor):
    """Notes how many units are given to it at a time."""

    def __init__(self) -> None:
        self.workers = 3
        self.given: list[int] = []

    def run(self, function: Any, units: Any, **how: Any) -> Any:
        self.given.append(len(units))
        return super().run(function, units, **how)


def test_memory_limits_the_units_at_a_time(tmp_path: Path) -> None:
    executor = Counting()
    plan: Any = None
    stack = Run(plan, Store(tmp_path, "key"), Context(executor=executor, memory_bytes=100))
    assert stack.each("", float, ["1", "2", "3", "4", "5"], need=45) == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert executor.given == [2, 2, 1]
    stack.each("", float, ["1", "2"], need=1000)
    stack.each("", float, ["1", "2", "3", "4"], need=30)
    assert executor.given[3:] == [1, 1, 4]


def test_checkpoints_that_are_done_are_dropped(tmp_path: Path) -> None:
    store = Store(tmp_path, "key")
    for name in ("sky_1", "sky2_1", "tile_000_000", "tile_last_000_000"):
        store.save(name, {}, {})
    store.drop(["sky_*", "tile_[0-9]*", "nothing"])
    assert sorted(path.stem for path in tmp_path.iterdir()) == ["sky2_1", "tile_last_000_000"]
