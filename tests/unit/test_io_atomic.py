"""Atomic writing: the whole new file or the old one, the right mode, links kept, inputs safe."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import signal
import stat
import subprocess
import sys
import textwrap
import zlib
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from photomitrus_cli.errors import ConfigError, InputError, WriteError
from photomitrus_cli.io import atomic
from photomitrus_cli.io.atomic import (
    atomic_path,
    check_folder,
    crc32_file,
    refuse_overwriting_inputs,
    remove_stale_parts,
    write_bytes,
    write_json,
    write_text,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("map.fits", ".part.fits"),
        ("map.fits.gz", ".part.fits.gz"),
        ("coadd.J-J.00000001-00000009.C1.fits.fz", ".part.fits.fz"),
        ("log", ".part"),
        ("n" * 250 + ".csv", ".part.csv"),
    ],
)
def test_part_is_hidden_beside_the_final_file_and_keeps_its_suffix(
    tmp_path: Path, name: str, suffix: str
) -> None:
    with atomic_path(tmp_path / name) as part:
        assert part.parent == tmp_path
        assert part.name.startswith(f".{name[:100]}")
        assert part.name.endswith(suffix)
        assert not part.exists()
        part.write_bytes(b"new")
    assert names(tmp_path) == [name]
    assert (tmp_path / name).read_bytes() == b"new"


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077, 0o002])
def test_mode_is_that_of_the_umask(tmp_path: Path, umask: int) -> None:
    old = os.umask(umask)
    try:
        write_text(tmp_path / "new", "x")
        (tmp_path / "old").touch(mode=0o600)
        write_text(tmp_path / "old", "x")
    finally:
        os.umask(old)
    for name in ("new", "old"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o666 & ~umask


def fail_half_way(part: Path, failure: type[BaseException]) -> None:
    part.write_text("half")
    raise failure("stop")


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit, WriteError])
def test_failure_keeps_the_old_file_and_removes_the_part(
    tmp_path: Path, failure: type[BaseException]
) -> None:
    final = tmp_path / "a.txt"
    final.write_text("old")
    with pytest.raises(failure), atomic_path(final) as part:
        fail_half_way(part, failure)
    assert names(tmp_path) == ["a.txt"]
    assert final.read_text() == "old"


def test_nothing_written_is_an_error(tmp_path: Path) -> None:
    with (
        pytest.raises(WriteError, match=r"a\.txt: cannot be written: No such file"),
        atomic_path(tmp_path / "a.txt"),
    ):
        pass


def test_symbolic_link_is_kept_and_its_target_replaced(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "real.txt").write_text("old")
    link = tmp_path / "link.txt"
    link.symlink_to(Path("store") / "real.txt")
    write_text(link, "new")
    assert link.is_symlink()
    assert (tmp_path / "store" / "real.txt").read_text() == "new"
    assert names(tmp_path / "store") == ["real.txt"]


def test_dangling_link_makes_its_target_and_a_loop_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "target").read_text() == "new"
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(WriteError, match="leads nowhere"):
        write_text(tmp_path / "loop", "x")


def test_no_folder_and_a_folder_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    cases = {"absent/a": "No such file", "folder": "is a folder", "file/a": "Not a directory"}
    for name, cause in cases.items():
        with pytest.raises(WriteError, match=f"{name}.*{cause}"):
            write_bytes(tmp_path / name, b"x")
    assert names(tmp_path) == ["file", "folder"]


@pytest.mark.parametrize("code", [errno.EROFS, errno.ENOSPC, errno.EACCES, errno.EIO])
def test_system_errors_name_file_and_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(_handle: int) -> None:
        raise OSError(code, os.strerror(code))

    final = tmp_path / "a.txt"
    final.write_text("old")
    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(WriteError, match=f"a.txt: cannot be written: {os.strerror(code)}") as caught:
        write_text(final, "new")
    assert caught.value.exit_code == 1
    assert final.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_read_only_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object, *_args: object, **_options: object) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(WriteError, match=r"a\.txt: cannot be written: Read-only file system"):
        write_text(tmp_path / "a.txt", "new")


def test_file_and_folder_are_synchronised_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def record(handle: int) -> None:
        seen.append(
            "folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else f"file {names(tmp_path) == ['a']}"
        )

    monkeypatch.setattr(os, "fsync", record)
    write_text(tmp_path / "a", "x")
    assert seen == ["file False", "folder"]


def test_disk_full(tmp_path: Path) -> None:
    """A process that may write 64 kB a file: the old product stays, no part is left, the error is clear."""
    (tmp_path / "map.fits").write_bytes(b"old")
    code = f"""
        import resource, signal
        from pathlib import Path
        import sys
        import numpy as np
        from astropy.io import fits
        from photomitrus_cli.io.atomic import write_bytes
        from photomitrus_cli.io.fitswrite import write_fits
        from photomitrus_cli.errors import WriteError

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, resource.RLIM_INFINITY))
        hdus = fits.HDUList([fits.PrimaryHDU(np.zeros((200, 200)))])
        for write, content in ((write_bytes, bytes(10**6)), (write_fits, hdus)):
            try:
                write(Path({str(tmp_path / "map.fits")!r}), content)
            except WriteError as error:
                sys.stdout.write(str(error) + chr(10))
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True, timeout=60
    )
    first, second = run.stdout.splitlines()
    assert first == f"{tmp_path / 'map.fits'}: cannot be written: File too large"
    assert second.startswith(f"{tmp_path / 'map.fits'}: cannot be written: the disk is full? ")
    assert run.stderr == ""
    assert names(tmp_path) == ["map.fits"]
    assert (tmp_path / "map.fits").read_bytes() == b"old"
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 65536


