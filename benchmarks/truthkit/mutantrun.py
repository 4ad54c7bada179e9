"""Runs of pytest on the tree that PYTHONPATH names, each in a fork of a process that imports once for all.

Requests come as lines of JSON; answers are the process id of a run and then its exit code, a line each. The
kernels in the folder `kernels` were compiled from the unchanged tree: those of the modules `stale` would be
compiled otherwise now and are left out, all others are used as they are.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import shutil
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

# Nothing of the package itself: every run imports that anew.
_OFTEN = ("pytest", "numba", "scipy.sparse.linalg", "scipy.special", "astropy.io.fits")


def main() -> int:
    """Serve requests until there are no more."""
    for name in _OFTEN:
        importlib.import_module(name)
    gc.freeze()
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            _serve(request)
        _answer(child)
        _, status = os.waitpid(child, 0)
        _answer(os.waitstatus_to_exitcode(status))
    return 0


def _serve(request: dict[str, Any]) -> None:
    """Answer a request, and end this process without what its parent would do at its end."""
    code = 3
    try:
        code = _run(request)
    finally:
        if code == 3:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _answer(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def _run(request: dict[str, Any]) -> int:
    """Give pytest's exit code; all that is written goes to the file `output`."""
    os.setsid()
    written = os.open(request["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(written, stream)
    os.environ.update(request["environment"])
    if "NUMBA_DISABLE_JIT" in request["environment"]:
        importlib.import_module("numba").config.DISABLE_JIT = 1
    tempfile.tempdir = None
    size = int(request["megabytes"]) << 20
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _take_kernels(Path(request["kernels"]), request["stale"])
    return int(importlib.import_module("pytest").main(request["arguments"]))


def _take_kernels(kernels: Path, stale: list[str]) -> None:
    """Put what was compiled before where the package will look for it; the name depends on the sources."""
    target = importlib.import_module("photomitrus_cli.imaging.jit").cache_folder()
    if kernels == target.parent or not kernels.is_dir():
        return
    unwanted = shutil.ignore_patterns(*(f"{name}.*" for name in stale))
    for folder in kernels.iterdir():
        shutil.copytree(folder, target, ignore=unwanted, dirs_exist_ok=True)


if __name__ == "__main__":
    sys.exit(main())
