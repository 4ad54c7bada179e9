"""The entry point: help, laziness, exit codes, suggestions, the second script."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
from pathlib import Path

import click
import pytest
from truthkit.faultkit import run_here

from photomitrus_cli import cli
from photomitrus_cli.errors import (
    ConfigError,
    InputError,
    NoDataError,
    OutputExistsError,
    PartialError,
    WriteError,
)
from photomitrus_cli.options import LegacyCommand

ALL_COMMANDS = [(group, name) for group, entry in cli.GROUPS.items() for name in entry.commands]


def test_help_lists_the_groups_and_the_exit_codes(astromap) -> None:  # type: ignore[no-untyped-def]
    done = astromap("--help")
    assert done.returncode == 0
    for word in ("config", "irac", "prime", "simulate", "wise", "130/143"):
        assert word in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(("group", "name"), ALL_COMMANDS)
def test_every_command_has_help(group: str, name: str) -> None:
    done = run_here(group, name, "--help")
    assert done.code == 0, done.stderr
    assert "--verbose" in done.stdout
    assert "Exit codes: 0 done" in done.stdout


@pytest.mark.parametrize("script_args", [("astromap", "prime"), ("prime",)])
def test_prime_is_a_program_of_its_own(astromap, script_args: tuple[str, ...]) -> None:  # type: ignore[no-untyped-def]
    script, *args = script_args
    done = astromap(*args, "--help", script=script)
    assert done.returncode == 0
    assert {"flat", "stack"} <= set(done.stdout.split())
    done = astromap(*args, "stack", "-parent", "J_Band", script=script)
    assert done.returncode == 3
    assert "J_Band: no such folder" in done.stderr


def test_typing_errors_get_a_suggestion(astromap) -> None:  # type: ignore[no-untyped-def]
    done = astromap("irac", "mosiac")
    assert done.returncode == 2
    assert "Did you mean 'mosaic'?" in done.stderr
    for typed, meant in (("mosaic", "'irac mosaic'"), ("flat", "'prime flat'"), ("stak", "'prime stack'")):
        done = astromap(typed)
        assert done.returncode == 2
        assert f"No such command '{typed}'. Did you mean {meant}?" in done.stderr
    assert "Did you mean" not in astromap("xyz").stderr
    done = astromap("irac", "mosaic", "--chanel", "1")
    assert done.returncode == 2
    assert "--channel" in done.stderr


@pytest.mark.parametrize("words", [(), ("prime",), ("prime", "stack"), ("doctor",), ("config", "init")])
def test_version_and_exit_codes_are_told_everywhere(words: tuple[str, ...]) -> None:
    done = run_here(*words, "--version")
    assert done.code == 0
    assert done.stdout.startswith("astromap, version 0.")
    told = run_here(*words, "--help").stdout
    assert "Exit codes: 0 done" in told
    assert ("--version" in told) is (not words)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom photomitrus_cli import cli\n"
        "cli.run_command(cli.make_cli(), 'astromap', ['--help'])\n"
        "heavy = {'numpy', 'astropy', 'numba', 'yaml', 'rich', 'pydantic', 'mpi4py'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def cpu_seconds(command: list[str]) -> float:
    """User and system time of one command, which a busy machine changes less than the time on the clock."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def test_help_takes_about_what_click_takes() -> None:
    """Pairs in turn, so that a busy machine slows both; the median ratio is at most two."""
    program = str(Path(sys.executable).with_name("astromap"))
    ratios = []
    for _ in range(7):
        ours = cpu_seconds([program, "--help"])
        ratios.append(ours / cpu_seconds([sys.executable, "-c", "import click"]))
    assert statistics.median(ratios) <= 2.0


