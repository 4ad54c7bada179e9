"""The sizes that CONTRIBUTING.md sets, and no six lines of code twice."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median

import numpy as np

import photomitrus_cli

LIBRARY = Path(photomitrus_cli.__file__).parent
PROGRAMS = [LIBRARY, *(LIBRARY.parent / name for name in ("commands", "benchmarks", "examples"))]
SAME = 6


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def modules(*folders: Path) -> list[Path]:
    return sorted({path.resolve() for folder in folders for path in folder.rglob("*.py")})


def functions(path: Path) -> Iterator[ast.FunctionDef]:
    yield from (node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef))


def body_lines(function: ast.FunctionDef) -> int:
    """Lines below the signature, without the docstring."""
    body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_sizes_of_modules_and_functions() -> None:
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in modules(LIBRARY)}
    assert len(lines) > 300
    assert median(lines.values()) <= 150
    assert not {path.name: n for path, n in lines.items() if n > 400}
    bodies = {(path.name, f.name): body_lines(f) for path in lines for f in functions(path)}
    assert not {name: n for name, n in bodies.items() if n > 60}
    assert np.percentile(list(bodies.values()), 90) <= 25


def test_public_functions_are_documented() -> None:
    missing = [
        f"{path.name}: {function.name}"
        for path in modules(LIBRARY)
        for function in functions(path)
        if not function.name.startswith("_") and ast.get_docstring(function) is None
    ]
    assert not missing


def _is_no_code(node: ast.stmt) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Import | ast.ImportFrom) or (
        isinstance(node, ast.AnnAssign) and node.value is None
    )


def code_lines(path: Path) -> list[tuple[int, str]]:
    """Numbered lines without docstrings, imports, signatures, fields, comments and lone punctuation."""
    left_out: set[int] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef):
            first = min((one.lineno for one in node.decorator_list), default=node.lineno)
            left_out.update(range(first, node.body[0].lineno))
        if isinstance(node, ast.stmt) and _is_no_code(node):
            left_out.update(range(node.lineno, (node.end_lineno or 0) + 1))
    texts = enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
    plain = ((number, text.strip()) for number, text in texts if number not in left_out)
    return [(number, text) for number, text in plain if not re.fullmatch(r"\W*|#.*", text)]


def test_no_six_lines_of_code_stand_twice() -> None:
    """What is said twice has to be changed twice; parameters and their documentation may be alike."""
    places: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for path in modules(*PROGRAMS):
        lines = code_lines(path)
        for k in range(len(lines) - SAME + 1):
            run = tuple(text for _, text in lines[k : k + SAME])
            places[run].append(f"{path.parent.name}/{path.name}:{lines[k][0]}")
    assert len(places) > 10000
    twice = {place for found in places.values() if len(found) > 1 for place in found}
    # Kernels over the samples of scans go through them alike.
    assert not {place for place in twice if not place.startswith("imaging/scansums.py")}
