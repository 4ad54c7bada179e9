"""Manifests: what a product was made from, by which configuration and versions, and whether it is whole.

A product without a complete manifest is incomplete; ``--resume`` trusts manifests, never mere existence.

Files are recorded with their size and CRC-32. The question is whether a file is the one that was read or
written, not whether somebody forged it: for that a CRC is as good as a cryptographic hash, and it runs ten to
forty times as fast; SHA-256 of the inputs would take longer than all of the interpolation.
"""

from __future__ import annotations

import hashlib
import json
import logging
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from photomitrus_cli import __version__
from photomitrus_cli.errors import InputError, OutputExistsError, WriteError
from photomitrus_cli.io.atomic import FileRecord, crc32_file, remove_stale_parts, write_json, write_text
from photomitrus_cli.run.context import Context
from photomitrus_cli.run.summary import UnitRecord

_log = logging.getLogger(__name__)

SCHEMA = 2
# Packages whose version can change a number in a product.
_RECORDED_PACKAGES = ("astropy", "numba", "numpy", "scipy", "speclite", "zodipy")


@dataclass(frozen=True)
class Product:
    """The files of one product and their companions, all named after its stem.

    Attributes
    ----------
    folder : Path
    stem : str
        Such as ``ch1_mosaic``.
    files : tuple of str
        Names of the product's files within the folder.
    """

    folder: Path
    stem: str
    files: tuple[str, ...]

    @property
    def paths(self) -> list[Path]:
        """Give the product's files."""
        return [self.folder / name for name in self.files]

    @property
    def manifest(self) -> Path:
        """Give the manifest's path."""
        return self.folder / f"{self.stem}.manifest.json"

    @property
    def failure(self) -> Path:
        """Give the path of the record of a failed run; it never replaces a complete manifest."""
        return self.folder / f"{self.stem}.failed.json"

    @property
    def config(self) -> Path:
        """Give the path of the resolved configuration."""
        return self.folder / f"{self.stem}.config.yaml"

    @property
    def written(self) -> list[Path]:
        """Give every name that a run may write to; none of them must be that of an input."""
        return [*self.paths, self.manifest, self.failure, self.config]

    @property
    def work(self) -> Path:
        """Give the folder of checkpoints, removed when the product is complete."""
        return self.folder / f".{self.stem}.work"


@dataclass(frozen=True)
class RunRecord:
    """What a manifest says of one run, apart from its outputs.

    Attributes
    ----------
    key : str
        From :func:`run_key`: equal keys mean equal inputs and configuration.
    config_yaml : str
        The resolved configuration; given back with ``--config`` it repeats the run.
    started : str
        UTC, ISO 8601.
    inputs : list of dict
        Of each input read, as :func:`file_entry` makes it.
    units : list of UnitRecord
    facts : dict
        Further numbers about the product.
    """

    key: str
    config_yaml: str
    started: str
    inputs: list[dict[str, Any]] = field(default_factory=list)
    units: list[UnitRecord] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)


def file_entry(path: str | Path, n_bytes: int, crc32: int) -> dict[str, Any]:
    """Say what was read: path, size in bytes and the CRC-32 of the file as stored, eight hexadecimal digits.

    Parameters
    ----------
    path : str or Path
    n_bytes : int
    crc32 : int
    """
    return {"path": str(path), "n_bytes": n_bytes, "crc32": _hexadecimal(crc32)}


def _hexadecimal(crc32: int) -> str:
    return f"{crc32:08x}"


def utc_now() -> str:
    """Give the present time, UTC, ISO 8601 to the second."""
    return datetime.now(UTC).replace(microsecond=0).isoformat()


def fingerprint(path: Path) -> list[Any]:
    """Identify a file's state without reading it: absolute path, size in bytes, modification time in ns."""
    status = path.stat()
    return [str(path.absolute()), status.st_size, status.st_mtime_ns]


def run_key(command: str, settings: Mapping[str, Any], inputs: Iterable[Path]) -> str:
    """Hash what decides a product: command, version, the settings that matter, the inputs' states.

    Parameters
    ----------
    command : str
    settings : mapping
        JSON-ready; only what can change the product (not the number of workers).
    inputs : iterable of Path
    """
    parts = [SCHEMA, __version__, command, settings, [fingerprint(path) for path in inputs]]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def versions() -> dict[str, str]:
    """Give the versions of Python, this package and the packages that can change a number."""
    own = {"astromap": __version__, "python": platform.python_version()}
    return own | {name: _version_of(name) for name in _RECORDED_PACKAGES}


