"""Failing writes of `wise coadd`: one clear line, exit code 1, nothing partial in place."""

from __future__ import annotations

import resource
import subprocess
from pathlib import Path

import pytest
from truthkit.faultkit import Ran, environment, names, program
from truthkit.wisefaults import (
    SCANS,
    TABLE,
    assert_same_maps,
    coadd,
    product_names,
    reference,
    survey,
)

from photomitrus_cli.errors import WriteError

pytestmark = pytest.mark.xdist_group("wise-coadd-faults")


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp()


@pytest.mark.parametrize("name", ["out", "out/below"])
def test_a_file_in_the_place_of_the_folder(name: str, base: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    done = coadd(survey(base), "-o", tmp_path / name)
    assert done.code == 1
    assert f"{tmp_path / name}: cannot be written" in done.error
    assert (tmp_path / "out").read_text() == "a file"
    everything = tmp_path / "out" / "all.fits"
    assert coadd(survey(base), "-o", tmp_path / "new", "--all-scans-map", everything).code == 1
    assert not list((tmp_path / "new").glob("*.fits"))


def test_a_folder_in_the_place_of_a_map(base: Path, tmp_path: Path) -> None:
    (tmp_path / f"w3_{SCANS[2]}.fits").mkdir()
    done = coadd(survey(base), "-o", tmp_path, "--overwrite")
    assert done.code == 1
    assert "is a folder" in done.error
    assert names(tmp_path) == {f"w3_{SCANS[2]}.fits"}


def test_a_folder_that_cannot_be_written(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "touch", refuse)
    done = coadd(survey(base), "-o", tmp_path)
    assert done.code == 1
    assert done.error == f"astromap: error: {tmp_path}: cannot be written: Read-only file system"
    assert names(tmp_path) == set()


@pytest.mark.parametrize("stopped", ["map", "manifest"])
def test_a_full_disk(stopped: str, base: Path, tmp_path: Path) -> None:
    """The limit on the size of files stops every file that is larger; --keep-going makes no difference."""
    out, first = tmp_path / "out", reference(base) / f"w3_{SCANS[0]}.fits"
    where = f"w3_{SCANS[0]}.fits" if stopped == "map" else f"w3_{SCANS[0]}.manifest.json"
    limit = first.stat().st_size - 1
    if stopped == "manifest":
        others = (first, first.with_name(f"w3_{SCANS[0]}.config.yaml"))
        # The configuration names folders, whose names may be longer here.
        limit = max(path.stat().st_size for path in others) + 500
        assert first.with_name(where).stat().st_size > limit
    words = (program(), "wise", "coadd", "--frames", survey(base) / TABLE, "--nside", 64, "--no-pictures")
    done = subprocess.run(
        [str(word) for word in (*words, "-o", out, "-j", 2, "--keep-going")],
        env=environment(NUMBA_DISABLE_PERFORMANCE_WARNINGS="1"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    line = Ran(done.returncode, done.stdout, done.stderr).error
    assert where in line
    assert "cannot be written: File too large" in line
    left = names(out) - {f"w3_{SCANS[0]}.failed.json"}
    assert not {name for name in left if name.startswith(f"w3_{SCANS[0]}.")}
    assert "w3_frames.ecsv" not in left
    assert not [path for path in out.rglob("*.part*") if path.is_file()]
    again = coadd(survey(base), "-o", out, "--resume")
    assert again.code == 0, again.stderr
    assert names(out) == product_names(*SCANS)
    assert_same_maps(out, reference(base))


WRITERS = {
    "map": "coaddproducts.write_partial_map",
    "manifest": "coadd.write_manifest",
    "table": "coadd.write_frame_table",
    "everything": "everything.write_partial_map",
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_failing_write_leaves_nothing_that_looks_whole(
    writer: str, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    words = (survey(base), "-o", out, "--all-scans-map", out / "all.fits")

    def fail(*_: object, **__: object) -> None:
        raise WriteError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(f"photomitrus_cli.wise.{WRITERS[writer]}", fail)
        done = coadd(*words)
    assert done.code == 1
    assert "the disk is full" in done.error
    made = {"map": set(), "manifest": set()}.get(writer, set(SCANS))
    assert {path.name for path in out.glob("*.manifest.json")} == {
        f"w3_{scan}.manifest.json" for scan in made
    }
    done = coadd(*words, "--resume")
    assert done.code == 0, done.stderr
    assert names(out) == product_names(*SCANS) | {"all.fits", "all.manifest.json", "all.config.yaml"}
    assert_same_maps(out, reference(base))


def test_unfinished_files_of_dead_runs_are_removed(base: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    from photomitrus_cli.io.atomic import _host

    stale = tmp_path / f".w3_{SCANS[0]}.fits.{_host()}-{process.pid}-0a1b2c3d.part.fits"
    stale.write_bytes(b"half")
    (tmp_path / "mine.part").write_bytes(b"kept")
    assert coadd(survey(base), "-o", tmp_path).code == 0
    assert names(tmp_path) == product_names(*SCANS) | {"mine.part"}
