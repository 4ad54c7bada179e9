"""The changes that mutation testing makes, and the copy that it makes them in."""

from __future__ import annotations

from pathlib import Path

import pytest
from truthkit.mutantkit import Target, drawn, users_of
from truthkit.mutantops import makes_sense, mutants_of
from truthkit.mutanttargets import targets

ROOT = Path(__file__).parents[2]


def changes(source: str) -> set[str]:
    """Give the whole texts that a piece of a program can become."""
    text = source.encode()
    return {one.of(text).decode() for one in mutants_of("m.py", text) if makes_sense(one, text)}


@pytest.mark.parametrize(
    ("source", "others"),
    [
        ("a + b", {"a - b"}),
        ("a - (b)", {"a + (b)"}),
        ("a // b", {"a * b"}),
        ("a ** b", {"a * b"}),
        ("a < b <= c", {"a <= b <= c", "a > b <= c", "a < b < c", "a < b >= c"}),
        ("a is not b", {"a is b"}),
        ("a and not b", {"a or not b", "a and  b"}),
        ("7", {"8", "6"}),
        ("0.5", {"1.5", "-0.5"}),
        ("True", {"False"}),
        ("x[a:b]", {"x[(a) + 1:b]", "x[a:(b) - 1]"}),
        ("a += b", {"pass", "a -= b"}),
        ("a[b] = c", {"pass"}),
        ("a = b if c else d", {"a = b if not (c) else d"}),
        ("range(n)", {"range((n) - 1)", "pass"}),
        ("a = min(b, np.floor(c))", {"a = max(b, np.floor(c))", "a = min(b, np.ceil(c))"}),
        ("while a:\n    break", {"while a:\n    continue"}),
    ],
)
def test_what_becomes_of_a_piece(source: str, others: set[str]) -> None:
    assert changes(source) == others


@pytest.mark.parametrize(
    "source",
    [
        '"""One and 2."""',
        "@kernel(1)\ndef f(a: X[1]) -> Y[2]:\n    return a",
        "a: X[3] = b",
        'raise E(f"{a + 1}", 2)',
        'a = f"{b + 1}"',
        "log.warning(a, 1)",
        '__all__ = ["a", *b[1:]]',
        "a = zip(b, c, strict=True)",
        "if TYPE_CHECKING:\n    import a",
    ],
)
def test_what_is_left_alone(source: str) -> None:
    assert changes(source) == set()


def test_samples_are_the_same_ones_every_time() -> None:
    target = next(iter(targets(9)))
    few, many = (drawn(Target("g", target.module, (), n), ROOT, 1) for n in (4, 9))
    assert len(many) == 9
    # A longer sample has the shorter one in it, so that a measurement can be extended.
    assert set(few) < set(many)
    assert drawn(target, ROOT, 1) == many != drawn(target, ROOT, 2)


def test_modules_and_tests_are_there() -> None:
    for target in targets(1):
        assert (ROOT / target.module).is_file(), target.module
        for name in target.tests:
            assert (ROOT / "tests" / name).is_file(), name


def test_machine_code_is_that_of_all_who_use_a_module() -> None:
    assert {"drizzle", "quads", "quadlanes"} <= users_of(ROOT, "photomitrus_cli/imaging/quadlanes.py")
    assert "quadlanes" not in users_of(ROOT, "photomitrus_cli/imaging/drizzle.py")
    assert users_of(ROOT, "photomitrus_cli/irac/apcorr.py") == frozenset()
