"""The same maps to the byte for any number of local workers, and what becomes of a unit that kills one."""

from __future__ import annotations

from pathlib import Path

import pytest
from truthkit.faultkit import names, program, run_program
from truthkit.wisefaults import (
    FRAMES,
    N_FRAMES,
    NSIDE,
    SCANS,
    TABLE,
    assert_same_maps,
    coadd,
    coadd_or_die,
    content,
    long_survey,
    product_names,
    reference,
    survey,
)

pytestmark = pytest.mark.xdist_group("wise-coadd")

EVERYTHING = ("--timestamps", "--mask-stars", "--all-scans-map")


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


@pytest.fixture(scope="module")
def serial(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("serial")
    done = coadd(long_survey(base), "-o", out, *EVERYTHING, out / "all.fits")
    assert done.code == 0, done.stderr
    return out


def test_workers_give_the_same_maps(base: Path, serial: Path, tmp_path: Path) -> None:
    words = ("--frames", long_survey(base) / TABLE, "--nside", NSIDE, "--no-pictures", "-j", 3)
    out = tmp_path / "out"
    done = run_program(
        program(), "wise", "coadd", *words, "-o", out, *EVERYTHING, out / "all.fits", cwd=tmp_path
    )
    assert done.code == 0, done.stderr
    assert names(out) == names(serial)
    # Several units of work per scan.
    assert done.stdout.count("product: ") == 4
    for path in serial.glob("*.csv"):
        assert (out / path.name).read_bytes() == path.read_bytes()
    assert_same_maps(out, serial, SCANS[0], SCANS[1])
    assert (out / "w3_frames.ecsv").read_bytes() == (serial / "w3_frames.ecsv").read_bytes()
    # Its key names the maps that it was made of.
    assert content(out / "all.fits", moved=True) == content(serial / "all.fits", moved=True)


@pytest.mark.parametrize("option", ["--day", "--keep-going"])
def test_workers_do_not_change_days(option: str, base: Path, tmp_path: Path) -> None:
    for jobs in (1, 2):
        done = coadd(survey(base), option, "-o", tmp_path / str(jobs), "-j", jobs)
        assert done.code == 0, done.stderr
    for path in (tmp_path / "1").glob("*.fits"):
        assert content(path) == content(tmp_path / "2" / path.name)


def test_a_worker_that_dies_is_an_error_of_its_unit(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    want = reference(base)
    monkeypatch.setattr("photomitrus_cli.wise.coadd.coadd_frames", coadd_or_die)
    done = coadd(survey(base), "-o", tmp_path / "strict", "-j", "2")
    assert done.code == 3
    told = f"frames 1 to {len(FRAMES)} of {SCANS[1]}: the worker process died while working on it"
    assert told in done.error
    assert not names(tmp_path / "strict") & product_names(SCANS[1], table="w3_frames.ecsv")

    out = tmp_path / "out"
    done = coadd(survey(base), "-o", out, "-j", "2", "--keep-going")
    assert done.code == 6, done.stderr
    assert f"  frames: {N_FRAMES - 3} used, 0 skipped, 3 failed" in done.stdout.splitlines()
    assert f"  failed: {SCANS[1]}{FRAMES[0]}: {told}" in done.stdout.splitlines()
    assert names(out) == product_names(SCANS[0], SCANS[2]) | {f"w3_{SCANS[1]}.failed.json"}
    assert_same_maps(out, want, SCANS[0], SCANS[2])
    monkeypatch.undo()
    assert coadd(survey(base), "-o", out, "--resume").code == 0
    assert_same_maps(out, want)
