"""Wrong inputs and failing writes of `wise coadd`: one clear line, its exit code, nothing partial."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table
from truthkit.faultkit import hashes, names, replace_card, run_here
from truthkit.wisefaults import (
    FRAMES,
    N_FRAMES,
    SCANS,
    VICTIM,
    assert_same_columns,
    assert_same_maps,
    change,
    coadd,
    columns,
    copy_survey,
    cut,
    edit_table,
    part_of,
    product_names,
    reference,
    repack,
    survey,
)

pytestmark = pytest.mark.xdist_group("wise-coadd-faults")

SHAPE = (64, 64)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


@pytest.fixture
def folder(base: Path, tmp_path: Path) -> Path:
    return copy_survey(base, tmp_path / "in")


@pytest.fixture(scope="module")
def without(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Maps of the survey without the frame that the tests break."""
    folder, out = (
        copy_survey(base, tmp_path_factory.mktemp("less") / "in"),
        tmp_path_factory.mktemp("without"),
    )
    edit_table(folder, lambda rows: [row for row in rows if row["scan_id"] + row["frame_num"] != VICTIM])
    assert coadd(folder, "-o", out).code == 0
    return out


def noise(shape: tuple[int, ...] = SHAPE, kind: str = "f4") -> Any:
    return np.random.default_rng(1).normal(2700.0, 26.0, shape).astype(kind)


def ones(shape: tuple[int, ...], kind: str) -> Any:
    return np.ones(shape, kind)


