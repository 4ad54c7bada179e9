"""One frame to arrays: masks, variances, levels, reasons, checkpoints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from truthkit.faultkit import copy_field, edit, frames, mosaic

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.geometry import footprint
from photomitrus_cli.imaging.grid import grid_for_footprints
from photomitrus_cli.io.fitsread import read_cards
from photomitrus_cli.irac.frames import FULL_ARRAY, Frame, select_frames
from photomitrus_cli.irac.ingest import (
    IngestRules,
    IngestTask,
    frame_wcs,
    ingest,
    load_ingested,
    read_arrays,
)
from photomitrus_cli.irac.names import find_files
from photomitrus_cli.run.checkpoint import Store

pytestmark = pytest.mark.xdist_group("mosaic-faults")
RULES = IngestRules((3, 8, 9, 10, 11, 12, 13, 14), (0, 1, 2, 3), "none")


@pytest.fixture
def frame(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Frame:
    field = copy_field(tmp_path_factory.getbasetemp(), tmp_path / "field")
    path = frames(field)[0]
    files = find_files([path.parent], "cbcd")
    chosen = select_frames(files, filetype="cbcd", channel=1, min_exptime_s=0.0, missing="refuse")
    return next(one for one in chosen.frames if one.path == path)


def task(frame: Frame, tmp_path: Path, *, scale: float = 1.2, away: float = 0.0) -> IngestTask:
    ra, dec = footprint(frame_wcs(read_cards(frame.path)), FULL_ARRAY)
    grid = grid_for_footprints(ra[None] + away, dec[None], scale)
    return IngestTask("one", frame, grid, RULES, Store(tmp_path, "key"))


def test_masks_make_pixels_unusable_bit_by_bit(frame: Frame) -> None:
    assert frame.imask is not None
    assert frame.rmask is not None
    imask, rmask = np.zeros((256, 256), "i2"), np.zeros((256, 256), "i2")
    imask[10, :16] = np.array([1 << bit for bit in range(16)], "u2").view("i2")
    rmask[20, :8] = [1 << bit for bit in range(8)]
    edit(frame.imask, data=imask)
    edit(frame.rmask, data=rmask)
    nan_before = ~np.isfinite(fits.getdata(frame.path))
    arrays, _ = read_arrays(frame, RULES)
    expected = nan_before.copy()
    expected[10, [3, 8, 9, 10, 11, 12, 13, 14]] = True
    expected[20, :4] = True
    assert np.array_equal(arrays.bad, expected)
    assert list(np.argwhere(arrays.saturated)[0]) == [10, 13]
    assert arrays.saturated.sum() == 1


def test_the_variance_is_the_square_of_the_uncertainty(frame: Frame) -> None:
    assert frame.unc is not None
    unc = fits.getdata(frame.unc).astype("f4")
    unc[5, :6] = [0.0, -1.0, np.nan, np.inf, 1e30, 1e-30]
    edit(frame.unc, data=unc)
    arrays, _ = read_arrays(frame, RULES)
    assert arrays.bad[5, :6].all()
    good = ~arrays.bad
    assert np.allclose(arrays.var[good], unc[good].astype("f8") ** 2, rtol=1e-6)


def test_an_estimated_variance_is_that_of_the_frame(frame: Frame) -> None:
    """Sky scatter plus the Poisson noise of the electrons above it, compared with what was simulated."""
    arrays, _ = read_arrays(replace(frame, unc=None), RULES)
    true, _ = read_arrays(frame, RULES)
    good = ~(arrays.bad | true.bad)
    ratio = np.sqrt(arrays.var[good] / true.var[good])
    assert np.median(ratio) == pytest.approx(1.0, abs=0.15)
    bright = good & (arrays.sci > arrays.level.level + 1.0)
    assert bright.sum() > 10
    electrons = (arrays.sci[bright] - arrays.level.level) * frame.gain * frame.exptime_s / frame.fluxconv
    poisson = electrons * (frame.fluxconv / (frame.gain * frame.exptime_s)) ** 2
    sky = arrays.var[good].min()
    assert np.allclose(arrays.var[bright] - sky, poisson, rtol=1e-3)


def test_the_sky_is_taken_off_where_the_rules_say_so(frame: Frame) -> None:
    plain, _ = read_arrays(frame, RULES)
    less, _ = read_arrays(frame, replace(RULES, background="median"))
    good = ~plain.bad
    assert abs(plain.level.level) > 1e-3
    assert np.array_equal(less.sci[good], plain.sci[good] - np.float32(plain.level.level))
    assert plain.level == less.level
    assert [entry["path"] for entry in plain.inputs] == [str(path) for path in frame.files]


def test_a_checkpoint_brings_the_frame_back_and_is_used(frame: Frame, tmp_path: Path) -> None:
    one = task(frame, tmp_path)
    meta = ingest(one)
    assert meta["reason"] == ""
    loaded = load_ingested(one.store, "one")
    assert loaded.pixel_map.bbox == tuple(meta["bbox"])
    assert loaded.pixel_map.shape == (256, 256)
    wcs = frame_wcs(read_cards(frame.path))
    ny, nx = one.grid.shape
    ra, dec = one.grid.pixel_to_world(nx // 2, ny // 2)
    x, y = loaded.pixel_map.positions(ny // 2, nx // 2)
    true_x, true_y = wcs.all_world2pix(ra, dec, 0)
    assert float(x) == pytest.approx(float(true_x), abs=2e-3)
    assert float(y) == pytest.approx(float(true_y), abs=2e-3)
    frame.path.unlink()
    assert ingest(one) == meta


@pytest.mark.parametrize("what", ["away", "empty", "constant"])
def test_frames_that_cannot_be_used(what: str, frame: Frame, tmp_path: Path) -> None:
    if what == "empty":
        edit(frame.path, data=np.full((256, 256), np.nan, "f4"))
    if what == "constant":
        edit(frame.path, data=np.zeros((256, 256), "f4"))
        frame = replace(frame, unc=None)
    meta = ingest(task(frame, tmp_path, away=3.0 if what == "away" else 0.0))
    reasons = {"away": "lies outside the mosaic", "empty": "no usable pixel", "constant": "its noise is zero"}
    assert meta["reason"].startswith(reasons[what])


def test_a_constant_frame_without_uncertainty_is_skipped(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    field = copy_field(tmp_path_factory.getbasetemp(), tmp_path / "field")
    victim = frames(field)[0]
    edit(victim, data=np.zeros((256, 256), "f4"))
    Path(str(victim).replace("cbcd", "cbunc")).unlink()
    done = mosaic(field, "-o", tmp_path / "out")
    assert done.code == 0, done.stderr
    assert f"skipped: {victim}: its noise is zero" in done.stdout


@pytest.mark.parametrize("role", ["unc", "imask", "rmask"])
def test_companions_of_another_shape(role: str, frame: Frame) -> None:
    path = getattr(frame, role)
    edit(path, data=np.ones((256, 255), "f4" if role == "unc" else "i2"))
    with pytest.raises(InputError, match=rf"{path.name}: shape \(256, 255\) differs"):
        read_arrays(frame, RULES)


@pytest.mark.parametrize(
    "cards", [{"CD1_1": 0.0, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 0.0}, {"CTYPE1": "X", "CTYPE2": "Y"}]
)
def test_a_wcs_that_places_nothing(cards: dict[str, Any], frame: Frame) -> None:
    edit(frame.path, **cards)
    with pytest.raises(InputError, match=frame.path.name):
        frame_wcs(read_cards(frame.path))


def test_a_header_without_wcs(frame: Frame) -> None:
    edit(frame.path, remove=("CTYPE2",))
    with pytest.raises(InputError, match="no celestial WCS"):
        frame_wcs(read_cards(frame.path))
