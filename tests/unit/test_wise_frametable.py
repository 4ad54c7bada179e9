"""Frame tables of every format: the same frames, with their padding, whoever wrote them."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from photomitrus_cli.errors import InputError
from photomitrus_cli.wise import tablesource
from photomitrus_cli.wise.dumpformat import SEED_COLUMNS
from photomitrus_cli.wise.frametable import read_frame_table
from photomitrus_cli.wise.textcells import RowError
from photomitrus_cli.wise.textnumbers import numbers

N = 7
SCANS = ["00805b", "00805b", "00808a", "01772a", "01772a", "12345r", "01772s"]


def frames() -> Table:
    """A frame table as the archive has it: times whole, one value missing, one with 17 digits."""
    rng = np.random.default_rng(5)
    table = Table()
    table["band"] = np.array([3, 4, 3, 3, 1, 2, 3])
    table["crval1"] = rng.uniform(0, 360, N)
    table["crval2"] = np.array([29.407287617964812, -18.6, 0.0, -0.5, 89.9, -90.0, 1e-5])
    table["scan_id"] = SCANS
    table["frame_num"] = np.array([9, 89, 1, 127, 250, 64, 2])
    table["date_obs"] = [f"2010-01-1{n} 04:34:51.29{n}" for n in range(N)]
    table["mjd_obs"] = 55206.19087141 + np.arange(N)
    table["qual_frame"] = np.array([10, 0, 5, 10, 10, 10, 10])
    table["moon_sep"] = np.ma.masked_array(np.linspace(10, 70, N), mask=np.arange(N) == 2)
    table["moon_masked"] = ["00", "01", "00", "1000", "0000", "00", "00"]
    return table


def write(path: Path, kind: str) -> Path:
    table = frames()
    if kind == "csv":
        table.write(path, format="ascii.csv")
    elif kind == "csv.gz":
        text = path.with_suffix(".plain")
        table.write(text, format="ascii.csv")
        path.write_bytes(gzip.compress(text.read_bytes().replace(b"\n", b"\r\n")))
    elif kind == "ecsv":
        table.write(path, format="ascii.ecsv")
    elif kind == "ecsv,":
        table.write(path, format="ascii.ecsv", delimiter=",")
    elif kind == "tbl":
        table.write(path, format="ascii.ipac")
    elif kind == "fits":
        table.write(path, format="fits")
    elif kind == "vot":
        table.write(path, format="votable")
    return path


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "ecsv", "ecsv,", "tbl", "fits", "vot"])
def test_every_format_gives_the_same(tmp_path: Path, kind: str) -> None:
    read = read_frame_table(write(tmp_path / "frames.any", kind))
    assert len(read) == N
    assert read["scan_id"].tolist() == SCANS
    assert read["frame_num"].tolist() == ["009", "089", "001", "127", "250", "064", "002"]
    assert read["scangrp"].tolist() == [scan[-2:] for scan in SCANS]
    assert read["moon_masked"].tolist() == ["00", "01", "00", "1000", "0000", "00", "00"]
    assert read["date_obs_date"].tolist() == [f"2010-01-1{n}" for n in range(N)]
    assert read["date_obs_time"][3] == "04:34:51.293"
    assert read["band"].dtype == np.int64
    want = frames()
    for name in ("crval1", "crval2", "mjd_obs", "qual_frame"):
        np.testing.assert_array_equal(read[name], np.asarray(want[name], np.float64))
    np.testing.assert_array_equal(read["moon_sep"], want["moon_sep"].astype(float).filled(np.nan))
    assert "qual_scan" not in read
    with pytest.raises(InputError, match="no column 'qual_scan'"):
        read["qual_scan"]


def dump_row(**values: str) -> str:
    row = dict.fromkeys(SEED_COLUMNS, "1.5") | {"band": "3", "scan_id": "00805b", "scangrp": "5b"}
    row |= {"frame_num": "089", "date_obs_date": "2010-01-10", "date_obs_time": "04:34:51", "qual_scan": "10"}
    return "   ".join((row | values).values())


def test_the_dump_of_31_words(tmp_path: Path) -> None:
    path = tmp_path / "dump.txt"
    path.write_text("\n".join(["a", "b c", "", "d", dump_row(), dump_row(frame_num="003", moon_sep="null")]))
    read = read_frame_table(path)
    assert set(SEED_COLUMNS) <= set(read.columns)
    assert read["frame_num"].tolist() == ["089", "003"]
    assert read["date_obs_time"].tolist() == ["04:34:51"] * 2
    np.testing.assert_array_equal(read["moon_sep"], [1.5, np.nan])


def test_only_columns_asked_for_are_converted(tmp_path: Path) -> None:
    path = tmp_path / "frames.csv"
    path.write_text('SCAN_ID,Frame_Num,broken,note\n805b,7,x,"a, b"\n00806a,8,y,"c"\n')
    read = read_frame_table(path, columns=["scan_id", "frame_num", "magzp"])
    assert set(read.columns) == {"scan_id", "frame_num"}
    assert read["scan_id"].tolist() == ["00805b", "00806a"]
    with pytest.raises(InputError, match=r"row 1: 'x' is not a number in column broken"):
        read_frame_table(path, columns=["broken"])


def test_blocks_join_without_a_seam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"00805b,{n},{n / 7!r}" for n in range(400)]
    path = tmp_path / "frames.csv"
    path.write_text("scan_id,frame_num,mjd\n" + "\n".join(lines[:200]) + "\n\n\n" + "\n".join(lines[200:]))
    monkeypatch.setattr(tablesource, "BLOCK_BYTES", 37)
    read = read_frame_table(path)
    np.testing.assert_array_equal(read["mjd_obs"], np.arange(400) / 7)
    assert read["frame_num"][[0, 5, 399]].tolist() == ["000", "005", "399"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the frame table is empty"),
        ("some words\nthat are no table\n", "no frame table"),
        ("scan_id,frame_num,band\n00805b,1\n", "row 1: 2 values for 3 columns"),
        ("scan_id,frame_num,band\n00805b,1,3\n00805b,1,3,4\n", "row 2: 4 values for 3 columns"),
        ("scan_id,frame_num,scan_id\n", "two columns are called 'scan_id'"),
        ("scan_id,frame_num,band\n../../,1,3\n", "row 1: '../../' is no scan id"),
        ("scan_id,frame_num,band\n00805b,-1,3\n", "row 1: '-1' is no frame number"),
        ("scan_id,frame_num,band\n00805b,1,7\n", "row 1: band 7: WISE has bands 1 to 4"),
        ("scan_id,frame_num,band\n00805b,1,\n", "row 1: band nan"),
        ("scan_id,frame_num,band\n,1,3\n", "row 1: '' is no scan id"),
        (
            "|scan_id|frame|\n|char   |int  |\n 00805b    12 \n 0080512345678\n",
            "row 2: a value under the bar",
        ),
        ("scan_id,frame_num,band\n" + "x" * 2000 + ",1,3\n", "a cell of 2000 characters"),
    ],
)
def test_what_cannot_be_trusted_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "frames"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_frame_table(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


def test_numbers_are_rounded_as_python_rounds_them() -> None:
    rng = np.random.default_rng(9)
    words = [repr(float(value)) for value in rng.normal(size=300) * 10.0 ** rng.integers(-12, 12, 300)]
    words += [f"{value:.{digits}f}" for value in rng.uniform(-400, 400, 60) for digits in (0, 1, 5, 11, 14)]
    words += ["0", "-0", "+7", "-.5", "5.", "007", "123456789012345", "1234567890123456", "9" * 22]
    words += ["1e5", "-2.5E-3", "inf", ".000000000000001", "0.0000000000000001", "-1234567890.12345"]
    got = numbers(np.array(words, dtype=np.bytes_))
    want = np.array([float(word) for word in words])
    np.testing.assert_array_equal(got, want)
    np.testing.assert_array_equal(np.signbit(got), np.signbit(want))


@pytest.mark.parametrize("word", ["1.2.3", "-", ".", "+-1", "1-2", "abc", "0x10", "12 13"])
def test_what_is_no_number_is_told(word: str) -> None:
    with pytest.raises(RowError, match="is not a number") as caught:
        numbers(np.array(["1", "", word, "2"], dtype=np.bytes_))
    assert caught.value.row == 2


def test_missing_words_become_nan() -> None:
    words = np.array(["", "null", "NaN", "NULL", "--", "None", "3"], dtype=np.bytes_)
    np.testing.assert_array_equal(numbers(words), [np.nan] * 6 + [3.0])
