"""Tiles: they cover the mosaic once, and the product does not depend on how it is cut."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from truthkit.faultkit import PRODUCT, mosaic, small_field
from truthkit.runs import make_mosaic, simulate

from photomitrus_cli.imaging.pixelmap import Box
from photomitrus_cli.imaging.pixelmap import common_part as overlap
from photomitrus_cli.irac import combining, tiles
from photomitrus_cli.irac.tiles import TileTask, tile_windows

pytestmark = pytest.mark.xdist_group("mosaic-faults")


@pytest.mark.parametrize("shape", [(1, 1), (512, 512), (513, 511), (1030, 2000)])
def test_every_pixel_is_in_one_tile(shape: tuple[int, int]) -> None:
    seen = np.zeros(shape, int)
    for y0, y1, x0, x1 in tile_windows(shape):
        assert 0 < y1 - y0 <= tiles.TILE
        assert 0 < x1 - x0 <= tiles.TILE
        seen[y0:y1, x0:x1] += 1
    assert (seen == 1).all()


@pytest.mark.parametrize(
    ("a", "b", "common"),
    [
        ((0, 10, 0, 10), (5, 20, 8, 9), (5, 10, 8, 9)),
        ((0, 10, 0, 10), (10, 20, 0, 10), None),
        ((0, 10, 0, 10), (0, 10, -5, 0), None),
        ((3, 4, 3, 4), (0, 9, 0, 9), (3, 4, 3, 4)),
    ],
)
def test_overlap(a: Box, b: Box, common: Box | None) -> None:
    assert overlap(a, b) == common
    assert overlap(b, a) == common


@pytest.mark.parametrize("rule", ["weighted", "clipped", "median-exptime"])
def test_the_size_of_the_tiles_does_not_matter(
    rule: str, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    field = small_field(tmp_path_factory.getbasetemp())
    for size in (512, 100):
        monkeypatch.setattr(tiles, "TILE", size)
        assert mosaic(field, "-o", tmp_path / str(size), "--combine", rule).code == 0
    with fits.open(tmp_path / "512" / PRODUCT) as whole, fits.open(tmp_path / "100" / PRODUCT) as cut:
        for name in ("COV", "MASK"):
            assert np.array_equal(whole[name].data, cut[name].data), name
        for name in ("SCI", "UNC", "EXP", "STD"):
            assert np.array_equal(whole[name].data, cut[name].data, equal_nan=True), name
        assert whole["SCI"].header["CORRFAC"] == pytest.approx(cut["SCI"].header["CORRFAC"], rel=1e-6)
        mask, coverage = whole["MASK"].data, whole["COV"].data
        assert np.array_equal(mask & 1 != 0, coverage == 0)
        assert np.array_equal(mask & 2 != 0, coverage < tiles.LOW_COVERAGE)
        assert (mask & 4 != 0).any()
        assert not (mask & 8).any()
        assert np.isnan(whole["SCI"].data[coverage == 0]).all()
        assert np.isnan(whole["UNC"].data[coverage == 0]).all()


@pytest.mark.parametrize("combine", ["median-exptime", "clipped"])
def test_the_height_of_the_bands_changes_nothing(combine: str, tmp_path: Path) -> None:
    """Of the cubes that are combined, and of those that frames are compared with."""
    frames = simulate(
        tmp_path / "frames", n_aors=1, dithers_per_aor=3, field_size_arcmin=0.5, truth_image=False
    )
    made = {}
    bands = []
    plain = combining._bands

    def counted(task: TileTask, depth: int) -> list[tuple[TileTask, slice]]:
        found = list(plain(task, depth))
        bands.append(len(found))
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(combining, "_bands", counted)
        for memory in (1_000_000_000, 400_000):
            bands.clear()
            made[memory] = make_mosaic(frames, tmp_path / str(memory), combine=combine, memory_bytes=memory)
            assert (max(bands) > 3) == (memory < 1_000_000)
    whole, banded = made.values()
    for name in ("sci", "unc", "coverage", "exptime"):
        np.testing.assert_array_equal(getattr(banded, name), getattr(whole, name))
    np.testing.assert_array_equal(banded.inputs["n_rejected"], whole.inputs["n_rejected"])
    assert banded.correlation == pytest.approx(whole.correlation, rel=1e-6)