def failing(error: BaseException) -> click.Command:
    @click.command()
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (WriteError("disk full"), 1),
        (ConfigError("bad key"), 2),
        (click.UsageError("bad option"), 2),
        (InputError("bad frame"), 3),
        (NoDataError("nothing"), 4),
        (OutputExistsError("exists"), 5),
        (PartialError("some"), 6),
        (KeyboardInterrupt(), 130),
        (SystemExit(143), 143),
        (RuntimeError("several\nlines"), 1),
        (MemoryError(), 1),
    ],
)
def test_exit_codes(error: BaseException, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run_command(failing(error), "astromap", []) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert "Traceback" not in said.err
    if isinstance(error, RuntimeError):
        assert "several lines" in said.err


def test_hint_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    cli.run_command(failing(InputError("what and where", hint="what to do")), "astromap", [])
    assert capsys.readouterr().err == "astromap: error: what and where (what to do)\n"


def test_common_options_add_up_over_levels() -> None:
    from photomitrus_cli.options import common_options, common_values

    seen = {}

    @click.command()
    @common_options
    @click.pass_context
    def leaf(ctx: click.Context) -> None:
        seen.update(common_values(ctx))

    group = common_options(click.Group("g", commands={"leaf": leaf}))
    assert cli.run_command(group, "g", ["-v", "leaf", "-vv", "-q", "--no-progress"]) == 0
    assert seen["verbose"] == 3
    assert seen["quiet"] == 1
    assert seen["progress"] is False


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["-parent", "J_Band", "-chip", "1"], ("J_Band", 1, 48.0, False)),
        (["-parent=J_Band", "-chip=2", "-rot_val", "-30", "-no_FF"], ("J_Band", 2, -30.0, True)),
        (["--parent", "x", "--rot-val=-30", "-v"], ("x", None, -30.0, False)),
        (["--", "-parent"], (None, None, 48.0, False)),
    ],
)
def test_documented_spellings_of_the_prime_pipeline(args: list[str], expected: tuple[object, ...]) -> None:
    seen: list[object] = []

    @click.command(cls=LegacyCommand)
    @click.option("--parent")
    @click.option("--chip", type=int)
    @click.option("--rot-val", type=float, default=48.0)
    @click.option("--no-ff", is_flag=True)
    @click.option("-v", count=True)
    @click.argument("rest", nargs=-1)
    def command(parent: str, chip: int, rot_val: float, *, no_ff: bool, **_: object) -> None:
        seen.extend([parent, chip, rot_val, no_ff])

    assert cli.run_command(command, "prime", args) == 0
    assert tuple(seen) == expected


def test_a_mistyped_spelling_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    @click.command(cls=LegacyCommand)
    @click.option("--parent")
    def command(parent: str) -> None:
        del parent

    assert cli.run_command(command, "prime", ["-parnt", "x"]) == 2
    told = "No such option '-parnt'. (Did you mean one of: '--parent', '-parent'?)"
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["-paren", "x"], "No such option '-paren'. (Did you mean one of: '--parent', '-parent'?)"),
        (["-rotval=-30"], "No such option '-rotval'. (Did you mean one of: '--rot-val', '-rot_val'?)"),
        (["-parent", "x", "-zz"], "No such option '-zz'."),
        (["-parent", "x", "-z"], "No such option '-z'."),
        (["--paren", "x"], "No such option '--paren'. (Did you mean one of: '--"),
    ],
)
def test_an_unknown_option_is_named_as_it_was_typed(words: list[str], told: str) -> None:
    done = run_here("prime", "stack", *words)
    assert done.code == 2
    assert told in done.stderr


@pytest.mark.parametrize("words", [(), ("irac",), ("irac", "mosaic"), ("prime", "stack"), ("config", "show")])
def test_short_help_is_help(words: tuple[str, ...]) -> None:
    short = run_here(*words, "-h")
    assert (short.code, short.stderr) == (0, "")
    assert short.stdout == run_here(*words, "--help").stdout


def test_a_flag_for_a_word_states_no_default_of_another() -> None:
    lines = run_here("prime", "stack", "--help").stdout.splitlines()
    about = next(k for k, line in enumerate(lines) if line.strip().startswith("--sex"))
    assert "[default" not in "".join(lines[about : about + 2])
