"""Completion as shells ask for it: right, and without importing what makes it slow."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = Path(sys.executable).parent


def asked(line: str, shell: str = "bash") -> list[str]:
    """What astromap answers when the last word of a line is to be completed."""
    words = line.split(" ")
    script = words[0]
    environment = {
        **os.environ,
        f"_{script.upper()}_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": line,
        # fish gives the word itself.
        "COMP_CWORD": words[-1] if shell == "fish" else str(len(words) - 1),
    }
    done = subprocess.run(
        [str(PROGRAMS / script)], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("astromap wi", ["wise"]),
        ("astromap d", ["doctor"]),
        ("astromap wise c", ["calibrate", "coadd"]),
        ("astromap wise coadd --sy", ["--system"]),
        ("astromap wise coadd --system ", ["galactic", "ecliptic", "equatorial"]),
        ("astromap -v wise coadd --system e", ["ecliptic", "equatorial"]),
        ("prime st", ["stack"]),
        ("prime stack -pa", ["-parent"]),
        ("prime stack -no", ["-no_FF"]),
    ],
)
def test_words_are_completed(line: str, expected: list[str]) -> None:
    assert asked(line) == [f"plain,{word}" for word in expected]


@pytest.mark.parametrize("line", ["astromap irac mosaic r1", "prime stack -chip 1 -parent r1"])
def test_files_are_left_to_the_shell(line: str) -> None:
    assert asked(line) == ["file,r1"]


def test_zsh_and_fish_get_answers_in_their_forms() -> None:
    assert asked("astromap wi", "zsh")[:2] == ["plain", "wise"]
    assert asked("astromap wi", "fish")[0].startswith("plain,wise")


@pytest.mark.parametrize(
    ("line", "expected"),
    [("astromap wi", "wise"), ("prime stack --rot", "--rot-val"), ("prime stack -p", "-parent")],
)
def test_bash_completes_with_the_documented_script(line: str, expected: str) -> None:
    """The line of docs/completion.md, and then what bash does when the tab key is pressed."""
    program, *words = line.split(" ")
    script = f"""
        eval "$(_{program.upper()}_COMPLETE=bash_source {program})" || exit 9
        complete -p {program} | grep -q _{program}_completion || exit 8
        COMP_WORDS=({line}); COMP_CWORD={len(words)}; COMPREPLY=()
        _{program}_completion {program}
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        env={**os.environ, "PATH": f"{PROGRAMS}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == [expected]


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys\nfrom photomitrus_cli import cli\n"
        "code = cli.run_command(cli.make_cli(), 'astromap', [])\n"
        "heavy = {'numpy', 'astropy', 'numba', 'yaml', 'rich', 'pydantic', 'mpi4py'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else code)"
    )
    line = "astromap wise coadd --"
    environment = {
        **os.environ,
        "_ASTROMAP_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": "3",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "plain,--nside" in done.stdout.split()
