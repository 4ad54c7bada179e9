"""Layered configuration: packaged YAML < ./astromap.yaml < --config < environment < --set < options.

Every value remembers where it came from, so that an error can name file and line, and
``astromap config show --sources`` can tell. Paths written in a file are relative to that file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.run.layers import Layers, Source, leaves
from photomitrus_cli.run.settingwords import explain, section_type, takes_truth
from photomitrus_cli.run.strictyaml import KeyPath, YamlTree, dump_yaml, load_scalar, load_yaml

LOCAL_FILE = "astromap.yaml"
ENVIRONMENT_PREFIX = "ASTROMAP_"
# Set by developers for the test suite, never a configuration key.
RESERVED_VARIABLES = frozenset({"ASTROMAP_TEST_DATA", "ASTROMAP_REQUIRE_BROWSER"})

Model = TypeVar("Model", bound=BaseModel)


class Section(BaseModel):
    """Base of all configuration sections: frozen, unknown keys refused, no defaults in code."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse true and false where pydantic would take them for 1 and 0."""
        if _holds_truth(value) and not takes_truth(cls.model_fields[str(info.field_name)].annotation):
            raise PydanticCustomError("truth_value", "true and false are no numbers")
        return value


def _holds_truth(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_truth, value.values()))
    return any(map(_holds_truth, value)) if isinstance(value, list | tuple) else isinstance(value, bool)


@dataclass(frozen=True)
class RelativePath:
    """Marks a ``Path`` (or a list of them) whose text is relative to the file that gives it.

    Attributes
    ----------
    words : tuple of str
        Values that are no paths.
    """

    words: tuple[str, ...] = ()


def packaged_yaml(section: str) -> str:
    """Read the packaged defaults of one section as text, comments included."""
    return (files("photomitrus_cli.configs") / f"{section}.yaml").read_text(encoding="utf-8")


def packaged_layers(sections: Iterable[str]) -> Layers:
    """Read the packaged defaults of the sections given."""
    layers = Layers()
    for section in sections:
        layers.add_tree(packaged_tree(section), f"packaged {section}.yaml", Path.cwd())
    return layers


def packaged_tree(section: str) -> YamlTree:
    """Parse the packaged defaults of one section, at the first call of a process."""
    tree = _parse_packaged(section)
    # Lists in it become part of what callers get, who may change them.
    return YamlTree(deepcopy(tree.data), tree.lines)


@lru_cache(maxsize=8)
def _parse_packaged(section: str) -> YamlTree:
    return load_yaml(packaged_yaml(section), f"{section}.yaml")


