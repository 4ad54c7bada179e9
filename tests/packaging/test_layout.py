"""The packages, data files and scripts that setup.cfg names are those on disk."""

from __future__ import annotations

import configparser
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.strip().splitlines()]


def pairs(text: str) -> dict[str, str]:
    return {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines(text))}


def folder_of(package: str, mapping: dict[str, str]) -> Path:
    """The folder of a package through package_dir: its own entry, or that of the nearest parent."""
    parts = package.split(".")
    for end in range(len(parts), 0, -1):
        parent = ".".join(parts[:end])
        if parent in mapping:
            return ROOT.joinpath(mapping[parent], *parts[end:])
    return ROOT.joinpath(*parts)


def test_packages_listed_are_the_packages_on_disk(setup: configparser.ConfigParser) -> None:
    mapping = pairs(setup["options"]["package_dir"])
    listed = {package: folder_of(package, mapping) for package in lines(setup["options"]["packages"])}
    for package, folder in listed.items():
        assert (folder / "__init__.py").is_file(), f"{package} has no {folder}/__init__.py"
    on_disk = {init.parent for top in mapping.values() for init in (ROOT / top).rglob("__init__.py")}
    assert set(listed.values()) == on_disk


def test_every_folder_with_modules_is_a_package(setup: configparser.ConfigParser) -> None:
    for top in pairs(setup["options"]["package_dir"]).values():
        for module in (ROOT / top).rglob("*.py"):
            assert (module.parent / "__init__.py").is_file(), f"{module} would not be in the wheel"


def test_package_data_globs_match_every_data_file(setup: configparser.ConfigParser) -> None:
    mapping = pairs(setup["options"]["package_dir"])
    named: set[Path] = set()
    for package, globs in setup["options.package_data"].items():
        for glob in lines(globs):
            found = set(folder_of(package, mapping).glob(glob))
            assert found, f"{package}: {glob} matches nothing"
            named |= found
    data = {
        path
        for top in mapping.values()
        for path in (ROOT / top).rglob("*")
        if path.is_file() and path.suffix not in {".py", ".pyc", ".nbi", ".nbc"}
    }
    assert named == data


def test_console_scripts_exist(setup: configparser.ConfigParser) -> None:
    scripts = pairs(setup["options.entry_points"]["console_scripts"])
    assert set(scripts) == {"astromap", "prime"}
    for target in scripts.values():
        module, _, name = target.partition(":")
        assert callable(getattr(importlib.import_module(module), name))


def test_nothing_imports_the_commands_statically() -> None:
    for top in ("photomitrus_cli", "tests", "benchmarks"):
        for module in (ROOT / top).rglob("*.py"):
            for line in module.read_text(encoding="utf-8").splitlines():
                words = line.split()
                imports = words[:1] in (["from"], ["import"])
                assert not (imports and words[1].startswith("photomitrus_cli.commands")), f"{module}: {line}"


def test_sdist_manifest_names_what_exists() -> None:
    for line in (ROOT / "MANIFEST.in").read_text(encoding="utf-8").splitlines():
        command, *names = line.split()
        if command in {"include", "graft"}:
            for name in names:
                assert (ROOT / name).exists(), f"MANIFEST.in: {name}"


def test_changes_and_citation_name_the_version() -> None:
    from photomitrus_cli import __version__

    assert __version__.startswith("0.1.0")
    changes = (ROOT / "CHANGES.md").read_text(encoding="utf-8")
    assert __version__.partition(".dev")[0] in changes
    assert f"\nversion: {__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
