"""Broken inputs, failing writes and ends of `prime stack`: one clear line, its exit code, nothing partial."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from truthkit.faultkit import (
    alive,
    children,
    edit,
    environment,
    hashes,
    names,
    program,
    replace_card,
    run_here,
)
from truthkit.stackset import (
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

from photomitrus_cli.errors import WriteError
from photomitrus_cli.prime.stackplan import make_plans

pytestmark = pytest.mark.xdist_group("prime-stack")

SHAPE = (256, 256)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


@pytest.fixture
def folder(base: Path, tmp_path: Path) -> Path:
    return copy_dithers(base, tmp_path / "J_Band", 1)


def image(shape: tuple[int, ...] = SHAPE, value: float = 120.0) -> Any:
    return np.full(shape, value, "f4")


def declare_more(path: Path) -> None:
    replace_card(path, "NAXIS1", 2_000_000)
    replace_card(path, "NAXIS2", 2_000_000)


def replace_by(path: Path, make: Callable[[Path], object]) -> None:
    path.unlink()
    make(path)


def point_beyond_the_pole(path: Path) -> None:
    cards: dict[str, Any] = {"DEC": "-95:00:00", "DEC-D": -95.0}
    edit(path, **cards)


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: cut(path, 0), "empty"),
    "truncated header": (lambda path: cut(path, 2000), "no END card"),
    "truncated": (lambda path: cut(path, 200_000), "truncated: 200000 of"),
    "HTML page": (lambda path: path.write_text("<!DOCTYPE html><html>404</html>"), "HTML"),
    "huge": (declare_more, "declares 16000000000000 bytes"),
    "negative": (lambda path: replace_card(path, "NAXIS2", -256), "NAXIS2"),
    "illegal BITPIX": (lambda path: replace_card(path, "BITPIX", 12), "BITPIX"),
    "cube": (lambda path: edit(path, data=image((2, *SHAPE))), "the image has 256 x 256 x 2 pixels"),
    "another shape": (lambda path: edit(path, data=image((256, 250))), "the image has 250 x 256 pixels"),
    "NaN alone": (lambda path: edit(path, data=image(value=np.nan)), "not one pixel can be used"),
    "zeros alone": (lambda path: edit(path, data=image(value=0.0)), "level of the sky is 0"),
    "no RA": (lambda path: edit(path, remove=("RA", "RA-D")), "no usable right ascension"),
    "no DEC": (lambda path: edit(path, remove=("DEC", "DEC-D")), "no usable declination"),
    "no filter": (lambda path: edit(path, remove=("FILTER1",)), "FILTER1"),
    "unknown filter": (lambda path: edit(path, FILTER2="unknown"), "FILTER2 is 'unknown'"),
    "no date": (lambda path: edit(path, remove=("DATE-BEG", "MJD-BEG", "MJD-OBS", "DATE-OBS")), "DATE-BEG"),
    "no exposure time": (lambda path: edit(path, remove=("EXPTIME", "EXPTIMEC", "EXPTIMEE")), "EXPTIME"),
    "negative exposure time": (
        lambda path: edit(path, EXPTIME=-60.0, EXPTIMEC=-60.0, EXPTIMEE=-60.0),
        "EXPTIME",
    ),
    "no reads": (lambda path: edit(path, NFRAMES=0), "NFRAMES is 0"),
    "text for a number": (lambda path: replace_card(path, "NFRAMES", "'many'"), "NFRAMES is 'many'"),
    "pointing beyond the pole": (point_beyond_the_pole, "declination"),
    "another chip": (lambda path: edit(path, CHIP=2), "is of chip 2 by its header, not 1"),
    "no such chip": (lambda path: edit(path, CHIP=7), "CHIP is '7'"),
    "another filter": (lambda path: edit(path, FILTER2="H"), "frames of different filters"),
    "closed": (lambda path: edit(path, FILTER1="Dark"), "filter"),
    "link to itself": (
        lambda path: replace_by(path, lambda one: one.symlink_to(one)),
        "symbolic links",
    ),
    "link to nothing": (lambda path: replace_by(path, lambda p: p.symlink_to("none")), "no such file"),
    "pipe": (lambda path: replace_by(path, os.mkfifo), "is not a regular file"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_ramp_ends_the_run(name: str, folder: Path) -> None:
    damage, cause = BROKEN[name]
    damage(ramp(folder))
    before = hashes(folder / "C1")
    done = stack(folder)
    assert done.code == 3, done.stderr
    assert cause in done.error
    assert ramp(folder).name in done.error or name == "another filter"
    assert done.stdout == ""
    assert_no_products(folder)
    assert hashes(folder / "C1") == before


def remove(*, below: str) -> Callable[[Path], object]:
    return lambda folder: shutil.rmtree(folder / below)


def keep(folder: Path, number: int) -> None:
    for k in range(number, len(SERIALS)):
        ramp(folder, k).unlink()


def twin(folder: Path) -> None:
    shutil.copy(ramp(folder), folder / "C1" / f"{SERIALS[1]}C1.fits.ramp")


def flat(folder: Path) -> Path:
    return folder / "mflats" / "mflat.J.20241017.C1.fits"


def misplaced(folder: Path) -> None:
    ramp(folder).rename(folder / "C1" / f"{SERIALS[1]}C2.ramp.fits")


FOLDERS: dict[str, tuple[Callable[[Path], object], tuple[object, ...], int, str]] = {
    "no folder": (remove(below="C1"), (), 3, "C1: no such folder"),
    "no frames": (lambda folder: keep(folder, 0), (), 4, "no file is named"),
    "too few frames": (lambda folder: keep(folder, 2), (), 4, "2 usable frames of chip 1"),
    "frame of another chip by its name": (misplaced, (), 3, "is of chip 2 by its name, not 1"),
    "one serial twice": (twin, (), 3, "has the same number as"),
    "no flats": (remove(below="mflats"), (), 3, "mflats"),
    "no flat of the band": (
        lambda f: flat(f).rename(f / "mflats" / "mflat.H.20241017.C1.fits"),
        (),
        3,
        "-no_FF",
    ),
    "flat of another shape": (
        lambda f: edit(flat(f), data=image((200, 256), 1.0)),
        (),
        3,
        "mflat.J.20241017.C1.fits: the image has shape (200, 256)",
    ),
    "flat of nothing": (lambda f: edit(flat(f), data=image((254, 254), 0.0)), (), 3, "flat"),
    "truncated flat": (lambda f: cut(flat(f), 100_000), (), 3, "truncated"),
    "no catalogue": (lambda f: (f / REFCAT).unlink(), (), 3, "refcat.ecsv: no such file"),
    "catalogue without positions": (
        lambda f: (f / REFCAT).write_text("name,flux\na,1\nb,2\n"),
        (),
        3,
        "refcat.ecsv",
    ),
    "no mask": (lambda _: None, ("--bad-pixels", "none.fits"), 3, "none.fits: no such file"),
    "mask that means the opposite": (
        lambda f: edit(f / "weightmaps" / "badpixmask_c1.fits", data=np.zeros((254, 254), "i2")),
        ("--bad-pixels", "J_Band/weightmaps/badpixmask_c1.fits"),
        3,
        "100 % of the pixels are bad",
    ),
}


@pytest.mark.parametrize("name", FOLDERS)
def test_what_is_missing_or_wrong_is_named(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damage, more, code, cause = FOLDERS[name]
    damage(folder)
    monkeypatch.chdir(folder.parent)
    done = stack(folder, *more)
    assert done.code == code, done.stderr
    assert cause in done.error
    assert_no_products(folder)


def test_a_dry_run_reads_the_catalogue(folder: Path) -> None:
    """One of another field, or without positions, is refused before any frame is worked on."""
    lines = stack(folder, "--dry-run").stdout.splitlines()
    told = rf"  catalogue: {folder / REFCAT}: \d+ stars in the field, \d+ with a magnitude in J"
    assert [line for line in lines if re.fullmatch(told, line)]
    done = stack(folder, "--dry-run", "--refcat", "self")
    assert "  catalogue: the field itself (relative positions)\n" in done.stdout
    far = folder.parent / "far.csv"
    far.write_text("ra,dec,J\n210.5,40.25,12.5\n")
    done = stack(folder, "--dry-run", refcat=far)
    assert (done.code, done.stdout) == (4, "")
    assert f"{far}: none of 1 stars is within" in done.error
    # Where another chip would be: the rotator may be a quarter of a turn away.
    far.write_text("ra,dec,J\n30.647,-34.47,12.5\n")
    done = stack(folder, "--dry-run", refcat=far)
    assert f"{far}: 1 stars in the field, with the rotator turned, 1 with a magnitude in J" in done.stdout
    far.write_text("name,flux\na,1\n")
    done = stack(folder, "--dry-run", refcat=far)
    assert (done.code, done.stdout) == (3, "")
    assert "far.csv" in done.error
    assert_no_products(folder)


def test_a_catalogue_of_no_use_is_refused_before_the_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of another field, and one of the network without what asks for it: nothing is made or kept."""
    before = hashes(folder)
    far = folder.parent / "far.csv"
    far.write_text("ra,dec,J\n210.5,40.25,12.5\n")
    done = stack(folder, refcat=far)
    assert (done.code, done.stdout) == (4, "")
    assert f"error: chip 1: {far}: none of 1 stars is within" in done.error
    monkeypatch.setitem(sys.modules, "astroquery", None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder.parent / "cache"))
    done = run_here("prime", "stack", "-parent", folder, "-chip", 1, "-j", 1)
    assert (done.code, done.stdout) == (4, "")
    assert "error: chip 1: no reference stars: Gaia DR3 within" in done.error
    assert "astroquery is not installed (give --refcat FILE" in done.error
    assert "asking VizieR" not in done.stderr
    assert hashes(folder) == before
    assert not {"stack", "sky"} & names(folder)


