"""Killed, terminated and interrupted runs of `wise coadd`: `--resume` gives the same maps."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from truthkit.faultkit import Ran, alive, children, environment, names, program
from truthkit.wisefaults import (
    NSIDE,
    SCANS,
    TABLE,
    assert_same_maps,
    coadd,
    content,
    product_names,
    reference,
    survey,
)

from photomitrus_cli.wise.coaddtables import write_frame_table

pytestmark = pytest.mark.xdist_group("wise-coadd-interrupted")

N_SCANS = 8
FIRST, SECOND = f"w3_{SCANS[0]}", f"w3_{SCANS[1]}"


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


@pytest.fixture(scope="module")
def many(base: Path) -> Path:
    return survey(base, n_scans=N_SCANS, name="wise_many")


@pytest.fixture(scope="module")
def whole(many: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The maps of a run that nobody interrupts."""
    out = tmp_path_factory.mktemp("whole")
    done = coadd(many, "-o", out, "--timestamps")
    assert done.code == 0, done.stderr
    return out


def start(many: Path, out: Path) -> subprocess.Popen[str]:
    """Start a run with pictures, which take the most time of such small maps."""
    words = ("--frames", many / TABLE, "--nside", NSIDE, "--timestamps", "-o", out, "-j", 2)
    return subprocess.Popen(
        [str(word) for word in (program(), "wise", "coadd", *words)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A test run in the background of a shell ignores SIGINT, and its children would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads here
    )


STATES: dict[str, Callable[[Path], bool]] = {
    "start": lambda out: (out / ".w3_frames.work" / "lock").exists(),
    "a map": lambda out: (out / f"{FIRST}.manifest.json").exists(),
    "a map without its picture": lambda out: (out / f"{SECOND}.fits").exists(),
}


def strike(process: subprocess.Popen[str], out: Path, state: str, number: int, *, group: bool) -> str:
    """Wait for a state, send the signal, see that no worker survives; give what was said on stderr."""
    end = time.monotonic() + 120.0
    while not STATES[state](out):
        assert process.poll() is None, f"ended before the state '{state}'"
        assert time.monotonic() < end, f"never reached the state '{state}'"
        time.sleep(0.0005)
    workers = children(process.pid)
    if group:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    stdout, stderr = process.communicate(timeout=30)
    assert stdout == ""
    end = time.monotonic() + 5.0
    while any(map(alive, workers)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not [pid for pid in workers if alive(pid)]
    return stderr


def assert_nothing_partial(out: Path, whole: Path) -> None:
    """What has its final name is whole; what has a manifest as well is all there."""
    for path in out.glob("w3_*.fits"):
        assert_same_table(path, whole / path.name)
    for path in out.glob("*.manifest.json"):
        manifest = json.loads(path.read_text())
        assert manifest["status"] == "complete"
        for entry in manifest["outputs"]:
            assert (out / entry["name"]).stat().st_size == entry["n_bytes"]
    for path in out.glob("*.csv"):
        assert path.read_bytes() == (whole / path.name).read_bytes()
    assert not (out / "w3_frames.ecsv").exists()


def assert_same_table(a: Path, b: Path) -> None:
    assert content(a, moved=True) == content(b, moved=True)


def token_picture(path: Path, *_: object) -> None:
    path.write_bytes(b"picture")


def assert_resumes(many: Path, out: Path, whole: Path) -> None:
    """The second run has no pictures to draw; their absence is part of what a map's key says."""
    # Those that were there are kept whole; a token is as good as the rest, which takes long to draw.
    with mock.patch("photomitrus_cli.report.skymap.draw_coadd", token_picture):
        done = coadd(many, "-o", out, "--timestamps", "--resume", "--pictures")
    assert done.code == 0, done.stderr
    assert not [name for name in names(out) if name.startswith(".")]
    for path in whole.glob("*.fits"):
        assert_same_table(out / path.name, path)
    for path in (*whole.glob("*.csv"), whole / "w3_frames.ecsv"):
        assert (out / path.name).read_bytes() == path.read_bytes()
    assert len(list(out.glob("*.png"))) == len(list(out.glob("*.manifest.json"))) == N_SCANS


@pytest.mark.parametrize("state", ["a map", "a map without its picture"])
def test_a_killed_run_is_resumed(state: str, many: Path, whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = start(many, out)
    strike(process, out, state, signal.SIGKILL, group=False)
    assert process.returncode == -signal.SIGKILL
    assert_nothing_partial(out, whole)
    kept = {path: path.stat().st_mtime_ns for path in out.glob("*.manifest.json")}
    assert 0 < len(kept) < N_SCANS
    assert_resumes(many, out, whole)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


@pytest.mark.parametrize(
    ("state", "number", "group", "code", "word"),
    [
        ("a map", signal.SIGTERM, False, 143, "terminated"),
        ("a map without its picture", signal.SIGINT, True, 130, "interrupted"),
    ],
)
def test_signals_end_a_run_in_order(
    state: str, number: int, group: bool, code: int, word: str, many: Path, whole: Path, tmp_path: Path
) -> None:
    """To the master alone, and to all as a terminal or a batch system does it."""
    out = tmp_path / "out"
    process = start(many, out)
    stderr = strike(process, out, state, number, group=group)
    assert process.returncode == code, stderr
    assert [line for line in stderr.splitlines() if " INFO " not in line] == [f"astromap: {word}"]
    assert not [name for name in names(out) if ".part" in name]
    assert_nothing_partial(out, whole)
    assert_resumes(many, out, whole)


STEPS = {
    "reading": "accepting.read_image",
    "combining": "coadd.combine_group",
    "map": "coaddproducts.write_partial_map",
    "times": "coaddproducts._write_timestamps",
    "manifest": "coadd.write_manifest",
    "table": "coadd.write_frame_table",
}


@pytest.mark.parametrize("step", STEPS)
def test_an_interrupt_at_any_step(
    step: str, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the second call of each step; what comes before is whole."""
    import importlib

    module, _, name = STEPS[step].partition(".")
    place = importlib.import_module(f"photomitrus_cli.wise.{module}")
    true, calls = getattr(place, name), []

    def interrupted(*args: object, **words: object) -> object:
        calls.append(1)
        if len(calls) == (1 if step == "table" else 2):
            raise KeyboardInterrupt
        return true(*args, **words)

    words = (survey(base), "-o", tmp_path, "--timestamps")
    with monkeypatch.context() as patch:
        patch.setattr(place, name, interrupted)
        done: Ran = coadd(*words)
    assert done.code == 130
    assert "Traceback" not in done.stderr
    assert not [found for found in names(tmp_path) if ".part" in found]
    n_whole = len(list(tmp_path.glob("*.manifest.json")))
    assert n_whole == {"reading": 0, "table": len(SCANS)}.get(step, 1)
    done = coadd(*words, "--resume")
    assert done.code == 0, done.stderr
    kept = [line for line in done.stdout.splitlines() if "up to date already" in line]
    assert len(kept) == bool(n_whole)
    times = {f"band_w3_orbit_{scan}_pixel_timestamps.csv" for scan in SCANS}
    assert names(tmp_path) == product_names(*SCANS) | times
    assert_same_maps(tmp_path, reference(base), *SCANS, moved=True)


def wait_for(process: subprocess.Popen[str], path: Path) -> None:
    end = time.monotonic() + 60.0
    while not path.exists():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.0005)


def test_two_runs_of_the_same_maps_do_not_mix(many: Path, whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = start(many, out)
    wait_for(first, out / f"{FIRST}.fits")
    first.send_signal(signal.SIGSTOP)
    for more in ("--resume", "--overwrite"):
        done = coadd(many, "-o", out, "--timestamps", more)
        assert done.code == 2
        assert "another run is writing this product" in done.error
    # One for a scan is a run of its own: the folder is shared, and maps replace each other whole.
    done = coadd(many, SCANS[1], "-o", out, "--timestamps", "--overwrite")
    assert done.code == 0, done.stderr
    first.send_signal(signal.SIGCONT)
    _, stderr = first.communicate(timeout=60)
    assert first.returncode == 0, stderr
    for path in whole.glob("*.fits"):
        assert_same_table(out / path.name, path)
    assert (out / "w3_frames.ecsv").read_bytes() == (whole / "w3_frames.ecsv").read_bytes()
    assert not [name for name in names(out) if name.startswith(".")]


def test_a_map_that_another_run_is_replacing(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table of frames is made of the manifests, of which one may be gone by then."""

    def late(*args: Any) -> None:
        (tmp_path / f"{SECOND}.manifest.json").unlink()
        write_frame_table(*args)

    with monkeypatch.context() as patch:
        patch.setattr("photomitrus_cli.wise.coadd.write_frame_table", late)
        done = coadd(survey(base), "-o", tmp_path)
    assert done.code == 1
    assert f"{SECOND}.manifest.json: is gone or was changed" in done.error
    assert not [name for name in names(tmp_path) if name.startswith(".") or name.endswith(".ecsv")]
    assert coadd(survey(base), "-o", tmp_path, "--resume").code == 0
    assert_same_maps(tmp_path, reference(base))
