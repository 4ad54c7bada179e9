"""Runs with every pass, killed in each of them: `--resume` makes the same product."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from truthkit.faultkit import (
    ALL_PASSES,
    PRODUCT,
    assert_same_masks,
    assert_same_product,
    deep_field,
    deep_reference,
    environment,
    mosaic,
    names,
    product_names,
    program,
)

pytestmark = pytest.mark.xdist_group("mosaic-interrupted")

WORK = ".ch1_mosaic.work"
MASKS = "ch1_rejected"


def checkpoint(prefix: str) -> Callable[[Path], bool]:
    return lambda out: any((out / WORK).glob(f"{prefix}_*.unit"))


# The first sign of some passes. All write their checkpoints in one way; what is made of those of each pass
# is seen below, where nothing is killed.
PASSES: dict[str, Callable[[Path], bool]] = {
    "frames": checkpoint("frames"),
    "levels": checkpoint("cells"),
    "rejection": checkpoint("clean"),
    "masks": lambda out: any((out / MASKS).glob("*.fits")),
}


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.getbasetemp()
    # Also compiles the kernels, so that a run is not compiling when it is to be killed.
    deep_reference(folder)
    return folder


def kill_in(name: str, field: Path, out: Path) -> None:
    """Start a run, and kill it with its workers as soon as a pass shows."""
    words = [program(), "irac", "mosaic", str(field), "-o", str(out), "--pixel-scale", "1.2", "-j", "2"]
    process = subprocess.Popen(
        [*words, *ALL_PASSES], env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    end = time.monotonic() + 60.0
    while not PASSES[name](out):
        assert process.poll() is None, f"ended before the pass '{name}'"
        assert time.monotonic() < end, f"never reached the pass '{name}'"
        time.sleep(0.0005)
    process.kill()
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("name", PASSES)
def test_a_run_killed_in_a_pass_is_resumed(name: str, base: Path, tmp_path: Path) -> None:
    field, out = deep_field(base), tmp_path / "out"
    kill_in(name, field, out)
    assert "ch1_mosaic.manifest.json" not in names(out)
    kept = {path.name: path.stat().st_mtime_ns for path in (out / WORK).glob("*.unit")}
    assert kept or name == "frames"
    if name == "masks":
        refused = mosaic(field, "-o", out, *ALL_PASSES)
        assert refused.code == 5
        assert "exists" in refused.error
    done = mosaic(field, "-o", out, *ALL_PASSES, "--resume")
    assert done.code == 0, done.stderr
    assert names(out) == product_names() | {MASKS}
    assert_same_product(out / PRODUCT, deep_reference(base) / PRODUCT)
    assert_same_masks(out, deep_reference(base))


def test_resume_repeats_only_what_is_missing(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped once all is combined; one checkpoint of every pass is then lost or damaged."""
    field, out = deep_field(base), tmp_path / "out"

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("photomitrus_cli.irac.assemble.inputs_unit", stop)
        assert mosaic(field, "-o", out, *ALL_PASSES).code == 130
        saved = {path.stem: path for path in (out / WORK).glob("*.unit")}
        prefixes = {name.partition("_")[0] for name in saved}
        assert prefixes == {"frames", "pattern", "revised", "cells", "stack", "clean", "tile"}
        lost = {min(name for name in saved if name.startswith(prefix)) for prefix in prefixes}
        for number, name in enumerate(sorted(lost)):
            if number % 2:
                saved[name].unlink()
            else:
                content = bytearray(saved[name].read_bytes())
                content[len(content) // 2] ^= 1
                saved[name].write_bytes(bytes(content))
        before = {name: path.stat().st_mtime_ns for name, path in saved.items() if path.exists()}
        assert mosaic(field, "-o", out, *ALL_PASSES, "--resume").code == 130
        after = {name: path.stat().st_mtime_ns for name, path in saved.items()}
    assert {name for name, when in after.items() if before.get(name) != when} == lost
    assert mosaic(field, "-o", out, *ALL_PASSES, "--resume").code == 0
    assert_same_product(out / PRODUCT, deep_reference(base) / PRODUCT)
    assert_same_masks(out, deep_reference(base))


def test_resume_on_a_complete_product_with_masks_touches_nothing(base: Path, tmp_path: Path) -> None:
    field, out = deep_field(base), tmp_path / "out"
    shutil.copytree(deep_reference(base), out)
    files = [path for path in out.rglob("*") if path.is_file()]
    before = {path: path.stat().st_mtime_ns for path in files}
    done = mosaic(field, "-o", out, *ALL_PASSES, "--resume")
    assert done.stdout.splitlines()[0] == "IRAC channel 1 mosaic: up to date"
    assert {path: path.stat().st_mtime_ns for path in files} == before
    mask = min((out / MASKS).iterdir())
    content = bytearray(mask.read_bytes())
    content[-3000] ^= 1
    mask.write_bytes(bytes(content))
    done = mosaic(field, "-o", out, *ALL_PASSES, "--resume")
    assert done.stdout.splitlines()[0] == "IRAC channel 1 mosaic: done"
    assert_same_masks(out, deep_reference(base))


@pytest.mark.parametrize(
    ("option", "value"),
    [("--reject-sigma", "6"), ("--combine", "weighted"), ("--pixfrac", "0.7"), ("--background", "mesh")],
)
def test_another_setting_is_another_product(option: str, value: str, base: Path, tmp_path: Path) -> None:
    field, out = deep_field(base), tmp_path / "out"
    shutil.copytree(deep_reference(base), out)
    content = (out / PRODUCT).read_bytes()
    kept = mosaic(field, "-o", out, *ALL_PASSES, "--resume")
    assert kept.stdout.splitlines()[0] == "IRAC channel 1 mosaic: up to date"
    done = mosaic(field, "-o", out, *ALL_PASSES, option, value, "--resume")
    assert done.stdout.splitlines()[0] == "IRAC channel 1 mosaic: done"
    assert (out / PRODUCT).read_bytes() != content


def test_half_a_mask_of_a_dead_worker_does_not_stay(base: Path, tmp_path: Path) -> None:
    from photomitrus_cli.io.atomic import _host

    part = tmp_path / "out" / MASKS / f".mask.{_host()}-999999999-01234567.part.fits"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"half")
    done = mosaic(deep_field(base), "-o", tmp_path / "out", *ALL_PASSES)
    assert done.code == 0, done.stderr
    assert not part.exists()
    assert_same_masks(tmp_path / "out", deep_reference(base))