def test_a_missing_flat_names_its_folder_and_the_way_without(folder: Path) -> None:
    flat(folder).unlink()
    done = stack(folder)
    assert done.code == 3
    assert f"{folder / 'mflats'}" in done.error
    assert "-no_FF" in done.error
    assert stack(folder, "-no_FF", "--dry-run").code == 0


def test_the_stack_never_replaces_an_input(folder: Path) -> None:
    """A catalogue that has the name of the product, and a product folder that is the parent's."""
    taken = coadd_path(folder)
    taken.parent.mkdir()
    shutil.copy(folder / REFCAT, taken)
    before = hashes(folder)
    done = stack(folder, "--overwrite", refcat=taken)
    assert done.code == 2
    assert "name another output" in done.error
    assert hashes(folder) == before


def test_a_frame_that_changes_on_the_way(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def late(*args: Any) -> Any:
        plans = make_plans(*args)
        cut(ramp(folder), 100_000)
        return plans

    monkeypatch.setattr("photomitrus_cli.prime.stack.make_plans", late)
    done = stack(folder)
    assert done.code == 3
    assert ramp(folder).name in done.error
    assert_no_products(folder)


def test_a_failing_manifest_leaves_nothing_that_counts(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All files are there, but only the manifest makes them a product."""

    def fail(*_: object, **__: object) -> None:
        raise WriteError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("photomitrus_cli.prime.stack.write_manifest", fail)
        done = stack(dithers(base), "-o", tmp_path)
    assert done.code == 1
    assert "the disk is full" in done.error
    assert not list(tmp_path.rglob("*.manifest.json"))
    done = stack(dithers(base), "-o", tmp_path, "--resume")
    assert (done.code, done.stdout.splitlines()[0]) == (0, "prime stack, J, chip 1: done")
    assert names(tmp_path / "stack") == stack_names(1)
    assert_same_stack(tmp_path, reference(base))


STATES: dict[str, Callable[[Path], bool]] = {
    "frames": lambda work: (work / "frame_2.unit").exists(),
    "skies": lambda work: (work / "sky_1.unit").exists(),
}


@pytest.mark.parametrize(
    ("state", "number", "code"),
    [("skies", signal.SIGKILL, -9), ("frames", signal.SIGTERM, 143)],
)
def test_a_run_that_was_ended_is_resumed(
    state: str, number: int, code: int, base: Path, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [str(word) for word in (program(), *words(dithers(base), "-o", tmp_path, "-j", 2))],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    work, end = tmp_path / "stack" / f".coadd.{label()}.work", time.monotonic() + 120.0
    while not STATES[state](work):
        assert process.poll() is None, f"ended before the state '{state}'"
        assert time.monotonic() < end
        time.sleep(0.0005)
    workers = children(process.pid)
    os.kill(process.pid, number)
    stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stdout) == (code, ""), stderr
    end = time.monotonic() + 5.0
    while any(map(alive, workers)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not [pid for pid in workers if alive(pid)]
    assert not list(tmp_path.rglob("*.fits"))
    kept = {path: path.stat().st_mtime_ns for path in work.glob("frame_*.unit")}
    assert kept
    done = stack(dithers(base), "-o", tmp_path, "--resume")
    assert done.code == 0, done.stderr
    assert names(tmp_path / "stack") == stack_names(1)
    assert_same_stack(tmp_path, reference(base))


def test_two_runs_of_one_stack_do_not_mix(base: Path, tmp_path: Path) -> None:
    from photomitrus_cli.run.checkpoint import open_store

    with open_store(tmp_path / "stack" / f".coadd.{label()}.work", "0" * 64, resume=True):
        done = stack(dithers(base), "-o", tmp_path)
    assert done.code == 2
    assert "another run is writing this product" in done.error
    with fits.open(coadd_path(reference(base))) as hdus:
        assert hdus[0].data is not None