def test_killed_in_the_middle_leaves_only_a_part_that_is_cleaned(tmp_path: Path) -> None:
    (tmp_path / "map.txt").write_text("old")
    code = f"""
        import os, signal
        from photomitrus_cli.io.atomic import atomic_path

        with atomic_path({str(tmp_path / "map.txt")!r}) as part:
            part.write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
    """
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False, timeout=60)
    assert run.returncode == -signal.SIGKILL
    parts = [name for name in names(tmp_path) if name != "map.txt"]
    assert len(parts) == 1
    assert ".part.txt" in parts[0]
    assert (tmp_path / "map.txt").read_text() == "old"
    assert [path.name for path in remove_stale_parts(tmp_path)] == parts
    assert names(tmp_path) == ["map.txt"]


def test_parts_of_living_runs_and_other_files_are_not_removed(tmp_path: Path) -> None:
    for name in ("a.part", ".a.part", ".b.123456-1-zz.part", "x.fits"):
        (tmp_path / name).touch()
    foreign = tmp_path / ".a.fits.000000-1-0123abcd.part.fits"
    foreign.touch()
    with atomic_path(tmp_path / "mine.fits") as part:
        part.touch()
        assert remove_stale_parts(tmp_path) == []
    os.utime(foreign, (0, 0))
    assert remove_stale_parts(tmp_path) == [foreign]
    assert remove_stale_parts(tmp_path / "absent") == []


def test_json(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": 1.5, "a": ["µm", None]})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert text == '{\n  "b": 1.5,\n  "a": [\n    "µm",\n    null\n  ]\n}\n'
    assert json.loads(text) == {"a": ["µm", None], "b": 1.5}
    with pytest.raises(WriteError, match="cannot be written as JSON"):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == text


def test_check_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_folder(tmp_path / "new" / "deep", needed_bytes=1000)
    assert names(tmp_path / "new" / "deep") == []
    (tmp_path / "file").touch()
    causes = {
        "file": "file: cannot be written: is a file, not a folder",
        "file/sub": "cannot be written: Not a",
    }
    for folder, cause in causes.items():
        with pytest.raises(WriteError, match=cause):
            check_folder(tmp_path / folder)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: usage(10**9, 0, 10**9))
    with pytest.raises(WriteError, match="new: 2 GB are needed and 1 GB are free"):
        check_folder(tmp_path / "new", needed_bytes=2 * 10**9)


def test_check_folder_on_a_read_only_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_options: object) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(WriteError, match="Read-only file system"):
        check_folder(tmp_path)


def test_outputs_must_not_be_inputs(tmp_path: Path) -> None:
    source = tmp_path / "frame.fits"
    source.touch()
    (tmp_path / "link.fits").symlink_to(source)
    os.link(source, tmp_path / "hard.fits")
    inputs = [source, tmp_path / "absent.fits"]
    refuse_overwriting_inputs([tmp_path / "out.fits", tmp_path], inputs)
    same = [source, tmp_path / "link.fits", tmp_path / "hard.fits", tmp_path / "x" / ".." / "absent.fits"]
    for output in same:
        with pytest.raises(ConfigError, match="the output is the input"):
            refuse_overwriting_inputs([output], inputs)


@pytest.mark.parametrize("size", [0, 3, (1 << 20) - 1, (1 << 20) + 5])
def test_crc32_of_a_file(tmp_path: Path, size: int) -> None:
    content = bytes(number % 251 for number in range(size))
    write_bytes(tmp_path / "a", content)
    assert crc32_file(tmp_path / "a") == zlib.crc32(content)
    with pytest.raises(InputError, match="absent: cannot be read: No such file"):
        crc32_file(tmp_path / "absent")


def test_crc32_of_a_large_file_is_that_of_its_halves_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = np.random.default_rng(2).bytes(3_000_017)
    write_bytes(tmp_path / "a", content)
    monkeypatch.setattr("photomitrus_cli.io.atomic._SPLIT_FROM", 1_000_000)
    assert crc32_file(tmp_path / "a") == zlib.crc32(content)


def test_a_folder_that_cannot_be_synchronised_is_not_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse_folders(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    monkeypatch.setattr(os, "fsync", refuse_folders)
    atomic.write_text(tmp_path / "a", "x")
    assert (tmp_path / "a").read_text() == "x"
