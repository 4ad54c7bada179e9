"""`astromap irac correct` from table to table."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from truthkit.faultkit import program, run_here, run_program

from photomitrus_cli.irac.choice import choose, factors

HEAD = "name,x,y,flux,note"
ROWS = ('007,100.25,31.5,1.50e3,"a, b"', "008,12.0,200.75,2e3,", "009,,3,5,no position", "010,7,8,,no flux")
X, Y, FLUX = np.array([100.25, 12.0]), np.array([31.5, 200.75]), np.array([1500.0, 2000.0])
OPTIONS = ("--channel", "1", "--mission", "warm")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "fluxes.csv"
    path.write_text("\n".join([HEAD, *ROWS]) + "\n", encoding="utf-8")
    return path


def cells(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.reader(handle))


def test_a_csv_file_keeps_every_cell(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    done = run_program(program(), "irac", "correct", str(table), "-o", str(out), *OPTIONS, cwd=tmp_path)
    assert (done.code, done.stderr) == (0, "")
    assert "corrected: 2 of 4 rows" in done.stdout
    assert "channel 1 warm full array: array location warm, pixel phase warm" in done.stdout
    before, after = cells(table), cells(out)
    assert [row[:5] for row in after] == before
    assert after[0][5:] == ["r_al", "r_pp", "flux_corrected"]
    r_al, r_pp = factors(X, Y, 1, choose("warm", 1))
    got = np.array([row[5:] for row in after[1:3]], dtype=float)
    np.testing.assert_array_equal(got, np.transpose([r_al, r_pp, FLUX / (r_al * r_pp)]))
    assert after[3][5:] == ["", "", ""]
    assert after[4][5] != ""
    assert after[4][7] == ""


@pytest.mark.parametrize("suffix", ["ecsv", "fits", "fits.gz"])
def test_units_and_sets_are_kept(table: Path, tmp_path: Path, suffix: str) -> None:
    source, out = tmp_path / f"in.{suffix}", tmp_path / f"out.{suffix}"
    made = Table.read(table, format="ascii.csv")
    made["flux"].unit = "mJy"
    made["x"].description = "column"
    made.meta["comments"] = ["by hand"]
    made.write(source)
    done = run_here("irac", "correct", str(source), "-o", str(out), *OPTIONS, "--coefficients", "idl")
    assert done.code == 0, done.error
    read = Table.read(out)
    assert read.colnames == [*made.colnames, "r_al", "r_pp", "flux_corrected"]
    assert len(read) == 4
    assert str(read["flux_corrected"].unit) == "mJy"
    assert read["r_al"].unit is None
    assert read["x"].description == "column"
    assert "divide" in read["r_pp"].description
    r_al, r_pp = factors(X, Y, 1, choose("warm", 1), coefficients="idl")
    np.testing.assert_array_equal(np.asarray(read["flux_corrected"][:2]), FLUX / (r_al * r_pp))
    told = " ".join(read.meta["comments"])
    assert told.startswith("by hand astromap irac correct")
    assert "coefficients idl" in told


@pytest.mark.parametrize(("a", "b"), [("csv", "ecsv"), ("csv", "fits"), ("ecsv", "csv"), ("fits", "csv")])
def test_formats_mix(table: Path, tmp_path: Path, a: str, b: str) -> None:
    source, out, direct = tmp_path / f"in.{a}", tmp_path / f"out.{b}", tmp_path / "direct.csv"
    Table.read(table, format="ascii.csv").write(source)
    assert run_here("irac", "correct", str(source), "-o", str(out), *OPTIONS).code == 0
    assert run_here("irac", "correct", str(table), "-o", str(direct), *OPTIONS).code == 0
    one, other = (Table.read(path)["flux_corrected"][:2] for path in (out, direct))
    np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


def test_rows_of_several_channels_and_missions(tmp_path: Path) -> None:
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    rows = [
        ("1", "CRYO", "0"),
        ("2", "warm", "1"),
        ("4", "hora", "1"),
        ("1", "Reach", "0"),
        ("1", "cryo", "0"),
    ]
    lines = [",".join((*row, "10.2", "20.7", "100")) for row in rows]
    source.write_text("\n".join(["Channel,Mission,Subarray,X,Y,FLUX", *lines]), encoding="utf-8")
    done = run_here("irac", "correct", str(source), "-o", str(out))
    assert done.code == 0, done.error
    for (channel, mission, mode), row in zip(rows, cells(out)[1:], strict=True):
        chosen = choose(mission.lower(), int(channel))  # type: ignore[arg-type]
        r_al, r_pp = factors(10.2, 20.7, int(channel), chosen, subarray=mode == "1")
        assert [float(cell) for cell in row[6:]] == [float(r_al), float(r_pp), float(100 / (r_al * r_pp))]


def test_choices_of_functions(table: Path, tmp_path: Path) -> None:
    def corrected(*options: str) -> np.ndarray:
        out = tmp_path / "out.csv"
        done = run_here("irac", "correct", str(table), "-o", str(out), *OPTIONS, "--overwrite", *options)
        assert done.code == 0, done.error
        return np.array([row[5:] for row in cells(out)[1:3]], dtype=float)

    matched = choose("warm", 1, aperture=(3, 3, 7), functions="matched")
    got = corrected("--functions", "matched", "--aperture", "3", "3", "7")
    np.testing.assert_array_equal(got[:, :2], np.transpose(factors(X, Y, 1, matched)))
    np.testing.assert_array_equal(corrected("--spectrum", "red")[:, 0], 1.0)
    assert (corrected("--spectrum", "red")[:, 1] != 1.0).all()
    np.testing.assert_array_equal(corrected("--functions", "none")[:, 2], FLUX)
    shifted = corrected("--first-pixel", "1")
    np.testing.assert_array_equal(shifted[:, :2], np.transpose(factors(X - 1, Y - 1, 1, choose("warm", 1))))


def test_columns_by_other_names(tmp_path: Path) -> None:
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("Xc,Yc,Res_Flux\n10,20,30\n", encoding="utf-8")
    words = ["--x-column", "Xc", "--y-column", "Yc", "--flux-column", "res_flux"]
    assert run_here("irac", "correct", str(source), "-o", str(out), *OPTIONS, *words).code == 0
    assert len(cells(out)) == 2


def test_warm_channels_3_and_4_stay_and_one_line_says_so(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    done = run_here("irac", "correct", str(table), "-o", str(out), "--channel", "3", "--mission", "warm")
    assert done.code == 0
    assert (done.stdout + done.stderr).count("warning") == 1
    assert "channels 3 and 4 of the warm mission" in done.stdout
    assert [float(row[7]) for row in cells(out)[1:3]] == FLUX.tolist()


def test_what_exists_is_kept_unless_asked(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("mine", encoding="utf-8")
    words = ["irac", "correct", str(table), "-o", str(out), *OPTIONS]
    assert run_here(*words).code == 5
    assert out.read_text(encoding="utf-8") == "mine"
    assert run_here(*words, "--overwrite").code == 0
    assert len(cells(out)) == 5


def test_the_configuration_can_say_it_all(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = f"irac:\n  correct: {{table: {table.name}, output: o.csv, channel: 1, mission: warm}}\n"
    (tmp_path / "astromap.yaml").write_text(text, encoding="utf-8")
    assert run_here("irac", "correct").code == 0
    assert len(cells(tmp_path / "o.csv")) == 5
