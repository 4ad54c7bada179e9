"""`mpiexec -n N astromap irac mosaic`: the same product, and every failure ends the whole job."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from truthkit.faultkit import (
    ALL_PASSES,
    PRODUCT,
    Ran,
    alive,
    assert_same_masks,
    assert_same_product,
    children,
    copy_field,
    deep_field,
    deep_reference,
    environment,
    frames,
    mosaic,
    names,
    product_names,
    program,
    run_program,
    small_field,
    small_reference,
)

pytest.importorskip("mpi4py")
pytestmark = [
    pytest.mark.mpi,
    pytest.mark.xdist_group("mpi"),
    pytest.mark.skipif(not Path(program("mpiexec")).exists(), reason="mpiexec is not installed"),
]

MISBEHAVE = """
import os, sys, time
import click
from photomitrus_cli.cli import _launch

def explode(unit):
    if unit == 1:
        raise RuntimeError("boom")
    time.sleep(0.1)

def die(unit):
    os._exit(9)

@click.command()
@click.pass_context
def command(ctx):
    if sys.argv[1] == "master":
        raise RuntimeError("boom")
    ctx.obj.run({"explode": explode, "die": die}[sys.argv[1]], list(range(4)), keep_going=True)

if __name__ == "__main__":
    sys.exit(_launch(command, "astromap", []))
"""


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


def ranks(number: int, *words: object, timeout: float = 120.0) -> Ran:
    return run_program(program("mpiexec"), "-n", number, *words, timeout=timeout)


def mpi_mosaic(number: int, *words: object) -> Ran:
    return ranks(number, program(), "irac", "mosaic", "--pixel-scale", "1.2", *words)


def test_ranks_give_the_same_product(base: Path, tmp_path: Path) -> None:
    done = mpi_mosaic(2, small_field(base), "-o", tmp_path / "out")
    assert done.code == 0, done.stderr
    assert done.stdout.splitlines()[0] == "IRAC channel 1 mosaic: done"
    assert done.stdout.count("IRAC channel 1 mosaic") == 1
    assert names(tmp_path / "out") == product_names()
    assert_same_product(tmp_path / "out" / PRODUCT, small_reference(base) / PRODUCT)


def test_every_pass_gives_the_same_product_on_ranks(base: Path, tmp_path: Path) -> None:
    done = mpi_mosaic(3, deep_field(base), "-o", tmp_path / "out", *ALL_PASSES)
    assert done.code == 0, done.stderr
    assert names(tmp_path / "out") == product_names() | {"ch1_rejected"}
    assert_same_product(tmp_path / "out" / PRODUCT, deep_reference(base) / PRODUCT)
    assert_same_masks(tmp_path / "out", deep_reference(base))


def test_a_broken_frame_ends_the_job_with_its_exit_code(base: Path, tmp_path: Path) -> None:
    """Broken where only a worker sees it: the data."""
    field = copy_field(base, tmp_path / "field")
    victim = frames(field)[4]
    content = bytearray(victim.read_bytes())
    victim.write_bytes(bytes(content[:-3000]))
    start = time.monotonic()
    done = mpi_mosaic(3, field, "-o", tmp_path / "out")
    assert done.code == 3, done.stderr
    assert victim.name in done.error
    assert time.monotonic() - start < 60.0
    assert not names(tmp_path / "out") & product_names()


def test_keep_going_under_mpi_is_exit_code_6_with_the_product(base: Path, tmp_path: Path) -> None:
    field = copy_field(base, tmp_path / "field")
    frames(field)[4].write_bytes(b"")
    done = mpi_mosaic(2, field, "-o", tmp_path / "out", "--keep-going")
    assert done.code == 6, done.stderr
    assert "5 used, 0 skipped, 1 failed" in done.stdout
    assert names(tmp_path / "out") == product_names()


@pytest.mark.parametrize(
    ("how", "said"), [("explode", "RuntimeError: boom"), ("master", "RuntimeError: boom")]
)
def test_an_unexpected_failure_ends_the_job_with_1(how: str, said: str, tmp_path: Path) -> None:
    script = tmp_path / "misbehave.py"
    script.write_text(MISBEHAVE)
    done = ranks(3, sys.executable, script, how, timeout=60.0)
    assert done.code == 1, done.stderr
    assert f"astromap: unexpected failure: {said}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_rank_that_dies_ends_the_job(tmp_path: Path) -> None:
    script = tmp_path / "misbehave.py"
    script.write_text(MISBEHAVE)
    done = ranks(3, sys.executable, script, "die", timeout=60.0)
    assert done.code != 0


def test_terminating_mpiexec_ends_every_rank_and_keeps_the_work(base: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = [program("mpiexec"), "-n", "3", program(), "irac", "mosaic", "--pixel-scale", "1.2"]
    process = subprocess.Popen(
        [*words, str(small_field(base)), "-o", str(out)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    work = out / ".ch1_mosaic.work"
    while not any(work.glob("frames_*.unit")):
        assert process.poll() is None
        time.sleep(0.002)
    started = children(process.pid)
    process.terminate()
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 143
    assert "astromap: terminated" in stderr
    assert not names(out) & product_names()
    time.sleep(0.5)
    assert len(started) >= 3
    assert not [pid for pid in started if alive(pid)]
    done = mosaic(small_field(base), "-o", out, "--resume")
    assert done.code == 0, done.stderr
    assert_same_product(out / PRODUCT, small_reference(base) / PRODUCT)


@pytest.mark.parametrize(
    ("words", "code"),
    [(["irac", "mosaic", "--channel", "9"], 2), (["irac", "--help"], 0), (["--version"], 0)],
)
def test_usage_under_mpi_is_said_once(words: list[str], code: int) -> None:
    done = ranks(2, program(), *words, timeout=60.0)
    assert done.code == code
    assert done.stdout.count("Usage") + done.stderr.count("Usage") <= 1
    assert done.stdout.count("version") <= 1
