"""Measure which lines of the library the tests run (``make coverage``).

Compiled kernels do not report their lines. A second pass therefore runs the tests that use kernels on arrays
without compilation (``NUMBA_DISABLE_JIT``), each file within a time limit: loops of Python are some hundred
times slower, and what a file has run when its time is up counts. Tests that watch the limits of a process (a
full disk, warnings at its end) may fail under the measurement; their lines count all the same.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "build" / "coverage"
PYTEST = ["run", "-m", "pytest", "-q", "-p", "no:cacheprovider"]


def main() -> None:
    """Run the passes asked for, and print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--which", choices=["all", "compiled", "interpreted"], default="all")
    parser.add_argument("--seconds", type=float, default=90.0, help="limit of a file of the second pass")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.which == "all":
        shutil.rmtree(DATA, ignore_errors=True)
    DATA.mkdir(parents=True, exist_ok=True)
    if arguments.which != "interpreted":
        coverage(*PYTEST, "-n", str(arguments.jobs), "--dist", "loadgroup", "tests")
    if arguments.which != "compiled":
        with ThreadPoolExecutor(arguments.jobs) as pool:
            list(pool.map(lambda path: interpreted(path, arguments.seconds), kernel_tests()))
    coverage("combine", "--append", "-q")
    coverage("report")


def kernel_tests() -> list[Path]:
    """Name the test files that use the imaging package on arrays."""
    folders = (ROOT / "tests" / name for name in ("unit", "differential", "property"))
    paths = sorted(path for folder in folders for path in folder.glob("test_*.py"))
    return [path for path in paths if "photomitrus_cli.imaging" in path.read_text(encoding="utf-8")]


def interpreted(path: Path, seconds: float) -> None:
    """Run a test file without compilation, and end it when its time is up."""
    command = [sys.executable, "-m", "coverage", *PYTEST, str(path)]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment() | {"NUMBA_DISABLE_JIT": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        # Coverage saves what it has seen when it is ended in order.
        process.terminate()
        process.wait()


def coverage(*words: str) -> None:
    """Run the measuring program; failed tests do not end the measurement."""
    subprocess.run([sys.executable, "-m", "coverage", *words], cwd=ROOT, env=environment(), check=False)


def environment() -> dict[str, str]:
    """Give the environment of every process: one folder for what they measure."""
    return dict(os.environ) | {"COVERAGE_FILE": str(DATA / ".coverage")}


if __name__ == "__main__":
    main()
