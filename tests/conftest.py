"""What all tests share: real frames, a clean environment, a way to run commands."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest


def _kernel_cache() -> Path:
    """Name a cache for compiled kernels after all their sources.

    numba looks only at the file that holds a kernel, not at the files that the kernel calls; after an edit
    there the tests would go on running old machine code.
    """
    sources = sorted((Path(__file__).parent.parent / "photomitrus_cli" / "imaging").glob("*.py"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"astromap-kernels-{digest}"


# Set before any test imports numba, and inherited by every process that the tests start.
os.environ.setdefault("NUMBA_CACHE_DIR", str(_kernel_cache()))

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
