"""The doctor tells what is broken, absent or worth knowing, and is not broken by it."""

from __future__ import annotations

import importlib.metadata
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from photomitrus_cli import doctor
from photomitrus_cli.imaging.jit import cache_folder
from photomitrus_cli.run import probe, requirements
from photomitrus_cli.run.places import content, look_at
from photomitrus_cli.run.requirements import Finding


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Finding]]:
    """Look at packages as if these versions were installed, and these imports failed."""

    def look(
        asked: list[str], versions: dict[str, str], failed: dict[str, str] | None = None
    ) -> list[Finding]:
        def version(name: str) -> str:
            if name not in versions:
                raise importlib.metadata.PackageNotFoundError(name)
            return versions[name]

        monkeypatch.setattr(importlib.metadata, "requires", lambda _: asked)
        monkeypatch.setattr(importlib.metadata, "version", version)
        monkeypatch.setattr(requirements, "failed_imports", lambda _: failed or {})
        return list(requirements.packages("astromap"))

    return look


def test_packages_are_missing_old_unimportable_or_fine(installed: Callable[..., list[Finding]]) -> None:
    found = installed(
        ["numpy>=2.0", "scipy>=1.14", "PyYAML>=6.0", "sep>=1.4.0", "click>=8.2"],
        {"numpy": "2.10.1rc1", "scipy": "1.9.3", "pyyaml": "6.0", "sep": "1.4"},
        {"yaml": "ImportError: cut off"},
    )
    told = {one.name: (one.status, one.value) for one in found}
    assert told == {
        "click": ("broken", "not installed"),
        "numpy": ("ok", "2.10.1rc1"),
        "pyyaml": ("broken", "6.0 cannot be imported: ImportError: cut off"),
        "scipy": ("broken", "1.9.3, older than 1.14"),
        "sep": ("ok", "1.4"),
    }
    assert next(one.hint for one in found if one.name == "scipy") == (
        "pip install --force-reinstall 'scipy>=1.14'"
    )


def test_extras_are_optional_and_those_of_developers_are_not_told(
    installed: Callable[..., list[Finding]],
) -> None:
    asked = ['mpi4py>=4.0; extra == "mpi"', "astroquery>=0.4.7 ; extra == 'online'", 'ruff; extra == "dev"']
    found = installed(asked, {"mpi4py": "4.1.2"})
    assert [(one.name, one.status) for one in found] == [("mpi4py", "ok"), ("astroquery", "absent")]
    assert "astromap[online]" in found[1].hint


def test_imports_that_fail_or_crash_are_told_apart_from_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bad_one.py").write_text("raise ValueError('numpy has the wrong size')\n")
    (tmp_path / "bad_two.py").write_text("import os\nos.abort()\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    failed = probe.failed_imports(["json", "bad_one", "csv", "bad_two", "no_such_module", "re"])
    assert list(failed) == ["bad_one", "bad_two", "no_such_module"]
    assert failed["bad_one"] == "ValueError: numpy has the wrong size"
    assert "code -6" in failed["bad_two"]
    assert "no_such_module" in failed["no_such_module"]


def test_a_probe_takes_no_part_in_a_job_sees_no_files_of_the_folder_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PMI_RANK", "1")
    (tmp_path / "colorsys.py").write_text("raise SystemExit(3)\n")
    assert probe.try_code("import os, colorsys; print(os.environ.get('PMI_RANK'))") == (True, "None")
    ended, said = probe.try_code("print('begun', flush=True); import time; time.sleep(60)", seconds=1.0)
    assert not ended
    assert said.splitlines() == ["begun", "no end within 1 s"]


def test_folders_are_tried_without_being_made(tmp_path: Path) -> None:
    place = look_at(tmp_path / "a" / "b")
    assert place.problem == ""
    assert place.free_bytes > 0
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_bytes(b"12345")
    assert look_at(tmp_path / "file").problem
    assert content(tmp_path) == (1, 5)
    assert content(tmp_path / "none") == (0, 0)


def test_a_wrong_setting_is_broken_and_names_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    cache = tmp_path / "kept"
    (tmp_path / "astromap.yaml").write_text(f"prime:\n  stack:\n    refcat_cache: {cache}\n")
    found = {one.name: one for one in doctor._settings()}
    assert found["configuration"].value == "astromap.yaml"
    assert found["catalogues"].value.startswith(f"{cache}: 0 files")
    (tmp_path / "astromap.yaml").write_text("irac:\n  mosaic:\n    chanel: 2\n")
    (wrong,) = doctor._settings()
    assert wrong.status == "broken"
    assert "chanel" in wrong.value


def test_what_the_machine_lacks_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "available_memory", lambda: 300_000_000)
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    found = {one.name: one for one in doctor._machine()}
    assert (found["memory"].status, found["memory"].value) == ("note", "300.0 MB free")
    assert found["threads of a worker"].status == "note"
    assert "OMP_NUM_THREADS=8" in found["threads of a worker"].value


def test_a_missing_mpi_library_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "version_of", lambda _: "4.1")
    monkeypatch.setattr(doctor, "try_code", lambda _: (False, "RuntimeError: cannot load MPI library"))
    (found,) = doctor._mpi()
    assert (found.status, found.value) == ("absent", "RuntimeError: cannot load MPI library")


def test_kernels_that_cannot_be_compiled_are_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "try_code", lambda _: (False, "OSError: no LLVM"))
    (found,) = doctor._kernels()
    assert (found.name, found.status) == ("kernels", "broken")


def test_only_kernels_of_other_versions_may_be_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that the user has chosen holds other things, too."""
    monkeypatch.setattr(doctor, "try_code", lambda _: (True, ""))
    monkeypatch.setattr(doctor, "_LITTLE_DISK", 40)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    for name in ("photographs", "catalogues", "2024-holidays", cache_folder().name):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(bytes(1000))
    assert [one.name for one in doctor._kernels()] == ["kernels"]
    for name in ("0.0.9-0a1b2c3d", "0.1.0.dev0-99999999"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(bytes(2_000_000))
    (_, old) = doctor._kernels()
    assert (old.name, old.value) == ("old kernels", f"4.0 MB of other versions in {tmp_path}")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert look_at(tmp_path / "below").problem == "Permission denied"


def test_parts_that_need_a_broken_package_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_numba(_: str) -> Iterator[Finding]:
        yield Finding("packages", "numba", "broken", "not installed")

    monkeypatch.setattr(doctor, "packages", without_numba)
    monkeypatch.setattr(doctor, "_mpi", lambda: iter(()))
    monkeypatch.setattr(doctor, "_kernels", lambda: pytest.fail("needs numba"))
    assert "kernels" not in {one.name for one in doctor.examine()}
