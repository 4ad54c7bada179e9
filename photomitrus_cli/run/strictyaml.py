"""Strict YAML: YAML 1.2 scalars, no duplicate keys, no aliases, every key with its line.

``yaml.safe_load`` reads ``1e-3`` as text, ``no`` as False and ``12:30:00`` as 45000, and lets the last of two
equal keys win without a word; each of these has spoilt somebody's run. Numbers with leading zeros stay text,
because identifiers (scan ids, AOR keys) keep their padding.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from photomitrus_cli.errors import ConfigError, first_line

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
# Of a value in a message, characters.
_SHOWN = 40

KeyPath = tuple[str, ...]


@dataclass(frozen=True)
class YamlTree:
    """A parsed document.

    Attributes
    ----------
    data : dict
        The document's mapping (empty for an empty document).
    lines : dict of key path to int
        The 1-based line of every key, by its path from the root.
    """

    data: dict[str, Any]
    lines: dict[KeyPath, int] = field(default_factory=dict)


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader with YAML 1.2 core scalars; refuses aliases, anchors and deep nesting."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's protocol
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse aliases, anchors and deep nesting, then compose as usual."""
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            raise _mark_error(event.start_mark, "aliases (*name) are not allowed")
        if getattr(event, "anchor", None):
            raise _mark_error(event.start_mark, "anchors (&name) are not allowed")
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _mark_error(event.start_mark, f"nested deeper than {MAX_DEPTH} levels")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _StrictDumper(yaml.SafeDumper):
    """SafeDumper that quotes whatever the strict loader would not read back as text."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's protocol


class _QuickDumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """The same by libyaml where that is there, in a quarter of the time."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's protocol


_FLOAT = (
    r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?\.[0-9]+(?:[eE][-+]?[0-9]+)?|[-+]?\.inf|\.nan"
)
for _tag, _pattern, _first in (
    ("null", r"~|null|", ["~", "n", ""]),
    ("bool", r"true|false", list("tf")),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", _FLOAT, list("-+0123456789.")),
):
    for _class in (_StrictLoader, _StrictDumper, _QuickDumper):
        _class.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)


_WORDS: dict[str, dict[str, bool | None]] = {
    "null": dict.fromkeys(("~", "null", "")),
    "bool": {"true": True, "false": False},
}


def _mark_error(mark: Any, problem: str) -> ConfigError:
    return ConfigError(f"{mark.name}, line {mark.line + 1}: {problem}")


def load_yaml(text: str, name: str) -> YamlTree:
    """Parse one YAML document that holds a mapping (or nothing).

    Parameters
    ----------
    text : str
        The document.
    name : str
        What to call it in messages, usually the file's path.

    Returns
    -------
    YamlTree

    Raises
    ------
    ConfigError
        With the line, for anything that is not plain, strict YAML.
    """
    lines: dict[KeyPath, int] = {}
    node = _compose(text, name)
    if node is None:
        return YamlTree({}, lines)
    if not isinstance(node, yaml.MappingNode):
        raise _mark_error(node.start_mark, "expected 'key: value' pairs")
    return YamlTree(_build(node, (), lines), lines)


def load_scalar(text: str, name: str) -> Any:
    """Parse one YAML value, as given to ``--set key=value`` or in the environment."""
    node = _compose(text, name)
    return None if node is None else _build(node, (), {})


def _compose(text: str, name: str) -> yaml.Node | None:
    if len(text) > MAX_BYTES:
        raise ConfigError(f"{name}: larger than {MAX_BYTES} bytes; not a configuration file")
    try:
        loader = _StrictLoader(text)
        loader.name = name
        return loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{name}{line}: {error.problem or error.context}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise ConfigError(f"{name}: not readable as YAML: {first_line(error)}") from error


def _build(node: yaml.Node, path: KeyPath, lines: dict[KeyPath, int]) -> Any:
    if isinstance(node, yaml.CollectionNode) and not node.tag.endswith((":map", ":seq")):
        raise _mark_error(node.start_mark, f"the tag '{node.tag}' is not allowed")
    if isinstance(node, yaml.MappingNode):
        return _build_mapping(node, path, lines)
    if isinstance(node, yaml.SequenceNode):
        return [_build(child, (*path, str(i)), lines) for i, child in enumerate(node.value)]
    return _scalar(node)


def _build_mapping(node: yaml.MappingNode, path: KeyPath, lines: dict[KeyPath, int]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = key_node.value
        if not isinstance(key_node, yaml.ScalarNode):
            raise _mark_error(key_node.start_mark, "a key must be plain text")
        if key in result:
            raise _mark_error(key_node.start_mark, f"'{key}' is given twice")
        lines[(*path, key)] = key_node.start_mark.line + 1
        result[key] = _build(value_node, (*path, key), lines)
    return result


def _scalar(node: yaml.Node) -> Any:
    kind = node.tag.rpartition(":")[2]
    text = str(node.value)
    # Explicit tags, such as !!bool, stand before any text.
    if kind in _WORDS and text in _WORDS[kind]:
        return _WORDS[kind][text]
    if kind in _WORDS:
        raise _mark_error(node.start_mark, f"'{text[:_SHOWN]}' is no {kind}")
    try:
        if kind == "int":
            return int(text)
        if kind == "float":
            return float(text.replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError as error:
        raise _mark_error(node.start_mark, f"'{text[:_SHOWN]}' is no {kind}") from error
    if kind == "str":
        return text
    raise _mark_error(node.start_mark, f"the tag '{node.tag}' is not allowed")


def dump_yaml(data: dict[str, Any]) -> str:
    """Write a mapping as YAML that :func:`load_yaml` reads back equal."""
    try:
        text: str = yaml.dump(data, Dumper=_QuickDumper, sort_keys=False)
    except UnicodeEncodeError:
        # Names of files that are no UTF-8: libyaml takes no such text.
        text = yaml.dump(data, Dumper=_StrictDumper, sort_keys=False)
    return text
