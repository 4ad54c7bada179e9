"""Killed, terminated and interrupted runs of `irac phot`: `--resume` gives the same tables."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from truthkit.faultkit import alive, children, environment, names, program
from truthkit.photkit import PRODUCTS, SMALL, SMALL_APERTURE, TABLES, TARGET, measured, series, take

pytestmark = pytest.mark.xdist_group("phot-interrupted")

N_MANY = 80
WORK = ".run1.work"


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("many")
    take(base, *series(N_MANY, SMALL))
    return base


@pytest.fixture(scope="module")
def reference(many: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("reference")
    done = measured(many, "-o", out, *SMALL_APERTURE)
    assert done.code == 0, done.stderr
    return out


def start(many: Path, out: Path, jobs: int = 2) -> subprocess.Popen[str]:
    words = [program(), "irac", "phot", str(many), "--target", TARGET, *SMALL_APERTURE]
    return subprocess.Popen(
        [*words, "-o", str(out), "-j", str(jobs)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A test run in the background of a shell ignores SIGINT, and its children would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads here
    )


STATES: dict[str, Callable[[Path], bool]] = {
    "frames": lambda out: any((out / WORK).glob("frames_*.unit")),
    "tables": lambda out: (out / TABLES[0]).exists(),
}


def strike(process: subprocess.Popen[str], out: Path, state: str, number: int) -> list[int]:
    """Wait for a state, send the signal to the whole session, and give the workers that there were."""
    end = time.monotonic() + 120.0
    while not STATES[state](out):
        assert process.poll() is None, f"ended before the state '{state}'"
        assert time.monotonic() < end, f"never reached the state '{state}'"
        time.sleep(0.0005)
    workers = children(process.pid)
    os.killpg(process.pid, number)
    process.communicate(timeout=30)
    return workers


def assert_resumes(many: Path, out: Path, reference: Path) -> None:
    done = measured(many, "-o", out, *SMALL_APERTURE, "--resume")
    assert done.code == 0, done.stderr
    assert names(out) == PRODUCTS
    for name in TABLES:
        assert (out / name).read_bytes() == (reference / name).read_bytes()


@pytest.mark.parametrize("state", STATES)
def test_a_killed_run_is_resumed(state: str, many: Path, reference: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = start(many, out)
    strike(process, out, state, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert "run1.manifest.json" not in names(out)
    kept = {path.name: path.stat().st_mtime_ns for path in (out / WORK).glob("frames_*.unit")}
    assert kept
    seen = {}

    def look(*_: object) -> None:
        seen.update({path.name: path.stat().st_mtime_ns for path in (out / WORK).glob("frames_*.unit")})
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("photomitrus_cli.irac.phot._reduce", look)
        assert measured(many, "-o", out, *SMALL_APERTURE, "--resume").code == 130
    assert {name: seen[name] for name in kept} == kept
    assert len(seen) == N_MANY // 16
    assert_resumes(many, out, reference)


def test_a_signal_ends_a_run_in_order(many: Path, reference: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = start(many, out)
    workers = strike(process, out, "frames", signal.SIGTERM)
    assert process.returncode == 143
    end = time.monotonic() + 3.0
    while any(map(alive, workers)) and time.monotonic() < end:
        time.sleep(0.05)
    assert not [pid for pid in workers if alive(pid)]
    assert names(out) == {WORK, "run1.failed.json"}
    assert json.loads((out / "run1.failed.json").read_text())["exit_code"] == 143
    assert_resumes(many, out, reference)


def test_a_damaged_checkpoint_is_made_again(many: Path, reference: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "photomitrus_cli.irac.phot._reduce", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        assert measured(many, "-o", out, *SMALL_APERTURE).code == 130
    units = sorted((out / WORK).glob("frames_*.unit"))
    assert len(units) == N_MANY // 16
    content = bytearray(units[0].read_bytes())
    content[len(content) // 2] ^= 1
    units[0].write_bytes(bytes(content))
    units[1].write_bytes(units[1].read_bytes()[:500])
    assert_resumes(many, out, reference)


# Enough for no checkpoint, and for checkpoints but not for the table of images.
@pytest.mark.parametrize(("limit", "where"), [(2_000, "frames_0"), (0, TABLES[0])])
def test_a_full_disk(limit: int, where: str, many: Path, reference: Path, tmp_path: Path) -> None:
    """The limit on the size of files stops every file that is larger, in the workers as well."""
    out = tmp_path / "out"
    words = [program(), "irac", "phot", str(many), "--target", TARGET, *SMALL_APERTURE, "-o", str(out)]
    if not limit:
        limit = (reference / TABLES[0]).stat().st_size - 100
    done = subprocess.run(
        [*words, "-j", "2"],
        env=environment(NUMBA_DISABLE_PERFORMANCE_WARNINGS="1"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    # The record of the failure, with all of its frames, does not fit either, and that is said.
    [line] = [line for line in done.stderr.splitlines() if line.startswith("astromap: ")]
    assert "Traceback" not in done.stderr
    assert where in line
    assert "cannot be written: File too large" in line
    assert not names(out) & {*TABLES, "run1.manifest.json"}
    assert not [path for path in out.rglob("*.part*") if path.is_file()]
    assert_resumes(many, out, reference)


def test_two_runs_of_one_product_do_not_mix(many: Path, reference: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = start(many, out)
    end = time.monotonic() + 120.0
    while not STATES["frames"](out):
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.0005)
    process.send_signal(signal.SIGSTOP)
    done = measured(many, "-o", out, *SMALL_APERTURE)
    assert done.code == 2
    assert "another run is writing this product" in done.error
    process.send_signal(signal.SIGCONT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    for name in TABLES:
        assert (out / name).read_bytes() == (reference / name).read_bytes()
