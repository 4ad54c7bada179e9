"""Killed, terminated and interrupted runs: nothing partial is trusted, `--resume` makes the same product."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from truthkit.faultkit import (
    N_FRAMES,
    PRODUCT,
    alive,
    assert_same_product,
    children,
    copy_field,
    edit,
    environment,
    frames,
    mosaic,
    names,
    product_names,
    program,
    small_field,
    small_reference,
)

from photomitrus_cli.irac.chunks import FRAMES_PER_CHUNK

pytestmark = pytest.mark.xdist_group("mosaic-interrupted")

WORK = ".ch1_mosaic.work"
# Of frames as read, and once more when their outliers are masked.
N_CHUNKS = -(-N_FRAMES // FRAMES_PER_CHUNK)
Ready = Callable[[Path], bool]
# Where a run is, told from outside.
STATES: dict[str, Ready] = {
    "start": lambda out: (out / WORK / "lock").exists(),
    "frames": lambda out: any((out / WORK).glob("frames_*.unit")),
    "tiles": lambda out: any((out / WORK).glob("tile_*.unit")),
    "writing": lambda out: any(out.glob(".ch1_mosaic.fits.*.part*")),
    "manifest": lambda out: (out / PRODUCT).exists(),
}


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


def start(field: Path, out: Path, *more: str) -> subprocess.Popen[str]:
    words = [
        program(),
        "irac",
        "mosaic",
        str(field),
        "-o",
        str(out),
        "--pixel-scale",
        "1.2",
        "-j",
        "2",
        *more,
    ]
    return subprocess.Popen(
        words,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A test run in the background of a shell ignores SIGINT, and its children would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads here
    )


def strike(process: subprocess.Popen[str], out: Path, state: str, number: int, *, group: bool) -> list[int]:
    """Wait for a state, send the signal, and give the workers that there were."""
    end = time.monotonic() + 60.0
    while not STATES[state](out):
        assert process.poll() is None, f"ended before the state '{state}'"
        assert time.monotonic() < end, f"never reached the state '{state}'"
        time.sleep(0.001)
    workers = children(process.pid)
    if group:
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    return workers


def assert_gone(workers: list[int], within_s: float) -> None:
    end = time.monotonic() + within_s
    while any(map(alive, workers)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not [pid for pid in workers if alive(pid)]


def assert_resumes(field: Path, out: Path, base: Path) -> None:
    done = mosaic(field, "-o", out, "--resume")
    assert done.code == 0, done.stderr
    assert names(out) == product_names()
    assert_same_product(out / PRODUCT, small_reference(base) / PRODUCT)


@pytest.mark.parametrize("state", ["tiles", "writing", "manifest"])
def test_a_killed_run_is_resumed(state: str, base: Path, tmp_path: Path) -> None:
    field, out = small_field(base), tmp_path / "out"
    process = start(field, out)
    workers = strike(process, out, state, signal.SIGKILL, group=False)
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL
    assert_gone(workers, 3.0)
    assert "ch1_mosaic.manifest.json" not in names(out)
    kept = {path.name for path in (out / WORK).glob("*.unit")}
    # The stack, and the tile that there is once the mosaic is being put together.
    assert len(kept) >= 2 * N_CHUNKS + (1 if state == "writing" else 2)
    if state == "writing":
        assert [name for name in names(out) if ".part" in name]
    if state == "manifest":
        refused = mosaic(field, "-o", out)
        assert refused.code == 5
    assert_resumes(field, out, base)


def test_resume_uses_what_is_there_and_repairs_what_is_damaged(base: Path, tmp_path: Path) -> None:
    field, out = small_field(base), tmp_path / "out"
    process = start(field, out)
    strike(process, out, "tiles", signal.SIGKILL, group=False)
    process.communicate(timeout=30)
    saved = {path.stem: path for path in (out / WORK).glob("*.unit")}
    content = bytearray(saved["clean_000000"].read_bytes())
    content[len(content) // 2] ^= 1
    saved["clean_000000"].write_bytes(bytes(content))
    last = max(name for name in saved if name.startswith("frames_"))
    saved[last].write_bytes(saved[last].read_bytes()[:1000])
    before = {name: path.stat().st_mtime_ns for name, path in saved.items()}
    (out / WORK / ".frames_000099.unit.0a1b2c-99999999-0a1b2c3d.part.unit").write_bytes(b"stale")
    seen = {}

    def look(*_: object, **__: object) -> None:
        seen.update({name: path.stat().st_mtime_ns for name, path in saved.items()})
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("photomitrus_cli.irac.assemble.inputs_unit", look)
        done = mosaic(field, "-o", out, "--resume")
    assert done.code == 130
    assert len(seen) == 2 * N_CHUNKS + 2
    assert {name for name in seen if seen[name] != before[name]} == {"clean_000000", last}
    assert_resumes(field, out, base)


@pytest.mark.parametrize(
    ("state", "number", "group", "code", "word"),
    [
        ("frames", signal.SIGTERM, False, 143, "terminated"),
        ("writing", signal.SIGTERM, True, 143, "terminated"),
        ("start", signal.SIGINT, True, 130, "interrupted"),
    ],
)
def test_signals_end_a_run_in_order(
    state: str, number: int, group: bool, code: int, word: str, base: Path, tmp_path: Path
) -> None:
    """To the master alone, and to all as a terminal or a batch system does it."""
    field, out = small_field(base), tmp_path / "out"
    process = start(field, out)
    workers = strike(process, out, state, number, group=group)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == code, stderr
    assert stdout == ""
    assert [line for line in stderr.splitlines() if " INFO " not in line] == [f"astromap: {word}"]
    assert_gone(workers, 3.0)
    assert names(out) == {WORK, "ch1_mosaic.failed.json"}
    record = json.loads((out / "ch1_mosaic.failed.json").read_text())
    assert (record["status"], record["exit_code"], record["error"]) == ("failed", code, "interrupted")
    assert not [path for path in (out / WORK).glob(".*") if f"-{process.pid}-" in path.name]
    assert_resumes(field, out, base)


def test_resume_on_a_complete_product_touches_nothing(base: Path, tmp_path: Path) -> None:
    field, out = small_field(base), tmp_path / "out"
    assert mosaic(field, "-o", out).code == 0
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in (out, *out.iterdir())}
    done = mosaic(field, "-o", out, "--resume", "--summary", tmp_path / "s.json")
    assert done.code == 0
    assert done.stderr == ""
    assert done.stdout.splitlines()[0] == "IRAC channel 1 mosaic: up to date"
    assert f"  frames: {N_FRAMES} used, 0 skipped, 0 failed" in done.stdout.splitlines()
    assert {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in (out, *out.iterdir())} == before
    summary = json.loads((tmp_path / "s.json").read_text())
    assert [unit["status"] for unit in summary["units"]] == ["used"] * N_FRAMES


def test_resume_remakes_what_is_not_as_recorded(base: Path, tmp_path: Path) -> None:
    field, out = copy_field(base, tmp_path / "field"), tmp_path / "out"
    assert mosaic(field, "-o", out).code == 0
    reference = small_reference(base) / PRODUCT

    def remakes(*more: str) -> None:
        done = mosaic(field, "-o", out, "--resume", *more)
        assert done.code == 0, done.stderr
        assert done.stdout.splitlines()[0] == "IRAC channel 1 mosaic: done"
        again = mosaic(field, "-o", out, "--resume", *more)
        assert again.stdout.splitlines()[0] == "IRAC channel 1 mosaic: up to date"

    content = bytearray((out / PRODUCT).read_bytes())
    content[50_000] ^= 1
    (out / PRODUCT).write_bytes(bytes(content))
    remakes()
    assert_same_product(out / PRODUCT, reference, moved=True)
    (out / "ch1_mosaic.png").unlink()
    (out / "ch1_mosaic.manifest.json").write_text("{}")
    remakes("--background", "none")
    with pytest.raises(AssertionError):
        assert_same_product(out / PRODUCT, reference, moved=True)
    edit(frames(field)[0], EXPTIME=0.4)
    remakes("--background", "none")


@pytest.mark.parametrize("harm", ["picture", "manifest", "left out"])
def test_resume_sees_what_is_missing_or_new(
    harm: str, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to the decision only: the work would start with the work folder."""
    field, out = copy_field(base, tmp_path / "field"), tmp_path / "out"
    shutil.copytree(small_reference(base), out)
    done = mosaic(small_field(base), "-o", out, "--resume")
    assert done.stdout.splitlines()[0] == "IRAC channel 1 mosaic: up to date"
    source = small_field(base)
    if harm == "picture":
        (out / "ch1_mosaic.png").unlink()
    elif harm == "manifest":
        (out / "ch1_mosaic.manifest.json").unlink()
    else:
        edit(frames(field)[0], EXPTIME=0.4)
        (field / "more").mkdir()
        frames(field)[0].rename(field / "more" / frames(field)[0].name)
        source = field / "more"

    def started(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("photomitrus_cli.irac.mosaic.under_way", started)
    inputs = [small_field(base), source] if harm == "left out" else [source]
    assert mosaic(*inputs, "-o", out, "--resume").code == 130


def test_resume_tries_failed_frames_again(base: Path, tmp_path: Path) -> None:
    field, out = copy_field(base, tmp_path / "field"), tmp_path / "out"
    victim = frames(field)[1]
    sound = victim.read_bytes()
    victim.write_bytes(sound[: len(sound) - 9000])
    assert mosaic(field, "-o", out, "--keep-going").code == 6
    assert mosaic(field, "-o", out, "--resume", "--keep-going").code == 6
    assert mosaic(field, "-o", out, "--resume").code == 3
    assert json.loads((out / "ch1_mosaic.manifest.json").read_text())["status"] == "partial"
    victim.write_bytes(sound)
    done = mosaic(field, "-o", out, "--resume")
    assert done.code == 0
    assert_same_product(out / PRODUCT, small_reference(base) / PRODUCT, moved=True)


def test_two_runs_of_one_product_do_not_mix(base: Path, tmp_path: Path) -> None:
    field, out = small_field(base), tmp_path / "out"
    process = start(field, out)
    strike(process, out, "frames", signal.SIGSTOP, group=False)
    done = mosaic(field, "-o", out)
    assert done.code == 2
    assert "another run is writing this product" in done.error
    process.send_signal(signal.SIGCONT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    assert_same_product(out / PRODUCT, small_reference(base) / PRODUCT)
