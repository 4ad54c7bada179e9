"""Every command that writes meets every bad end: no disk, links, signals, death, a failing rank."""

from __future__ import annotations

import builtins
import errno
import io
import os
import resource
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from truthkit.commandruns import CommandRun, CountingPool, all_runs, difference, equal, parts, products
from truthkit.faultkit import hashes

from photomitrus_cli import cli

pytestmark = pytest.mark.xdist_group("fuzz")

COMMANDS = (
    *("irac mosaic", "irac phot", "irac correct", "prime stack", "prime flat", "wise filter", "wise coadd"),
    *("wise zodi", "wise calibrate", "simulate irac", "simulate wise", "simulate prime", "config init"),
)
# What has no units of work.
ALONE = frozenset({"irac correct", "simulate irac", "config init"})
# Bytes; every file that a run needs is larger.
NOTHING = 64
# Of no process.
DEAD = 2**22 + 1


@dataclass(frozen=True)
class Done:
    """A run that nobody disturbed.

    Attributes
    ----------
    run : CommandRun
    folder : Path
        Its products.
    snapshots : tuple of Path
        The output folder just before each file got its final name: what a process killed there leaves.
    n_units : int
        Of work.
    """

    run: CommandRun
    folder: Path
    snapshots: tuple[Path, ...]
    n_units: int


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("endings")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, work: Path) -> dict[str, CommandRun]:
    made = all_runs(tmp_path_factory.getbasetemp(), work / "inputs")
    assert {run.command for run in made} == set(COMMANDS)
    return {run.command: run for run in made}


@pytest.fixture(scope="module")
def out(work: Path) -> Path:
    """The output folder of all runs: what a run writes, it may know by its place."""
    return work / "out"


