"""`astromap doctor` as a user runs it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from photomitrus_cli import cli, doctor
from photomitrus_cli.run.requirements import Finding


def test_a_sound_installation_ends_with_zero(astromap) -> None:  # type: ignore[no-untyped-def]
    done = astromap("doctor", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["status"] == "ok"
    found = {check["name"]: check for check in told["checks"]}
    assert found["numba"]["status"] == found["kernels"]["status"] == "ok"
    assert found["python"]["hint"] == str(Path(sys.executable).with_name("python"))
    assert {"cores", "memory", "catalogues", "working folder", "locale", "mpiexec"} <= found.keys()
    assert {"group", "name", "status", "value", "hint"} == found["astromap"].keys()


@pytest.fixture
def findings(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [
        Finding("packages", "numba", "broken", "not installed", "pip install numba"),
        Finding("programs", "solve-field", "absent", "not found"),
    ]
    monkeypatch.setattr(doctor, "examine", lambda: found)


@pytest.mark.usefixtures("findings")
def test_something_broken_ends_with_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run_command(cli.make_cli(), "astromap", ["doctor"]) == 1
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "broken: numba: not installed (pip install numba)",
        "absent: solve-field: not found",
    ]
    assert said.err == "astromap: error: broken: numba (see the hints above)\n"
    assert cli.run_command(cli.make_cli(), "astromap", ["doctor", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["status"] == "broken"


@pytest.mark.usefixtures("findings")
def test_a_terminal_gets_a_table(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    cli.run_command(cli.make_cli(), "astromap", ["doctor"])
    # Bold and faint stay without colours.
    lines = [re.sub(r"\x1b\[\d*m", "", line).split() for line in capsys.readouterr().out.splitlines()]
    assert ["packages"] in lines
    assert ["broken", "numba", "not", "installed", "pip", "install", "numba"] in lines
