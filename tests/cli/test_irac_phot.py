"""`astromap irac phot` as users run it: documented invocations, tables, streams, dry runs, resuming."""

from __future__ import annotations

import json
import shutil
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table
from truthkit.faultkit import Ran, hashes, names, program, run_program
from truthkit.photkit import (
    DEC,
    PLAIN,
    PRODUCTS,
    RA,
    SMALL,
    SMALL_APERTURE,
    TABLES,
    TARGET,
    Shot,
    column,
    log_fields,
    measured,
    phot,
    rows,
    series,
    star_mjy,
    take,
    write_pairs,
)

from photomitrus_cli.irac.phot import photometer

pytestmark = pytest.mark.xdist_group("phot-cli")

# More than two units of work.
N_MANY = 40
DONE = "IRAC photometry, run1: done"


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two observations of three full frames each, in channels 1 and 2."""
    base = tmp_path_factory.mktemp("two")
    take(base, *series(3), *series(3, Shot(aorkey=2000, channel=2, mjd=53600.0, x=90.1, y=200.4)))
    return base


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("many")
    rng = np.random.default_rng(2)
    for shot in series(N_MANY, SMALL):
        x, y = rng.uniform(13.0, 18.0, 2)
        take(base, replace(shot, aorkey=1000 + shot.expid % 3, x=x, y=y))
    return base


@pytest.fixture(scope="module")
def documented(two: Path) -> tuple[Path, Ran, list[object]]:
    """The documented invocation in a process of its own."""
    out = two.parent / "phot_documented"
    words = ["irac", "phot", two, "--target", TARGET, "-r", 10, 12, 20, "-r", 3, 3, 7, "-o", out, "-j", 2]
    words += ["--target-name", "A star", "--comment", "first try"]
    done = run_program(program(), *words)
    assert done.code == 0, done.stderr
    return out, done, words


def test_the_documented_invocation_gives_the_documented_files(
    documented: tuple[Path, Ran, list[object]],
) -> None:
    out, _, words = documented
    assert names(out) == PRODUCTS
    for name in ("run1_series.png", "run1_aors.png"):
        assert (out / name).read_bytes().startswith(b"\x89PNG")
    images, aors = rows(out, "img"), rows(out, "aor")
    assert len(images) == 12
    assert [(row["AORKEY"], row["Channel"], row["Aperture"], row["N_used"]) for row in aors] == [
        ("1000", "1", "10,12,20", "3"),
        ("1000", "1", "3,3,7", "3"),
        ("2000", "2", "10,12,20", "3"),
        ("2000", "2", "3,3,7", "3"),
    ]
    log = log_fields(out)
    assert list(log) == [
        *("Date Reduced", "Input Parameters", "Instrument", "File Type"),
        *("Target", "Radius Used", "Problem AORs", "Comments"),
    ]
    assert log["Input Parameters"].startswith(
        f"astromap irac phot {words[2]} --target '{TARGET}' -r 10 12 20 "
    )
    assert log["Instrument"] == "IRAC channel 1 (cryo), IRAC channel 2 (cryo)"
    assert (log["Target"], log["Comments"], log["Problem AORs"]) == ("A star", "first try", "none")
    assert log["Radius Used"] == "10,12,20; 3,3,7"


def test_results_are_on_stdout_and_the_log_on_stderr(documented: tuple[Path, Ran, list[object]]) -> None:
    out, done, _ = documented
    lines = done.stdout.splitlines()
    assert lines[0] == DONE
    assert all(line.startswith("  ") for line in lines[1:])
    assert "  frames: 6 used, 0 skipped, 0 failed" in lines
    for name in PRODUCTS - {"run1.config.yaml"}:
        assert f"  product: {out / name}" in lines
    assert all(" INFO photomitrus_cli." in line for line in done.stderr.splitlines())


def test_csv_and_ecsv_say_the_same(documented: tuple[Path, Ran, list[object]]) -> None:
    out = documented[0]
    for table in ("img", "aor"):
        told = rows(out, table)
        whole = Table.read(out / f"run1_{table}_data.ecsv", format="ascii.ecsv")
        assert list(told[0]) == whole.colnames
        for name in whole.colnames:
            if whole[name].dtype.kind == "f":
                np.testing.assert_array_equal(column(told, name), np.array(whole[name]))
                continue
            texts = ["" if value is np.ma.masked else str(value) for value in whole[name]]
            assert texts == [row[name] for row in told], name
        assert whole["Flux (mJy)"].unit == "mJy"
        assert any("pixel phase" in text for text in whole.meta["functions"])


def test_the_fluxes_are_those_of_the_star(two: Path, tmp_path: Path) -> None:
    done = measured(two, "-o", tmp_path / "out", *PLAIN)
    assert done.code == 0, done.stderr
    images = rows(tmp_path / "out", "img")
    truth = [star_mjy(1000.0)] * 3 + [star_mjy(1000.0) * (1.213 / 1.221) ** 2] * 3
    pulls = (column(images, "Flux (mJy)") - truth) / column(images, "Error (mJy)")
    assert np.abs(pulls).max() < 4.0
    np.testing.assert_allclose(column(images, "Xc"), [100.3] * 3 + [90.1] * 3, atol=0.01)
    np.testing.assert_allclose(column(images, "Yc"), [60.7] * 3 + [200.4] * 3, atol=0.01)
    np.testing.assert_allclose(
        column(images, "Raw_Flux") - column(images, "Bkg_Flux"), column(images, "Res_Flux"), rtol=1e-9
    )
    assert [row["File#"] for row in images] == ["1", "2", "3"] * 2


def test_the_saved_configuration_repeats_the_run(
    documented: tuple[Path, Ran, list[object]], tmp_path: Path
) -> None:
    out = tmp_path / "again"
    shutil.copytree(documented[0], out)
    config = out / "run1.config.yaml"
    config.write_text(config.read_text().replace(str(documented[0]), str(out)))
    (out / TABLES[0]).write_text("old")
    done = phot("--config", config, "--overwrite")
    assert done.code == 0, done.stderr
    for name in TABLES:
        assert (out / name).read_bytes() == (documented[0] / name).read_bytes()


def test_the_manifest_says_what_went_in(documented: tuple[Path, Ran, list[object]], two: Path) -> None:
    out = documented[0]
    manifest = json.loads((out / "run1.manifest.json").read_text())
    assert manifest["status"] == "complete"
    assert {entry["path"]: entry["crc32"] for entry in manifest["inputs"]} == {
        str(path): f"{zlib.crc32(path.read_bytes()):08x}" for path in two.rglob("*.fits")
    }
    assert {entry["name"] for entry in manifest["outputs"]} >= set(TABLES)
    assert manifest["facts"]["problem_aors"] == []


def test_any_number_of_workers_gives_the_same_bytes(many: Path, tmp_path: Path) -> None:
    words = ["irac", "phot", many, "--target", TARGET, *SMALL_APERTURE, "-q"]
    assert phot(*words[2:], "-o", tmp_path / "one").code == 0
    done = run_program(program(), *words, "-o", tmp_path / "three", "-j", 3)
    assert done.code == 0, done.stderr
    for name in TABLES:
        assert (tmp_path / "three" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()
    assert len(rows(tmp_path / "one", "img")) == N_MANY


def test_the_order_of_files_and_inputs_does_not_matter(two: Path, tmp_path: Path) -> None:
    """The original took whatever order the file system gave."""
    field = tmp_path / "field"
    shutil.copytree(two, field)
    for number, path in enumerate(sorted(field.rglob("*_bcd.fits"), reverse=True)):
        path.rename(path.with_name(f"{number}_bcd.fits"))
    (field / "r1000").rename(field / "z")
    (field / "r2000").rename(field / "a")
    assert measured(two, "-o", tmp_path / "one").code == 0
    assert measured(field / "z", field / "a", "-o", tmp_path / "other").code == 0
    told = [[{**row, "File": ""} for row in rows(tmp_path / name, "img")] for name in ("one", "other")]
    assert told[0] == told[1]
    assert rows(tmp_path / "one", "aor") == rows(tmp_path / "other", "aor")


def test_a_table_of_pairs_measures_many_targets_in_one_read(two: Path, tmp_path: Path) -> None:
    """The original read a frame again for each target."""
    near = f"{RA + 20 * 1.22 / 3600:.7f} {DEC}"
    keys = [(f"{two}/r1000", TARGET), (f"{two}/r1000", near), (f"{two}/r2000/ch2", TARGET)]
    table = write_pairs(tmp_path / "pairs.csv", *keys)
    done = phot(table, "-o", tmp_path / "out", "--centroid", "fixed")
    assert done.code == 0, done.stderr
    manifest = json.loads((tmp_path / "out" / "run1.manifest.json").read_text())
    read = [entry["path"] for entry in manifest["inputs"] if entry["path"] != str(table)]
    assert sorted(read) == sorted(map(str, two.rglob("*.fits")))
    aors = rows(tmp_path / "out", "aor")
    assert [(row["AORKEY"], row["Target"]) for row in aors] == [
        ("1000", TARGET),
        ("2000", TARGET),
        ("1000", near),
    ]
    # Of the sky beside the star there is only noise, of which the flux is a few parts of its error.
    assert float(aors[0]["Flux (mJy)"]) > 30.0
    assert abs(float(aors[2]["Flux (mJy)"])) < 0.2
    alone = measured(two, "-o", tmp_path / "alone", "--centroid", "fixed")
    assert alone.code == 0
    assert rows(tmp_path / "alone", "aor") == [row for row in aors if row["Target"] == TARGET]
    assert table.name in (tmp_path / "out" / "run1.config.yaml").read_text()


def test_proper_motions_move_the_aperture(two: Path, tmp_path: Path) -> None:
    """A position of 1900 with the motion that leads to the star in 2005."""
    years = (53500.0 - 51544.5) / 365.25 + 100.0
    start = f"{RA} {DEC - years * 1.0 / 3600:.9f}"
    words = ["--centroid", "fixed", "-o"]
    assert (
        phot(two / "r1000", "--target", start, "--proper-motion", 0, 1000, 1900, *words, tmp_path / "a").code
        == 0
    )
    assert measured(two / "r1000", *words, tmp_path / "b").code == 0
    moved, still = (column(rows(tmp_path / name, "img"), "Yc") for name in "ab")
    np.testing.assert_allclose(moved, still, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("given", "stem"), [("7", "run7"), ("HD_1-b", "HD_1-b")])
def test_the_name_of_a_run(given: str, stem: str, two: Path, tmp_path: Path) -> None:
    done = measured(two / "r1000", "-o", tmp_path, "--run", given)
    assert done.code == 0, done.stderr
    assert names(tmp_path) == {name.replace("run1", stem, 1) for name in PRODUCTS}
    assert done.stdout.splitlines()[0] == f"IRAC photometry, {stem}: done"
    # Another run goes beside it.
    assert measured(two / "r1000", "-o", tmp_path).code == 0
    assert names(tmp_path) >= PRODUCTS


def test_the_library_function_gives_the_same_tables(two: Path, tmp_path: Path) -> None:
    done = measured(two, "-o", tmp_path, "-r", "3", "3", "7", "--functions", "seed", "--target-name", "A")
    assert done.code == 0, done.stderr
    before = names(tmp_path)
    aor_table, image_table, problems = photometer(
        [two], TARGET, apertures=[(3, 3, 7)], functions="seed", target_name="A"
    )
    assert names(tmp_path) == before
    assert problems == []
    for table, name in ((aor_table, "aor"), (image_table, "img")):
        table.write(tmp_path / "mine.csv", format="ascii.csv", overwrite=True)
        assert (tmp_path / "mine.csv").read_bytes() == (tmp_path / f"run1_{name}_data.csv").read_bytes()


def test_planes_of_a_cube(tmp_path: Path) -> None:
    take(
        tmp_path / "in",
        replace(SMALL, planes=64, sigma=0.5, expid=0),
        replace(SMALL, planes=64, sigma=0.5, expid=1),
    )
    words = [tmp_path / "in", *SMALL_APERTURE, *PLAIN]
    assert measured(*words, "-o", tmp_path / "planes", "--subarray", "planes").code == 0
    planes = rows(tmp_path / "planes", "img")
    assert [int(row["Plane"]) for row in planes] == [*range(64), *range(64)]
    assert [int(row["File#"]) for row in planes] == [*range(1, 129)]
    (aor,) = rows(tmp_path / "planes", "aor")
    assert aor["Workable/Total Files in AOR"] == "128/128"
    means = {}
    for how in ("cube", "archive", "seed"):
        assert measured(*words, "-o", tmp_path / how, "--subarray", how).code == 0
        assert {row["Plane"] for row in rows(tmp_path / how, "img")} == {"-1"}
        means[how] = column(rows(tmp_path / how, "aor"), "Flux (mJy)")[0]
    values = column(planes, "Flux (mJy)")
    for how, mean in means.items():
        assert mean == pytest.approx(values.mean(), abs=5 * values.std() / np.sqrt(128)), how
    # Errors of single planes are those of their scatter.
    assert np.median(column(planes, "Error (mJy)")) == pytest.approx(values.std(), rel=0.2)


def test_a_dry_run_lists_the_plan_and_touches_nothing(two: Path, tmp_path: Path) -> None:
    field = tmp_path / "field"
    shutil.copytree(two, field)
    take(field, Shot(expid=9, exptime=0.0))
    before = hashes(tmp_path)
    done = measured(field, "-o", tmp_path / "out", "--dry-run")
    assert done.code == 0
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0] == "IRAC photometry, run1: planned"
    assert "  frames: 6 used, 1 skipped, 0 failed" in lines
    assert f"  skipped: {Shot(expid=9).path(field)}: EXPTIME is 0 s" in lines
    for name in (*TABLES, "run1_log.txt", "run1_series.png", "run1.manifest.json"):
        assert f"  would write: {tmp_path / 'out' / name}" in lines
    assert hashes(tmp_path) == before
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["[raw] [/raw]", 'it\'s "quoted", a\\b', "né 星"])
def test_hostile_names_appear_whole(name: str, tmp_path: Path) -> None:
    field, out = tmp_path / name / "in", tmp_path / name / "out"
    take(field, *series(2, SMALL))
    words = [
        *SMALL_APERTURE,
        "--target-name",
        name,
        "--comment",
        name,
        "-o",
        out,
        "--report",
        tmp_path / "page",
    ]
    done = measured(field, *words, "--summary", tmp_path / "s.json")
    assert done.code == 0, done.stderr
    assert f"  product: {out / TABLES[0]}" in done.stdout.splitlines()
    assert {row["Target"] for table in ("img", "aor") for row in rows(out, table)} == {name}
    assert set(Table.read(out / TABLES[2], format="ascii.ecsv")["Target"]) == {name}
    assert log_fields(out)["Target"] == log_fields(out)["Comments"] == name
    summary = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    assert [unit["name"] for unit in summary["units"]] == sorted(map(str, field.rglob("*_bcd.fits")))
    page = tmp_path / "page" / "run1.html"
    assert TABLES[0] in page.read_text(encoding="utf-8")
    again = phot("--config", out / "run1.config.yaml", "--resume")
    assert again.stdout.splitlines()[0] == "IRAC photometry, run1: up to date"


def test_a_shell_pattern_a_quoted_one_and_a_list(two: Path, tmp_path: Path) -> None:
    listed = two / "frames.txt"
    listed.write_text("# AORs\nr1000\nr2000\n")
    given: dict[str, list[Any]] = {
        "shell": sorted(two.glob("r*")),
        "quoted": [f"{two}/r*/ch?/bcd"],
        "list": [listed],
    }
    for name, inputs in given.items():
        done = measured(*inputs, "-o", tmp_path / name)
        assert done.code == 0, done.stderr
        assert (tmp_path / name / TABLES[1]).read_bytes() == (tmp_path / "shell" / TABLES[1]).read_bytes()
    listed.unlink()


def test_one_channel_of_several(two: Path, tmp_path: Path) -> None:
    assert measured(two, "--channel", 2, "-o", tmp_path).code == 0
    assert {row["Channel"] for row in rows(tmp_path, "img")} == {"2"}
    assert log_fields(tmp_path)["Instrument"] == "IRAC channel 2 (cryo)"
