"""`astromap wise filter` with tables, paths and frames that cannot be used: one clear line each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from truthkit.faultkit import run_here

HEAD = "band,scan_id,scangrp,frame_num,mjd_obs,moon_sep,saa_sep,dtanneal,qual_frame,qual_scan"
GOOD = "3,00805b,5b,089,55206.2,50,9,3000,10,10"
KEEP = ("--missing-files", "keep")


def write(path: Path, *rows: str, head: str = HEAD) -> Path:
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


def frame(path: Path, **cards: object) -> Path:
    image = fits.PrimaryHDU(np.zeros((4, 4), np.float32))
    known = {"BAND": 3, "SCAN": "00805b", "FRNUM": 89, "MJD_OBS": 55206.2, "CRVAL1": 10.0, "CRVAL2": 5.0}
    for key, value in (known | cards).items():
        if value is not None:
            image.header[key] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    image.writeto(path)
    return path


def test_a_cut_without_its_column_names_both(tmp_path: Path) -> None:
    head, row = HEAD.replace(",qual_scan", ""), GOOD.removesuffix(",10")
    table = write(tmp_path / "t.csv", row, head=head)
    done = run_here("wise", "filter", table, "-o", tmp_path / "out", *KEEP)
    assert done.code == 3
    assert "the cut 'qual_scan > 0' needs the column 'qual_scan'" in done.error
    assert "--without qual_scan leaves the cut out" in done.error
    left = run_here("wise", "filter", table, "-o", tmp_path / "out", *KEEP, "--without", "qual_scan")
    assert left.code == 0


def test_headers_of_frames_have_no_quality(tmp_path: Path) -> None:
    frame(tmp_path / "data" / "00805b089-w3-int-1b.fits", MOONSEP=50.0, GCD2SAA=9.0, DTANNEAL=3000.0)
    options = ("wise", "filter", "--from-frames", tmp_path / "data", "-o", tmp_path / "out")
    done = run_here(*options)
    assert done.code == 3
    assert (
        "'qual_frame == 10' needs the column 'qual_frame', which the headers of frames do not" in done.error
    )
    left = run_here(*options, "--without", "qual_frame", "--without", "qual_scan")
    assert left.code == 0
    text = (tmp_path / "out" / "filtered_df_band3.csv").read_text().splitlines()
    assert text[1].startswith("3,10.0,5.0,")
    assert text[1].endswith(f"{tmp_path}/data/00805b089-w3-int-1b.fits")


def test_a_broken_frame(tmp_path: Path) -> None:
    frame(tmp_path / "00805b089-w3-int-1b.fits")
    frame(tmp_path / "00805b090-w3-int-1b.fits", FRNUM=None)
    (tmp_path / "00805b091-w3-int-1b.fits").write_bytes(b"no FITS")
    options = ("wise", "filter", tmp_path, "-o", tmp_path / "out", "--preset", "none")
    done = run_here(*options)
    assert done.code == 3
    assert "00805b090-w3-int-1b.fits" in done.error
    assert "FRNUM" in done.error
    going = run_here(*options, "--keep-going")
    assert going.code == 6
    assert len((tmp_path / "out" / "filtered_df_band3.csv").read_text().splitlines()) == 2


def test_missing_files(tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv", GOOD, GOOD.replace("089", "090"), GOOD.replace("089", "091"))
    folder = tmp_path / "data" / "5b" / "00805b" / "090"
    folder.mkdir(parents=True)
    (folder / "00805b090-w3-int-1b.fits").touch()
    options = ("wise", "filter", table, "-o", tmp_path / "out", "--root", tmp_path / "data")
    done = run_here(*options)
    assert done.code == 3
    assert "W3: 2 of 3 frames have no file, first" in done.error
    assert "00805b089-w3-int-1b.fits" in done.error
    assert not list((tmp_path / "out").glob("*.csv"))
    assert not list((tmp_path / "out").glob(".*part*"))
    assert (tmp_path / "out" / "w3_filter.failed.json").is_file()
    dropped = run_here(*options, "--missing-files", "drop")
    assert dropped.code == 0
    assert "W3: 2 frames have no file and are skipped" in dropped.stdout + dropped.stderr
    lines = (tmp_path / "out" / "filtered_df_band3.csv").read_text().splitlines()
    assert [line.split(",")[16] for line in lines] == ["frame_num", "090"]
    assert "00805b 1 3" in (tmp_path / "out" / "w3_scans.ecsv").read_text()
    assert not (tmp_path / "out" / "w3_filter.failed.json").exists()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (GOOD.replace("00805b", "../../"), "row 1: '../../' is no scan id"),
        (GOOD.replace("089", "8/9"), "row 1: '8/9' is no frame number"),
        (GOOD.replace(",5b,", ",..,"), "row 1: '..' would lead out of the data root"),
        (GOOD.replace("3,008", "5,008"), "row 1: band 5: WISE has bands 1 to 4"),
        (GOOD.replace(",50,", ",near,"), "row 1: 'near' is not a number in column moon_sep"),
        (GOOD + ",1", "row 1: 11 values for 10 columns"),
    ],
)
def test_values_that_cannot_be_used(tmp_path: Path, row: str, message: str) -> None:
    done = run_here("wise", "filter", write(tmp_path / "t.csv", row), "-o", tmp_path / "out", *KEEP)
    assert done.code == 3
    assert message in done.error
    assert not (tmp_path / "out" / "filtered_df_band3.csv").exists()


def test_paths_of_a_table_that_leave_the_root(tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv", GOOD + ",../x.fits", head=HEAD + ",full_filepath")
    named = ("--set", "wise.filter.template=null", "--root", tmp_path / "data")
    done = run_here("wise", "filter", table, "-o", tmp_path / "out", *named, *KEEP)
    assert done.code == 3
    assert "the file ../x.fits is outside of the data root" in done.error


def test_repeated_rows(tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv", GOOD, GOOD)
    done = run_here("wise", "filter", table, "-o", tmp_path / "out", *KEEP, "--duplicates", "refuse")
    assert done.code == 3
    assert "1 rows of band 3 repeat another frame, first 00805b089" in done.error


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ((), 2, "no frame table is given"),
        (("absent.tbl",), 3, "absent.tbl: the frame table does not exist"),
        (("t.csv", "--band", "1"), 4, "no frames of W1 in the frame table; it has W3"),
        (("t.csv", "--band", "5"), 2, "give a band from 1 to 4, or all"),
        (("t.csv", "--cut", "moon_sep > 170"), 4, "no frame is left"),
        (("t.csv", "--cut", "moon_sep"), 2, "write a cut such as"),
        (("t.csv", "--cut", "qi_fact > 0"), 3, "the cut 'qi_fact > 0' needs the column 'qi_fact'"),
        (("t.csv", "--without", "magzp"), 2, "the preset 'seed' has no cut on it"),
        (("t.csv", "--preset", "strict"), 2, "no preset 'strict'"),
        (("t.csv", "--extra-column", "planets"), 3, "needs the column 'planets', which the table lacks"),
        (("t.csv", "--template", "{root}/{scan_id}.fits"), 2, "needs {scan_id} and {frame_num}"),
        (("--from-frames", "empty"), 4, "holds no frames of w1, w2, w3, w4"),
        (("--from-frames", "t.csv"), 3, "there is no such folder of frames"),
    ],
)
def test_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], code: int, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "t.csv", GOOD)
    (tmp_path / "empty").mkdir()
    done = run_here("wise", "filter", *options, "-o", "out", *KEEP)
    assert (done.code, message in done.error) == (code, True), done.stderr


def test_the_table_is_not_overwritten(tmp_path: Path) -> None:
    table = write(tmp_path / "filtered_df_band3.csv", GOOD)
    done = run_here("wise", "filter", table, "-o", tmp_path, *KEEP, "--overwrite")
    assert done.code == 2
    assert "the output is the input" in done.error
    assert table.read_text().startswith(HEAD)


@pytest.mark.parametrize(
    "text",
    [
        "qual_frame != zero",
        "moon_sep != 5 deg",
        "qual_frame in five, ten",
        "qual_frame in 'A', 'B'",
        "band == '3'",
        "planets == no",
    ],
)
def test_numbers_are_not_compared_with_text(tmp_path: Path, text: str) -> None:
    table = write(tmp_path / "t.csv", f"{GOOD},0", f"{GOOD.replace('089', '090')},", head=f"{HEAD},planets")
    done = run_here("wise", "filter", table, "-o", tmp_path / "out", *KEEP, "--cut", text)
    assert done.code == 2
    column = text.split()[0]
    assert f"the cut {text.split(' ', 2)[0]}" in done.error
    assert f"the column '{column}' holds numbers and no text" in done.error
    assert done.error.count("\n") <= 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["moon_masked != 0", "frame_num > 89", "frame_num in 89, 90"])
def test_text_is_not_compared_with_numbers(tmp_path: Path, text: str) -> None:
    table = write(tmp_path / "t.csv", f"{GOOD},0000", head=f"{HEAD},moon_masked")
    done = run_here("wise", "filter", table, "-o", tmp_path / "out", *KEEP, "--cut", text)
    assert done.code == 2
    assert f"the column '{text.split()[0]}' holds text and no numbers" in done.error
    quoted = ("--cut", "moon_masked != '1'", "--cut", "frame_num == '089'")
    assert run_here("wise", "filter", table, "-o", tmp_path / "out", *KEEP, *quoted).code == 0


def test_the_cut_that_removes_one_frame_is_found(tmp_path: Path) -> None:
    """As docs/wise-filter.md says."""
    table = write(tmp_path / "t.csv", GOOD, GOOD.replace("089", "090").replace(",50,", ",20,"))
    one = ("--preset", "none", "--cut", "scan_id == '00805b'", "--cut", "frame_num == '090'")
    cuts = ("--cut", "qual_frame == 10", "--cut", "moon_sep > 24", "--cut", "saa_sep > 0")
    done = run_here("wise", "filter", table, *KEEP, "--dry-run", *one, *cuts)
    assert done.code == 4
    assert "W3 qual_frame == 10: fail 0, in order 0, left 1; " in done.error
    assert "W3 moon_sep > 24: fail 1, in order 1, left 0; " in done.error


@pytest.mark.parametrize("text", ["qa == A", "qa != B", "flags != '01x0'", "flags == '0100'", "empty != x"])
def test_text_is_compared_with_text(tmp_path: Path, text: str) -> None:
    table = write(tmp_path / "t.csv", f"{GOOD},A,0100,", head=f"{HEAD},qa,flags,empty")
    done = run_here("wise", "filter", table, "-o", tmp_path / "out", *KEEP, "--cut", text)
    # A frame without a value fails every cut, so that none is left.
    assert done.code == (4 if "empty" in text else 0), done.error


@pytest.mark.parametrize("text", ["moon_sep > far", "qual_frame !== 0", "qual_frame == 10 and saa_sep > 0"])
def test_a_wrong_cut_is_shown_as_it_was_written(tmp_path: Path, text: str) -> None:
    table = write(tmp_path / "t.csv", GOOD)
    done = run_here("wise", "filter", table, "-o", tmp_path / "out", *KEEP, "--cut", text)
    assert done.code == 2
    assert f"(got '{text}')" in done.error
    assert "{" not in done.error


@pytest.mark.parametrize("dry", [(), ("--dry-run",)])
def test_a_run_without_a_frame_and_its_plan_end_alike(tmp_path: Path, dry: tuple[str, ...]) -> None:
    table = write(tmp_path / "t.csv", GOOD, GOOD.replace("089", "090").replace(",50,", ",,"))
    options = ("wise", "filter", table, "-o", tmp_path / "out", *dry)
    none = run_here(*options, *KEEP, "--cut", "moon_sep > 170")
    assert (none.code, none.stdout) == (4, "")
    assert "no frame is left: W3 qual_frame == 10: fail 0, in order 0, left 2; " in none.error
    assert "W3 moon_sep > 170: fail 2 (1 without a value), in order 1, left 0" in none.error
    absent = run_here(*options, "--missing-files", "drop", "--root", tmp_path)
    assert absent.code == 4
    assert "; W3: 1 frames have no file (--without COLUMN leaves" in absent.error
    assert not list(tmp_path.rglob("*.csv"))[1:]


def test_a_table_without_a_manifest_does_not_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    table = write(tmp_path / "t.csv", GOOD)
    options = ("wise", "filter", table, "-o", tmp_path / "out", *KEEP)
    with monkeypatch.context() as patch:
        patch.setattr("photomitrus_cli.wise.filter.draw_frames", full)
        assert run_here(*options).code == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["w3_filter.failed.json"]
    assert run_here(*options).code == 0
