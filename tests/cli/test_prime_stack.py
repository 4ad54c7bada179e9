"""`astromap prime stack` as users run it: the documented command lines, products, dry runs, resuming."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from truthkit.faultkit import environment, hashes, names, program, replace_card, run_here, run_program
from truthkit.stackset import (
    CHIPS,
    REFCAT,
    SERIALS,
    assert_no_products,
    assert_same_stack,
    coadd_path,
    copy_dithers,
    dithers,
    label,
    ramp,
    reference,
    stack,
    stack_names,
    words,
)
from truthkit.wisefaults import cut

pytestmark = pytest.mark.xdist_group("prime-stack")

LOOP = "for c in 1 2 3 4; do prime stack -parent J_Band -chip $c; done"


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


def test_the_documented_loop_in_a_folder_of_data(base: Path, tmp_path: Path) -> None:
    """Ramps, flats, a catalogue and an astromap.yaml; nothing else, and no path on the command line."""
    parent = copy_dithers(base, tmp_path / "J_Band", *CHIPS)
    shutil.rmtree(parent / "weightmaps")
    (parent / REFCAT).rename(tmp_path / "gaia.ecsv")
    (tmp_path / "astromap.yaml").write_text("prime: {stack: {refcat: gaia.ecsv}}\nrun: {jobs: 1}\n")
    before = hashes(tmp_path)
    done = subprocess.run(
        ["/bin/sh", "-e", "-c", LOOP],
        cwd=tmp_path,
        env=environment() | {"PATH": f"{Path(program()).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not [line for line in done.stderr.splitlines() if " INFO " not in line]
    after = hashes(tmp_path)
    assert {name: after[name] for name in before} == before
    assert names(parent / "stack") == stack_names(*CHIPS)
    assert names(parent / "sky") == {f"sky.{label(chip)}.fits" for chip in CHIPS}
    for chip in CHIPS:
        header = fits.getheader(coadd_path(parent, chip))
        assert (header["CHIP"], header["BAND"], header["NCOMBINE"]) == (chip, "J", 4)
        assert (header["FIRSTRMP"], header["LASTRAMP"]) == (SERIALS[0], SERIALS[-1])
        assert header["FLAT"] == f"mflat.J.20241017.C{chip}.fits"
        assert f"product: {coadd_path(parent.resolve(), chip)}" in done.stdout
        assert f"prime stack, J, chip {chip}: done" in done.stdout
    # Chips 1 and 4 lie on opposite sides of the mosaic, 0.9 deg apart.
    places = {c: fits.getheader(coadd_path(parent, c)) for c in (1, 4)}
    assert places[1]["CRVAL2"] - places[4]["CRVAL2"] > 0.5


def test_other_software_reads_the_products(base: Path) -> None:
    path = coadd_path(reference(base))
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "NOISE", "COV", "EXP", "MASK", "INPUTS"]
        sci, header = np.array(hdus[0].data, float), hdus[0].header
        noise, cov = np.array(hdus["NOISE"].data, float), np.array(hdus["COV"].data)
        mask = np.array(hdus["MASK"].data)
        table = hdus["INPUTS"].data
        assert list(table["status"]) == ["used"] * 4
        assert [name.strip() for name in table["serial"]] == list(SERIALS)
        assert np.sum(table["weight"]) == pytest.approx(1.0)
    np.testing.assert_array_equal(np.isfinite(sci), cov > 0)
    np.testing.assert_array_equal((mask & 1) != 0, cov == 0)
    with fits.open(path.with_name(f"weight.{label()}.fits"), checksum=True) as hdus:
        weight = np.array(hdus[0].data, float)
    np.testing.assert_allclose(weight[cov > 0], noise[cov > 0] ** -2.0, rtol=1e-5)
    assert (weight[cov == 0] == 0).all()
    wcs = WCS(header)
    assert wcs.wcs.ctype[0] == "RA---TAN"
    assert header["BUNIT"] == "adu/frame"
    assert header["ASTRSTAT"] == "good"
    # The middle of the stack is where the chip is: 0.445 deg north-west of the axis at (30, -35).
    ra, dec = wcs.wcs_pix2world(*(np.array(sci.shape[::-1]) / 2), 0)
    north, west = dec + 35.0, (30.0 - ra) * np.cos(np.radians(35.0))
    assert np.hypot(north, west) == pytest.approx(0.445, abs=0.03)
    assert np.degrees(np.arctan2(west, north)) == pytest.approx(45.0, abs=5.0)


def test_documented_spellings(base: Path, tmp_path: Path) -> None:
    """All of them at once; -rot_val wins over a ROTOFF of 3 degrees, with which nothing would match."""
    folder = copy_dithers(base, tmp_path / "J_Band", 1)
    for path in (folder / "C1").iterdir():
        replace_card(path, "ROTOFF", 3.0)
    done = stack(folder, "-band", "J", "-sigma", "4", "-rot_val=48", "-no_FF", "-sex")
    assert done.code == 0, done.stderr
    assert fits.getheader(coadd_path(folder))["FLAT"] == "none"
    assert not names(folder / "sky")
    assert "/sky/" not in done.stdout
    config = (folder / "stack" / f"coadd.{label()}.config.yaml").read_text()
    for line in ("sky: mesh", "flat_fielding: false", "sigma: 4", "rot_val: 48", "band: J"):
        assert line in config


@pytest.mark.parametrize(
    ("wrong", "cause"),
    [
        (("-chip", "5"), "has no chip 5"),
        (("-chip", "one"), "one"),
        (("-band", "H"), "-band H"),
        (("-rot_val", "north"), "north"),
        (("-rot_val", "500"), "rot_val"),
        (("-sigma", "0"), "sigma"),
        (("--parnt", "x"), "--parent"),
        (("-parnt", "x"), "-p"),
        (("--instrument", "prme"), "did you mean 'prime'?"),
        (("--set", "prime.stack.degrees=[9]"), "degrees"),
    ],
)
def test_wrong_usage(wrong: tuple[str, str], cause: str, base: Path, tmp_path: Path) -> None:
    done = stack(dithers(base), "-o", tmp_path / "out", *wrong)
    assert done.code == 2
    assert cause in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_is_needed() -> None:
    done = run_here("prime", "stack", "-chip", 1)
    assert done.code == 2
    assert "-parent FOLDER" in done.error


def test_the_rotator_is_at_48_unless_something_says_otherwise(base: Path, tmp_path: Path) -> None:
    """A ROTOFF that is no number is as good as one of 48 degrees."""
    folder = copy_dithers(base, tmp_path / "J_Band", 1)
    for path in (folder / "C1").iterdir():
        replace_card(path, "ROTOFF", "'n/a     '")
    done = stack(folder)
    assert done.code == 0, done.stderr
    assert_same_pixels(folder, reference(base))


def assert_same_pixels(a: Path, b: Path) -> None:
    """Compare stacks of frames that lie in different folders."""
    with fits.open(coadd_path(a)) as left, fits.open(coadd_path(b)) as right:
        for one, other in zip(left[:5], right[:5], strict=True):
            assert one.data.tobytes() == other.data.tobytes(), one.name


def test_two_workers_give_the_same_bytes(base: Path, tmp_path: Path) -> None:
    done = run_program(program(), *words(dithers(base), "-j", 2, "-o", tmp_path))
    assert done.code == 0, done.stderr
    assert names(tmp_path / "stack") == stack_names(1)
    assert_same_stack(tmp_path, reference(base))


def test_a_dry_run_touches_nothing(base: Path, tmp_path: Path) -> None:
    folder = copy_dithers(base, tmp_path / "J_Band", *CHIPS)
    before = hashes(folder)
    done = stack(folder, "--dry-run", chip="all")
    assert done.code == 0, done.stderr
    assert hashes(folder) == before
    assert {path.name for path in folder.iterdir()} == {
        *(f"C{c}" for c in CHIPS),
        "mflats",
        "weightmaps",
        REFCAT,
    }
    lines = done.stdout.splitlines()
    assert lines[0] == "prime stack, J, chip 1, 2, 3, 4: planned"
    assert f"  chip 3 frames: 4 of 254 x 254 pixels, {SERIALS[0]} to {SERIALS[-1]}" in lines
    assert f"  chip 4 flat: {folder}/mflats/mflat.J.20241017.C4.fits" in lines
    assert f"  would write: {coadd_path(folder, 2)}" in lines


def test_existing_stacks_are_kept_unless_told_otherwise(base: Path, tmp_path: Path) -> None:
    frames, out = dithers(base), tmp_path / "out"
    shutil.copytree(reference(base), out)
    before = hashes(out)
    done = stack(frames, "-o", out)
    assert done.code == 5
    assert "--overwrite replaces it" in done.error
    done = stack(frames, "-o", out, "--resume")
    assert (done.code, done.stdout.splitlines()[0]) == (0, "prime stack, J, chip 1: up to date")
    assert "zero point" in done.stdout
    assert hashes(out) == before
    # Every file of the product counts.
    (out / "sky" / f"sky.{label()}.fits").unlink()
    done = stack(frames, "-o", out, "--resume")
    assert (done.code, done.stdout.splitlines()[0]) == (0, "prime stack, J, chip 1: done")
    assert_same_stack(out, reference(base))
    # So does what decides about it.
    done = stack(frames, "-o", out, "--resume", "--clip-sigma", 3, "--one-pass")
    assert (done.code, done.stdout.splitlines()[0]) == (0, "prime stack, J, chip 1: done")
    assert hashes(out)[f"stack/coadd.{label()}.fits"] != before[f"stack/coadd.{label()}.fits"]
    assert stack(frames, "-o", out, "--overwrite", "--dry-run").code == 0
    assert stack(frames, "-o", out).code == 5


def test_the_manifest_tells_what_went_in(base: Path) -> None:
    folder = reference(base)
    manifest = json.loads((folder / "stack" / f"coadd.{label()}.manifest.json").read_text())
    assert manifest["status"] == "complete"
    assert [Path(unit["name"]).name for unit in manifest["units"]] == [ramp(folder, k).name for k in range(4)]
    inputs = {Path(entry["path"]).name: entry for entry in manifest["inputs"]}
    flat = dithers(base) / "mflats" / "mflat.J.20241017.C1.fits"
    assert set(inputs) == {*(ramp(folder, k).name for k in range(4)), flat.name, REFCAT}
    assert inputs[flat.name]["n_bytes"] == flat.stat().st_size
    listed = {(folder / "stack" / entry["name"]).resolve() for entry in manifest["outputs"]}
    files = {name for name in names(folder / "stack") if not name.endswith((".manifest.json", ".yaml"))}
    assert {f"weight.{label()}.fits", f"coadd.{label()}.qa.json", f"coadd.{label()}.frames.png"} < files
    files = {f"stack/{name}" for name in files} | {f"sky/sky.{label()}.fits"}
    assert listed == {(folder / name).resolve() for name in files}


def test_a_broken_ramp_is_lost_alone(base: Path, tmp_path: Path) -> None:
    folder = copy_dithers(base, tmp_path / "J_Band", 1)
    shutil.copy(ramp(folder, 3), ramp(folder, 3).with_name("01599219C1.ramp.fits"))
    replace_card(folder / "C1" / "01599219C1.ramp.fits", "DATE-BEG", "'2024-10-17T21:45:00'")
    cut(ramp(folder), 100_000)
    done = stack(folder)
    assert done.code == 3
    assert f"{ramp(folder)}: truncated" in done.error
    assert_no_products(folder)
    done = stack(folder, "--keep-going", "--resume")
    assert done.code == 6, done.stderr
    assert f"failed: {ramp(folder)}: truncated" in done.stdout
    manifest = json.loads(next((folder / "stack").glob("*.manifest.json")).read_text())
    assert manifest["status"] == "partial"
    assert sorted(unit["status"] for unit in manifest["units"]) == ["failed", *["used"] * 4]
