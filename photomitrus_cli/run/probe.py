"""Trying things in a process of its own: what breaks there, even by a crash, does not break the caller."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

# Each name is said before its import, so that the last one said is the one that failed.
_IMPORTS = """\
import importlib, sys
for name in sys.argv[1:]:
    sys.stdout.write(name + "\\n")
    sys.stdout.flush()
    importlib.import_module(name)
"""
# A child that inherited these would take part in the MPI job of its parent.
_LAUNCHER = ("PMI_", "PMIX_", "OMPI_", "HYDRA_", "HYDI_")
_SECONDS = 60.0


def try_code(code: str, *arguments: str, seconds: float = _SECONDS) -> tuple[bool, str]:
    """Run Python code in a process of its own, outside of any MPI job.

    Parameters
    ----------
    code : str
    *arguments : str
        Its ``sys.argv[1:]``.
    seconds : float
        Longest time that it may take.

    Returns
    -------
    bool
        Whether it came to its end.
    str
        What it printed, if so; else what it printed, and why it failed as the last line.
    """
    environment = {name: text for name, text in os.environ.items() if not name.startswith(_LAUNCHER)}
    # -P: a file of the working folder must not stand for a package of its name.
    command = [sys.executable, "-P", "-W", "ignore", "-c", code, *arguments]
    try:
        done = subprocess.run(  # noqa: S603 - this very Python
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        said = error.stdout.decode(errors="replace") if isinstance(error.stdout, bytes) else ""
        return False, f"{said}no end within {seconds:g} s"
    if done.returncode == 0:
        return True, done.stdout.strip()
    last = (done.stderr.strip() or f"ended with code {done.returncode}").splitlines()[-1]
    return False, done.stdout + last


def failed_imports(names: Sequence[str]) -> dict[str, str]:
    """Import modules in a process of its own, and tell which cannot be.

    Parameters
    ----------
    names : sequence of str
        Modules, each once.

    Returns
    -------
    dict of str to str
        Of each module that failed, why.
    """
    failed: dict[str, str] = {}
    left = list(names)
    while left:
        ended, said = try_code(_IMPORTS, *left)
        if ended:
            break
        *begun, reason = said.splitlines()
        # Where not even the first name was said, it is Python itself that fails; no module can be imported.
        at = left.index(begun[-1]) if begun and begun[-1] in left else len(left) - 1
        failed[left[at]] = reason
        left = left[at + 1 :]
    return failed
