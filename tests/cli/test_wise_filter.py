"""`astromap wise filter` from frame tables to the frames of each band."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from truthkit.faultkit import program, run_here, run_program

from photomitrus_cli.wise.dumpformat import SEED_COLUMNS
from photomitrus_cli.wise.frametable import read_frame_table

N_SCANS, N_FRAMES = 4, 10


def make_table(path: Path, bands: tuple[int, ...] = (3, 4), n_scans: int = N_SCANS) -> Path:
    """Write a table in which every cut of the seed fails some frames, and name the scans from 00801a on."""
    rng = np.random.default_rng(11)
    rows = []
    for band in bands:
        for scan in range(n_scans):
            for frame in range(N_FRAMES):
                row = dict.fromkeys(SEED_COLUMNS, "1.25") | {"band": f"{band}", "qual_frame": "10"}
                row |= {"scan_id": f"{801 + scan:05d}a", "scangrp": "1a", "frame_num": f"{frame + 1:03d}"}
                row |= {"mjd_obs": f"{55206 + scan / 16 + frame / 8000:.8f}", "dtanneal": "3000.000"}
                row |= {"moon_sep": f"{rng.uniform(10, 90):.3f}", "saa_sep": f"{rng.uniform(-2, 20):.4f}"}
                row |= {"crval1": f"{rng.uniform(0, 360):.12f}", "crval2": f"{rng.uniform(-80, 80):.12f}"}
                row |= {"qual_frame": str(rng.choice([10, 10, 10, 5])), "date_obs_time": "04:34:51.290"}
                rows.append(row)
    rows[0]["moon_sep"] = ""
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, SEED_COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def make_files(root: Path, table: Path) -> None:
    with table.open(newline="") as stream:
        for row in csv.DictReader(stream):
            folder = root / row["scangrp"] / row["scan_id"] / row["frame_num"]
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{row['scan_id']}{row['frame_num']}-w{row['band']}-int-1b.fits").touch()


def seed_passes(row: dict[str, str]) -> bool:
    """The seed's cuts, written down a second time."""
    known = all(row[name] for name in ("qual_frame", "qual_scan", "saa_sep", "dtanneal", "moon_sep"))
    return (
        known
        and int(row["qual_frame"]) == 10
        and float(row["qual_scan"]) > 0
        and float(row["saa_sep"]) > 0
        and float(row["dtanneal"]) > 2000
        and float(row["moon_sep"]) > 24
    )


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_frames_of_each_band(tmp_path: Path) -> None:
    table = make_table(tmp_path / "frames.csv")
    make_files(tmp_path / "data", table)
    done = run_program(
        program(), "wise", "filter", str(table), "--root", "data", "-o", "out", "--report", "r", cwd=tmp_path
    )
    assert (done.code, done.stderr) == (0, "")
    for band in (3, 4):
        want = [row for row in rows_of(table) if row["band"] == str(band) and seed_passes(row)]
        got = rows_of(tmp_path / "out" / f"filtered_df_band{band}.csv")
        assert list(got[0]) == [*SEED_COLUMNS, "full_filepath"]
        assert [{name: row[name] for name in SEED_COLUMNS} for row in got] == want
        assert all(Path(row["full_filepath"]).is_file() for row in got)
        scans = Table.read(tmp_path / "out" / f"w{band}_scans.ecsv", format="ascii.ecsv")
        assert scans["frames"].sum() == len(got)
        assert scans["frames_read"].tolist() == [N_FRAMES] * N_SCANS
        first = [float(row["mjd_obs"]) for row in got if row["scan_id"] == "00802a"]
        place = scans["scan_id"].tolist().index("00802a")
        assert (scans["mjd_min"][place], scans["mjd_max"][place]) == (min(first), max(first))
        assert str(scans["mjd_min"].unit) == "d"
        cuts = Table.read(tmp_path / "out" / f"w{band}_cuts.ecsv", format="ascii.ecsv")
        assert cuts["left"][0] == N_SCANS * N_FRAMES
        assert cuts["left"][-1] == len(got)
        assert cuts["in_order"].sum() == cuts["left"][0] - cuts["left"][-1]
        assert (tmp_path / "out" / f"w{band}_filter.png").read_bytes().startswith(b"\x89PNG")
        manifest = json.loads((tmp_path / "out" / f"w{band}_filter.manifest.json").read_text())
        assert manifest["status"] == "complete"
        assert manifest["inputs"][0]["path"] == str(table)
        assert f"W{band}: {len(got)} of 40 frames are left" in done.stdout
    assert "(1 without a value)" in done.stdout
    assert (tmp_path / "r" / "wise_filter.html").is_file()


def test_the_product_is_a_frame_table_again(tmp_path: Path) -> None:
    table = make_table(tmp_path / "frames.csv", (3,))
    make_files(tmp_path / "data", table)
    assert run_here("wise", "filter", table, "--root", tmp_path / "data", "-o", tmp_path / "one").code == 0
    first = tmp_path / "one" / "filtered_df_band3.csv"
    again = ("--set", "wise.filter.template=null", "--root", tmp_path / "data", "-o", tmp_path / "two")
    assert run_here("wise", "filter", first, *again).code == 0
    assert (tmp_path / "two" / "filtered_df_band3.csv").read_bytes() == first.read_bytes()
    assert read_frame_table(first)["full_filepath"][0].endswith("-w3-int-1b.fits")


