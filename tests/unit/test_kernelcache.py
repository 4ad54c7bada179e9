"""Compiled kernels come out of the cache without what only compiling needs, and whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_MODULE = """
import numpy as np
from photomitrus_cli.imaging.jit import kernel

@kernel
def filled(n, value):
    out = np.empty(n)
    out[:] = value
    return out

@kernel
def total(n, value):
    return filled(n, value).sum()
"""
# Imported by numba only when it is about to compile.
_COMPILING = "numba.experimental.jitclass.base"


def _run(folder: Path, program: str) -> list[str]:
    """Run a program that sees the module, with the cache in the folder; give the lines that it prints."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder / "cache"), "PYTHONPATH": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\nfrom kernels import filled, total\n{program}"],
        env=environment, cwd=folder, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hold the module and its compiled kernels for whole n and a float."""
    path = tmp_path_factory.mktemp("kernels")
    (path / "kernels.py").write_text(_MODULE)
    told = _run(path, f"print(total(3, 2.0), filled(2, 1.5), {_COMPILING!r} in sys.modules)")
    assert told == ["6.0 [1.5 1.5] True"]
    return path


def test_cached_kernel_skips_the_compiler(folder: Path) -> None:
    told = _run(
        folder,
        "values = filled(100000, 7.0)\n"
        "print(float(values.min()), float(values.max()), values.flags.owndata or values.base is not None)\n"
        "print(sum(filled.stats.cache_hits.values()), sum(filled.stats.cache_misses.values()))\n"
        f"print({_COMPILING!r} in sys.modules)",
    )
    assert told == ["7.0 7.0 True", "1 0", "False"]


def test_other_types_are_compiled_after_a_cached_kernel(folder: Path) -> None:
    told = _run(
        folder,
        "print(total(3, 2.0), sum(total.stats.cache_misses.values()))\n"
        "import numpy as np\n"
        "print(total(4, np.float32(0.5)), sum(total.stats.cache_misses.values()))\n"
        f"print({_COMPILING!r} in sys.modules)",
    )
    assert told == ["6.0 0", "2.0 1", "True"]


def test_a_damaged_cache_is_compiled_anew(folder: Path) -> None:
    data = list((folder / "cache").rglob("kernels.total-*.nbc"))
    assert data
    for path, size in zip(data, (0, 100), strict=False):
        path.write_bytes(path.read_bytes()[:size])
    told = [_run(folder, "print(total(3, 2.0), sum(total.stats.cache_misses.values()))") for _ in range(2)]
    assert told == [["6.0 1"], ["6.0 0"]]


def test_a_full_disk_costs_only_the_cache(folder: Path) -> None:
    told = _run(
        folder,
        "import resource\n"
        "import numpy as np\n"
        "_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))\n"
        "print(total(np.int16(3), np.float32(2.0)))",
    )
    assert told == ["6.0"]