@lru_cache(maxsize=16)
def _version_of(package: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def guard_outputs(product: Product, context: Context) -> None:
    """Refuse to replace an existing product unless asked to.

    Raises
    ------
    OutputExistsError
        When a file of the product exists and neither overwrite, resume nor dry-run is set.
    WriteError
        When the name of a product is taken by a folder or by a link that leads nowhere, or that of its folder
        by a file.
    """
    control = context.control
    if product.folder.is_file():
        raise WriteError(f"{product.folder}: cannot be written: is a file, not a folder")
    for path in product.paths:
        if path.is_dir():
            raise WriteError(f"{path}: is a folder", hint="choose another output folder")
        if path.is_symlink() and not path.exists():
            raise WriteError(f"{path}: is a symbolic link that leads nowhere", hint="remove it")
    existing = [path for path in product.paths if path.exists()]
    if existing and not (control.overwrite or control.resume or control.dry_run):
        raise OutputExistsError(
            f"{existing[0]} exists", hint="--overwrite replaces it, --resume keeps it when it is up to date"
        )


def is_current(product: Product, key: str) -> bool:
    """Tell whether the product is complete, made under ``key``, and its files are as recorded.

    A partial product is not: the units that failed are worth another try. The manifest may list more files
    than are known of beforehand; they count too.
    """
    try:
        manifest = _manifest(product)
        recorded = {product.folder / entry["name"]: entry for entry in manifest["outputs"]}
        return (
            manifest["status"] == "complete"
            and manifest["key"] == key
            and recorded.keys() >= set(product.paths)
            and all(path.stat().st_size == entry["n_bytes"] for path, entry in recorded.items())
            and all(_hexadecimal(crc32_file(path)) == entry["crc32"] for path, entry in recorded.items())
        )
    except (OSError, InputError, ValueError, KeyError, TypeError):
        return False


def recorded_files(product: Product) -> tuple[str, ...]:
    """Give the names of all files that the manifest of a current product records."""
    return tuple(entry["name"] for entry in _manifest(product)["outputs"])


def recorded_units(product: Product) -> list[UnitRecord]:
    """Give the units that the manifest of a current product records."""
    return [UnitRecord(**unit) for unit in _manifest(product)["units"]]


def recorded_facts(product: Product) -> dict[str, Any]:
    """Give the facts that the manifest of a current product records."""
    facts: dict[str, Any] = _manifest(product)["facts"]
    return facts


def _manifest(product: Product) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(product.manifest.read_text(encoding="utf-8"))
    return manifest


def write_manifest(
    product: Product,
    record: RunRecord,
    context: Context,
    *,
    status: str,
    written: Iterable[FileRecord] = (),
) -> None:
    """Write the configuration and, last, the manifest that makes the product complete.

    Parameters
    ----------
    product : Product
        Its files are written already.
    record : RunRecord
    context : Context
    status : str
        ``complete``, or ``partial`` when units failed under ``--keep-going``.
    written : iterable of FileRecord
        What is known of files of the product; others are read to sum them up.
    """
    write_text(product.config, record.config_yaml)
    known = {item.path: item for item in written}
    outputs = []
    for name, path in zip(product.files, product.paths, strict=True):
        item = known.get(path) or FileRecord(path, path.stat().st_size, crc32_file(path))
        outputs.append({"name": name, "n_bytes": item.n_bytes, "crc32": _hexadecimal(item.crc32)})
    write_json(product.manifest, _body(record, context) | {"status": status, "outputs": outputs})
    product.failure.unlink(missing_ok=True)


def write_failure(product: Product, record: RunRecord, context: Context, error: BaseException) -> None:
    """Record a failed run beside the product, without touching a complete one; unfinished files go."""
    remove_stale_parts(product.folder)
    body = {
        "status": "failed",
        "error": _told(error),
        "exit_code": _exit_code(error),
    }
    try:
        write_json(product.failure, _body(record, context) | body)
    except WriteError as second:
        # The first error is the one to tell; this one has the same cause as a rule (a full disk).
        _log.warning("the failure could not be recorded: %s", second)


def _told(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt | SystemExit):
        return "interrupted"
    return str(error) or type(error).__name__


def _exit_code(error: BaseException) -> int:
    """Give the code with which the program is going to end."""
    if isinstance(error, KeyboardInterrupt):
        return 130
    code = error.code if isinstance(error, SystemExit) else getattr(error, "exit_code", 1)
    return code if isinstance(code, int) else 1


def _body(record: RunRecord, context: Context) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "command": context.command,
        "argv": list(context.argv),
        "key": record.key,
        "started": record.started,
        "finished": utc_now(),
        "versions": versions(),
        "config": record.config_yaml,
        "inputs": record.inputs,
        "units": [vars(unit) for unit in record.units],
        "facts": record.facts,
    }
