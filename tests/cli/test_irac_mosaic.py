"""`astromap irac mosaic` as users run it: documented invocations, products, streams, dry runs, reports."""

from __future__ import annotations

import json
import shutil
import subprocess
import zlib
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
import yaml
from astropy.io import fits
from truthkit.faultkit import (
    N_FRAMES,
    PRODUCT,
    assert_same_product,
    copy_field,
    edit,
    environment,
    frames,
    hashes,
    inputs_rows,
    mosaic,
    names,
    product_names,
    program,
    run_program,
    second_channel,
    small_field,
    small_reference,
)

from photomitrus_cli.irac.names import stem_and_type
from photomitrus_cli.irac.products import PLANES

pytestmark = pytest.mark.xdist_group("mosaic-cli")


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


@pytest.fixture(scope="session")
def documented(base: Path) -> tuple[Path, str, str]:
    """The documented invocation in a process of its own: product folder, stdout, stderr."""
    out = base / "documented"
    words = ["--channel", 1, "--filetype", "cbcd", "--combine", "weighted", "--background", "none"]
    done = run_program(
        program(), "irac", "mosaic", small_field(base), "-o", out, *words, "--pixel-scale", 0.6, "-j", 2
    )
    assert done.code == 0, done.stderr
    return out, done.stdout, done.stderr


def test_the_documented_invocation_gives_the_documented_file(documented: tuple[Path, str, str]) -> None:
    out = documented[0]
    assert names(out) == product_names()
    with fits.open(out / PRODUCT, checksum=True) as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "SCI", "UNC", "COV", "EXP", "STD", "MASK", "INPUTS"]
        units = {hdu.name: hdu.header.get("BUNIT") for hdu in hdus[1:7]}
        assert units == dict.fromkeys(("SCI", "UNC", "STD"), "MJy/sr") | {
            "EXP": "s",
            "COV": None,
            "MASK": None,
        }
        assert hdus["SCI"].header["UJYPIX"] == pytest.approx(0.6**2 / 206264.806247**2 * 1e12, rel=1e-9)
        assert round(hdus["SCI"].header["UJYPIX"], 4) == 8.4616
        assert 2.0 < hdus["SCI"].header["CORRFAC"] < 2.6
        assert {hdu.data.shape for hdu in hdus[1:7]} == {hdus["SCI"].data.shape}
        assert {hdu.name: hdu.data.dtype.newbyteorder("=") for hdu in hdus[1:7]} == PLANES
        assert hdus["PRIMARY"].header["CORRFAC"] == hdus["SCI"].header["CORRFAC"]
        assert all(hdu.header["CTYPE1"] == "RA---TAN" for hdu in hdus[1:7])
        covered = hdus["COV"].data > 0
        assert hdus["COV"].data.max() == N_FRAMES
        assert np.array_equal(covered, np.isfinite(hdus["SCI"].data))
        assert np.array_equal(covered, hdus["MASK"].data & 1 == 0)
        exposures = hdus["INPUTS"].data["exptime"]
        assert hdus["EXP"].data.max() == pytest.approx(exposures.sum(), rel=1e-6)
        assert hdus["PRIMARY"].header["BACKGRND"] == "none"
    assert (out / "ch1_mosaic.png").read_bytes().startswith(b"\x89PNG")


def test_results_are_on_stdout_and_the_log_on_stderr(documented: tuple[Path, str, str]) -> None:
    out, stdout, stderr = documented
    lines = stdout.splitlines()
    assert lines[0] == "IRAC channel 1 mosaic: done"
    assert all(line.startswith("  ") for line in lines[1:])
    assert f"  frames: {N_FRAMES} used, 0 skipped, 0 failed" in lines
    for name in product_names() - {"ch1_mosaic.config.yaml"}:
        assert f"  product: {out / name}" in lines
    log = stderr.splitlines()
    assert [line.split(": ", 1)[1] for line in log] == [
        f"reading {N_FRAMES} frames of channel 1",
        f"combining {N_FRAMES} frames in 4 tiles",
    ]
    assert all(" INFO photomitrus_cli." in line for line in log)


def test_the_manifest_says_what_went_in(documented: tuple[Path, str, str], base: Path) -> None:
    out = documented[0]
    manifest = json.loads((out / "ch1_mosaic.manifest.json").read_text())
    assert manifest["status"] == "complete"
    for entry in manifest["outputs"]:
        content = (out / entry["name"]).read_bytes()
        assert (entry["n_bytes"], entry["crc32"]) == (len(content), f"{zlib.crc32(content):08x}")
    files = [path for path in small_field(base).rglob("*.fits") if "truth" not in path.parts]
    assert {entry["path"]: entry["crc32"] for entry in manifest["inputs"]} == {
        str(path): f"{zlib.crc32(path.read_bytes()):08x}" for path in files
    }
    assert [unit["status"] for unit in manifest["units"]] == ["used"] * N_FRAMES