def read_config_file(path: Path) -> YamlTree:
    """Read and parse one configuration file.

    Raises
    ------
    ConfigError
        When the file cannot be read or is not strict YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise ConfigError(f"cannot read the configuration file {path}: {reason}") from error
    return load_yaml(text, str(path))


def collect(
    sections: Iterable[str],
    *,
    config_files: Iterable[Path] = (),
    environment: Mapping[str, str] | None = None,
    assignments: Iterable[str] = (),
    options: Mapping[str, Any] | None = None,
    option_names: Mapping[str, str] | None = None,
    use_local: bool = True,
) -> Layers:
    """Merge all layers in the documented order.

    Parameters
    ----------
    sections : iterable of str
        Names of the packaged sections.
    config_files : iterable of Path
        ``--config`` files, later over earlier.
    environment : mapping
        Variables such as ``ASTROMAP_IRAC__MOSAIC__CHANNEL=2`` (levels joined by two underscores).
    assignments : iterable of str
        ``--set`` arguments, ``key.path=value``, the value in strict YAML.
    options : mapping
        Key path (dotted) to the value of an explicit command-line option.
    option_names : mapping
        Key path (dotted) to what sets it, such as ``option --channel``; for messages.
    use_local : bool
        Whether ``./astromap.yaml`` is read when present.

    Returns
    -------
    Layers

    Raises
    ------
    ConfigError
        When a file or a value is not strict YAML, or a key cannot be set.
    """
    here = Path.cwd()
    layers = packaged_layers(sections)
    for file in (*(_local_files(here) if use_local else ()), *config_files):
        layers.add_tree(read_config_file(file), str(file), file.resolve().parent)
    for name, path, value in _environment_values(environment or {}, layers.data):
        layers.add_value(path, value, Source(f"environment {name}", here))
    for text in assignments:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise ConfigError(f"--set {text}: expected key.path=value")
        layers.add_value(
            tuple(key.split(".")), load_scalar(value, f"--set {key}"), Source(f"--set {key}", here)
        )
    for key, value in (options or {}).items():
        label = (option_names or {}).get(key, "command line")
        layers.add_value(tuple(key.split(".")), value, Source(label, here))
    return layers


def _local_files(folder: Path) -> list[Path]:
    path = folder / LOCAL_FILE
    if not path.is_file() and os.path.lexists(path):
        what = "is a folder" if path.is_dir() else "is a link to nothing, or no file"
        raise ConfigError(f"{path}: {what}", hint="the configuration of this folder would be read from it")
    return [path] if path.is_file() else []


def _environment_values(
    environment: Mapping[str, str], known: Mapping[str, Any]
) -> Iterator[tuple[str, KeyPath, Any]]:
    for name in sorted(environment):
        if not name.startswith(ENVIRONMENT_PREFIX) or name in RESERVED_VARIABLES:
            continue
        path = tuple(name[len(ENVIRONMENT_PREFIX) :].lower().split("__"))
        if path[0] not in known or len(path) < 2:
            raise ConfigError(
                f"environment variable {name} names no configuration key",
                hint="ASTROMAP_SECTION__KEY, for example ASTROMAP_RUN__JOBS=2",
            )
        yield name, path, load_scalar(environment[name], name)


def build(model: type[Model], layers: Layers) -> Model:
    """Validate merged values into a typed configuration.

    Raises
    ------
    ConfigError
        One line naming the source (file and line, variable or option), the key and what is wrong;
        unknown keys come with the nearest valid one.
    """
    data = _absolute_paths(model, layers.data, layers, ())
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise ConfigError(explain(model, layers, error)) from error


def _absolute_paths(model: type[BaseModel], data: Any, layers: Layers, path: KeyPath) -> Any:
    if not isinstance(data, dict):
        return data
    result = dict(data)
    for key, entry in model.model_fields.items():
        if key not in result:
            continue
        below = section_type(entry.annotation)
        if below is not None:
            result[key] = _absolute_paths(below, result[key], layers, (*path, key))
        elif any(isinstance(mark, RelativePath) and result[key] not in mark.words for mark in entry.metadata):
            source = layers.source((*path, key)) or Source("unknown", Path.cwd())
            result[key] = _absolute(result[key], source, ".".join((*path, key)))
    return result


def _absolute(value: Any, source: Source, key: str) -> Any:
    if isinstance(value, list | tuple):
        return [_absolute(item, source, key) for item in value]
    if not isinstance(value, str | Path):
        return value
    if not str(value):
        raise ConfigError(f"{source.label}: '{key}': the path is empty", hint="is a shell variable unset?")
    try:
        return source.folder / Path(value).expanduser()
    except RuntimeError as error:
        raise ConfigError(f"{source.label}: '{key}': {value}: there is no such user's folder") from error


def to_yaml(config: BaseModel, key: str | None = None) -> str:
    """Write a resolved configuration, or the part below a dotted key, as YAML for ``--config``."""
    return dump_yaml(_below(config, key))


def _below(config: BaseModel, key: str | None) -> dict[str, Any]:
    data = config.model_dump(mode="json")
    if not key:
        return data
    path = key.split(".")
    value: Any = data
    for part in path:
        if not isinstance(value, dict) or part not in value:
            raise ConfigError(f"there is no configuration key '{key}'", hint=_nearest_key(key, data))
        value = value[part]
    for part in reversed(path):
        value = {part: value}
    return dict(value)


def _nearest_key(key: str, data: Mapping[str, Any]) -> str | None:
    """Say which section or key may be meant."""
    from difflib import get_close_matches

    known = {path[:end]: None for path, _ in leaves(data) for end in range(1, len(path) + 1)}
    near = get_close_matches(key, map(".".join, known), n=1)
    return f"did you mean '{near[0]}'?" if near else None


def source_lines(config: BaseModel, layers: Layers, key: str | None = None) -> list[str]:
    """Give one line per key: its dotted path, its value and where that came from."""
    lines = []
    for path, value in leaves(_below(config, key)):
        source = layers.source(path)
        lines.append(f"{'.'.join(path)} = {json.dumps(value)}  # {source.label if source else 'unknown'}")
    return lines
