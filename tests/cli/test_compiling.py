"""The first run of a command on a machine says why nothing seems to happen; later runs do not."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import click
import pytest
from click.testing import CliRunner

from photomitrus_cli.errors import InputError
from photomitrus_cli.launch import launch
from photomitrus_cli.options import common_options, run_options
from photomitrus_cli.run.summary import Summary

STAGE = "photomitrus_cli.irac.a_stage_of_tests"
SAID = "compiling kernels for this machine, once (some minutes at most)"


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A stage that has a kernel and does nothing, on a machine that has compiled nothing yet."""
    importlib.import_module("photomitrus_cli.imaging.clip")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    module = ModuleType(STAGE)
    module.run = lambda _settings, context: _run(context.progress)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, STAGE, module)
    return module


def _run(progress: object) -> Summary:
    with progress.task("frames", 1) as advance:  # type: ignore[attr-defined]
        advance(1)
    return Summary(title="nothing", status="done", facts={}, units=[], products=[])


@click.command
@run_options
@common_options
@click.pass_context
def command(ctx: click.Context, /, **_: object) -> None:
    launch(ctx, STAGE, "irac.mosaic")


def messages(*arguments: str) -> str:
    return CliRunner().invoke(command, ["-j", "1", *arguments], catch_exceptions=False).stderr


@pytest.mark.parametrize("progress", ["--progress", "--no-progress"])
def test_only_the_first_run_that_ends_says_that_kernels_are_compiled(
    stage: ModuleType, progress: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert SAID not in messages("--dry-run", progress)
    with monkeypatch.context() as failing:
        failing.setattr(stage, "run", _fail)
        assert SAID not in failing_messages(progress)
    first = messages(progress)
    assert first.count(SAID) == 1
    assert " INFO " in first
    assert SAID not in messages(progress)


def _fail(_: object, context: object) -> Summary:
    """End after the plan, as most failing commands do."""
    with context.progress.task("headers", 1) as advance:  # type: ignore[attr-defined]
        advance(1)
    raise InputError("no frames")


def failing_messages(*arguments: str) -> str:
    done = CliRunner().invoke(command, ["-j", "1", *arguments])
    assert isinstance(done.exception, InputError)
    return done.stderr


def test_a_stage_that_compiles_before_its_work_says_it(
    stage: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    from photomitrus_cli.imaging.jit import kernel

    def prepare(_: object) -> None:
        assert kernel(lambda number: number + 1)(1) == 2

    monkeypatch.setattr(stage, "run", _fail)
    assert SAID not in failing_messages()
    monkeypatch.setattr(stage, "prepare", prepare, raising=False)
    assert failing_messages().count(SAID) == 1


def test_a_run_with_nothing_to_do_leaves_the_word_to_the_next(
    stage: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = Summary(title="nothing", status="up to date", facts={}, units=[], products=[])
    with monkeypatch.context() as idle:
        idle.setattr(stage, "run", lambda *_: nothing)
        assert SAID not in messages()
    assert SAID in messages()


def test_quiet_runs_say_nothing(stage: ModuleType) -> None:
    del stage
    assert messages("-q") == ""


def test_another_processor_and_another_version_compile_again(
    stage: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    del stage
    assert SAID in messages()
    assert SAID not in messages()
    with monkeypatch.context() as another:
        another.setattr("llvmlite.binding.get_host_cpu_name", lambda: "another")
        assert SAID in messages()
        assert SAID not in messages()
    assert SAID not in messages()
    monkeypatch.setattr("numba.__version__", "0.0")
    assert SAID in messages()


def test_without_a_folder_for_the_cache_every_run_says_it(
    stage: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del stage
    (tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    assert SAID in messages()
    assert SAID in messages()


def test_help_does_not_ask(tmp_path: Path) -> None:
    """`--help` imports neither numba nor what asks about the cache."""
    import subprocess

    code = "import sys; from photomitrus_cli.cli import run_command, make_cli; "
    code += "run_command(make_cli(), 'astromap', ['irac', 'mosaic', '--help']); "
    code += "assert not {'numba', 'photomitrus_cli.compiling'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