BROKEN: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "absent frame": ("int", Path.unlink, "no such file"),
    "absent uncertainty": ("unc", Path.unlink, "there is no uncertainty (unc) file"),
    "absent mask": ("msk", Path.unlink, "there is no mask (msk) file"),
    "empty frame": ("int", lambda path: cut(path, 0), "empty"),
    "truncated header": ("int", lambda path: cut(path, 5000), "no END card"),
    "truncated frame": ("int", lambda path: cut(path, path.stat().st_size - 5000), "truncated"),
    "truncated uncertainty": ("unc", lambda path: cut(path, 5000), "truncated gzip"),
    "truncated mask": ("msk", lambda path: cut(path, 3000), "truncated gzip"),
    "truncated in the packed file": (
        "msk",
        lambda path: repack(path, lambda plain: cut(plain, plain.stat().st_size - 2880)),
        "truncated",
    ),
    "not packed": ("unc", lambda path: path.write_bytes(b"no gzip at all"), "-unc-"),
    "HTML page": ("int", lambda path: path.write_text("<!DOCTYPE html><html>404</html>"), "HTML"),
    "mask of real numbers": ("msk", lambda path: change(path, data=np.zeros(SHAPE, "f4")), "whole numbers"),
    "mask of 64 bits": ("msk", lambda path: change(path, data=np.zeros(SHAPE, "i8")), "32 bits"),
    "mask of another shape": (
        "msk",
        lambda path: change(path, data=np.zeros((32, 64), "i4")),
        "shape (32, 64) differs from (64, 64)",
    ),
    "uncertainty of another shape": (
        "unc",
        lambda path: change(path, data=ones((64, 32), "f4")),
        "shape (64, 32) differs from (64, 64)",
    ),
    "cube": ("int", lambda path: change(path, data=noise((2, *SHAPE))), "3 axes"),
    "another band": ("int", lambda path: change(path, BAND=4), "BAND is 4, not 3"),
    "another scan": ("int", lambda path: change(path, SCAN=SCANS[0]), f"SCAN is {SCANS[0]}, not {SCANS[1]}"),
    "another frame": ("int", lambda path: change(path, FRNUM=7), "FRNUM is 7, not 144"),
    "no zero point": ("int", lambda path: change(path, remove=("MAGZP",)), "no MAGZP"),
    "zero point of nothing": ("int", lambda path: change(path, MAGZP=-9999.0), "MAGZP is -9999"),
    "zero zero point": ("int", lambda path: change(path, MAGZP=0.0), "MAGZP is 0"),
    "no WCS": ("int", lambda path: change(path, remove=("CTYPE1", "CTYPE2")), "CTYPE"),
    "plane WCS": ("int", lambda path: change(path, CTYPE1="RA---TAN", CTYPE2="DEC--TAN"), "RA---TAN"),
    "text for a number": ("int", lambda path: replace_card(path, "CRVAL1", "'x'"), "CRVAL1 is 'x'"),
    "WCS of one line": (
        "int",
        lambda path: change(path, CD1_1=0.0, CD1_2=0.0),
        "the CD matrix cannot be inverted",
    ),
    "WCS beyond the sky": ("int", lambda path: change(path, CD1_1=40.0), "no sky position"),
    "distortion beyond the sky": ("int", lambda path: change(path, A_2_0=1e5), "no sky position"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_frame_ends_the_run_or_is_lost_alone(
    name: str, folder: Path, base: Path, without: Path, tmp_path: Path
) -> None:
    kind, damage, cause = BROKEN[name]
    damage(part_of(folder, kind))
    before = hashes(folder)
    done = coadd(folder, "-o", tmp_path / "out")
    assert done.code == 3
    assert cause in done.error
    assert VICTIM in done.error
    assert done.stdout == ""
    # What was made before stays, as --resume takes it over.
    assert names(tmp_path / "out") == product_names(SCANS[0]) - {"w3_frames.ecsv"}

    done = coadd(folder, "-o", tmp_path / "out", "--keep-going", "--resume")
    assert done.code == 6
    assert f"{N_FRAMES - 1} used, 0 skipped, 1 failed" in done.stdout
    assert f"1 of {N_FRAMES} units failed" in done.error
    assert [line for line in done.stdout.splitlines() if f"failed: {VICTIM}: " in line and cause in line]
    assert names(tmp_path / "out") == product_names(*SCANS)
    maps = {path.name: path for path in (tmp_path / "out").glob("*.fits")}
    for file, path in maps.items():
        assert_same_columns(path, without / file)
    statuses = {
        scan: json.loads((tmp_path / "out" / f"w3_{scan}.manifest.json").read_text())["status"]
        for scan in SCANS
    }
    assert statuses == dict(zip(SCANS, ("complete", "partial", "complete"), strict=True))
    assert hashes(folder) == before


def test_resume_tries_failed_frames_again(folder: Path, base: Path, tmp_path: Path) -> None:
    out, victim = tmp_path / "out", part_of(folder, "msk")
    sound = victim.read_bytes()
    victim.write_bytes(sound[:3000])
    assert coadd(folder, "-o", out, "--keep-going").code == 6
    assert coadd(folder, "-o", out, "--resume").code == 3
    victim.write_bytes(sound)
    assert coadd(folder, "-o", out, "--resume").code == 0
    assert_same_maps(out, reference(base), *SCANS, moved=True)


def test_a_broken_header_in_a_folder(folder: Path, without: Path, tmp_path: Path) -> None:
    cut(part_of(folder, "int"), 1000)
    words = ("--frames", folder, "--nside", "64", "--no-pictures", "-j", "1", "-o", tmp_path / "out")
    done = run_here("wise", "coadd", *words)
    assert done.code == 3
    assert f"{VICTIM}-w3-int-1b.fits" in done.error
    done = run_here("wise", "coadd", *words, "--keep-going")
    assert done.code == 6, done.stderr
    assert f"{N_FRAMES - 1} used, 0 skipped, 1 failed" in done.stdout
    for scan in SCANS:
        a, b = (columns(place / f"w3_{scan}.fits") for place in (tmp_path / "out", without))
        np.testing.assert_array_equal(a["HITS"], b["HITS"])


ODD: dict[str, tuple[str, dict[str, Any]]] = {
    "infinite pixels": ("int", {"data": np.where(np.arange(4096).reshape(SHAPE) % 7, noise(), np.inf)}),
    "doubles beyond singles": (
        "int",
        {"data": np.where(np.arange(4096).reshape(SHAPE) % 7, noise(kind="f8"), 1e300)},
    ),
    "a constant": ("int", {"data": np.full(SHAPE, 2700.0, "f4")}),
    "whole numbers": ("int", {"data": noise(kind="i2")}),
    "one pixel left": ("msk", {"data": (np.arange(4096).reshape(SHAPE) != 700).astype("i4")}),
    "mask of bytes": ("msk", {"data": np.zeros(SHAPE, "u1")}),
    "right ascension beyond a turn": ("int", {"CRVAL1": 589.8}),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_frames_make_no_odd_maps(name: str, folder: Path, tmp_path: Path) -> None:
    kind, what = ODD[name]
    change(part_of(folder, kind), **what)
    done = coadd(folder, "-o", tmp_path / "out")
    assert done.code == 0, done.stderr
    assert not [line for line in done.stderr.splitlines() if " INFO " not in line]
    got = columns(tmp_path / "out" / f"w3_{SCANS[1]}.fits")
    got = got[got["HITS"] > 0]
    for column in ("VALUE", "MIN", "MAX"):
        assert (np.abs(got[column] - 2800.0) < 600.0).all() or name == "a constant", column
    assert (got["SIGMA"] > 0).all()


EMPTY: dict[str, tuple[str, Any, str]] = {
    "all masked": ("msk", ones(SHAPE, "i4"), "no usable pixel"),
    "all NaN": ("int", np.full(SHAPE, np.nan, "f4"), "no usable pixel"),
    "no uncertainties": ("unc", np.zeros(SHAPE, "f4"), "no usable pixel"),
}


@pytest.mark.parametrize("name", EMPTY)
def test_a_frame_without_usable_pixels_is_skipped(
    name: str, folder: Path, without: Path, tmp_path: Path
) -> None:
    kind, data, reason = EMPTY[name]
    change(part_of(folder, kind), data=data)
    done = coadd(folder, "-o", tmp_path / "out")
    assert done.code == 0, done.stderr
    assert f"  skipped: {VICTIM}: {reason}" in done.stdout.splitlines()
    for scan in SCANS:
        assert_same_columns(tmp_path / "out" / f"w3_{scan}.fits", without / f"w3_{scan}.fits")
    table = Table.read(tmp_path / "out" / "w3_frames.ecsv", format="ascii.ecsv")
    assert table["status"].tolist() == ["skipped" if name == VICTIM else "used" for name in table["frame"]]
    assert table["reason"].tolist()[4] == reason


def blind(folder: Path, *scans: str) -> None:
    for scan in scans:
        for frame in FRAMES:
            change(part_of(folder, "msk", scan, frame), data=ones(SHAPE, "i4"))


def test_a_scan_without_a_usable_frame_is_told_and_the_others_are_made(
    folder: Path, base: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(reference(base), out)
    blind(folder, SCANS[1])
    done = coadd(folder, "-o", out, "--overwrite", "--all-scans-map", tmp_path / "all.fits")
    assert done.code == 0, done.stderr
    told = f"  skipped: {SCANS[1]}: no frame can be used: 3 frames: no usable pixel"
    assert told in done.stdout.splitlines()
    assert f"  frames: {N_FRAMES - 3} used, 3 skipped, 0 failed" in done.stdout.splitlines()
    assert "  without a map: 1 of 3" in done.stdout.splitlines()
    assert f"product: {out / f'w3_{SCANS[1]}.fits'}" not in done.stdout
    # No older map of other frames stays in its place.
    assert names(out) == product_names(SCANS[0], SCANS[2]) | {f"w3_{SCANS[1]}.failed.json"}
    record = json.loads((out / f"w3_{SCANS[1]}.failed.json").read_text())
    assert [unit["reason"] for unit in record["units"]] == ["no usable pixel"] * 3
    assert len(Table.read(out / "w3_frames.ecsv", format="ascii.ecsv")) == N_FRAMES


def test_no_scan_with_a_usable_frame(folder: Path, tmp_path: Path) -> None:
    blind(folder, *SCANS)
    done = coadd(folder, "-o", tmp_path / "out", "--all-scans-map", tmp_path / "all.fits")
    assert done.code == 4
    assert f"no map could be made: {SCANS[0]}: no frame can be used: 3 frames: no usable pixel" in done.error
    assert names(tmp_path / "out") == {f"w3_{scan}.failed.json" for scan in SCANS}
    assert not (tmp_path / "all.fits").exists()


def test_every_frame_refused(base: Path, tmp_path: Path) -> None:
    done = coadd(survey(base), "-o", tmp_path / "out", "--set", "wise.coadd.min_used=0.9999")
    assert done.code == 4
    assert "3 frames: refused: few pixels" in done.error
    done = coadd(survey(base), "-o", tmp_path / "out", "--set", "wise.coadd.min_used=0.9999", "--no-judge")
    assert done.code == 0


def test_all_frames_of_a_scan_lost(folder: Path, base: Path, tmp_path: Path) -> None:
    """What was made of them before is not thrown away: a disk may just be absent."""
    out = tmp_path / "out"
    assert coadd(folder, "-o", out).code == 0
    shutil.rmtree(part_of(folder, "int").parents[1])
    done = coadd(folder, "-o", out, "--resume", "--keep-going")
    assert done.code == 6
    assert f"{N_FRAMES - 3} used, 0 skipped, 3 failed" in done.stdout
    assert names(out) == product_names(*SCANS) | {f"w3_{SCANS[1]}.failed.json"}
    assert_same_maps(out, reference(base), *SCANS, moved=True)
    shutil.rmtree(folder / "2a")
    shutil.rmtree(folder / "4a")
    done = coadd(folder, "-o", tmp_path / "none", "--keep-going")
    assert done.code == 4
    assert "no such file" in done.error


MISSING = {
    "refuse": (3, "", 0),
    "estimate": (0, f"{N_FRAMES} used, 0 skipped", 3),
    "drop": (0, f"{N_FRAMES - 2} used, 2 skipped", 0),
}


@pytest.mark.parametrize("choice", MISSING)
def test_missing_companions(choice: str, folder: Path, tmp_path: Path) -> None:
    code, told, n_estimated = MISSING[choice]
    part_of(folder, "unc", SCANS[0], FRAMES[0]).unlink()
    part_of(folder, "unc", SCANS[0], FRAMES[1]).unlink()
    if choice == "estimate":
        part_of(folder, "msk", SCANS[0], FRAMES[1]).unlink()
        part_of(folder, "unc", SCANS[0], FRAMES[2]).unlink()
    done = coadd(folder, "-o", tmp_path / "out", "--missing", choice)
    assert done.code == code
    if code:
        assert "--missing estimate" in done.error
        assert f"{SCANS[0]}{FRAMES[0]}-w3-int-1b.fits" in done.error
        return
    assert told in done.stdout
    table = Table.read(tmp_path / "out" / "w3_frames.ecsv", format="ascii.ecsv")
    assert (table["estimated"] == 1).sum() == n_estimated
    bits = columns(tmp_path / "out" / f"w3_{SCANS[0]}.fits")["MASK"] & 64
    assert bits.any() == bool(n_estimated)
