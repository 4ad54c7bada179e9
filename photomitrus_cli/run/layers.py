"""Values of several configuration files, one over the other, and where each came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from photomitrus_cli.errors import ConfigError
from photomitrus_cli.run.strictyaml import KeyPath, YamlTree


@dataclass(frozen=True)
class Source:
    """Where a value came from: a label for people and the folder its relative paths start from."""

    label: str
    folder: Path


@dataclass
class Layers:
    """Merged values with the source of each leaf.

    Attributes
    ----------
    data : dict
        Nested mapping, later layers over earlier ones; lists are replaced whole.
    sources : dict of key path to Source
    """

    data: dict[str, Any] = field(default_factory=dict)
    sources: dict[KeyPath, Source] = field(default_factory=dict)

    def add_tree(self, tree: YamlTree, label: str, folder: Path) -> None:
        """Merge a parsed file; each key is labelled ``label:line``."""
        for path, value in leaves(tree.data):
            line = tree.lines.get(path)
            self.add_value(path, value, Source(f"{label}:{line}" if line else label, folder))

    def add_value(self, path: KeyPath, value: Any, source: Source) -> None:
        """Set one leaf, making the mappings above it; of a mapping that is there the keys given are set."""
        node = self.data
        for depth, key in enumerate(path[:-1]):
            below = node.setdefault(key, {})
            if not isinstance(below, dict):
                taken = ".".join(path[: depth + 1])
                raise ConfigError(f"{source.label}: '{taken}' is a value, not a section")
            node = below
        if isinstance(node.get(path[-1]), dict):
            if not isinstance(value, dict):
                raise ConfigError(f"{source.label}: '{'.'.join(path)}' is a section; give one of its keys")
            for key, below in value.items():
                self.add_value((*path, key), below, source)
            return
        node[path[-1]] = value
        self.sources[path] = source

    def source(self, path: KeyPath) -> Source | None:
        """Give the source of a leaf, or of the nearest key above or below it."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.sources:
                return self.sources[path[:end]]
        # Of a section, and of a key that is missing in one, the first key that is there.
        for end in range(len(path), -1, -1):
            for key, source in self.sources.items():
                if key[:end] == path[:end]:
                    return source
        return None


def leaves(data: Mapping[str, Any], path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Go through the values of a nested mapping; an empty mapping is a value.

    Parameters
    ----------
    data : mapping
    path : tuple of str, optional
        Of the mapping itself.

    Yields
    ------
    path : tuple of str
    value
    """
    for key, value in data.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value
