"""The packages that astromap requires or may use: installed, new enough, and whether they can be imported."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from photomitrus_cli.run.probe import failed_imports

Status = Literal["ok", "note", "absent", "broken"]

# Modules of distributions that are named otherwise.
_MODULES = {"pyyaml": "yaml", "pillow": "PIL", "pyerfa": "erfa"}
_REQUIREMENT = re.compile(
    r"(?P<name>[\w.-]+)\s*(?:>=(?P<least>[\d.]+))?[^;]*(?:;.*extra == ['\"](?P<extra>\w+))?"
)
_EXTRAS = {"mpi": "runs under mpiexec", "online": "reference catalogues from the network"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    group : str
        What it belongs to, such as ``packages``.
    name : str
    status : {'ok', 'note', 'absent', 'broken'}
        ``note``: works, but something should be known; ``absent``: optional, and not there; ``broken``:
        required, and astromap does not work without it.
    value : str
        What was found.
    hint : str
        What to do about it, or what it is for; may be empty.
    """

    group: str
    name: str
    status: Status
    value: str
    hint: str = ""


def packages(distribution: str) -> Iterator[Finding]:
    """Compare what is installed with what a distribution asks for, and import what it requires.

    Parameters
    ----------
    distribution : str
        An installed one.

    Yields
    ------
    Finding
        For each required package, by name; then for each of the extras that a user may want.
    """
    try:
        lines = importlib.metadata.requires(distribution) or []
    except importlib.metadata.PackageNotFoundError:
        hint = "pip install . in the checkout"
        yield Finding("packages", distribution, "note", "not installed: requirements are not known", hint)
        return
    wanted = [match for line in lines if (match := _REQUIREMENT.match(line))]
    required = sorted((match["name"].lower(), match["least"] or "") for match in wanted if not match["extra"])
    failed = failed_imports([_MODULES.get(name, name) for name, _ in required if version_of(name)])
    for name, least in required:
        yield _required(name, least, failed.get(_MODULES.get(name, name), ""))
    for match in wanted:
        if match["extra"] in _EXTRAS:
            yield _extra(match["name"], match["extra"])


def _extra(name: str, extra: str) -> Finding:
    found, use = version_of(name), _EXTRAS[extra]
    if found:
        return Finding("extras", name, "ok", found, use)
    return Finding("extras", name, "absent", "not installed", f"{use}: pip install 'astromap[{extra}]'")


def _required(name: str, least: str, problem: str) -> Finding:
    found = version_of(name)
    again = f"pip install --force-reinstall '{name}{'>=' if least else ''}{least}'"
    if not found:
        return Finding("packages", name, "broken", "not installed", again)
    if least and _numbers(found) < _numbers(least):
        return Finding("packages", name, "broken", f"{found}, older than {least}", again)
    if problem:
        return Finding("packages", name, "broken", f"{found} cannot be imported: {problem}", again)
    return Finding("packages", name, "ok", found)


def version_of(name: str) -> str:
    """Give the installed version of a distribution, or nothing.

    Parameters
    ----------
    name : str
    """
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _numbers(version: str) -> tuple[int, ...]:
    """Give the leading numbers of a version, without zeros at the end."""
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(int(part) for part in re.sub(r"(\.0)+$", "", found[0]).split(".")) if found else ()
