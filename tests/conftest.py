"""What all tests share: real frames, a clean environment, a way to run commands."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real frames; the test is skipped where there is none."""
    folder = Path(os.environ.get("ASTROMAP_TEST_DATA", "/nonexistent"))
    if not folder.is_dir():
        pytest.skip("ASTROMAP_TEST_DATA names no folder of real frames")
    return folder


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tester's own settings out of the tests."""
    for name in list(os.environ):
        if name.startswith("ASTROMAP_") and name != "ASTROMAP_TEST_DATA":
            monkeypatch.delenv(name)


@pytest.fixture
def astromap(tmp_path: Path) -> Run:
    """Run `astromap` as a user does, in a process of its own, in an empty folder."""

    def run(
        *args: object, cwd: Path | None = None, env: dict[str, str] | None = None, script: str = "astromap"
    ) -> subprocess.CompletedProcess[str]:
        program = Path(sys.executable).with_name(script)
        return subprocess.run(
            [str(program), *map(str, args)],
            cwd=cwd or tmp_path,
            env={**os.environ, "COLUMNS": "200", **(env or {})},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run
