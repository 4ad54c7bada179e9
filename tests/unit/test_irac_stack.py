"""The stack in its tiles: windows of it, and the memory it is made in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from truthkit.faultkit import PRODUCT, mosaic, small_field

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.pixelmap import Box
from photomitrus_cli.irac import combining
from photomitrus_cli.irac.stack import StackReader, StackTiles, stack_window
from photomitrus_cli.run.checkpoint import Store

TILES: list[tuple[str, Box]] = [
    ("a", (0, 20, 0, 30)),
    ("b", (0, 20, 30, 50)),
    ("c", (20, 35, 0, 30)),
    ("d", (20, 35, 30, 50)),
]


@pytest.fixture
def stack(tmp_path: Path) -> tuple[Store, np.ndarray]:
    """Give a stack of 35 x 50 pixels in four tiles, and its values."""
    store = Store(tmp_path, "key")
    whole = np.random.default_rng(1).normal(0.0, 1.0, (2, 35, 50)).astype(np.float32)
    for name, (y0, y1, x0, x1) in TILES:
        ref, ref_var = whole[:, y0:y1, x0:x1]
        store.save(name, {"ref": ref, "ref_var": ref_var}, {})
    return store, whole


def test_windows_follow_each_other(stack: tuple[Store, np.ndarray]) -> None:
    store, whole = stack
    reader = StackReader(store)
    # Large ones before small ones and behind: what is left of one must not show in the next.
    for window in ((-4, 39, -4, 54), (15, 25, 25, 35), (18, 39, 20, 54), (1, 6, 2, 5), (-4, 3, 10, 50)):
        y0, y1, x0, x1 = (place + 4 for place in window)
        expected = np.pad(whole, ((0, 0), (4, 4), (4, 4)), constant_values=np.nan)[:, y0:y1, x0:x1]
        np.testing.assert_array_equal(reader.window(TILES, window), expected)
        np.testing.assert_array_equal(stack_window(store, StackTiles(TILES).around(window), window), expected)


def test_a_damaged_tile_is_named(stack: tuple[Store, np.ndarray]) -> None:
    store, _ = stack
    store.path("d").write_bytes(b"nothing")
    reader = StackReader(store)
    reader.window(TILES[:3], (0, 20, 0, 30))
    with pytest.raises(InputError, match="the checkpoint is damaged"):
        reader.window(TILES, (15, 25, 25, 35))


def test_the_memory_of_the_stack_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    field = small_field(tmp_path_factory.getbasetemp())
    monkeypatch.setattr(combining, "_FEWEST_ROWS", 3)
    for most in (2**25, 1):
        monkeypatch.setattr(combining, "_STACK_BYTES", most)
        assert mosaic(field, "-o", tmp_path / str(most)).code == 0
    with fits.open(tmp_path / str(2**25) / PRODUCT) as one, fits.open(tmp_path / "1" / PRODUCT) as other:
        for name in ("SCI", "UNC", "COV"):
            assert np.array_equal(one[name].data, other[name].data, equal_nan=True), name
