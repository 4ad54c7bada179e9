"""Wrong inputs and failing writes of `irac phot`: one clear line, its exit code, nothing partial."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from truthkit.faultkit import edit, hashes, names, replace_card
from truthkit.photkit import (
    PRODUCTS,
    SMALL,
    SMALL_APERTURE,
    TABLES,
    TARGET,
    column,
    measured,
    phot,
    rows,
    series,
    take,
    write_pairs,
)

from photomitrus_cli.errors import WriteError

pytestmark = pytest.mark.xdist_group("phot-faults")


@pytest.fixture
def field(tmp_path: Path) -> Path:
    take(tmp_path / "in", *series(4, SMALL))
    return tmp_path / "in"


def cut(size: int) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(path.read_bytes()[:size])


BROKEN: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "truncated frame": ("bcd", cut(3500), "truncated"),
    "truncated header": ("bcd", cut(1000), "no END card"),
    "empty frame": ("bcd", cut(0), "empty file"),
    "HTML page": ("bcd", lambda path: path.write_text("<!DOCTYPE html><html>404</html>"), "HTML"),
    "no AORKEY": ("bcd", lambda path: edit(path, remove=("AORKEY",)), "AORKEY"),
    "no WCS": (
        "bcd",
        lambda path: edit(path, remove=("CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2")),
        "no celestial WCS",
    ),
    "text for a date": ("bcd", lambda path: replace_card(path, "MJD_OBS", "'late'"), "MJD_OBS"),
    "truncated mask": ("bimsk", cut(3500), "truncated"),
    "mask of another shape": (
        "bimsk",
        lambda path: edit(path, data=np.zeros((16, 16), "i2")),
        "shape (16, 16) differs from (32, 32)",
    ),
    "mask of a cube": (
        "bimsk",
        lambda path: edit(path, data=np.zeros((64, 32, 32), "i2")),
        "shape (64, 32, 32) differs from (32, 32)",
    ),
    "mask of real numbers": (
        "bimsk",
        lambda path: edit(path, data=np.zeros((32, 32), "f4")),
        "whole numbers",
    ),
    "uncertainty of another shape": (
        "bunc",
        lambda path: edit(path, data=np.ones((32, 16), "f4")),
        "shape (32, 16) differs from (32, 32)",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_ends_the_run_or_is_left_out_under_keep_going(
    name: str, field: Path, tmp_path: Path
) -> None:
    kind, damage, cause = BROKEN[name]
    shot = replace(SMALL, expid=1)
    damage(shot.path(field, kind))
    before = hashes(field)
    done = measured(field, "-o", tmp_path / "out", *SMALL_APERTURE)
    assert done.code == 3
    assert cause in done.error
    assert shot.name("").removesuffix(".fits") in done.error
    assert done.stdout == ""
    assert not names(tmp_path / "out") & PRODUCTS

    done = measured(field, "-o", tmp_path / "out", *SMALL_APERTURE, "--keep-going")
    assert done.code == 6
    assert "3 used, 0 skipped, 1 failed" in done.stdout
    assert [int(row["EXPID"]) for row in rows(tmp_path / "out", "img")] == [0, 2, 3]
    assert json.loads((tmp_path / "out" / "run1.manifest.json").read_text())["status"] == "partial"
    assert hashes(field) == before


def test_unusable_frames_are_skipped_with_their_reasons(field: Path, tmp_path: Path) -> None:
    changes: dict[str, Any] = {"EXPTIME": 0.0, "BUNIT": "DN", "FRAMTIME": 0.0}
    for number, (key, value) in enumerate(changes.items()):
        edit(replace(SMALL, expid=number).path(field), **{key: value})
    done = measured(field, "-o", tmp_path / "out", *SMALL_APERTURE)
    assert done.code == 0, done.stderr
    told = [line for line in done.stdout.splitlines() if line.startswith("  skipped: ")]
    assert len(told) == 3
    for line, cause in zip(told, ("EXPTIME is 0 s", "BUNIT is 'DN'", "FRAMTIME is 0 s"), strict=True):
        assert cause in line
    edit(replace(SMALL, expid=3).path(field), EXPTIME=0.0)
    done = measured(field, "-o", tmp_path / "none", *SMALL_APERTURE)
    assert done.code == 4
    assert "no usable frame among 4 _bcd files" in done.error


def test_a_frame_of_nan_alone_counts_for_nothing(field: Path, tmp_path: Path) -> None:
    """Its row says that there is no flux, and the flux of the observation is that of the other frames."""
    victim = replace(SMALL, expid=2).path(field)
    edit(victim, data=np.full((32, 32), np.nan, "f4"))
    done = measured(field, "-o", tmp_path / "out", *SMALL_APERTURE)
    assert done.code == 0, done.stderr
    fluxes = column(rows(tmp_path / "out", "img"), "Flux (mJy)")
    assert np.isnan(fluxes).tolist() == [False, False, True, False]
    for shot in (victim, victim.with_name(victim.name.replace("_bcd", "_bimsk"))):
        shot.unlink()
    assert measured(field, "-o", tmp_path / "less", *SMALL_APERTURE).code == 0
    one, other = (rows(tmp_path / name, "aor")[0] for name in ("out", "less"))
    assert float(one["Flux (mJy)"]) == float(other["Flux (mJy)"]) > 0


def test_every_frame_broken_under_keep_going(field: Path, tmp_path: Path) -> None:
    for shot in series(4, SMALL):
        edit(shot.path(field, "bimsk"), data=np.zeros((16, 16), "i2"))
    done = measured(field, "-o", tmp_path / "out", *SMALL_APERTURE, "--keep-going")
    assert done.code == 4
    assert "no frame could be measured" in done.error
    assert not names(tmp_path / "out") & PRODUCTS


WRONG: dict[str, tuple[list[str], int, str]] = {
    "no target": ([], 2, "no target for"),
    "no position": (["--target", "here and there"], 2, "'here and there' is not a sky position"),
    "declination": (["--target", "10 95"], 2, "'10 95' is not a sky position"),
    "turn too many": (["--target", "510.1 2.15"], 2, "not within -180 and 360 degrees"),
    "turn too many, with units": (["--target", "-181d 2d"], 2, "not within -180 and 360 degrees"),
    "elsewhere": (["--target", "10 -80"], 4, "none of 1 targets lies on any of 4 frames"),
    "unknown aperture": (["--target", TARGET, "-r", "4", "5", "9"], 2, "no aperture correction is published"),
    "annulus inside out": (["--target", TARGET, "-r", "3", "7", "3"], 2, "0 < r <= r_in < r_out"),
    "annulus in the aperture": (["--target", TARGET, "-r", "5", "3", "7"], 2, "0 < r <= r_in < r_out"),
    "radius of nothing": (["--target", TARGET, "-r", "0", "3", "7"], 2, "0 < r <= r_in < r_out"),
    "radius not a number": (["--target", TARGET, "-r", "nan", "3", "7"], 2, "aperture"),
    "twice": (["--target", TARGET, "-r", "3", "3", "7", "-r", "3", "3", "7"], 2, "the same aperture twice"),
    "factors": (["--target", TARGET, "--ap-corr", "1.1 1.2"], 2, "2 aperture corrections for 1 apertures"),
    "name alone": (["--target-name", "A"], 2, "--target-name"),
    "run": (["--target", TARGET, "--run", "../x"], 2, "run"),
    "other type": (["--target", TARGET, "-f", "cbcd"], 4, "there are 4 _bcd.fits: --filetype bcd"),
    "other channel": (["--target", TARGET, "--channel", "2"], 4, "4 frames of other channels"),
    "long frames": (["--target", TARGET, "--min-framtime", "5"], 4, "FRAMTIME 0.1 s is below 5 s"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_requests(name: str, field: Path, tmp_path: Path) -> None:
    words, code, cause = WRONG[name]
    done = phot(field, "-o", tmp_path / "out", *words)
    assert done.code == code
    assert cause in done.error
    assert done.stdout == ""
    assert not names(tmp_path / "out") & PRODUCTS


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "the table has no rows"),
        ("AOR Filepath,Target Coordinates\n", "the table has no rows"),
        ("AOR Filepath,Where\nin,1 2\n", "no column Target Coordinates"),
        ("AOR Filepath,Target Coordinates\nin,1 2\nin,1 3\nin,1 x\n", "row 3: '1 x' is not a sky position"),
        ("AOR Filepath,Target Coordinates\nnowhere,1 2\n", "nowhere: no such file or folder"),
    ],
)
def test_wrong_tables(text: str, cause: str, field: Path, tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text(text)
    done = phot(tmp_path / "pairs.csv", "-o", tmp_path / "out")
    assert done.code == 3
    assert cause in done.error
    assert not (tmp_path / "out").exists()
    assert field.is_dir()


def test_missing_companions(field: Path, tmp_path: Path) -> None:
    SMALL.path(field, "bunc").unlink()
    SMALL.path(field, "bimsk").unlink()
    words = [field, *SMALL_APERTURE, "-o"]
    assert measured(*words, tmp_path / "estimate").code == 0
    images = rows(tmp_path / "estimate", "img")
    assert [row["Flags"] for row in images] == ["NO_MASK", "", "", ""]
    assert all(float(row["Error (mJy)"]) > 0 for row in images)
    done = measured(*words, tmp_path / "refuse", "--missing", "refuse")
    assert done.code == 3
    assert "has no unc, imask" in done.error
    assert measured(*words, tmp_path / "drop", "--missing", "drop").code == 0
    assert len(rows(tmp_path / "drop", "img")) == 3


@pytest.mark.parametrize("make", ["symlink", "hardlink"])
def test_a_product_that_is_an_input_is_refused(make: str, field: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    table = write_pairs(tmp_path / "pairs.csv", (str(field), TARGET))
    for victim, name in ((SMALL.path(field), TABLES[2]), (table, TABLES[0])):
        link = out / name
        link.symlink_to(victim) if make == "symlink" else link.hardlink_to(victim)
        before = victim.read_bytes()
        done = phot(table, "-o", out, "--overwrite", *SMALL_APERTURE)
        assert done.code == 2, done.stderr
        assert "the output is the input" in done.error
        assert victim.read_bytes() == before
        link.unlink()


def test_a_folder_in_the_place_of_a_product(field: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / TABLES[3]).mkdir(parents=True)
    done = measured(field, "-o", tmp_path / "out", *SMALL_APERTURE, "--overwrite")
    assert done.code == 1
    assert "is a folder" in done.error
    assert names(tmp_path / "out") & PRODUCTS == {TABLES[3]}


@pytest.mark.parametrize("writer", ["write_csv", "write_ecsv", "draw", "write_manifest"])
def test_a_failing_write_leaves_no_product_that_looks_whole(
    writer: str, field: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def fail(*_: object, **__: object) -> None:
        raise WriteError("the disk is full")

    with monkeypatch.context() as patch:
        if writer == "draw":
            patch.setattr("truthkit.photkit.token_pictures", fail)
            patch.setattr("photomitrus_cli.irac.phot.draw", fail)
        else:
            patch.setattr(f"photomitrus_cli.irac.phot.{writer}", fail)
        done = measured(field, "-o", out, *SMALL_APERTURE)
    assert done.code == 1
    assert "the disk is full" in done.error
    assert "run1.manifest.json" not in names(out)
    assert not [name for name in hashes(out) if ".part" in name]
    done = measured(field, "-o", out, *SMALL_APERTURE, "--resume")
    assert done.code == 0, done.stderr
    assert names(out) == PRODUCTS


def test_resume_tries_failed_frames_again(field: Path, tmp_path: Path) -> None:
    out, victim = tmp_path / "out", replace(SMALL, expid=2).path(field, "bimsk")
    sound = victim.read_bytes()
    edit(victim, data=np.zeros((16, 16), "i2"))
    words = [field, "-o", out, *SMALL_APERTURE]
    assert measured(*words, "--keep-going").code == 6
    assert measured(*words, "--resume").code == 3
    victim.write_bytes(sound)
    assert measured(*words, "--resume").code == 0
    shutil.rmtree(field)
    assert len(rows(out, "img")) == 4
