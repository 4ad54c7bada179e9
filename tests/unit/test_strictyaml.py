"""Strict YAML: what plain safe_load gets wrong is right here, and the round trip holds."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.run.strictyaml import dump_yaml, load_scalar, load_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("1.", 1.0),
        (".5", 0.5),
        ("-2.5E+3", -2500.0),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("12:30:00", "12:30:00"),
        ("010", "010"),
        ("1_000", "1_000"),
        ("0x10", "0x10"),
        ("2020-01-01", "2020-01-01"),
        ("17", 17),
        ("-0", 0),
        ("null", None),
        ("~", None),
        ("", None),
        ("[1, 2.5, a]", [1, 2.5, "a"]),
        ("'1e-3'", "1e-3"),
        (".inf", math.inf),
        ("-.inf", -math.inf),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: Any) -> None:
    read = load_scalar(text, "test")
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "given twice"),
        ("a: &x 1\nb: *x\n", 1, "anchors"),
        ("a: 1\nb: !!python/object:os.system x\n", 2, "tag"),
        ("a: [1, 2\nb: 3\n", 2, "expected"),
        ("? [a]\n: 1\n", 1, "plain text"),
        ("- 1\n", 1, "key: value"),
        ("a: 1\nb: !!bool yes\n", 2, "'yes' is no bool"),
        ("a: !!null none\n", 1, "'none' is no null"),
        ("a: " + "[" * 40 + "]" * 40, 1, "nested deeper"),
        ("a: 1\n---\nb: 2\n", 2, "another document"),
    ],
)
def test_what_is_not_plain_is_refused_with_its_line(text: str, line: int, word: str) -> None:
    with pytest.raises(ConfigError, match=word) as caught:
        load_yaml(text, "bad.yaml")
    assert f"bad.yaml, line {line}" in str(caught.value)


def test_size_is_bounded() -> None:
    with pytest.raises(ConfigError, match="larger than"):
        load_yaml("a: 1\n" * 300_000, "big.yaml")


def test_lines_are_remembered() -> None:
    tree = load_yaml("a:\n  b: 1\n\n  c: [1,\n    2]\nd: 5\n", "x.yaml")
    assert tree.lines[("a", "b")] == 2
    assert tree.lines[("a", "c")] == 4
    assert tree.lines[("d",)] == 6


leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
trees = st.dictionaries(st.text(min_size=1), st.recursive(leaves, st.lists, max_leaves=8), max_size=5)


@given(trees)
def test_what_is_written_is_read_back(data: dict[str, Any]) -> None:
    assert load_yaml(dump_yaml(data), "round trip").data == data


def test_names_that_are_no_utf8_are_read_back() -> None:
    data = {"path": "caf\udce9", "unit": "né 星 µJy"}
    assert load_yaml(dump_yaml(data), "round trip").data == data


@given(st.binary(max_size=200))
def test_any_bytes_end_in_a_mapping_or_a_clear_error(data: bytes) -> None:
    problem = ""
    tree = None
    try:
        tree = load_yaml(data.decode("latin-1"), "fuzz")
    except ConfigError as error:
        problem = str(error)
    assert "\n" not in problem
    assert problem or isinstance(tree.data if tree else None, dict)
