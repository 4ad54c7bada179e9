"""The layers of the library: an import never points upwards, and only the edge knows the terminal."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import photomitrus_cli

LIBRARY = Path(photomitrus_cli.__file__).parent
# From the bottom up; a place may import from its own floor's package and from lower floors.
FLOORS = (
    {"__init__", "errors"},
    {"imaging"},
    {"io"},
    {"run"},
    {"report", "simulate"},
    {"irac", "prime", "wise"},
    {"settings", "options", "console", "compiling"},
    {"launch", "cli", "doctor"},
    {"__main__"},
)
EDGE = {"cli", "options", "console", "launch"}
FLOOR_OF = {place: floor for floor, places in enumerate(FLOORS) for place in places}


@cache
def imports(path: Path) -> tuple[str, ...]:
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append(node.module)
    return tuple(found)


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(LIBRARY.rglob("*.py")):
        yield path.relative_to(LIBRARY).parts[0].removesuffix(".py"), path


def test_every_place_has_a_floor() -> None:
    assert {place for place, _ in modules()} <= FLOOR_OF.keys() | {"commands", "configs"}


def test_no_import_points_upwards() -> None:
    wrong = []
    for place, path in modules():
        for name in imports(path):
            parts = name.split(".")
            if place not in FLOOR_OF or parts[0] != "photomitrus_cli":
                continue
            target = parts[1] if len(parts) > 1 else "__init__"
            if target != place and FLOOR_OF[target] >= FLOOR_OF[place]:
                wrong.append(f"{path.relative_to(LIBRARY)} imports {name}")
    assert not wrong


def test_only_the_edge_knows_the_terminal() -> None:
    wrong = [
        f"{path.relative_to(LIBRARY)} imports {name}"
        for place, path in modules()
        for name in imports(path)
        if name.split(".")[0] in ("click", "rich") and place not in EDGE | {"commands"}
    ]
    assert not wrong


def test_simulators_share_no_model_code_with_the_stages() -> None:
    wrong = [
        f"{path.relative_to(LIBRARY)} imports {name}"
        for place, path in modules()
        for name in imports(path)
        if place == "simulate" and name.startswith(("photomitrus_cli.imaging", "photomitrus_cli.irac"))
    ]
    assert not wrong


def test_nothing_imports_commands_statically() -> None:
    wrong = [str(path) for _, path in modules() for name in imports(path) if ".commands" in name]
    assert not wrong


def test_settings_load_without_what_stages_need() -> None:
    """Every command reads the settings first; kernels and arrays may wait until a stage begins."""
    code = "import sys, photomitrus_cli.settings; print(*sorted({'numba', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []


def test_no_file_imports_itself_through_others() -> None:
    """Not even for its types: what two files need of each other belongs in a third."""
    files = {
        ".".join(("photomitrus_cli", *path.relative_to(LIBRARY).with_suffix("").parts)): path
        for _, path in modules()
    }
    left = {name: {one for one in imports(path) if one in files} for name, path in files.items()}
    # What imports nothing that is left cannot be part of a circle.
    while free := [name for name, needed in left.items() if not needed & left.keys()]:
        for name in free:
            del left[name]
    assert not left
