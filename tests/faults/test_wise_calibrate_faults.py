"""Wrong inputs, damage and death of `wise calibrate`: one clear line, its exit code, nothing half done."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from truthkit.calibsurvey import CalibSurvey, calib_survey, calibrate, manifest
from truthkit.faultkit import environment, names, program
from truthkit.wisefaults import content

from photomitrus_cli.errors import WriteError
from photomitrus_cli.io.healpixfile import PartialMap, write_partial_map
from photomitrus_cli.report import skymap
from photomitrus_cli.wise.calibtableread import read_calibration

pytestmark = pytest.mark.xdist_group("wise-calibrate-faults")

SEED = ("--method", "seed")
# Scans of the run that is killed.
N_KILLED = 8


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


@pytest.fixture(scope="module")
def survey(base: Path) -> CalibSurvey:
    return calib_survey(base, name="calib_faults")


@pytest.fixture
def maps(survey: CalibSurvey, tmp_path: Path) -> Path:
    """Maps that may be broken."""
    return Path(shutil.copytree(survey.folder, tmp_path / "maps"))


def set_key(key: str, value: object) -> tuple[str, str]:
    return "--set", f"wise.calibrate.{key}={value}"


def level(path: Path, unit: str) -> Path:
    """Write a reference map of some pixels at the Galactic equator, where nothing is fitted."""
    pixels = 6 * 64**2 + np.arange(50)
    write_partial_map(path, PartialMap(64, "galactic", pixels, {"I": np.ones(50)}, {"I": unit}))
    return path


def test_wrong_inputs_are_named(survey: CalibSurvey, tmp_path: Path) -> None:
    out, missing = tmp_path / "out", tmp_path / "absent.fits"
    fits.writeto(tmp_path / "image.fits", np.zeros((2, 2), np.float32))
    (tmp_path / "empty").mkdir()
    kelvin = level(tmp_path / "kelvin.fits", "K")
    cases = (
        (("--band", "2"), 4, "no scan map of band 2"),
        (("09999a",), 2, "no map of scan 09999a"),
        (("--user-map", missing), 3, "absent.fits: no such file"),
        (("--user-map", tmp_path / "image.fits"), 3, "image.fits"),
        (("--zero", missing), 3, "absent.fits: no such file"),
        (("--zero", kelvin), 3, "I is in K, not in MJy/sr"),
        (("--zero", level(tmp_path / "plane.fits", "MJy/sr"), *SEED), 4, "the reference map has none of"),
        (("--zero", "nan"), 2, "zero"),
        (("--start", tmp_path / "empty"), 3, "there is no earlier calibration of band 3"),
        (("--set", "wise.zodi.components=[cloud, ring]"), 2, "the mode bands changes band1"),
        (set_key("modes.sidse", 0.1), 2, "sidse"),
        (set_key("moon_windows", "[[55240, 55239]]"), 2, "ends before it begins"),
        (("--set", "wise.zodi.model=planck15"), 2, "does not cover band 3"),
        (("--galaxy-deg", "89.9"), 4, "sample"),
        (("--min-correlation", "0.999999999"), 4, "all 16 scans are refused"),
        (("--moon-deg", "179"), 4, "sample"),
    )
    for args, code, words in cases:
        done = calibrate(survey, out, *args)
        assert done.code == code, (args, done.stderr)
        assert words in done.error, args
    done = calibrate(tmp_path / "empty", out)
    assert done.code == 4
    assert "no scan map of band 3" in done.error
    assert not [name for name in names(out) if name.endswith((".fits", ".ecsv", ".png", "manifest.json"))]
    assert json.loads((out / "w3_calibrate.failed.json").read_text())["exit_code"] == 4


def test_the_output_is_never_an_input(maps: Path, tmp_path: Path) -> None:
    assert calibrate(maps, tmp_path / "out", *SEED).code == 0
    done = calibrate(maps, tmp_path / "out", *SEED, "--overwrite", "--start", tmp_path / "out")
    assert done.code == 2
    assert "the output is the input" in done.error


def test_a_broken_map_ends_the_run_unless_it_keeps_going(
    survey: CalibSurvey, maps: Path, tmp_path: Path
) -> None:
    """Damaged below the header, which the plan reads."""
    path, out = maps / f"w3_{survey.names[3]}.fits", tmp_path / "out"
    data = bytearray(path.read_bytes())
    data[-2880] ^= 0xFF
    path.write_bytes(data)
    done = calibrate(maps, out, *SEED)
    assert done.code == 3
    assert path.name in done.error
    assert "checksum" in done.error
    done = calibrate(maps, out, *SEED, "--keep-going")
    assert done.code == 6
    assert manifest(out)["status"] == "partial"
    table, _ = read_calibration(out / "w3_calibration.ecsv")
    assert len(table.scan) == len(survey.names) - 1
    assert survey.names[3] not in table.scan
    assert not (out / "w3_calibrate.failed.json").exists()


def test_a_scan_without_a_usable_pixel_is_told_of(survey: CalibSurvey, maps: Path, tmp_path: Path) -> None:
    path = maps / f"w3_{survey.names[5]}.fits"
    with fits.open(path, mode="update") as hdus:
        hdus[1].data["HITS"] = 0
        hdus[1].add_datasum()
    for args in ((), SEED):
        done = calibrate(maps, tmp_path / f"out{len(args)}", *args)
        assert done.code == 0, done.stderr
        assert f"skipped: {survey.names[5]}: no usable map pixel" in done.stdout
        table, _ = read_calibration(tmp_path / f"out{len(args)}" / "w3_calibration.ecsv")
        assert np.flatnonzero(~table.accepted).tolist() == [5]


def test_a_damaged_template_is_computed_again(survey: CalibSurvey, tmp_path: Path) -> None:
    cache, outs = tmp_path / "cache", [tmp_path / "one", tmp_path / "two"]
    assert calibrate(survey, outs[0], *SEED, "--cache", cache).code == 0
    victim = sorted(cache.iterdir())[3]
    data = bytearray(victim.read_bytes())
    data[-100] ^= 0xFF
    victim.write_bytes(data)
    assert calibrate(survey, outs[1], *SEED, "--cache", cache).code == 0
    one, two = (out / "w3_calibration.ecsv" for out in outs)
    assert one.read_bytes() == two.read_bytes()


STATES: dict[str, Callable[[Path], bool]] = {
    "while templates are made": lambda out: len(list((out / "templates").glob("*.unit"))) > 3,
    "between map and manifest": lambda out: (out / "w3_fullsky.fits").exists(),
}


def start(survey: CalibSurvey, out: Path, *more: str) -> subprocess.Popen[bytes]:
    words = [program(), "wise", "calibrate", *survey.names[:N_KILLED], "--maps", survey.folder, *SEED]
    words += ["-j", 1, "-o", out, *more, "--set", "wise.zodi.quadrature=50"]
    return subprocess.Popen(
        [str(word) for word in words],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def test_killed_twice_and_resumed(survey: CalibSurvey, tmp_path: Path) -> None:
    """The same bytes as of a run that nobody killed, and templates are not made twice."""
    whole, out = tmp_path / "whole", tmp_path / "out"
    kept: dict[Path, int] = {}
    for reached in STATES.values():
        # With pictures, so that the second state lasts.
        process = start(survey, out, "--resume")
        end = time.monotonic() + 120.0
        while not reached(out):
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.002)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(60.0)
        assert not (out / "w3_calibrate.manifest.json").exists()
        assert {path: path.stat().st_mtime_ns for path in kept} == kept
        kept = {path: path.stat().st_mtime_ns for path in (out / "templates").glob("[!.]*.unit")}
    assert len(kept) == N_KILLED
    assert start(survey, out, "--no-pictures", "--resume").wait(120.0) == 0
    assert start(survey, whole, "--no-pictures", "--cache", str(out / "templates")).wait(120.0) == 0
    for kind in ("fullsky", "half", "oddeven", "updown"):
        assert content(out / f"w3_{kind}.fits") == content(whole / f"w3_{kind}.fits")
    assert (out / "w3_calibration.ecsv").read_bytes() == (whole / "w3_calibration.ecsv").read_bytes()
    assert names(out) == names(whole) | {"templates"}


def test_a_picture_that_does_not_fit_costs_a_warning(
    survey: CalibSurvey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The maps stay, the pictures of an older run do not, and --resume draws what is missing."""
    plain = skymap.draw_columns

    def full(part: Path, sky: PartialMap, columns: Sequence[str], **more: Any) -> None:
        if "SKY" in columns:
            raise OSError(28, "No space left on device")
        plain(part, sky, columns, **more)

    words = (survey, tmp_path, *SEED, "--pictures")
    (tmp_path / "w3_fullsky.png").write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr(skymap, "draw_columns", full)
        done = calibrate(*words, "--overwrite")
    assert done.code == 0, done.stderr
    assert "warning: pictures that could not be drawn: w3_fullsky.png" in done.stdout
    assert "w3_fullsky.png: cannot be written: No space left on device" in done.stderr
    made = names(tmp_path)
    assert {"w3_fullsky.fits", "w3_half.png", "w3_stripes.png", "w3_calibrate.manifest.json"} <= made
    assert "w3_fullsky.png" not in made
    again = calibrate(*words, "--resume")
    assert again.stdout.splitlines()[0] == "WISE band 3 calibration: done"
    assert "could not be drawn" not in again.stdout
    assert names(tmp_path) == made | {"w3_fullsky.png"}


def test_a_calibration_without_a_manifest_does_not_stay(
    survey: CalibSurvey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise WriteError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr("photomitrus_cli.wise.calibrate.write_manifest", fail)
        assert calibrate(survey, tmp_path, *SEED).code == 1
    assert not list(tmp_path.glob("w3_*.fits"))
    assert not list(tmp_path.glob("w3_*.ecsv"))
    assert calibrate(survey, tmp_path, *SEED).code == 0
