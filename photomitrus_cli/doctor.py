"""What `astromap doctor` looks at: the parts astromap needs and may use, each with a verdict.

Only the standard library is imported here, so that an installation with broken parts can still be told of.
"""

from __future__ import annotations

import locale
import os
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from photomitrus_cli import __version__
from photomitrus_cli.errors import ConfigError
from photomitrus_cli.run.machine import available_cores, available_memory
from photomitrus_cli.run.places import content, look_at
from photomitrus_cli.run.probe import try_code
from photomitrus_cli.run.requirements import Finding, Status, packages, version_of

DISTRIBUTION = "astromap"
_PROGRAMS = {
    "mpiexec": ("starts runs on several ranks", "pip install mpich, or the MPI of the cluster"),
    "solve-field": ("prime stack --net-refine", "Debian package astrometry.net"),
    "chromium": ("tests of report pages only", "Debian package chromium"),
}
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_MPI_VERSION = "from mpi4py import MPI; print(MPI.Get_library_version().splitlines()[0])"
_COMPILE = "from photomitrus_cli.imaging.jit import start_numba; start_numba()"
# As folders of compiled kernels are called: a version and the state of the sources.
_KERNELS_OF = re.compile(r"\d[\w.+]*-[0-9a-f]{8}")
_LITTLE_MEMORY, _LITTLE_DISK = 1_000_000_000, 2_000_000_000


def examine() -> list[Finding]:
    """Look at everything, in the order in which it is told; nothing is changed."""
    findings = [*_astromap(), *packages(DISTRIBUTION)]
    broken = {finding.name for finding in findings if finding.status == "broken"}
    parts: list[Callable[[], Iterator[Finding]]] = [_mpi, _programs, _machine]
    if not broken & {"numba", "llvmlite", "numpy"}:
        parts.append(_kernels)
    if not broken & {"numpy", "pydantic", "pyyaml"}:
        parts.append(_settings)
    parts += [_folders, _language]
    return [*findings, *(finding for part in parts for finding in part())]


def _astromap() -> Iterator[Finding]:
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    yield Finding("astromap", "astromap", "ok", __version__, str(Path(__file__).parent))
    yield Finding("astromap", "python", "ok", platform.python_version(), sys.executable)
    yield Finding("astromap", "system", "ok", system)


def _mpi() -> Iterator[Finding]:
    """Ask mpi4py for its library in another process: without one, importing it fails or even crashes."""
    if version_of("mpi4py"):
        ended, said = try_code(_MPI_VERSION)
        if ended:
            yield Finding("extras", "MPI library", "ok", " ".join(said.split()))
        else:
            hint = "pip install mpich, or load the MPI module of the cluster"
            yield Finding("extras", "MPI library", "absent", said.splitlines()[-1], hint)


def _programs() -> Iterator[Finding]:
    beside = str(Path(sys.executable).parent)
    for name, (use, package) in _PROGRAMS.items():
        path = shutil.which(name) or shutil.which(name, path=beside)
        if path:
            yield Finding("programs", name, "ok", path, use)
        else:
            yield Finding("programs", name, "absent", "not found", f"{use}: {package}")


def _machine() -> Iterator[Finding]:
    cores, memory = available_cores(), available_memory()
    yield Finding("machine", "cores", "ok", f"{cores} of {os.cpu_count()} may be used", "workers of -j auto")
    if memory is None:
        yield Finding("machine", "memory", "note", "the system does not say", "give --memory")
    else:
        little = memory < _LITTLE_MEMORY
        hint = "--memory auto takes half of it"
        yield Finding("machine", "memory", "note" if little else "ok", f"{_size(memory)} free", hint)
    threads = {os.environ.get(name, "") for name in _THREADS}
    one = threads == {"1"}
    value = " ".join(f"{name}={os.environ.get(name, '')}" for name in _THREADS) if not one else "1"
    hint = "" if one else "more than 1 only slows workers down"
    yield Finding("machine", "threads of a worker", "ok" if one else "note", value, hint)


