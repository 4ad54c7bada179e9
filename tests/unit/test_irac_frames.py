"""Frames by their headers: keys, reasons, duplicates, companions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from photomitrus_cli.errors import InputError
from photomitrus_cli.io.cards import Cards
from photomitrus_cli.irac.findfiles import find_files
from photomitrus_cli.irac.frames import Selection, select_frames
from photomitrus_cli.irac.scan import Frame, FrameKey, Needs, frame_key, read_frame
from photomitrus_cli.run.context import Context, RunControl
from photomitrus_cli.run.parallel import local_executor

HEADER: dict[str, Any] = {
    "AORKEY": 17577216,
    "CHNLNUM": 1,
    "EXPID": 11,
    "DCENUM": 0,
    "EXPTIME": 26.8,
    "FRAMTIME": 30.0,
    "GAIN": 3.7,
    "FLUXCONV": 0.1069,
    "MJD_OBS": 53800.25,
    "CREATOR": "S18.25.0",
    "BUNIT": "MJy/sr",
    "CTYPE1": "RA---TAN",
    "CTYPE2": "DEC--TAN",
    "CRVAL1": 63.8,
    "CRVAL2": -9.6,
    "CRPIX1": 128.0,
    "CRPIX2": 128.0,
    "CD1_1": -3.4e-4,
    "CD1_2": 0.0,
    "CD2_1": 0.0,
    "CD2_2": 3.4e-4,
}


def make(path: Path, shape: tuple[int, ...] = (256, 256), remove: str = "", **cards: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = {key: value for key, value in (HEADER | cards).items() if key != remove}
    fits.PrimaryHDU(np.zeros(shape, "f4"), fits.Header(values)).writeto(path)
    return path


def select(*inputs: Path, keep_going: bool = False, **more: Any) -> Selection:
    options: dict[str, Any] = {"needs": Needs(1, 15.0), "missing": "estimate"} | more
    context = Context(control=RunControl(keep_going=keep_going))
    return select_frames(find_files(inputs, "cbcd"), context, filetype="cbcd", **options)


def companions(frame: Frame) -> dict[str, Path]:
    found = {role: getattr(frame, role) for role in ("unc", "imask", "rmask")}
    return {role: source.path for role, source in found.items() if source is not None}


def test_a_frame_is_what_its_header_says(tmp_path: Path) -> None:
    frame, reason = read_frame(make(tmp_path / "a_cbcd.fits"), Needs(1, 15.0))
    assert reason == ""
    assert frame is not None
    assert frame.key == FrameKey(17577216, 1, 11, 0)
    assert (frame.exptime_s, frame.framtime_s, frame.gain, frame.fluxconv) == (26.8, 30.0, 3.7, 0.1069)
    assert frame.conversion == pytest.approx(3.7 / 0.1069, rel=1e-12)
    assert (frame.mjd, frame.creator) == (53800.25, "S18.25.0")
    ra, dec = frame.wcs.sky(127.0, 127.0)
    assert (float(ra), float(dec)) == pytest.approx((63.8, -9.6), abs=1e-9)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"TELESCOP": "WISE"}, "AORKEY is missing: a file of WISE, not of Spitzer/IRAC"),
        (
            {"TELESCOP": "PRIME", "INSTRUME": "PRIME-Cam"},
            "AORKEY is missing: a file of PRIME-Cam, not of Spitzer/IRAC",
        ),
        ({"TELESCOP": "Spitzer"}, "AORKEY is missing"),
        ({}, "AORKEY is missing"),
    ],
)
def test_frames_of_other_instruments_are_named(words: dict[str, str], told: str, tmp_path: Path) -> None:
    cards = Cards(Path("a.fits"), "".join(f"{key:8}= '{value}'".ljust(80) for key, value in words.items()))
    with pytest.raises(InputError) as caught:
        frame_key(cards)
    assert str(caught.value) == f"a.fits: {told}"


@pytest.mark.parametrize("keyword", ["AORKEY", "CHNLNUM", "EXPID", "EXPTIME", "GAIN", "FLUXCONV"])
def test_needed_keywords(keyword: str, tmp_path: Path) -> None:
    path = make(tmp_path / "a_cbcd.fits", remove=keyword)
    with pytest.raises(InputError, match=f"a_cbcd.fits: .*{keyword}"):
        read_frame(path, Needs(1, 15.0))


@pytest.mark.parametrize("keyword", ["DCENUM", "FRAMTIME", "MJD_OBS", "CREATOR"])
def test_keywords_that_may_be_absent(keyword: str, tmp_path: Path) -> None:
    frame, reason = read_frame(make(tmp_path / "a_cbcd.fits", remove=keyword), Needs(1, 15.0))
    assert frame is not None
    assert reason == ""


@pytest.mark.parametrize(
    ("cards", "shape", "reason"),
    [
        ({"BUNIT": "DN/s"}, (256, 256), "BUNIT is 'DN/s', not MJy/sr"),
        ({"BUNIT": ""}, (256, 256), "BUNIT is '', not MJy/sr"),
        ({}, (64, 32, 32), "not a full-array frame (64 x 32 x 32 pixels)"),
        ({}, (32, 32), "not a full-array frame (32 x 32 pixels)"),
        ({"EXPTIME": 0.0}, (256, 256), "EXPTIME is 0 s"),
        ({"GAIN": 0.0}, (256, 256), "GAIN 0 or FLUXCONV 0.1069 is not positive"),
        ({"EXPTIME": 10.4}, (256, 256), "EXPTIME 10.4 s is below 15 s"),
    ],
)
def test_reasons(cards: dict[str, Any], shape: tuple[int, ...], reason: str, tmp_path: Path) -> None:
    path = make(tmp_path / "a_cbcd.fits", shape, **cards)
    selection = select(tmp_path)
    assert selection.frames == []
    assert [(r.name, r.status, r.reason) for r in selection.records] == [(str(path), "skipped", reason)]


def test_other_channels_are_counted_and_not_judged(tmp_path: Path) -> None:
    make(tmp_path / "a_cbcd.fits", remove="GAIN", CHNLNUM=2)
    selection = select(tmp_path)
    assert (selection.frames, selection.records, selection.other_channels) == ([], [], 1)


def test_a_wcs_that_cannot_be_read_breaks_only_a_wanted_frame(tmp_path: Path) -> None:
    path = make(tmp_path / "a_cbcd.fits", remove="CTYPE2")
    with pytest.raises(InputError, match=r"a_cbcd\.fits: the header has no celestial WCS"):
        read_frame(path, Needs(1, 15.0))
    assert read_frame(path, Needs(2, 15.0)) == (None, "")
    assert read_frame(path, Needs(1, 30.0)) == (None, "EXPTIME 26.8 s is below 30 s")


def test_the_workers_share_the_headers_and_the_order_is_that_of_the_files(tmp_path: Path) -> None:
    """More files than one unit of work takes; two workers."""
    paths = [make(tmp_path / f"{n:03d}_cbcd.fits", (1, 1), EXPID=99 - n) for n in range(50)]
    files = {"cbcd": paths}
    options: dict[str, Any] = {"filetype": "cbcd", "needs": Needs(1), "missing": "estimate"}
    alone = select_frames(files, Context(), **options)
    with local_executor(2) as executor:
        shared = select_frames(files, Context(executor=executor), **options)
    assert [record.name for record in alone.records] == [str(path) for path in paths]
    assert shared.records == alone.records


@pytest.mark.parametrize(
    ("old", "new"), [("S18.7.0", "S18.25.0"), ("S18.25.0", "S19.2.0"), ("", "S14.0.0"), ("S9.5.0", "S10.0.0")]
)
def test_of_equal_exposures_the_newest_pipeline_counts(old: str, new: str, tmp_path: Path) -> None:
    for a, b in (("x", "y"), ("y", "x")):
        folder = tmp_path / a
        stale = make(folder / a / "s_cbcd.fits", CREATOR=old)
        fresh = make(folder / b / "s_cbcd.fits", CREATOR=new)
        selection = select(folder)
        assert [frame.path for frame in selection.frames] == [fresh]
        assert [(r.name, r.reason) for r in selection.records] == [
            (str(stale), f"the same exposure as {fresh}")
        ]


def test_frames_are_sorted_by_key_whatever_their_names(tmp_path: Path) -> None:
    make(tmp_path / "a_cbcd.fits", EXPID=2)
    make(tmp_path / "b_cbcd.fits", EXPID=1, DCENUM=1)
    make(tmp_path / "c_cbcd.fits", EXPID=1)
    make(tmp_path / "d_cbcd.fits", AORKEY=1, EXPID=9)
    assert [frame.path.name[0] for frame in select(tmp_path).frames] == ["d", "c", "b", "a"]


def test_companions_are_paired_by_key_and_the_best_type_wins(tmp_path: Path) -> None:
    make(tmp_path / "frames" / "a_cbcd.fits")
    plain = make(tmp_path / "far" / "q_bunc.fits")
    make(tmp_path / "far" / "p_bimsk.fits", EXPID=12)
    mask = make(tmp_path / "far" / "r_bimsk.fits")
    [frame] = select(tmp_path).frames
    assert companions(frame) == {"unc": plain, "imask": mask}
    corrected = make(tmp_path / "far" / "z_cbunc.fits")
    [frame] = select(tmp_path).frames
    assert companions(frame) == {"unc": corrected, "imask": mask}
    assert [source.path for source in frame.sources] == [frame.path, corrected, mask]


def test_of_several_companions_the_nearest_counts(tmp_path: Path) -> None:
    make(tmp_path / "b" / "SPITZER_6_cbcd.fits")
    make(tmp_path / "a" / "SPITZER_6_cbunc.fits")
    make(tmp_path / "b" / "SPITZER_5_cbunc.fits")
    own = make(tmp_path / "b" / "SPITZER_6_cbunc.fits")
    [frame] = select(tmp_path).frames
    assert companions(frame) == {"unc": own}
    own.unlink()
    [frame] = select(tmp_path).frames
    assert companions(frame) == {"unc": tmp_path / "b" / "SPITZER_5_cbunc.fits"}


def test_policies_for_missing_companions(tmp_path: Path) -> None:
    path = make(tmp_path / "a_cbcd.fits")
    make(tmp_path / "a_bimsk.fits")
    assert [frame.unc for frame in select(tmp_path).frames] == [None]
    with pytest.raises(InputError, match="has no unc, rmask"):
        select(tmp_path, missing="refuse")
    refused = select(tmp_path, missing="refuse", keep_going=True)
    dropped = select(tmp_path, missing="drop")
    for selection, status in ((refused, "failed"), (dropped, "skipped")):
        assert selection.frames == []
        assert [(r.name, r.status, r.reason) for r in selection.records] == [
            (str(path), status, "has no unc, rmask")
        ]


def test_a_companion_without_a_readable_header(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It belongs to the frame of its name; another frame only hears of it in the log."""
    path = make(tmp_path / "a_cbcd.fits")
    (tmp_path / "other_bimsk.fits").write_bytes(b"")
    assert len(select(tmp_path).frames) == 1
    assert "other_bimsk.fits: empty file" in caplog.text
    (tmp_path / "a_cbunc.fits").write_bytes(b"")
    with pytest.raises(InputError, match=r"a_cbunc\.fits: empty file"):
        select(tmp_path)
    failed = select(tmp_path, keep_going=True)
    assert [(r.name, r.status) for r in failed.records] == [(str(path), "failed")]
