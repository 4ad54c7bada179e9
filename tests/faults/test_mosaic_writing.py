"""What cannot be written: one line, exit code 1, nothing partial in place, the old product whole."""

from __future__ import annotations

import json
import resource
import subprocess
from pathlib import Path

import pytest
from truthkit.faultkit import (
    PRODUCT,
    assert_same_product,
    environment,
    hashes,
    mosaic,
    names,
    product_names,
    program,
    small_field,
    small_reference,
)

from photomitrus_cli.errors import WriteError

pytestmark = pytest.mark.xdist_group("mosaic-writing")


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


# Enough for nothing, and for every checkpoint (up to 5 MB) but not for the mosaic (11 MB).
@pytest.mark.parametrize(("limit", "where"), [(100_000, "frames_0"), (7_000_000, PRODUCT)])
def test_a_full_disk(limit: int, where: str, base: Path, tmp_path: Path) -> None:
    """The limit on the size of files stops every file that is larger, in the workers as well."""
    out = tmp_path / "out"
    # Kernels are compiled by then: their cache would be too large as well.
    small_reference(base)
    words = [
        program(),
        "irac",
        "mosaic",
        str(small_field(base)),
        "-o",
        str(out),
        "--pixel-scale",
        "0.5",
        "-j",
        "2",
    ]
    done = subprocess.run(
        words,
        env=environment(NUMBA_DISABLE_PERFORMANCE_WARNINGS="1"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    [line] = [line for line in done.stderr.splitlines() if " INFO " not in line]
    assert line.startswith("astromap: error: ")
    assert where in line
    assert "cannot be written: File too large" in line
    assert done.stdout == ""
    assert not names(out) & product_names()
    assert not [path for path in out.rglob("*.part*") if path.is_file()]
    assert json.loads((out / "ch1_mosaic.failed.json").read_text())["exit_code"] == 1


@pytest.mark.parametrize("writer", ["finish", "draw_mosaic", "write_manifest"])
def test_a_failing_write_leaves_the_old_product(
    writer: str, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    assert mosaic(small_field(base), "-o", out, "--background", "none").code == 0
    before = hashes(out)

    def fail(*_: object, **__: object) -> None:
        raise (
            OSError(28, "No space left on device")
            if writer == "draw_mosaic"
            else WriteError("the disk is full")
        )

    place = {
        "finish": "photomitrus_cli.irac.assemble.StreamedFits.finish",
        "draw_mosaic": "truthkit.faultkit.token_picture",
        "write_manifest": "photomitrus_cli.irac.mosaic.write_manifest",
    }[writer]
    with monkeypatch.context() as patch:
        patch.setattr(place, fail)
        done = mosaic(small_field(base), "-o", out, "--overwrite")
    assert done.code == 1
    assert "No space left" in done.error or "disk is full" in done.error
    after = hashes(out)
    assert not [name for name in after if ".part" in name]
    if writer == "write_manifest":
        # The new files are in place and the old manifest does not fit them: nobody takes them for complete.
        again = mosaic(small_field(base), "-o", out, "--background", "none", "--resume")
        assert again.stdout.splitlines()[0] == "IRAC channel 1 mosaic: done"
    else:
        assert {name: after[name] for name in before} == before
    done = mosaic(small_field(base), "-o", out, "--resume")
    assert done.code == 0
    assert_same_product(out / PRODUCT, small_reference(base) / PRODUCT)
    assert names(out) == product_names()


def test_a_failing_run_with_overwrite_leaves_the_old_product(base: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for path in small_reference(base).iterdir():
        (out / path.name).write_bytes(path.read_bytes())
    before = hashes(out)
    done = mosaic(small_field(base), "-o", out, "--overwrite", "--center", "10 10", "--size", "1 1")
    assert done.code == 4
    assert {name: value for name, value in hashes(out).items() if name in before} == before
    assert json.loads((out / "ch1_mosaic.failed.json").read_text())["exit_code"] == 4


@pytest.mark.parametrize("name", ["out", "out/below"])
def test_a_file_in_the_place_of_the_folder(name: str, base: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    done = mosaic(small_field(base), "-o", tmp_path / name)
    assert done.code == 1
    assert f"{tmp_path / name}: cannot be written" in done.error
    assert "INFO" not in done.stderr
    assert (tmp_path / "out").read_text() == "a file"


def test_a_folder_that_cannot_be_written(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "touch", refuse)
    done = mosaic(small_field(base), "-o", tmp_path)
    assert done.code == 1
    assert done.error == f"astromap: error: {tmp_path}: cannot be written: Read-only file system"
    assert names(tmp_path) == set()


def test_too_little_space_is_found_out_before_the_work(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 1000

    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage)
    done = mosaic(small_field(base), "-o", tmp_path)
    assert done.code == 1
    assert "GB are needed" in done.error
    assert names(tmp_path) == set()


def test_a_file_in_the_place_of_the_work_folder(base: Path, tmp_path: Path) -> None:
    (tmp_path / ".ch1_mosaic.work").write_text("a file")
    done = mosaic(small_field(base), "-o", tmp_path)
    assert done.code == 1
    assert ".ch1_mosaic.work: cannot be written" in done.error


def test_a_link_in_the_place_of_the_work_folder(base: Path, tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    out.mkdir()
    (data / "mine.txt").write_text("years of work")
    (out / ".ch1_mosaic.work").symlink_to(data)
    done = mosaic(small_field(base), "-o", out)
    assert done.code == 1
    work = out / ".ch1_mosaic.work"
    assert done.error == f"astromap: error: {work}: is a symbolic link, not a work folder (remove the link)"
    assert [path.name for path in data.iterdir()] == ["mine.txt"]


def test_unfinished_files_of_dead_runs_are_removed(base: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    from photomitrus_cli.io.atomic import _host

    stale = tmp_path / f".{PRODUCT}.{_host()}-{process.pid}-0a1b2c3d.part.fits"
    stale.write_bytes(b"half")
    (tmp_path / "mine.part").write_bytes(b"kept")
    assert mosaic(small_field(base), "-o", tmp_path).code == 0
    assert names(tmp_path) == product_names() | {"mine.part"}