def _kernels() -> Iterator[Finding]:
    """Compile or load a kernel, and look at the folder of compiled ones."""
    ended, said = try_code(_COMPILE)
    if not ended:
        hint = "pip install --force-reinstall numba llvmlite"
        yield Finding("folders", "kernels", "broken", said.splitlines()[-1], hint)
        return
    from photomitrus_cli.imaging.jit import cache_folder

    folder = cache_folder()
    place = look_at(folder)
    if place.problem:
        value = f"{folder} cannot be written: {place.problem}"
        hint = "each process compiles anew, minutes; set NUMBA_CACHE_DIR"
        yield Finding("folders", "kernels", "note", value, hint)
        return
    files, size = content(folder)
    # Of NUMBA_CACHE_DIR the rest belongs to others.
    siblings = [one for one in folder.parent.glob("*") if one != folder and _KERNELS_OF.fullmatch(one.name)]
    others = sum(content(one)[1] for one in siblings)
    value = f"{folder}: {files} files, {_size(size)}" if files else f"{folder}: nothing compiled yet"
    first = "" if files else "the first run compiles for a minute or two"
    yield Finding("folders", "kernels", "ok", value, first)
    if others > _LITTLE_DISK // 4:
        value = f"{_size(others)} of other versions in {folder.parent}"
        yield Finding("folders", "old kernels", "note", value, "may be deleted")


def _settings() -> Iterator[Finding]:
    """Resolve the configuration as a command would here, and look at the folder of catalogues it names."""
    from photomitrus_cli.prime.refcache import default_folder
    from photomitrus_cli.run.config import (
        ENVIRONMENT_PREFIX,
        LOCAL_FILE,
        RESERVED_VARIABLES,
        build,
        collect,
    )
    from photomitrus_cli.settings import SECTIONS, AstromapConfig

    given = [LOCAL_FILE] if Path(LOCAL_FILE).is_file() else []
    given += sorted(
        name for name in os.environ if name.startswith(ENVIRONMENT_PREFIX) and name not in RESERVED_VARIABLES
    )
    source = ", ".join(given) or "packaged defaults"
    try:
        config = build(AstromapConfig, collect(SECTIONS, environment=os.environ))
    except ConfigError as error:
        yield Finding("settings", "configuration", "broken", str(error), "astromap config validate")
        return
    yield Finding("settings", "configuration", "ok", source)
    folder = config.prime.stack.refcat_cache or default_folder()
    place = look_at(folder)
    files, size = content(folder)
    if place.problem:
        value = f"{folder} cannot be written: {place.problem}"
        yield Finding("folders", "catalogues", "note", value, "set prime.stack.refcat_cache")
    else:
        yield Finding("folders", "catalogues", "ok", f"{folder}: {files} files, {_size(size)}")


def _folders() -> Iterator[Finding]:
    try:
        temporary: Path | None = Path(tempfile.gettempdir())
    except FileNotFoundError:
        temporary = None
        yield Finding("folders", "temporary", "note", "no folder can be written", "set TMPDIR")
    for name, folder in (("temporary", temporary), ("working folder", Path.cwd())):
        if folder is None:
            continue
        place = look_at(folder)
        if place.problem:
            value = f"{folder} cannot be written: {place.problem}"
            yield Finding("folders", name, "note", value, "give -o a folder elsewhere")
        else:
            status: Status = "note" if place.free_bytes < _LITTLE_DISK else "ok"
            yield Finding("folders", name, status, f"{folder}: {_size(place.free_bytes)} free")


def _language() -> Iterator[Finding]:
    names, text = sys.getfilesystemencoding(), locale.getpreferredencoding(do_setlocale=False)
    good = all(name.lower().replace("-", "") == "utf8" for name in (names, text))
    hint = "" if good else "names with other than ASCII letters may not be found: set LC_ALL=C.UTF-8"
    value = f"file names {names}, text {text}"
    yield Finding("settings", "locale", "ok" if good else "note", value, hint)


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB" if n_bytes >= 1e9 else f"{n_bytes / 1e6:.1f} MB"
