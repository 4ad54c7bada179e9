"""Tables that `astromap irac correct` must refuse, each with one clear line and no output."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from truthkit.faultkit import run_here

GOOD = "x,y,flux\n1,2,3\n"
OPTIONS = ("--channel", "1", "--mission", "cryo")


def refused(tmp_path: Path, content: str | bytes, *more: str, name: str = "in.csv") -> tuple[int, str]:
    source, out = tmp_path / name, tmp_path / "out.csv"
    source.write_bytes(content.encode() if isinstance(content, str) else content)
    done = run_here("irac", "correct", str(source), "-o", str(out), *(more or OPTIONS))
    assert not out.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]
    assert len(done.error.strip().splitlines()) == 1, done.error
    return done.code, done.error


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("x,y,flux\n", "has no rows"),
        ("x,y\n1,2\n", "no column 'flux' among: x, y"),
        ("x,y,flux\n1,2,3\n1,two,3\n", "line 3: 'two' in column y is not a number"),
        ("x,y,flux\n1,2,3\n1,2\n", "line 3: 2 values for 3 columns"),
        ("x,y,flux,x\n1,2,3,4\n", "two columns are called 'x'"),
        ("x,y,flux,r_al\n1,2,3,4\n", "has a column 'r_al' already"),
        ("x,y,flux\n1,2,3\n300,2,3\n4,-7,3\n", "line 3: x 300, y 2 is off the array (as 1 more rows are)"),
        ("x,y,flux\n1,2,3\n1,inf,3\n", "line 3: x 1, y inf is off the array"),
        (b"x,y,flux\n\xff\xfe,2,3\n", "cannot be read"),
        ('x,y,flux\n1,"2,3\n', "cannot be read"),
    ],
)
def test_broken_text(tmp_path: Path, content: str | bytes, words: str) -> None:
    code, error = refused(tmp_path, content)
    assert code == 3
    assert words in error
    assert "in.csv" in error


@pytest.mark.parametrize(
    ("content", "options", "code", "words"),
    [
        (GOOD, ("--mission", "cryo"), 3, "no column 'channel' (give --channel)"),
        (GOOD, ("--channel", "1"), 3, "no column 'mission'"),
        ("x,y,flux,channel\n1,2,3,5\n", ("--mission", "cryo"), 3, "line 2: channel 5"),
        ("x,y,flux,channel\n1,2,3,\n", ("--mission", "cryo"), 3, "line 2: channel nan"),
        ("x,y,flux,mission\n1,2,3,cold\n", ("--channel", "1"), 3, "line 2: 'cold' in column mission"),
        ("x,y,flux,subarray\n1,2,3,2\n", OPTIONS, 3, "line 2: '2' in column subarray"),
        ("x,y,flux,channel\n1,2,3,1\n", OPTIONS, 2, "--channel is given as well"),
        (
            GOOD,
            ("--channel", "1", "--mission", "warm", "--functions", "matched", "--aperture", "3", "7", "3"),
            2,
            "radii",
        ),
        ("x,y,flux\n40,2,3\n", (*OPTIONS, "--subarray"), 3, "off the subarray"),
    ],
)
def test_what_cannot_be_told(
    tmp_path: Path, content: str, options: tuple[str, ...], code: int, words: str
) -> None:
    got, error = refused(tmp_path, content, *options)
    assert got == code
    assert words in error


def test_folders_are_named(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(GOOD)
    (tmp_path / "d.csv").mkdir()
    for table, output in (("d.csv", "out.csv"), ("in.csv", "d.csv"), ("in.csv", ".")):
        folder = tmp_path / (table if table == "d.csv" else output)
        for more in ((), ("--overwrite",)):
            done = run_here(
                *("irac", "correct", str(tmp_path / table), "-o", str(tmp_path / output)), *OPTIONS, *more
            )
            assert done.code == 2
            assert done.error.strip() == f"astromap: error: {folder}: is a folder, not a table"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d.csv", "in.csv"]


@pytest.mark.parametrize("name", ["in.fits", "in.ecsv"])
@pytest.mark.parametrize("content", [b"", b"SIMPLE  = nonsense", b"# %ECSV 1.0\n# ---\n# {{{: [\nx y\n"])
def test_broken_files(tmp_path: Path, name: str, content: bytes) -> None:
    code, error = refused(tmp_path, content, name=name)
    assert code == 3
    assert name in error


@pytest.mark.parametrize("suffix", ["fits", "ecsv"])
def test_columns_of_other_kinds(tmp_path: Path, suffix: str) -> None:
    source = tmp_path / f"in.{suffix}"
    for column, words in (
        (np.array(["1", "2", "x3"]), "row 3: 'x3' in column x is not a number"),
        (np.ones((3, 2)), "column x does not hold one number a row"),
    ):
        Table({"x": column, "y": [1.0, 2.0, 3.0], "flux": [1, 2, 3]}).write(source, overwrite=True)
        done = run_here("irac", "correct", str(source), "-o", str(tmp_path / "out.csv"), *OPTIONS)
        assert done.code == 3
        assert words in done.error
        assert len(done.error.strip().splitlines()) == 1


def test_positions_in_other_units(tmp_path: Path) -> None:
    source, out = tmp_path / "in.ecsv", tmp_path / "out.ecsv"
    table = Table({"x": [1.0], "y": [2.0], "flux": [3.0]}, units={"x": "pix", "y": "deg", "flux": "mJy"})
    table.write(source)
    done = run_here("irac", "correct", source, "-o", out, *OPTIONS)
    assert done.code == 3
    assert "column 'y' is in deg, not in pixels" in done.error
    assert not out.exists()
    table["y"].unit = "pixel"
    table.write(source, overwrite=True)
    assert run_here("irac", "correct", source, "-o", out, *OPTIONS).code == 0


def test_text_numbers_of_a_typed_table_are_numbers(tmp_path: Path) -> None:
    source, out = tmp_path / "in.ecsv", tmp_path / "out.ecsv"
    Table({"x": ["1", "2.5"], "y": [1, 2], "flux": np.array([1, 2], "f4")}).write(source)
    assert run_here("irac", "correct", str(source), "-o", str(out), *OPTIONS).code == 0
    assert np.isfinite(Table.read(out)["flux_corrected"]).all()


def test_positions_off_the_array_can_be_left_out(tmp_path: Path) -> None:
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("x,y,flux\n1,2,3\n300,2,3\n", encoding="utf-8")
    words = ["irac", "correct", str(source), "-o", str(out), *OPTIONS, "--off-array", "nan"]
    assert run_here(*words).code == 0
    assert out.read_text(encoding="utf-8").splitlines()[2] == "300,2,3,,,"


@pytest.mark.parametrize(
    ("source", "out", "code", "words"),
    [
        ("none.csv", "out.csv", 3, "does not exist"),
        (".", "out.csv", 2, "is a folder, not a table"),
        ("in.csv", "out.txt", 2, "unknown format"),
        ("in.csv", "in.csv", 2, "the output is the input"),
        ("in.csv", "missing/out.csv", 1, "cannot be written"),
    ],
)
def test_files_that_will_not_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, out: str, code: int, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.csv").write_text(GOOD, encoding="utf-8")
    done = run_here("irac", "correct", source, "-o", out, *OPTIONS, "--overwrite")
    assert (done.code, len(done.error.strip().splitlines())) == (code, 1)
    assert words in done.error
    assert (tmp_path / "in.csv").read_text(encoding="utf-8") == GOOD


def test_both_files_must_be_named(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(GOOD, encoding="utf-8")
    for words, missing in ((["-o", "x.csv"], "no table"), ([str(tmp_path / "in.csv")], "no output")):
        done = run_here("irac", "correct", *words, *OPTIONS)
        assert done.code == 2
        assert missing in done.error