@contextmanager
def renaming(hook: Callable[[int], object]) -> Iterator[None]:
    """Call a hook with 0, 1, ... before each file gets its final name."""
    replace = Path.replace
    seen: list[Path] = []

    def hooked(self: Path, target: Path) -> Path:
        hook(len(seen))
        seen.append(target)
        return replace(self, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", hooked)
        yield


@pytest.fixture(scope="module")
def done(runs: dict[str, CommandRun], out: Path, work: Path) -> Callable[[str], Done]:
    """Give the undisturbed run of a command; it is made once, as the first of many on ranks would."""
    kept: dict[str, Done] = {}

    def make(command: str) -> Done:
        if command not in kept:
            kept[command] = _undisturbed(runs[command], out, work / command)
        return kept[command]

    return make


def _undisturbed(run: CommandRun, out: Path, keep: Path) -> Done:
    snapshots: list[Path] = []

    def look(number: int) -> None:
        snapshots.append(keep / f"{number}")
        shutil.copytree(out, snapshots[-1])

    shutil.rmtree(out, ignore_errors=True)
    pool = CountingPool()
    with renaming(look):
        ended = run.run(out, executor=pool.executor())
    assert ended.code == 0, ended.stderr
    assert not parts(out)
    out.rename(keep / "whole")
    return Done(run, keep / "whole", tuple(snapshots), pool.n_units)


@pytest.fixture(params=COMMANDS)
def case(
    request: pytest.FixtureRequest, done: Callable[[str], Done], out: Path, work: Path
) -> Iterator[Done]:
    """Each command, with an output folder that is not there; its inputs stay as they are."""
    made = done(request.param)
    shutil.rmtree(out, ignore_errors=True)
    before = hashes(work / "inputs")
    yield made
    assert hashes(work / "inputs") == before
    if out.is_file():
        out.unlink()


def assert_nothing_whole(out: Path, made: Done) -> None:
    """What has a final name is whole, but no run counts as done; no part is left."""
    left, whole = products(out), products(made.folder)
    assert set(left) < set(whole)
    assert [name for name in left if not equal(left[name], whole[name])] == []
    # The table of all frames follows the maps of scans, each of which is a product of its own.
    manifests = {name for name in whole if name.endswith(".manifest.json")}
    assert not manifests or manifests - set(left) or "w3_frames.ecsv" not in left
    assert not parts(out)


def assert_made_again(out: Path, made: Done) -> None:
    ended = made.run.run(out, made.run.again)
    assert ended.code == 0, ended.stderr
    assert difference(out, made.folder) == ""
    assert not parts(out)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let the system refuse every new file and folder below one, as a disk that is mounted read-only."""
    plain_open, os_open, mkdir = builtins.open, os.open, os.mkdir

    def check(path: Any, writes: bool) -> None:
        if writes and not isinstance(path, int) and Path(os.fsdecode(path)).is_relative_to(folder):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), os.fsdecode(path))

    def opened(file: Any, mode: str = "r", *args: Any, **more: Any) -> Any:
        check(file, bool(set(mode) & set("wax+")))
        return plain_open(file, mode, *args, **more)

    def descriptor(path: Any, flags: int, *args: Any, **more: Any) -> int:
        check(path, bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)))
        return os_open(path, flags, *args, **more)

    def made(path: Any, *args: Any, **more: Any) -> None:
        check(path, not Path(path).exists())
        mkdir(path, *args, **more)

    with pytest.MonkeyPatch.context() as patch:
        for place, name, function in (
            *((builtins, "open", opened), (io, "open", opened)),
            *((os, "open", descriptor), (os, "mkdir", made)),
        ):
            patch.setattr(place, name, function)
        yield


def test_a_folder_that_cannot_be_written(case: Done, out: Path) -> None:
    out.mkdir()
    with read_only(out):
        ended = case.run.run(out)
    assert ended.code == 1, ended.stderr
    assert "Read-only file system" in ended.error
    assert str(out) in ended.error
    assert ended.stdout == ""
    assert not list(out.iterdir())
    out.rmdir()
    out.write_text("a file")
    ended = case.run.run(out)
    # click itself looks at the folder of some simulations.
    assert ended.code in ((1, 2) if case.run.command.startswith("simulate") else (1,)), ended.stderr
    assert str(out) in ended.stderr
    assert "Traceback" not in ended.stderr
    assert out.read_text() == "a file"


@contextmanager
def largest_file(n_bytes: int) -> Iterator[None]:
    """Let the system refuse to make a file any longer, as a disk or a quota that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk(case: Done, out: Path) -> None:
    """Full from the start, and full when the largest file of the product comes."""
    sizes = [path.stat().st_size for path in products(case.folder).values()]
    for limit in (NOTHING, max(sizes) - 1):
        shutil.rmtree(out, ignore_errors=True)
        with largest_file(limit):
            ended = case.run.run(out)
        assert ended.code == 1, ended.stderr
        assert "cannot be written: " in ended.error
        assert str(out) in ended.error
        assert ended.stdout == ""
        assert_nothing_whole(out, case)
    assert_made_again(out, case)


def test_links_in_the_place_of_products(case: Done, out: Path, tmp_path: Path) -> None:
    """A link is kept and its target replaced, unless that is an input."""
    shutil.copytree(case.folder, out)
    for name, path in products(out).items():
        target = tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"old")
        path.unlink()
        path.symlink_to(target)
    ended = case.run.run(out, "--overwrite")
    assert ended.code == 0, ended.stderr
    # A manifest is removed before the work, so that what is left of a run that fails counts for nothing.
    kept = [name for name in products(case.folder) if not name.endswith(".manifest.json")]
    assert [name for name in kept if not (out / name).is_symlink()] == []
    assert difference(out, case.folder) == ""
    if case.run.victim is None:
        return
    # Harm to the input is looked for after each test.
    for name in products(case.folder):
        (out / name).unlink()
        (out / name).symlink_to(case.run.victim)
        ended = case.run.run(out, "--overwrite")
        assert ended.code == 2, (name, ended.stderr)
        assert "the output is the input" in ended.error
        (out / name).unlink()


@pytest.mark.parametrize("moment", ["early", "late"])
def test_a_signal_ends_a_run_in_order(
    moment: str, case: Done, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = len(case.snapshots) - 1

    def strike(number: int) -> None:
        if number == (last if moment == "late" else last // 2):
            os.kill(os.getpid(), signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, cli._leave)
    try:
        with renaming(strike):
            ended = case.run.run(out)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ended.code == 143, ended.stderr
    assert ended.error == "astromap: terminated"
    assert_nothing_whole(out, case)


@pytest.mark.parametrize("moment", ["early", "late"])
def test_a_killed_run_is_made_again(moment: str, case: Done, out: Path) -> None:
    """A process that is killed leaves what is on the disk at that moment, under parts of its number."""
    last = len(case.snapshots) - 1
    shutil.copytree(case.snapshots[last if moment == "late" else last // 2], out)
    left = parts(out)
    assert left
    for part in left:
        part.rename(part.with_name(part.name.replace(f"-{os.getpid()}-", f"-{DEAD}-")))
    assert_made_again(out, case)


def test_a_rank_that_fails_ends_the_run(case: Done, out: Path) -> None:
    pool = CountingPool(fails_at=case.n_units - 1)
    if case.run.command in ALONE:
        assert case.n_units == 0
        return
    ended = case.run.run(out, executor=pool.executor())
    assert ended.code == 1, ended.stderr
    assert "astromap: unexpected failure: RuntimeError: the rank failed" in ended.stderr.splitlines()
    assert "Traceback" not in ended.stderr
    assert_nothing_whole(out, case)