def test_the_saved_configuration_repeats_the_run(documented: tuple[Path, str, str], tmp_path: Path) -> None:
    """From another folder, replacing the product."""
    out = tmp_path / "again"
    shutil.copytree(documented[0], out)
    config = out / "ch1_mosaic.config.yaml"
    text = config.read_text().replace(str(documented[0]), str(out))
    config.write_text(text)
    (out / PRODUCT).write_bytes(b"old")
    done = run_program(program(), "irac", "mosaic", "--config", config, "--overwrite", cwd=tmp_path)
    assert done.code == 0, done.stderr
    assert_same_product(out / PRODUCT, documented[0] / PRODUCT)
    assert (out / PRODUCT).read_bytes()[-200_000:] == (documented[0] / PRODUCT).read_bytes()[-200_000:]
    assert yaml.safe_load(config.read_text()) == yaml.safe_load(text)


@pytest.mark.skipif(shutil.which("fitsverify") is None, reason="fitsverify is not installed")
def test_fitsverify_finds_nothing(documented: tuple[Path, str, str]) -> None:
    done = run_program("fitsverify", documented[0] / PRODUCT)
    assert done.code == 0, done.stdout
    assert "found 0 warning(s) and 0 error(s)" in done.stdout


def test_a_shell_loop_over_channels_with_an_astromap_yaml(base: Path, tmp_path: Path) -> None:
    work = copy_field(base, tmp_path / "work")
    second_channel(work)
    shutil.rmtree(work / "second" / "truth")
    (work / "astromap.yaml").write_text("irac:\n  mosaic:\n    pixel_scale_arcsec: 1.2\nrun:\n  jobs: 1\n")
    before = hashes(work)
    loop = "for c in 1 2; do astromap irac mosaic --channel $c || exit; done"
    path = f"{Path(program()).parent}:/usr/bin:/bin"
    done = subprocess.run(
        ["sh", "-c", loop], cwd=work, env=environment(PATH=path), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[0].endswith(f"configuration: {work / 'astromap.yaml'}")
    assert names(work / "mosaic") == product_names(1) | product_names(2)
    assert_same_product(work / "mosaic" / PRODUCT, small_reference(base) / PRODUCT, moved=True)
    assert len(inputs_rows(work / "mosaic" / "ch2_mosaic.fits")) == 3
    assert {name: value for name, value in hashes(work).items() if name in before} == before


def test_a_dry_run_lists_the_plan_and_touches_nothing(base: Path, tmp_path: Path) -> None:
    field = copy_field(base, tmp_path / "field")
    short = frames(field)[0]
    edit(short, EXPTIME=0.4)
    before = hashes(tmp_path)
    done = mosaic(field, "-o", tmp_path / "out", "--dry-run", "--summary", tmp_path / "s.json")
    assert done.code == 0
    assert done.stderr == ""
    assert f"frames: {N_FRAMES - 1} used, 1 skipped, 0 failed" in done.stdout
    assert f"  skipped: {short}: EXPTIME 0.4 s is below 15 s" in done.stdout.splitlines()
    for name in (PRODUCT, "ch1_mosaic.png", "ch1_mosaic.manifest.json"):
        assert f"  would write: {tmp_path / 'out' / name}" in done.stdout.splitlines()
    assert hashes(tmp_path) == before
    assert not (tmp_path / "out").exists()


def test_an_existing_product_is_refused_before_any_work(base: Path, tmp_path: Path) -> None:
    (tmp_path / PRODUCT).write_bytes(b"mine")
    done = mosaic(small_field(base), "-o", tmp_path)
    assert done.code == 5
    assert f"{tmp_path / PRODUCT} exists" in done.error
    assert "--overwrite" in done.error
    assert names(tmp_path) == {PRODUCT}
    assert done.stderr.count("\n") == 1
    done = mosaic(tmp_path / "nowhere", "-o", tmp_path, "--overwrite")
    assert done.code == 3
    assert (tmp_path / PRODUCT).read_bytes() == b"mine"
    assert mosaic(small_field(base), "-o", tmp_path, "--overwrite").code == 0
    assert_same_product(tmp_path / PRODUCT, small_reference(base) / PRODUCT)


HOSTILE = ["[raw] [/raw]", 'it\'s  "quoted" $(touch x);& a%20b', "né 星"]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_appear_whole_in_every_output(name: str, base: Path, tmp_path: Path) -> None:
    field = copy_field(base, tmp_path / name / "in")
    victim = frames(field)[0]
    edit(victim, EXPTIME=0.4)
    out = tmp_path / name / "out"
    words = ["-o", out, "--summary", tmp_path / "s.json", "--report", tmp_path / name / "page"]
    done = mosaic(field, *words, "--log-file", tmp_path / "log.jsonl")
    assert done.code == 0, done.stderr
    assert f"  skipped: {victim}: EXPTIME" in done.stdout
    assert f"  product: {out / PRODUCT}" in done.stdout.splitlines()
    summary = json.loads((tmp_path / "s.json").read_text(encoding="utf-8"))
    assert [unit["name"] for unit in summary["units"]] == [str(path) for path in frames(field)]
    manifest = json.loads((out / "ch1_mosaic.manifest.json").read_text(encoding="utf-8"))
    assert {Path(entry["path"]).parents[3] for entry in manifest["inputs"]} == {field}
    stored = [row["file"] for row in inputs_rows(out / PRODUCT)]
    if not name.isascii():
        assert all(text.isascii() for text in stored)
        stored = [unquote(text) for text in stored]
    assert stored == [str(path) for path in frames(field)]
    again = mosaic("--config", out / "ch1_mosaic.config.yaml", "--resume")
    assert again.stdout.splitlines()[0] == "IRAC channel 1 mosaic: up to date"


def test_a_name_that_is_not_utf8_is_refused(base: Path, tmp_path: Path) -> None:
    folder = tmp_path / "caf\udce9"
    copy_field(base, folder)
    done = mosaic(folder, "-o", tmp_path / "out")
    assert done.code == 3
    assert r"caf\udce9" in done.error
    assert "not valid UTF-8" in done.error


def test_the_summary_and_the_report_say_what_stdout_says(base: Path, tmp_path: Path) -> None:
    field = copy_field(base, tmp_path / "field")
    edit(frames(field)[0], EXPTIME=0.4)
    edit(frames(field)[1], remove=("GAIN",))
    words = ["--summary", tmp_path / "s.json", "--report", tmp_path / "page", "--keep-going"]
    done = mosaic(field, "-o", tmp_path / "out", *words)
    assert done.code == 6
    summary = json.loads((tmp_path / "s.json").read_text())
    assert summary["status"] == "partial"
    printed = done.stdout.splitlines()
    for label, value in summary["facts"].items():
        assert f"  {label}: {value}" in printed
    statuses = {Path(unit["name"]).name: unit["status"] for unit in summary["units"]}
    assert sorted(statuses.values()) == ["failed", "skipped"] + ["used"] * (N_FRAMES - 2)
    page = (tmp_path / "page" / "ch1_mosaic.html").read_text()
    for unit in summary["units"]:
        assert Path(unit["name"]).name in page
        if unit["reason"]:
            assert f"  {unit['status']}: {unit['name']}: {unit['reason']}" in printed
            assert unit["reason"] in page
    assert f"  report: {tmp_path / 'page' / 'ch1_mosaic.html'}" in printed
    rows = {Path(row["file"]).name: row["status"] for row in inputs_rows(tmp_path / "out" / PRODUCT)}
    assert rows == statuses


def test_a_summary_that_cannot_be_written_or_would_hit_data_is_refused_before_the_work(
    base: Path, tmp_path: Path
) -> None:
    field = copy_field(base, tmp_path / "field")
    before = hashes(field)
    for option in ("--summary", "--log-file"):
        done = mosaic(field, "-o", tmp_path / "out", option, frames(field)[0])
        assert done.code in (1, 2)
        assert frames(field)[0].name in done.error
    done = mosaic(field, "-o", tmp_path / "out", "--summary", tmp_path / "no" / "s.json")
    assert done.code == 1
    assert f"there is no folder {tmp_path / 'no'}" in done.error
    assert not (tmp_path / "out").exists()
    assert hashes(field) == before


@pytest.mark.parametrize("name", ["run.log", "run.jsonl"])
def test_log_files(name: str, base: Path, tmp_path: Path) -> None:
    field = copy_field(base, tmp_path / "field")
    frames(field)[0].write_bytes(b"")
    done = mosaic(field, "-o", tmp_path / "out", "--log-file", tmp_path / name, "-q")
    assert done.code == 3
    assert done.stderr == done.error + "\n"
    lines = (tmp_path / name).read_text().splitlines()
    if name.endswith(".jsonl"):
        records = [json.loads(line) for line in lines]
        assert {tuple(record)[:4] for record in records} == {("time", "level", "logger", "message")}
        assert "InputError" in records[-1]["traceback"]
        assert "empty file" in records[-1]["traceback"]
    else:
        assert "DEBUG photomitrus_cli.launch: the run failed" in "\n".join(lines)
        assert f"InputError: {frames(field)[0]}" in "\n".join(lines)


def test_companions_are_found_by_header_wherever_they_lie(base: Path, tmp_path: Path) -> None:
    """Frames in one folder under other names, companions of all in another, shuffled names."""
    field = copy_field(base, tmp_path / "field")
    flat, others = tmp_path / "flat", tmp_path / "others"
    flat.mkdir()
    others.mkdir()
    for number, path in enumerate(frames(field)):
        path.rename(flat / f"{chr(ord('a') + number)}_cbcd.fits")
    for kind in ("cbunc", "bimsk", "brmsk"):
        for number, path in enumerate(reversed(frames(field, kind))):
            path.rename(others / f"{number}_{kind}.fits")
    done = mosaic(flat, others, "-o", tmp_path / "out")
    assert done.code == 0, done.stderr
    assert "without uncertainty: 0" in done.stdout
    with fits.open(tmp_path / "out" / PRODUCT) as ours, fits.open(small_reference(base) / PRODUCT) as other:
        for plane in ("SCI", "UNC", "COV", "EXP", "STD", "MASK"):
            assert ours[plane].data.tobytes() == other[plane].data.tobytes()


def test_renamed_observation_folders_change_nothing(base: Path, tmp_path: Path) -> None:
    field = copy_field(base, tmp_path / "field")
    (field / "r40000000").rename(field / "z")
    (field / "r40000256").rename(field / "a")
    done = mosaic(field, "-o", tmp_path / "out")
    assert done.code == 0, done.stderr
    with fits.open(tmp_path / "out" / PRODUCT) as ours, fits.open(small_reference(base) / PRODUCT) as other:
        assert ours["SCI"].data.tobytes() == other["SCI"].data.tobytes()


def test_dcenum_tells_exposures_apart(base: Path, tmp_path: Path) -> None:
    """A second data collection event of an exposure is no duplicate, and has its own companions."""
    field = copy_field(base, tmp_path / "field")
    first, second = frames(field)[:2]
    stem = stem_and_type(second)[0]
    for path in field.rglob(f"{stem}_*.fits"):
        edit(path, EXPID=0, DCENUM=1)
    done = mosaic(field, "-o", tmp_path / "out")
    assert done.code == 0, done.stderr
    rows = {row["file"]: row for row in inputs_rows(tmp_path / "out" / PRODUCT)}
    assert rows[str(first)]["dcenum"] == 0
    assert rows[str(second)]["dcenum"] == 1
    assert rows[str(second)]["expid"] == 0
    assert {row["status"] for row in rows.values()} == {"used"}
    assert {row["unc_source"] for row in rows.values()} == {"file"}
    with fits.open(tmp_path / "out" / PRODUCT) as ours, fits.open(small_reference(base) / PRODUCT) as other:
        assert ours["COV"].data.tobytes() == other["COV"].data.tobytes()


@pytest.mark.parametrize(
    ("args", "word"),
    [
        (["--channel", "5"], "channel"),
        (["--pixel-scale", "-1"], "pixel_scale_arcsec"),
        (["--combine", "mean"], "combine"),
        (["--center", "nowhere"], "nowhere"),
        (["--set", "irac.mosaic.chanel=2"], "did you mean 'channel'?"),
        (["--set", "irac.mosaic.rmask_bits=[16]"], "rmask_bits"),
    ],
)
def test_usage_errors_are_exit_code_2(args: list[str], word: str, base: Path, tmp_path: Path) -> None:
    done = mosaic(small_field(base), "-o", tmp_path / "out", *args)
    assert done.code == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert word in done.stderr
    assert not (tmp_path / "out").exists()


def test_quiet_and_verbose(base: Path, tmp_path: Path) -> None:
    quiet = mosaic(small_field(base), "-o", tmp_path / "a", "-q")
    assert quiet.stderr == ""
    verbose = mosaic("-v", small_field(base), "-o", tmp_path / "b")
    assert "INFO" in verbose.stderr
    assert quiet.stdout.replace("/a/", "/b/") == verbose.stdout
