"""A wrong setting ends a command with one line: the key, where it was set, and what is allowed."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path
from typing import Annotated, Any, Literal

import click
import pytest
from click.testing import CliRunner
from pydantic import Field

from photomitrus_cli.cli import make_cli
from photomitrus_cli.errors import ConfigError
from photomitrus_cli.run.config import build, packaged_layers
from photomitrus_cli.run.layers import Source
from photomitrus_cli.run.settingwords import allowed
from photomitrus_cli.run.strictyaml import KeyPath
from photomitrus_cli.settings import SECTIONS, AstromapConfig


def complaint(path: KeyPath, value: object) -> str:
    layers = packaged_layers(SECTIONS)
    layers.add_value(path, value, Source("my.yaml:3", Path.cwd()))
    with pytest.raises(ConfigError) as caught:
        build(AstromapConfig, layers)
    return str(caught.value)


def test_a_wrong_type_of_every_key_gives_one_line_that_names_it() -> None:
    keys = list(packaged_layers(SECTIONS).sources)
    assert len(keys) > 250
    for path in keys:
        line = complaint(path, [["x"]])
        key = ".".join(path)
        assert line.startswith("my.yaml:3: "), key
        assert f"'{key}': " in line, line
        assert "give" in line, line
        assert len(line) <= 300, line
        assert " more)" not in line, line
        assert "Input should" not in line, line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            "prime stack -chip x",
            "option --chip: 'prime.stack.chip': give the number of a chip, several",
        ),
        (
            "prime stack -sigma abc",
            "option --sigma: 'prime.stack.sigma': give a number from 1 to 100 or",
        ),
        (
            "wise coadd --memory lots",
            "option --memory: 'run.memory': give a size from 200MB on such as",
        ),
        (
            "wise coadd -j 0",
            "option --jobs: 'run.jobs': give a number of workers, at least 1, or auto",
        ),
        (
            "irac phot --set irac.phot.channel=7",
            "--set irac.phot.channel: 'irac.phot.channel': give a",
        ),
        ("wise coadd --frames=", "option --frames: 'wise.coadd.frames': the path is empty"),
    ],
)
def test_options_are_named(arguments: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        CliRunner().invoke(make_cli(), arguments.split(), catch_exceptions=False)
    assert said in str(caught.value)


@pytest.mark.parametrize("value", [True, False])
def test_truth_is_no_number(value: bool) -> None:
    """pydantic takes it for 1 or 0."""
    told = "true" if value else "false"
    line = complaint(("run", "jobs"), value)
    assert line == f"my.yaml:3: 'run.jobs': give a number of workers, at least 1, or auto (got {told})"
    line = complaint(("irac", "mosaic", "min_exptime_s"), value)
    assert line == f"my.yaml:3: 'irac.mosaic.min_exptime_s': give a number of at least 0 (got {told})"
    for key, given in (("apertures", [[value, 3, 7]]), ("clip_sigma", value), ("min_framtime_s", value)):
        assert "': give " in complaint(("irac", "phot", key), given)
    line = complaint(("wise", "calibrate", "modes", "sides"), value)
    assert "'wise.calibrate.modes': give a section of names, each with a number from 0 to 10 (got " in line


def test_truth_is_a_value_of_switches_alone() -> None:
    """Of every key that is true by itself false is taken, of every number neither."""
    packaged = packaged_layers(SECTIONS)
    switches = 0
    for path in packaged.sources:
        default = functools.reduce(lambda node, key: node[key], path, packaged.data)
        if isinstance(default, bool):
            layers = packaged_layers(SECTIONS)
            layers.add_value(path, not default, Source("my.yaml:3", Path.cwd()))
            with contextlib.suppress(ConfigError):
                build(AstromapConfig, layers)
                switches += 1
        elif isinstance(default, int | float) and "modes" not in path:
            assert complaint(path, value=True).endswith("(got true)")
    assert switches > 20


def test_a_rule_of_a_section_names_the_source_of_what_somebody_has_set() -> None:
    line = complaint(("irac", "simulate", "flux_min_ujy"), 1e9)
    assert line == "my.yaml:3: 'irac.simulate': flux_max_ujy is below flux_min_ujy"


def test_further_wrong_keys_are_named() -> None:
    layers = packaged_layers(SECTIONS)
    for key in ("channel", "reject_sigma"):
        layers.add_value(("irac", "mosaic", key), "x", Source("my.yaml:3", Path.cwd()))
    with pytest.raises(
        ConfigError, match=r"'irac.mosaic.channel': .*; wrong, too: 'irac.mosaic.reject_sigma'$"
    ):
        build(AstromapConfig, layers)


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (
            Annotated[int, Field(ge=1, le=4)] | Literal["all"] | None,
            "a whole number from 1 to 4, all or null",
        ),
        (Annotated[float | None, Field(gt=0)], "a number above 0 or null"),
        (tuple[float, float], "2 numbers"),
        (tuple[float, Annotated[float, Field(lt=5)]], "a list of a number and a number below 5"),
        (Annotated[tuple[Path, ...], Field(min_length=1)], "one or more paths"),
        (Annotated[int, Field(ge=2, multiple_of=2)], "a whole number of at least 2, a multiple of 2"),
        (bool | None, "true, false or null"),
        (dict[str, Literal["a", "b"]], "a section of names, each with a or b"),
    ],
)
def test_types_in_words(annotation: Any, words: str) -> None:
    assert allowed(annotation) == words


def test_every_option_that_sets_a_key_sets_one_that_exists() -> None:
    """The name in a message comes from the option itself; its key is one of the configuration."""
    from photomitrus_cli.options import option_names

    known = {".".join(path) for path in packaged_layers(SECTIONS).sources}
    root = make_cli()
    for name in ("irac", "prime", "wise", "simulate"):
        group = root.get_command(click.Context(root), name)
        assert isinstance(group, click.Group)
        for leaf in group.list_commands(click.Context(group)):
            command = group.get_command(click.Context(group), leaf)
            assert command is not None
            named = option_names(click.Context(command))
            assert set(named) <= known, leaf
            assert all(value.startswith(("option --", "argument ")) for value in named.values())
