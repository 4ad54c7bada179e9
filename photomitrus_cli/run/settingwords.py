"""What a setting may be, in words made from its type; and the one line about a wrong setting.

pydantic reports a wrong value once for each alternative of its type, in words of programmers. Here the type
itself is put into words, alternatives included, so that one line says what is allowed.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

if TYPE_CHECKING:
    from photomitrus_cli.run.layers import Layers, Source
    from photomitrus_cli.run.strictyaml import KeyPath

_LONGEST_VALUE = 60
_AS_YAML = {"None": "null", "True": "true", "False": "false"}
_PATH = re.compile(r"\w+Path\(('[^']*')\)")
_PLAIN = {
    int: "a whole number",
    float: "a number",
    str: "a text",
    Path: "a path",
}
_FIXED = {bool: ["true", "false"], NoneType: ["null"]}
_PLURALS = {"a whole number": "whole numbers", "a number": "numbers", "a text": "texts", "a path": "paths"}


@dataclass(frozen=True)
class Words:
    """Marks a type whose values are better described by these words than by the type.

    Attributes
    ----------
    text : str
        Such as ``a cut such as 'moon_sep > 24'``.
    """

    text: str


def allowed(annotation: Any, marks: Iterable[Any] = ()) -> str:
    """Say in words what values a type takes.

    Parameters
    ----------
    annotation : type
        As in a settings model: plain types, ``Literal``, unions, tuples, mappings and models.
    marks : iterable
        What ``Annotated`` or pydantic's field has beside the type: limits and `Words`.

    Returns
    -------
    str
        Such as ``a whole number from 1 to 4 or all``.
    """
    words = _alternatives(annotation, list(marks))
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _alternatives(annotation: Any, marks: list[Any]) -> list[str]:
    while hasattr(annotation, "__metadata__"):
        annotation, *inner = get_args(annotation)
        marks = marks + inner
    own = [mark.text for mark in marks if isinstance(mark, Words)]
    if own:
        return own[:1]
    origin: Any = get_origin(annotation)
    parts = get_args(annotation)
    if origin in (Union, UnionType):
        # Words that are asked for literally stand last, nothing at all behind them.
        ordered = sorted(parts, key=lambda part: (part is NoneType, str(part).startswith("typing.Literal")))
        return [word for part in ordered for word in _alternatives(part, marks)]
    if origin is Literal:
        return [str(part) for part in parts]
    if annotation in _FIXED:
        return _FIXED[annotation]
    limits = _limits(marks)
    if annotation in _PLAIN:
        return [_PLAIN[annotation] + _range(limits)]
    if origin is tuple:
        return [_list(parts, limits)]
    if origin in (dict, Mapping):
        return [f"a section of names, each with {allowed(parts[1])}"]
    section = section_type(annotation)
    return [f"a section with the keys {', '.join(section.model_fields)}" if section else str(annotation)]


def _list(parts: tuple[Any, ...], limits: Mapping[str, Any]) -> str:
    words = [allowed(part) for part in parts if part is not Ellipsis]
    if Ellipsis in parts:
        least, most = limits.get("min_length", 0), limits.get("max_length")
        count = str(least) if least == most else "one or more" if least else "a list of"
        return f"{count} {_many(words[0])}"
    if len(set(words)) == 1:
        return f"{len(words)} {_many(words[0])}"
    return f"a list of {' and '.join(words)}"


def _many(words: str) -> str:
    for one, several in _PLURALS.items():
        if words.startswith(one):
            return several + words.removeprefix(one)
    return f"items, each {words}"


def _limits(marks: Iterable[Any]) -> dict[str, Any]:
    """Collect limits such as ``ge`` from what pydantic and annotated_types have for them."""
    found: dict[str, Any] = {}
    for mark in marks:
        found |= _limits(getattr(mark, "metadata", ()))
        for name in ("gt", "ge", "lt", "le", "min_length", "max_length", "multiple_of", "pattern"):
            value = getattr(mark, name, None)
            if value is not None:
                found[name] = value
    return found


def _range(limits: Mapping[str, Any]) -> str:
    words = ""
    if "ge" in limits and "le" in limits:
        words = f" from {limits['ge']:.12g} to {limits['le']:.12g}"
    else:
        said = {"gt": "above", "ge": "of at least", "lt": "below", "le": "at most"}
        bounds = [f"{word} {limits[name]:.12g}" for name, word in said.items() if name in limits]
        words = " " + ", ".join(bounds) if bounds else ""
    if "multiple_of" in limits:
        words += f", a multiple of {limits['multiple_of']:.12g}"
    if "pattern" in limits:
        words += f" of the pattern {limits['pattern']}"
    return words if "min_length" not in limits else f"{words} that is not empty"


def section_type(annotation: Any) -> type[BaseModel] | None:
    """Give the model of a section's keys, looking into an optional or a mapping of sections.

    Parameters
    ----------
    annotation : type

    Returns
    -------
    type or None
        None for a type without sections.
    """
    candidates = (annotation, *get_args(annotation))
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)


def takes_truth(annotation: Any) -> bool:
    """Tell whether true and false are values of a type, or of a section in it.

    Parameters
    ----------
    annotation : type
    """
    if annotation in (bool, Any) or section_type(annotation) is not None:
        return True
    return any(map(takes_truth, get_args(annotation)))


def explain(model: type[BaseModel], layers: Layers, error: ValidationError) -> str:
    """Say in one line which setting is wrong, where it was set and what is allowed.

    Parameters
    ----------
    model : type
        Of the whole configuration.
    layers : Layers
        What was validated, with its sources.
    error : ValidationError

    Returns
    -------
    str
        Of several wrong settings the first is explained, the others are named.
    """
    # A key that is misspelt is unknown and missing; the first of the two says more.
    errors = sorted(error.errors(), key=lambda one: one["type"] != "extra_forbidden")
    first = errors[0]
    path = tuple(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(path[-1], _keys_at(model, path[:-1]), n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        return f"{_where(layers.source(path))}unknown key '{'.'.join(path)}'{hint}"
    path = _own_key(path, layers)
    said = f"'{'.'.join(path)}': {_complaint(model, path, first)}"
    others = dict.fromkeys(".".join(_own_key(tuple(map(str, one["loc"])), layers)) for one in errors[1:])
    names = [f"'{key}'" for key in others if key != ".".join(path)]
    also = f"; wrong, too: {', '.join(names[:3])}{' ...' if len(names) > 3 else ''}" if names else ""
    return f"{_where(_source(layers, path, first['msg']))}{said}{also}"


def _where(source: Source | None) -> str:
    return f"{source.label}: " if source else ""


def _own_key(path: KeyPath, layers: Layers) -> KeyPath:
    """Leave out names of alternatives and places in lists, which stand behind the key."""
    return next((path[:end] for end in range(len(path), 0, -1) if path[:end] in layers.sources), path)


def _complaint(model: type[BaseModel], path: KeyPath, error: Mapping[str, Any]) -> str:
    place = _annotation_at(model, path)
    if error["type"] in ("value_error", "assertion_error"):
        said = str(error["msg"]).partition(", ")[2]
    elif error["type"] == "missing" and tuple(map(str, error["loc"])) == path:
        return "the key is missing"
    else:
        said = f"give {allowed(*place)}" if place else str(error["msg"])
    value = error["input"]
    shown = _AS_YAML.get(repr(value)) or _PATH.sub(r"\1", repr(value))
    # Of a rule about a whole section the value is all of it; some rules name the value themselves.
    if place is None or error["type"] == "missing" or shown in said:
        return said
    return f"{said} (got {shown if len(shown) <= _LONGEST_VALUE else shown[:_LONGEST_VALUE] + '...'})"


def _annotation_at(model: type[BaseModel], path: KeyPath) -> tuple[Any, list[Any]] | None:
    """Give type and marks of a key that is no section."""
    for key, annotation, marks in _types_along(model, path):
        if key == path and not (isinstance(annotation, type) and section_type(annotation)):
            return annotation, marks
    return None


def _types_along(model: type[BaseModel], path: KeyPath) -> Iterator[tuple[KeyPath, Any, list[Any]]]:
    """Go down a key path: keys and types, names of the user's in mappings included."""
    end = 0
    while end < len(path):
        entry = model.model_fields.get(path[end])
        if entry is None:
            return
        end += 1
        yield path[:end], entry.annotation, list(entry.metadata)
        if get_origin(entry.annotation) in (dict, Mapping):
            end += 1
            yield path[:end], get_args(entry.annotation)[1], []
        below = section_type(entry.annotation)
        if below is None:
            return
        model = below


def _keys_at(model: type[BaseModel], path: KeyPath) -> list[str]:
    """Give the keys that a section may have."""
    last: type[BaseModel] | None = model
    for _, annotation, _ in _types_along(model, path):
        last = section_type(annotation)
    return list(last.model_fields) if last else []


def _source(layers: Layers, path: KeyPath, message: str) -> Source | None:
    """Find who is to blame: of a rule of a whole section a key that it names and that somebody has set."""
    if path in layers.sources:
        return layers.sources[path]
    words = set(re.findall(r"\w+", message))
    below = {key: one for key, one in layers.sources.items() if key[: len(path)] == path}
    own: Callable[[Source], bool] = lambda one: not one.label.startswith("packaged ")  # noqa: E731
    named = [one for key, one in below.items() if own(one) and words.intersection(key[len(path) :])]
    return next(iter(named), None) or next(filter(own, below.values()), None) or layers.source(path)
