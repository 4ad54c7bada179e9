"""Frames to arrays: masks, variances, levels, reasons, checkpoints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from truthkit.faultkit import copy_field, edit, frames, mosaic

from photomitrus_cli.errors import InputError
from photomitrus_cli.imaging.geometry import footprint
from photomitrus_cli.imaging.gridaround import grid_for_footprints
from photomitrus_cli.imaging.lanczos import BAD, SATURATED
from photomitrus_cli.io.fitsread import read_cards
from photomitrus_cli.io.wcs import celestial_wcs
from photomitrus_cli.irac.chunks import INNER, FrameReader, Place
from photomitrus_cli.irac.findfiles import find_files
from photomitrus_cli.irac.frames import select_frames
from photomitrus_cli.irac.ingest import IngestRules, IngestTask, ingest, read_arrays
from photomitrus_cli.irac.scan import FULL_ARRAY, Frame, Needs
from photomitrus_cli.run.checkpoint import Store
from photomitrus_cli.run.context import Context

pytestmark = pytest.mark.xdist_group("mosaic-faults")
RULES = IngestRules((3, 8, 9, 10, 11, 12, 13, 14), (0, 1, 2, 3), "none")


@pytest.fixture
def field(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    return copy_field(tmp_path_factory.getbasetemp(), tmp_path / "field")


@pytest.fixture
def frame(field: Path) -> Frame:
    return scanned(frames(field)[0])


def scanned(path: Path) -> Frame:
    """A frame as its headers are now; a file that changes afterwards is refused."""
    files = find_files([path.parent], "cbcd")
    chosen = select_frames(files, Context(), filetype="cbcd", needs=Needs(1), missing="refuse")
    return next(one for one in chosen.frames if one.path == path)


def companion(path: Path, kind: str) -> Path:
    return path.with_name(path.name.replace("_cbcd", f"_{kind}"))


def task(
    *chosen: Frame, folder: Path, away: float = 0.0, keep_going: bool = False, rules: IngestRules = RULES
) -> IngestTask:
    ra, dec = footprint(chosen[0].wcs, FULL_ARRAY)
    grid = grid_for_footprints(ra[None] + away, dec[None], 1.2)
    return IngestTask("one", chosen, grid, rules, Store(folder, "key"), keep_going)


def only(one: IngestTask) -> dict[str, Any]:
    [meta] = ingest(one)
    assert isinstance(meta, dict)
    return meta


def test_masks_make_pixels_unusable_bit_by_bit(field: Path) -> None:
    path = frames(field)[0]
    imask, rmask = np.zeros((256, 256), "i2"), np.zeros((256, 256), "i2")
    imask[10, :16] = np.array([1 << bit for bit in range(16)], "u2").view("i2")
    rmask[20, :8] = [1 << bit for bit in range(8)]
    edit(companion(path, "bimsk"), data=imask)
    edit(companion(path, "brmsk"), data=rmask)
    nan_before = ~np.isfinite(fits.getdata(path))
    arrays = read_arrays(scanned(path), RULES)
    expected = nan_before.copy()
    expected[10, [3, 8, 9, 10, 11, 12, 13, 14]] = True
    expected[20, :4] = True
    assert np.array_equal(arrays.bad, expected)
    assert list(np.argwhere(arrays.saturated)[0]) == [10, 13]
    assert arrays.saturated.sum() == 1


def test_the_variance_is_the_square_of_the_uncertainty(field: Path) -> None:
    path = frames(field)[0]
    unc = fits.getdata(companion(path, "cbunc")).astype("f4")
    unc[5, :6] = [0.0, -1.0, np.nan, np.inf, 1e30, 1e-30]
    edit(companion(path, "cbunc"), data=unc)
    arrays = read_arrays(scanned(path), RULES)
    assert arrays.bad[5, :6].all()
    good = ~arrays.bad
    assert np.allclose(arrays.var[good], unc[good].astype("f8") ** 2, rtol=1e-6)


def test_an_estimated_variance_is_that_of_the_frame(frame: Frame) -> None:
    """Sky scatter plus the Poisson noise of the electrons above it, compared with what was simulated."""
    arrays = read_arrays(replace(frame, unc=None), RULES)
    true = read_arrays(frame, RULES)
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
    plain = read_arrays(frame, RULES)
    less = read_arrays(frame, replace(RULES, background="median"))
    good = ~plain.bad
    assert abs(plain.level.level) > 1e-3
    assert np.array_equal(less.sci[good], plain.sci[good] - np.float32(plain.level.level))
    assert plain.level == less.level
    assert [entry["path"] for entry in plain.inputs] == [str(source.path) for source in frame.sources]


@pytest.mark.parametrize("background", ["mode", "mesh", "overlap"])
def test_other_ways_to_the_sky_leave_it_near_zero(background: Any, frame: Frame) -> None:
    """Under ``overlap`` the median goes first; the mesh takes more than one level."""
    plain = read_arrays(frame, RULES)
    less = read_arrays(frame, replace(RULES, background=background, mesh_size_px=32))
    good = ~plain.bad
    taken = (plain.sci - less.sci)[good]
    assert abs(np.median(less.sci[good])) < 0.2 * plain.level.sigma
    assert np.median(taken) == pytest.approx(plain.level.level, abs=0.2 * plain.level.sigma)
    assert (np.ptp(taken) > 1e-4) == (background == "mesh")


def test_a_checkpoint_brings_the_frames_back_and_is_used(field: Path, tmp_path: Path) -> None:
    chosen = tuple(scanned(path) for path in frames(field)[:2])
    one = task(*chosen, folder=tmp_path)
    metas = ingest(one)
    reader = FrameReader(one.store)
    ny, nx = one.grid.shape
    ra, dec = one.grid.pixel_to_world(nx // 2, ny // 2)
    for index, (frame, meta) in enumerate(zip(chosen, metas, strict=True)):
        assert isinstance(meta, dict)
        assert meta["reason"] == ""
        loaded = reader.get(Place("one", index))
        assert loaded.pixel_map.bbox == tuple(meta["map"]["bbox"])
        assert loaded.pixel_map.shape == (256, 256)
        x, y = loaded.pixel_map.positions(ny // 2, nx // 2)
        true_x, true_y = WCS(fits.getheader(frame.path)).all_world2pix(ra, dec, 0)
        assert float(x) == pytest.approx(float(true_x), abs=2e-3)
        assert float(y) == pytest.approx(float(true_y), abs=2e-3)
        own_x, own_y = loaded.frame_map.positions()
        assert own_x.shape == (256, 256)
        at = (round(float(y)), round(float(x)))
        assert abs(own_x[at] - nx // 2) < 1.0
        assert abs(own_y[at] - ny // 2) < 1.0
        data = read_arrays(frame, RULES)
        assert np.array_equal(loaded.frame.sci[INNER][~data.bad], data.sci[~data.bad])
        assert np.array_equal((loaded.frame.state[INNER] & BAD) != 0, data.bad)
        assert np.array_equal((loaded.frame.state[INNER] & SATURATED) != 0, data.saturated)
        assert np.array_equal(loaded.saturated, np.argwhere(data.saturated))
    for path in frames(field):
        path.unlink()
    assert ingest(one) == metas


def test_places_are_left_out_where_no_pass_asks_for_them(field: Path, tmp_path: Path) -> None:
    """Nothing else changes; a frame with a saturated pixel has them all the same."""
    plain, full = frames(field)[:2]
    for path, bits in ((plain, 0), (full, 1 << 13)):
        imask = np.zeros((256, 256), "i2")
        imask[10, 20] = bits
        edit(companion(path, "bimsk"), data=imask)
    chosen = scanned(plain), scanned(full)
    loaded = []
    for places in (True, False):
        one = task(*chosen, folder=tmp_path / str(places), rules=replace(RULES, places=places))
        one.store.folder.mkdir()
        ingest(one)
        loaded.append([FrameReader(one.store).get(Place("one", index)) for index in range(2)])
    for with_places, without in zip(*loaded, strict=True):
        assert np.array_equal(with_places.frame.pixels, without.frame.pixels)
        assert np.array_equal(with_places.pixel_map.node_x, without.pixel_map.node_x, equal_nan=True)
    assert [one.placed is not None for one in loaded[0] + loaded[1]] == [True, True, False, True]
    assert np.array_equal(loaded[1][1].frame_map.node_x, loaded[0][1].frame_map.node_x)
    assert loaded[1][1].saturated.tolist() == [[10, 20]]
    with pytest.raises(AssertionError):
        _ = loaded[1][0].frame_map


@pytest.mark.parametrize("what", ["away", "empty", "constant"])
def test_frames_that_cannot_be_used(what: str, field: Path, tmp_path: Path) -> None:
    path = frames(field)[0]
    if what == "empty":
        edit(path, data=np.full((256, 256), np.nan, "f4"))
    if what == "constant":
        edit(path, data=np.zeros((256, 256), "f4"))
    frame = scanned(path)
    if what == "constant":
        frame = replace(frame, unc=None)
    meta = only(task(frame, folder=tmp_path, away=3.0 if what == "away" else 0.0))
    reasons = {"away": "lies outside the mosaic", "empty": "no usable pixel", "constant": "its noise is zero"}
    assert meta["reason"].startswith(reasons[what])


def test_one_frame_of_a_unit_may_fail_and_is_tried_again(field: Path, tmp_path: Path) -> None:
    first, second = (scanned(path) for path in frames(field)[:2])
    sound = second.path.read_bytes()
    # After its header was read: nothing of this size may have changed under the run.
    second.path.write_bytes(sound[:-2880])
    one = task(first, second, folder=tmp_path, keep_going=True)
    meta, error = ingest(one)
    assert isinstance(meta, dict)
    assert isinstance(error, InputError)
    assert "changed while the run was going on" in error.message
    assert second.path.name in error.message
    with pytest.raises(InputError, match="changed while"):
        ingest(replace(one, name="other", keep_going=False))
    second.path.write_bytes(sound)
    again = ingest(replace(one, frames=(first, scanned(second.path))))
    assert again[0] == meta
    assert isinstance(again[1], dict)


def test_a_unit_names_all_its_frames(field: Path, tmp_path: Path) -> None:
    first, second = (scanned(path) for path in frames(field)[:2])
    assert str(task(first, second, folder=tmp_path)) == f"{first.path}, {second.path}"


def test_stars_are_measured_only_for_alignment(frame: Frame, tmp_path: Path) -> None:
    one = task(frame, folder=tmp_path)
    only(one)
    assert "stars0" not in one.store.require("one").arrays
    two = task(frame, folder=tmp_path / "two", rules=replace(RULES, stars=True))
    (tmp_path / "two").mkdir()
    only(two)
    ra, dec, error, flux, snr = two.store.require("one").arrays["stars0"]
    assert ra.size > 3
    x, y = WCS(fits.getheader(frame.path)).all_world2pix(ra, dec, 0)
    assert ((x > -1) & (x < 256) & (y > -1) & (y < 256)).all()
    assert ((error > 0) & (error < 1.0) & (flux > 0) & (snr > 3)).all()


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
    path = getattr(frame, role).path
    edit(path, data=np.ones((256, 255), "f4" if role == "unc" else "i2"))
    with pytest.raises(InputError, match=rf"{path.name}: shape \(256, 255\) differs"):
        read_arrays(scanned(frame.path), RULES)


@pytest.mark.parametrize(
    "cards", [{"CD1_1": 0.0, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 0.0}, {"CTYPE1": "X", "CTYPE2": "Y"}]
)
def test_a_wcs_that_places_nothing(cards: dict[str, Any], frame: Frame) -> None:
    edit(frame.path, **cards)
    with pytest.raises(InputError, match=frame.path.name):
        celestial_wcs(read_cards(frame.path))


def test_a_header_without_wcs(frame: Frame) -> None:
    edit(frame.path, remove=("CTYPE2",))
    with pytest.raises(InputError, match="no celestial WCS"):
        celestial_wcs(read_cards(frame.path))
