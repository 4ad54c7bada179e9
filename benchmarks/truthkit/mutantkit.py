"""Trying mutants: each in a copy of the tree of its own worker, on tests that have to notice it."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from truthkit.mutantops import Mutant, makes_sense, mutants_of

# What a tree needs to run its tests.
_PARTS = ("photomitrus_cli", "commands", "configs", "tests", "benchmarks", "docs", "examples")
_FILES = ("setup.cfg", "pyproject.toml", "README.md", "CHANGES.md")
# Where setup.cfg's package_dir puts folders.
_LINKS = ("commands", "configs")
_KERNELS = "photomitrus_cli/imaging/"
_MEMORY_MB = 8192
_PASSED, _FAILED = 0, 1
_CANARY = b"this is no program\n"


class MutationError(Exception):
    """The measurement does not work: tests fail without a change, or do not import the copy."""


@dataclass(frozen=True)
class Target:
    """A module, and the tests that have to notice changes of it.

    Attributes
    ----------
    group : str
        What it is counted with.
    module : str
        The file, as a path from the root of the repository.
    tests : tuple of str
        Files of tests, from the folder ``tests``; the quickest first.
    tries : int
        The number of mutants.
    interpreted : bool
        Whether kernels run as Python: compiling takes longer than small tests do. Kernels that are made of
        vectors cannot.
    """

    group: str
    module: str
    tests: tuple[str, ...]
    tries: int
    interpreted: bool = False


@dataclass(frozen=True)
class Trial:
    """What became of a mutant.

    Attributes
    ----------
    outcome : str
        ``killed`` by a failed test, ``crashed`` the process, ``timed out``, ``broken`` (cannot be imported or
        compiled), or ``survived``.
    seconds : float
        Wall time.
    detail : str
        The first failure, or an empty string.
    """

    outcome: str
    seconds: float
    detail: str


def drawn(target: Target, root: Path, seed: int) -> list[Mutant]:
    """Draw the mutants of a target, the same ones for the same source and seed, in order of their places."""
    source = (root / target.module).read_bytes()
    found = mutants_of(target.module, source)
    # Not for secrets: a sample that can be repeated.
    random.Random(f"{seed} {target.module}").shuffle(found)  # noqa: S311
    chosen = islice((mutant for mutant in found if makes_sense(mutant, source)), target.tries)
    return sorted(chosen, key=lambda mutant: (mutant.start, mutant.stop, mutant.after))


def plant(root: Path, folder: Path) -> None:
    """Copy what tests need of a checkout, so that the folder on PYTHONPATH is the whole package."""
    for name in _PARTS:
        unwanted = shutil.ignore_patterns("__pycache__", *(_LINKS if name == "photomitrus_cli" else ()))
        shutil.copytree(root / name, folder / name, ignore=unwanted)
    for name in _FILES:
        shutil.copy2(root / name, folder / name)
    for name in _LINKS:
        (folder / "photomitrus_cli" / name).symlink_to(folder / name)


def users_of(root: Path, module: str) -> frozenset[str]:
    """Name the modules of kernels whose machine code a module has a part in, its own included."""
    if not module.startswith(_KERNELS):
        return frozenset()
    imports = {path.stem: _imports(path) for path in (root / _KERNELS).glob("*.py")}
    found = {Path(module).stem}
    while more := {name for name, used in imports.items() if used & found} - found:
        found |= more
    return frozenset(found)


def _imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_bytes())
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {(node.module or "").rpartition(".")[2] for node in nodes}


class Bed:
    """One worker's copy of the tree, and the process that runs tests there.

    Parameters
    ----------
    root : Path
        The checkout, which is only read.
    folder : Path
        Where the copy goes.
    """

    def __init__(self, root: Path, folder: Path) -> None:
        self._root = root
        self._folder = folder
        self._tree = folder / "tree"
        self._tree.mkdir(parents=True)
        plant(root, self._tree)
        self._proved = False
        program = self._tree / "benchmarks" / "truthkit" / "mutantrun.py"
        self._server = subprocess.Popen(
            [sys.executable, str(program)],
            cwd=self._tree,
            env=_environment(self._tree),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """End the process that runs tests."""
        self._server.communicate()

    def check(self, target: Target, limit_s: float) -> float:
        """Run the tests of a target on the unchanged copy; the first time also on one that is no program.

        Returns
        -------
        float
            Seconds for the tests of the unchanged copy, compiling included.

        Raises
        ------
        MutationError
            When tests fail without a change, or when they do not run on the copy.
        """
        plain = self._run(target, self._kernels, [], limit_s)
        if plain.outcome != "survived":
            raise MutationError(f"{target.module}: tests fail without a change: {plain.detail}")
        if not self._proved:
            outcome = self._changed(target, _CANARY, limit_s).outcome
            if outcome != "broken":
                raise MutationError(f"{target.module}: the tests do not import the copy: {outcome}")
            self._proved = True
        return plain.seconds

    def tried(self, target: Target, mutant: Mutant, limit_s: float) -> Trial:
        """Give what becomes of a mutant."""
        source = (self._tree / target.module).read_bytes()
        return self._changed(target, mutant.of(source), limit_s)

    @property
    def _kernels(self) -> Path:
        return self._folder / "kernels"

    def _changed(self, target: Target, source: bytes, limit_s: float) -> Trial:
        path = self._tree / target.module
        kept = path.with_suffix(".kept")
        # The copy's times are those by which compiled kernels of the unchanged file are known.
        shutil.copy2(path, kept)
        path.write_bytes(source)
        try:
            with tempfile.TemporaryDirectory(dir=self._folder) as cache:
                return self._run(target, Path(cache), sorted(users_of(self._root, target.module)), limit_s)
        finally:
            kept.replace(path)

    def _run(self, target: Target, cache: Path, stale: list[str], limit_s: float) -> Trial:
        with tempfile.TemporaryDirectory(dir=self._folder) as scratch:
            output = Path(scratch) / "output"
            plainly = {"NUMBA_DISABLE_JIT": "1"} if target.interpreted else {}
            request = {
                "kernels": str(self._kernels),
                "stale": stale,
                "megabytes": _MEMORY_MB,
                "output": str(output),
                "environment": plainly
                | {
                    "NUMBA_CACHE_DIR": str(cache),
                    "TMPDIR": scratch,
                    "HYPOTHESIS_STORAGE_DIRECTORY": f"{scratch}/hypothesis",
                },
                "arguments": [
                    *("-x", "-q", "--tb=short", "-p", "no:cacheprovider", "--hypothesis-seed=0"),
                    *(f"--basetemp={scratch}/tests", *(f"tests/{name}" for name in target.tests)),
                ],
            }
            began = time.monotonic()
            code = self._asked(request, limit_s)
            seconds = time.monotonic() - began
            text = output.read_text(encoding="utf-8", errors="replace") if output.exists() else ""
        return Trial("timed out" if code is None else _outcome(code, text), seconds, _failure(text))

    def _asked(self, request: dict[str, object], limit_s: float) -> int | None:
        """Give the exit code of a run, or None after the time limit."""
        server = self._server
        if server.stdin is None or server.stdout is None:
            raise MutationError("the process that runs tests cannot be reached")
        server.stdin.write(json.dumps(request) + "\n")
        server.stdin.flush()
        child = int(server.stdout.readline())
        late = threading.Event()

        def end() -> None:
            late.set()
            # Its own children too: tests start commands.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)

        timer = threading.Timer(limit_s, end)
        timer.start()
        code = int(server.stdout.readline())
        timer.cancel()
        return None if late.is_set() else code


def _environment(tree: Path) -> dict[str, str]:
    """Give the environment of all runs: the copy of the tree, one thread, no settings of the tester's own."""
    chosen = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    single = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PYTHONDONTWRITEBYTECODE"), "1")
    return chosen | single | {"PYTHONPATH": str(tree)}


def _outcome(code: int, output: str) -> str:
    if code == _PASSED:
        return "survived"
    if code < 0:
        return "crashed"
    compiled = not re.search(r"numba\.core\.errors\.|LLVM IR parsing error|SyntaxError", output)
    return "killed" if code == _FAILED and compiled and "ImportError" not in output else "broken"


def _failure(output: str) -> str:
    """Give pytest's line on the first failure."""
    lines = [line for line in output.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    errors = [line for line in output.splitlines() if line.startswith("E ")]
    return " | ".join([*lines[:1], *errors[:1]])[:300] or output[-300:]
