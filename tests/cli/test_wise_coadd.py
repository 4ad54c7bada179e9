"""`astromap wise coadd` as users run it: documented invocations, maps, tables, dry runs, resuming."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
from pathlib import Path

import healpy
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from truthkit.faultkit import environment, hashes, names, program, run_here
from truthkit.wisefaults import (
    FRAMES,
    N_FRAMES,
    SCANS,
    TABLE,
    assert_same_maps,
    coadd,
    columns,
    content,
    copy_survey,
    part_of,
    product_names,
    reference,
    survey,
    table_rows,
)

from photomitrus_cli.wise import coadd as stage
from photomitrus_cli.wise.oneframe import FrameResult, FramesTask, coadd_frames

pytestmark = pytest.mark.xdist_group("wise-coadd")

COLUMNS = ["PIXEL", "VALUE", "SIGMA", "HITS", "FRAMES", "MJD", "MIN", "MAX", "WEIGHT", "MASK"]
COLUMNS += ["OFF_EAST", "OFF_NORTH"]
LOOP = "for b in 2 4; do astromap wise coadd --band $b; done"


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


def states(folder: Path) -> dict[str, tuple[int, int]]:
    """Tell what would change if a file were written again."""
    return {path.name: (path.stat().st_mtime_ns, path.stat().st_ino) for path in folder.iterdir()}


def test_the_loop_over_bands_in_a_folder_of_data(base: Path, tmp_path: Path) -> None:
    """Frames, the archive's table and an astromap.yaml; nothing else, and no path on the command line."""
    source, folder = survey(base, n_scans=1, bands=(2, 4), name="wise_bands"), tmp_path / "disk"
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("truth", TABLE, "astromap.yaml"))
    config = "wise:\n  filter: {inputs: [frames.tbl], roots: [.], preset: none}\n  coadd: {nside: 64}\n"
    (folder / "astromap.yaml").write_text(config)
    before = hashes(folder)
    done = subprocess.run(
        ["/bin/sh", "-e", "-c", f"astromap wise filter\n{LOOP}"],
        cwd=folder,
        env=environment() | {"PATH": f"{Path(program()).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not [line for line in done.stderr.splitlines() if " INFO " not in line]
    after = hashes(folder)
    assert {name: after[name] for name in before} == before
    maps = {f"w{band}_{SCANS[0]}" for band in (2, 4)}
    suffixes = (".fits", ".png", ".manifest.json", ".config.yaml")
    expected = {name + suffix for name in maps for suffix in suffixes}
    assert names(folder / "coadd") == expected | {f"w{band}_frames.ecsv" for band in (2, 4)}
    for band in (2, 4):
        header = fits.getheader(folder / "coadd" / f"w{band}_{SCANS[0]}.fits")
        assert (header["BAND"], header["NFRAMES"], header["TELESCOP"]) == (band, 3, "WISE")
        assert done.stdout.count(f"WISE band {band} coadd: done") == 1
        assert f"product: {folder}/coadd/w{band}_{SCANS[0]}.fits" in done.stdout


def test_other_software_reads_the_map(base: Path) -> None:
    path = reference(base) / f"w3_{SCANS[0]}.fits"
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
        table, header = hdus[1].data, hdus[1].header
        assert table.names == COLUMNS
        assert (header["NSIDE"], header["ORDERING"], header["COORDSYS"]) == (64, "RING", "G")
        assert [header[f"TUNIT{k}"] for k in (2, 3, 6, 7, 8)] == ["DN", "DN", "d", "DN", "DN"]
        primary = hdus[0].header
        assert primary["OBJECT"] == SCANS[0]
        assert primary["MJD-BEG"] < primary["MJD-END"]
        rows = np.array(table)
    value, sigma, hits = healpy.read_map(path, field=[0, 1, 2], partial=True)
    seen = rows["PIXEL"][rows["HITS"] > 0]
    assert np.flatnonzero(value != healpy.UNSEEN).tolist() == seen.tolist()
    np.testing.assert_array_equal(value[rows["PIXEL"]], rows["VALUE"].astype(value.dtype))
    assert (sigma[seen] > 0).all()
    assert 0.9 * 64 * 64 * len(FRAMES) < hits[rows["PIXEL"]].sum() <= 64 * 64 * len(FRAMES)
    assert (rows["MIN"] <= rows["VALUE"]).all()
    assert (rows["VALUE"] <= rows["MAX"]).all()
    assert (rows["FRAMES"] <= len(FRAMES)).all()
    # The pixels of a scan are where its frames are.
    frames = [row for row in table_rows(survey(base) / TABLE) if row["scan_id"] == SCANS[0]]
    lonlat = [(float(row["crval1"]), float(row["crval2"])) for row in frames]
    at = healpy.rotator.Rotator(coord="CG")(*np.array(lonlat).T, lonlat=True)
    assert set(healpy.ang2pix(64, *at, lonlat=True).tolist()) <= set(seen.tolist())


def test_the_table_of_frames(base: Path) -> None:
    table = Table.read(reference(base) / "w3_frames.ecsv", format="ascii.ecsv")
    assert len(table) == N_FRAMES
    assert table["frame"].tolist() == [scan + frame for scan in SCANS for frame in FRAMES]
    assert set(table["status"]) == {"used"}
    assert (table["n_used"] + table["n_masked"] <= table["n_pixels"]).all()
    assert (table["n_pixels"] == 64 * 64).all()
    assert str(table["level"].unit) == "DN"


def test_scans_by_name(base: Path, tmp_path: Path) -> None:
    done = coadd(survey(base), SCANS[2], SCANS[0], "-o", tmp_path)
    assert done.code == 0, done.stderr
    assert names(tmp_path) == product_names(SCANS[0], SCANS[2], table=f"w3_{SCANS[2]}_{SCANS[0]}_frames.ecsv")
    assert_same_maps(tmp_path, reference(base), SCANS[0], SCANS[2])
    assert f"frames: {2 * len(FRAMES)} used, 0 skipped, 0 failed" in done.stdout


@pytest.mark.parametrize(("option", "name"), [("--day", "mjd55238"), ("--week", "week55237")])
def test_days_and_weeks(option: str, name: str, base: Path, tmp_path: Path) -> None:
    done = coadd(survey(base), option, "-o", tmp_path)
    assert done.code == 0, done.stderr
    table = f"w3_{option[2:]}_frames.ecsv"
    assert names(tmp_path) == product_names(name, table=table)
    got = columns(tmp_path / f"w3_{name}.fits")
    single = [columns(reference(base) / f"w3_{scan}.fits") for scan in SCANS]
    assert got["PIXEL"].tolist() == sorted(set(np.concatenate([one["PIXEL"] for one in single]).tolist()))
    assert got["HITS"].sum() == sum(one["HITS"].sum() for one in single)
    rows = Table.read(tmp_path / table, format="ascii.ecsv")
    assert set(rows["group"]) == {name}
    assert (rows["n_compared"] >= 0).all()
    assert coadd(survey(base), option, SCANS[0], "-o", tmp_path / "x").code == 2


def test_the_map_of_all_scans(base: Path, tmp_path: Path) -> None:
    everything = tmp_path / "new" / "all.fits"
    words = (survey(base), "-o", tmp_path / "out", "--all-scans-map", everything)
    done = coadd(*words)
    assert done.code == 0, done.stderr
    assert f"product: {everything}" in done.stdout
    got = columns(everything)
    single = [columns(reference(base) / f"w3_{scan}.fits") for scan in SCANS]
    want = {
        pixel: [row for one in single for row in one[one["PIXEL"] == pixel] if row["HITS"]]
        for pixel in np.unique(np.concatenate([one["PIXEL"] for one in single])).tolist()
    }
    assert got["PIXEL"].tolist() == list(want)
    for row in got:
        rows = want[row["PIXEL"]]
        weight = sum(one["WEIGHT"] for one in rows)
        assert row["HITS"] == sum(one["HITS"] for one in rows)
        assert row["VALUE"] == pytest.approx(sum(one["WEIGHT"] * one["VALUE"] for one in rows) / weight)
        assert row["MAX"] == max(one["MAX"] for one in rows)
        north = sum(one["WEIGHT"] * one["OFF_NORTH"] for one in rows) / weight
        assert row["OFF_NORTH"] == pytest.approx(north, rel=1e-5, abs=1e-3)
    header = fits.getheader(everything)
    assert (header["NFRAMES"], header["BAND"]) == (N_FRAMES, 3)
    before = states(tmp_path / "new")
    assert coadd(*words).code == 5
    done = coadd(*words, "--resume")
    assert done.stdout.splitlines()[0] == "WISE band 3 coadd: up to date"
    assert states(tmp_path / "new") == before
    everything.unlink()
    assert coadd(*words, "--resume").code == 0
    assert columns(everything).tobytes() == got.tobytes()


def test_the_table_of_times_has_the_columns_of_the_original(base: Path, tmp_path: Path) -> None:
    done = coadd(survey(base), SCANS[0], "--timestamps", "-o", tmp_path)
    assert done.code == 0, done.stderr
    path = tmp_path / f"band_w3_orbit_{SCANS[0]}_pixel_timestamps.csv"
    text = path.read_text()
    assert text.splitlines()[0] == ",hp_pixel_index,pixel_value,pixel_unc,pixel_mjd_obs"
    rows = list(csv.DictReader(text.splitlines()))
    want = columns(tmp_path / f"w3_{SCANS[0]}.fits")
    want = want[want["HITS"] > 0]
    assert [row[""] for row in rows] == [str(k) for k in range(len(want))]
    for name, column in (
        ("hp_pixel_index", "PIXEL"),
        ("pixel_value", "VALUE"),
        ("pixel_unc", "SIGMA"),
        ("pixel_mjd_obs", "MJD"),
    ):
        assert [float(row[name]) for row in rows] == want[column].tolist()
    outputs = json.loads((tmp_path / f"w3_{SCANS[0]}.manifest.json").read_text())["outputs"]
    assert {entry["name"] for entry in outputs} == {f"w3_{SCANS[0]}.fits", path.name}


def test_systems_are_rotations_of_each_other(base: Path, tmp_path: Path) -> None:
    want = columns(reference(base) / f"w3_{SCANS[0]}.fits")
    middles = []
    for system, letter in (("galactic", "G"), ("ecliptic", "E"), ("equatorial", "C")):
        done = coadd(survey(base), SCANS[0], "--system", system, "-o", tmp_path / system)
        assert done.code == 0, done.stderr
        path = tmp_path / system / f"w3_{SCANS[0]}.fits"
        assert fits.getheader(path, 1)["COORDSYS"] == letter
        rows = columns(path)
        assert rows["HITS"].sum() == want["HITS"].sum()
        lonlat = healpy.pix2ang(64, rows["PIXEL"], lonlat=True)
        turned = healpy.rotator.Rotator(coord=letter + "G")(*lonlat, lonlat=True)
        middles.append(np.average(healpy.ang2vec(*turned, lonlat=True), axis=0, weights=rows["HITS"]))
    # A few pixels of 0.016 rad, each counted at its centre.
    np.testing.assert_allclose(middles[1:], [middles[0]] * 2, atol=0.004)


def test_a_dry_run_writes_nothing(base: Path, tmp_path: Path) -> None:
    done = coadd(survey(base), "--dry-run", "-o", tmp_path / "out")
    assert done.code == 0
    assert done.stdout.splitlines()[0] == "WISE band 3 coadd: planned"
    assert f"  would write: {tmp_path / 'out' / f'w3_{SCANS[0]}.fits'}" in done.stdout.splitlines()
    assert not (tmp_path / "out").exists()


def test_inputs_are_not_touched_even_in_the_folder_of_the_products(base: Path, tmp_path: Path) -> None:
    folder = copy_survey(base, tmp_path / "in")
    before = hashes(folder)
    for more in ((), ("--overwrite",), ("--resume",)):
        done = coadd(folder, "-o", folder, "--timestamps", *more)
        assert done.code == 0, done.stderr
        after = hashes(folder)
        assert {name: after[name] for name in before} == before
    assert_same_maps(folder, reference(base), *SCANS, moved=True)


def test_frames_of_a_folder(base: Path, tmp_path: Path) -> None:
    """Without a table: the headers know everything that a map needs."""
    words = ("--nside", "64", "--no-pictures", "-j", "1", "-o", tmp_path / "out")
    done = run_here("wise", "coadd", "--frames", survey(base), *words)
    assert done.code == 0, done.stderr
    for scan in SCANS:
        a, b = (columns(folder / f"w3_{scan}.fits") for folder in (tmp_path / "out", reference(base)))
        np.testing.assert_array_equal(a["PIXEL"], b["PIXEL"])
        np.testing.assert_allclose(a["VALUE"], b["VALUE"], rtol=1e-12)
        np.testing.assert_allclose(a["MJD"], b["MJD"], atol=1e-6)


def test_an_existing_map_is_refused_before_any_work(base: Path, tmp_path: Path) -> None:
    (tmp_path / f"w3_{SCANS[1]}.fits").write_text("mine")
    done = coadd(survey(base), "-o", tmp_path)
    assert done.code == 5
    assert f"{tmp_path / f'w3_{SCANS[1]}.fits'} exists" in done.error
    assert "--overwrite" in done.error
    assert names(tmp_path) == {f"w3_{SCANS[1]}.fits"}
    assert coadd(survey(base), SCANS[0], "-o", tmp_path).code == 0
    assert coadd(survey(base), "-o", tmp_path, "--overwrite").code == 0
    assert_same_maps(tmp_path, reference(base))
    done = coadd(survey(base), "-o", tmp_path, "--overwrite", "--resume")
    assert done.code == 2


def test_resume_touches_nothing_that_is_up_to_date(base: Path, tmp_path: Path) -> None:
    shutil.copytree(reference(base), tmp_path / "out")
    before = states(tmp_path / "out")
    done = coadd(survey(base), "-o", tmp_path / "out", "--resume")
    assert done.code == 0, done.stderr
    assert done.stdout.splitlines()[0] == "WISE band 3 coadd: up to date"
    assert f"  frames: {N_FRAMES} used, 0 skipped, 0 failed" in done.stdout.splitlines()
    assert "  up to date already: 3 of 3 maps" in done.stdout.splitlines()
    after = states(tmp_path / "out")
    table = "w3_frames.ecsv"
    assert {name: after[name] for name in before if name != table} == {
        name: before[name] for name in before if name != table
    }
    assert_same_maps(tmp_path / "out", reference(base))


@pytest.mark.parametrize("harm", ["deleted", "damaged", "cut off", "no manifest", "empty manifest"])
def test_resume_makes_only_what_is_missing(harm: str, base: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(reference(base), out)
    victim, manifest = out / f"w3_{SCANS[1]}.fits", out / f"w3_{SCANS[1]}.manifest.json"
    data = victim.read_bytes()
    if harm == "deleted":
        victim.unlink()
    elif harm == "damaged":
        victim.write_bytes(data[:9000] + bytes([data[9000] ^ 1]) + data[9001:])
    elif harm == "cut off":
        victim.write_bytes(data[:8640])
    elif harm == "no manifest":
        manifest.unlink()
    else:
        manifest.write_text("{}")
    before = states(out)
    done = coadd(survey(base), "-o", out, "--resume")
    assert done.code == 0, done.stderr
    assert done.stdout.splitlines()[0] == "WISE band 3 coadd: done"
    after = states(out)
    for scan in (SCANS[0], SCANS[2]):
        assert {name: after[name] for name in after if scan in name} == {
            name: before[name] for name in before if scan in name
        }
    assert_same_maps(out, reference(base))


def test_a_frame_that_changes_while_its_map_is_made_is_read_again(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, out = copy_survey(base, tmp_path / "in"), tmp_path / "out"

    def late(task: FramesTask) -> list[FrameResult]:
        """Change a frame of the first map after it was read."""
        results = coadd_frames(task)
        if task.frames[0].scan_id == SCANS[0]:
            os.utime(task.frames[0].path, ns=(1, 1))
        return results

    monkeypatch.setattr(stage, "coadd_frames", late)
    assert coadd(folder, "-o", out).code == 0
    monkeypatch.undo()
    done = coadd(folder, "-o", out, "--resume")
    assert done.code == 0, done.stderr
    assert "  up to date already: 2 of 3 maps" in done.stdout.splitlines()


def test_resume_makes_again_what_was_made_of_other_things(base: Path, tmp_path: Path) -> None:
    folder, out = copy_survey(base, tmp_path / "in"), tmp_path / "out"

    def run(*more: object) -> str:
        done = coadd(folder, "-o", out, "--resume", *more)
        assert done.code == 0, done.stderr
        kept = [line for line in done.stdout.splitlines() if "up to date already" in line]
        return kept[0].split(":")[1].split()[0] if kept else "0"

    assert [run(), run()] == ["0", "3"]
    assert [run("--weights", "pixel"), run("--weights", "pixel")] == ["0", "3"]
    assert [run(), run()] == ["0", "3"]
    os.utime(part_of(folder, "msk"))
    assert [run(), run()] == ["2", "3"]
    part_of(folder, "unc", SCANS[0]).unlink()
    assert [run("--missing", "drop"), run("--missing", "drop")] == ["0", "3"]
    # What is made of them does not depend on how many are asked for.
    assert run("--missing", "drop", SCANS[2]) == "1"


def test_a_map_does_not_depend_on_what_else_is_made(base: Path, tmp_path: Path) -> None:
    words = (survey(base), SCANS[1], "-o", tmp_path, "--all-scans-map", tmp_path / "all.fits")
    assert coadd(*words).code == 0
    assert content(tmp_path / f"w3_{SCANS[1]}.fits") == content(reference(base) / f"w3_{SCANS[1]}.fits")


def test_the_summary_and_the_report(base: Path, tmp_path: Path) -> None:
    words = ("--summary", tmp_path / "s.json", "--report", tmp_path / "report")
    done = coadd(survey(base), "-o", tmp_path / "out", *words)
    assert done.code == 0, done.stderr
    summary = json.loads((tmp_path / "s.json").read_text())
    assert summary["status"] == "done"
    assert len(summary["products"]) == 4
    assert (tmp_path / "report" / "w3_coadd.html").is_file()