@pytest.mark.parametrize("kind", ["ascii.ipac", "fits", "ascii.ecsv", "votable"])
def test_other_formats_give_the_same_values(tmp_path: Path, kind: str) -> None:
    table = make_table(tmp_path / "frames.csv", (3,), 2)
    other = tmp_path / "frames.other"
    words = dict.fromkeys(("date_obs_date", "utanneal_date", "scangrp", "scan_id", "frame_num"), str)
    Table.read(table, format="ascii.csv", converters=words).write(other, format=kind)
    for name, path in (("one", table), ("two", other)):
        done = run_here("wise", "filter", path, "--missing-files", "keep", "-o", tmp_path / name)
        assert done.code == 0, done.stderr
    one, two = (read_frame_table(tmp_path / name / "filtered_df_band3.csv") for name in ("one", "two"))
    for column in one.columns:
        np.testing.assert_array_equal(one[column], two[column], err_msg=column)


def test_several_tables_roots_and_packed_files(tmp_path: Path) -> None:
    first, second = make_table(tmp_path / "a.csv", (3,), 1), make_table(tmp_path / "b.csv", (3,), 2)
    make_files(tmp_path / "disk1", first)
    make_files(tmp_path / "disk2", second)
    for path in (tmp_path / "disk1").rglob("*005-w3-int-1b.fits"):
        path.rename(path.with_name(path.name + ".gz"))
    disks = ("--root", tmp_path / "disk1", "--root", tmp_path / "disk2")
    done = run_here(
        "wise", "filter", first, second, *disks, "--preset", "none", "-o", tmp_path / "out", "--band", "3"
    )
    assert done.code == 0, done.stderr
    got = rows_of(tmp_path / "out" / "filtered_df_band3.csv")
    assert len(got) == 2 * N_FRAMES
    assert "W3: 10 rows repeat another frame; the first is kept" in done.stdout + done.stderr
    for row in got:
        disk = "disk1" if row["scan_id"] == "00801a" else "disk2"
        suffix = ".gz" if disk == "disk1" and row["frame_num"] == "005" else ""
        assert f"/{disk}/" in row["full_filepath"]
        assert row["full_filepath"].endswith(".fits" + suffix)


def test_paths_of_a_table_are_looked_for_below_every_root(tmp_path: Path) -> None:
    first, second = make_table(tmp_path / "a.csv", (3,), 1), make_table(tmp_path / "b.csv", (3,), 2)
    make_files(tmp_path / "disk1", first)
    make_files(tmp_path / "disk2", second)
    for path in (tmp_path / "disk2").rglob("00801a*"):
        if path.is_file():
            path.unlink()
    rows = rows_of(second)
    for row in rows:
        name = f"{row['scan_id']}{row['frame_num']}-w3-int-1b.fits"
        row["full_filepath"] = f"{row['scangrp']}/{row['scan_id']}/{row['frame_num']}/{name}"
    with (tmp_path / "paths.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    disks = ("--root", tmp_path / "disk1", "--root", tmp_path / "disk2", "--set", "wise.filter.template=null")
    done = run_here(
        *("wise", "filter", tmp_path / "paths.csv", *disks, "--preset", "none"),
        *("--missing-files", "drop", "--band", "3", "-o", tmp_path / "out"),
    )
    assert done.code == 0, done.stderr
    got = rows_of(tmp_path / "out" / "filtered_df_band3.csv")
    assert len(got) == 2 * N_FRAMES
    for row in got:
        assert ("/disk1/" if row["scan_id"] == "00801a" else "/disk2/") in row["full_filepath"]


def test_cuts_by_options(tmp_path: Path) -> None:
    table = make_table(tmp_path / "frames.csv")
    done = run_here(
        *("wise", "filter", table, "--missing-files", "keep", "-o", tmp_path, "--preset", "none"),
        *("--cut", "moon_sep > 50 for w4", "--cut", "frame_num in '001', '002'", "--extra-column", "magzp"),
    )
    assert done.code == 0, done.stderr
    assert len(rows_of(tmp_path / "filtered_df_band3.csv")) == 2 * N_SCANS
    w4 = rows_of(tmp_path / "filtered_df_band4.csv")
    assert 0 < len(w4) < 2 * N_SCANS
    assert all(float(row["moon_sep"]) > 50 for row in w4)


def test_dry_run_writes_nothing_and_resume_keeps(tmp_path: Path) -> None:
    table = make_table(tmp_path / "frames.csv", (3,))
    options = ("wise", "filter", table, "--missing-files", "keep", "-o", tmp_path / "out")
    planned = run_here(*options, "--dry-run")
    assert planned.code == 0
    assert "W3 moon_sep > 24: fail" in planned.stdout
    assert not (tmp_path / "out").exists()
    assert run_here(*options).code == 0
    product = tmp_path / "out" / "filtered_df_band3.csv"
    before = product.stat().st_mtime_ns
    refused = run_here(*options)
    assert refused.code == 5
    kept = run_here(*options, "--resume")
    assert (kept.code, product.stat().st_mtime_ns) == (0, before)
    assert "up to date" in kept.stdout
    other = run_here(*options, "--resume", "--cut", "moon_sep > 60")
    assert other.code == 0
    assert all(float(row["moon_sep"]) > 60 for row in rows_of(product))
