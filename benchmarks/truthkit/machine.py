"""The machine that something was measured on: processor, memory, versions of packages and other programs."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from photomitrus_cli import __version__
from photomitrus_cli.run.machine import available_cores

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("numpy", "numba", "astropy", "healpy")
# Where a change can change a time: the program, and how it is timed.
SOURCES = (
    *("photomitrus_cli/**/*.py", "commands/**/*.py", "configs/**/*.yaml"),
    *("benchmarks/truthkit/ratio*.py", "benchmarks/truthkit/*speed.py", "benchmarks/truthkit/timing.py"),
)


@dataclass(frozen=True)
class Yardstick:
    """Another program that is timed.

    Attributes
    ----------
    commands : tuple of str
        The names that it goes by.
    package : str
        Of Debian.
    """

    commands: tuple[str, ...]
    package: str


YARDSTICKS: Mapping[str, Yardstick] = {
    "SExtractor": Yardstick(("source-extractor", "sex"), "source-extractor"),
    "SCAMP": Yardstick(("scamp",), "scamp"),
    "SWarp": Yardstick(("SWarp", "swarp"), "swarp"),
}


def found(name: str) -> str | None:
    """Give the path of a program of `YARDSTICKS`, None where it is not installed."""
    return next((path for path in map(shutil.which, YARDSTICKS[name].commands) if path), None)


def lacking(names: Sequence[str]) -> str:
    """Say which programs are not installed and how to get them; nothing where none is missing."""
    gone = [name for name in names if found(name) is None]
    if not gone:
        return ""
    packages = " ".join(YARDSTICKS[name].package for name in gone)
    return f"{', '.join(gone)} not installed (Debian: apt install {packages})"


def lacking_package(name: str) -> str:
    """Say that a Python package is not installed and how to get it; nothing where it is there."""
    if importlib.util.find_spec(name) is not None:
        return ""
    return f"{name} not installed (pip install {name}; Debian: apt install python3-{name})"


def processor() -> str:
    """Give the model of the processor."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def memory_gb() -> float:
    """Give the memory of the machine, 10^9 bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def system() -> str:
    """Name the operating system."""
    try:
        name = platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        name = ""
    return f"{name or platform.system()}, {platform.system()} {platform.release()}"


def machine_line() -> str:
    """Describe the machine in one line."""
    cores = f"{available_cores()} cores of {os.cpu_count()}"
    return f"{processor()}, {platform.machine()}, {cores}, {memory_gb():.0f} GB, {system()}"


def versions() -> dict[str, str]:
    """Give the versions of the program, of Python, of packages, and of other programs."""
    told = {"astromap": __version__, "Python": platform.python_version()}
    for name in PACKAGES:
        try:
            told[name] = version(name)
        except PackageNotFoundError:
            told[name] = "not installed"
    return told | {name: _program_version(name) for name in YARDSTICKS}


def _program_version(name: str) -> str:
    path = found(name)
    if path is None:
        return "not installed"
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    number = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return number[0] if number else "unknown"


def sources_key(root: Path = ROOT) -> str:
    """Hash what a time depends on besides its own settings: sources, versions and machine.

    Parameters
    ----------
    root : Path
        Of the checkout.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    digest = hashlib.sha256(json.dumps([machine_line(), versions()]).encode())
    for path in sorted(path for pattern in SOURCES for path in root.glob(pattern)):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]
